"""`--var NAME=VALUE`: variables of the files on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import click

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


class _Assignment(click.ParamType[tuple[str, str]]):
    """A name and a value."""

    name = "assignment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split the text at its first `=`."""
        name, equals, text = value.partition("=")
        if not equals:
            self.fail(f"{name!r} has no value: write NAME=VALUE", param, ctx)
        if not _NAME.fullmatch(name):
            self.fail(f"{name!r} is not a valid name of a variable; use letters, digits, _ and -", param, ctx)
        try:
            text.encode()
        except UnicodeEncodeError:
            self.fail(f"the value of {name!r} is not UTF-8 text", param, ctx)
        return name, text


def _by_name(ctx: click.Context, param: click.Parameter, given: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, text in given:
        if name in found:
            raise click.BadParameter(f"the variable {name!r} is given twice", ctx, param)
        found[name] = text
    return found


var_option = click.option(
    "--var",
    "variables",
    type=_Assignment(),
    multiple=True,
    callback=_by_name,
    metavar="NAME=VALUE",
    help="A variable of the files, which overrides that of the environment; can be repeated.",
)
