"""How the data of a command are shown: a table for people, or the same document as JSON or YAML for machines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from ajsync.cli.output.streams import speaks_utf8

F = TypeVar("F", bound=Callable[..., Any])

_JSON = "ajsync.json"
"""The key in click's `meta` that says that --json was given."""


def output_option(what: str, *short: str) -> Callable[[F], F]:
    """Give a command the argument `output`: `table`, `json` or `yaml`.

    `what` describes the document; `short` are more names of --json, which is how the Go tool spells `-o json`.
    """

    def decorate(function: F) -> F:
        with_json = click.option(
            *short, "--json", is_flag=True, expose_value=False, is_eager=True, callback=_keep_json, help="As -o json."
        )(function)
        return click.option(
            "-o",
            "--output",
            type=click.Choice(["table", "json", "yaml"]),
            callback=_chosen,
            help=f"For people, or {what}. [default: table]",
        )(with_json)

    return decorate


def format_option(*formats: str, help: str) -> Callable[[F], F]:
    """Give a command the argument `style`, one of `formats`, where there are more than a table and a document."""
    names = ("-o", "--output", "--format", "style")
    return click.option(*names, type=_Format(formats), default=formats[0], show_default=True, help=help)


class _Format(click.Choice[str]):
    """A choice in which `table` is another name of the first format, which is for people."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Choose the format."""
        return super().convert(self.choices[0] if value == "table" else value, param, ctx)


def show(output: str, document: Callable[[], Any], table: Callable[[], Iterable[str]]) -> None:
    """Print the document or the table, as `output` says; a long table goes through the pager."""
    if output == "table":
        from ajsync.cli.output.pager import page

        page(table())
    else:
        echo_data(encoded(output, document()))


def encoded(output: str, document: Any) -> str:
    """Encode a document as `json` or `yaml`, without a line end; nothing in it can confuse a terminal."""
    from json import dumps, loads

    text = dumps(document, indent=2, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        text = dumps(document, indent=2)
    if output == "json":
        return text
    from ajsync.config.emit import emit_compact

    return emit_compact(loads(text))  # JSON has replaced tuples and subclasses by the plain kinds


def echo_data(text: str, *, nl: bool = True) -> None:
    """Print data on standard output in UTF-8, whatever the locale is, since a program reads it next."""
    click.echo(text if speaks_utf8(sys.stdout) else text.encode(), nl=nl)


def _keep_json(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
    if given:
        ctx.meta[_JSON] = True


def _chosen(ctx: click.Context, _param: click.Parameter, output: str | None) -> str:
    if ctx.meta.get(_JSON):
        if output not in (None, "json"):
            raise click.UsageError(f"--json means -o json: it cannot be combined with -o {output}.", ctx)
        return "json"
    return output or "table"
