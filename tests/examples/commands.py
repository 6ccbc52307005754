"""The `ajsync …` command lines in files of others' languages, parsed by the real commands without running them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from ajsync.cli.main import cli

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

_ENDS = frozenset(("|", "||", "&", "&&", ";", ";;", "(", ")", ">", ">>", "<"))
_STARTS = frozenset(("|", "||", "&&", ";", "(", "if", "then", "else", "do", "!", "exec"))
_COMMAND = re.compile(r"(?:\S*/)?ajsync")
_NOT_OURS = re.compile(r'"?\$\{options\[@\]\}"?')
"""Options that a script puts together elsewhere."""


def parse(arguments: Sequence[str]) -> dict[str, Any]:
    """The values of a sub-command's options, of a call that is not run; click's own error if there are no such ones."""
    name, *rest = arguments
    group = click.Context(cli, info_name="ajsync")
    command = cli.get_command(group, name)
    assert command is not None, f"there is no command {name}"
    return command.make_context(name, rest, parent=group).params


def in_shell(script: str) -> Iterator[list[str]]:
    """The arguments of each `ajsync` that a script of the shell calls; variables stay as they are written."""
    text = _NOT_OURS.sub("", script.replace("\\\n", " "))
    for line in text.splitlines():
        if "ajsync" not in line or line.lstrip().startswith("#"):
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        yield from _calls([*lexer])


def _calls(tokens: list[str]) -> Iterator[list[str]]:
    for place, token in enumerate(tokens):
        if _COMMAND.fullmatch(token) and (place == 0 or tokens[place - 1] in _STARTS):
            rest = tokens[place + 1 :]
            end = next((number for number, each in enumerate(rest) if each in _ENDS), len(rest))
            yield rest[:end]


def steps(jobs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The steps of a workflow of GitHub."""
    for job in jobs.values():
        yield from job.get("steps", ())


def shell_blocks(page: Path) -> str:
    """What a page of Markdown shows as `sh`."""
    return "\n".join(re.findall(r"^```sh\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL))


def all_in_shell(scripts: Iterable[str]) -> list[list[str]]:
    """The calls in several scripts."""
    return [call for script in scripts for call in in_shell(script)]
