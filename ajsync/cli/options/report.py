"""`--report FORMAT=FILE`: what a command shows, written in another format to a file, from the same look at the
bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Report:
    """A file to write, and the format."""

    style: str
    path: Path


class _ReportType(click.ParamType[Report]):
    name = "FORMAT=FILE"

    def __init__(self, formats: tuple[str, ...]) -> None:
        self.formats = formats

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Report:
        """Split the text into a format and a file."""
        style, _, name = str(value).partition("=")
        if style not in self.formats:
            self.fail(f"the format must be one of {', '.join(self.formats)}, as in {self.formats[0]}=FILE", param, ctx)
        if not name:
            self.fail(f"{style} has no file: write {style}=FILE", param, ctx)
        return Report(style, Path(name))


def report_option(*formats: str) -> Callable[[F], F]:
    """Give a command the argument `reports`, a tuple of `Report`."""
    return click.option(
        "--report",
        "reports",
        type=_ReportType(formats),
        multiple=True,
        metavar="FORMAT=FILE",
        help=f"Also write it to a file, as {', '.join(formats[:-1])} or {formats[-1]}; can be repeated.",
    )
