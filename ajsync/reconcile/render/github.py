"""A plan as annotations of GitHub Actions: workflow commands, which its runner reads from what a step prints.

Escaping and limits are those of the runner (actions/runner, ActionCommand.cs and ExecutionContext.cs).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal

from ajsync.errors import AjsyncError, ConflictError, Location, Problem
from ajsync.reconcile.plan import Adopt, Change, Create, Delete, Plan, Update
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.rows import Row, change_rows, next_rows
from ajsync.reconcile.render.wording import REFUSED, REMEDIES, action_of, conflict_text, loosened_told, summary
from ajsync.text import one_line, visible

Level = Literal["notice", "warning", "error"]

_MOST = 10
"""Annotations of one level that GitHub shows for a step; it drops the rest without a word."""
_LONGEST = 4_000
"""Characters of a message; the runner cuts at 4,096."""
_IMPORTANCE = (Adopt, Update, Create)


def render_github(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan as at most ten errors, ten warnings and ten notices, the last of which sums up."""
    fires = FireTimes(options.now)
    deletes = [change for change in plan.changes if isinstance(change, Delete)]
    others = [change for kind in _IMPORTANCE for change in plan.changes if isinstance(change, kind)]
    errors = list(_errors(plan, refusals, options))
    told = loosened_told(options.loosened)
    loose = [_command("warning", "ajsync: limits", told)] if told else []
    warnings = chain(loose, (_annotate("warning", each, fires, options) for each in deletes))
    return "\n".join(
        [
            *_limited("error", len(errors), errors),
            *_limited("warning", len(loose) + len(deletes), warnings),
            *islice((_annotate("notice", each, fires, options) for each in others), _MOST - 1),
            _sum(plan, len(others) - (_MOST - 1)),
        ]
    )


def render_problems(problems: Sequence[Problem]) -> str:
    """Show what is wrong in the files as at most ten errors, the last of which sums up."""
    errors = (_command("error", "ajsync: invalid", _told(problem), problem.location) for problem in problems)
    return "\n".join(_limited("error", len(problems), errors))


def render_findings(level: Level, findings: Sequence[tuple[str, Problem]]) -> str:
    """Show what rules found, each with the name of its rule, as at most ten annotations, the last of which sums up."""
    commands = (
        _command(level, f"ajsync: {rule}", _told(problem), problem.location if problem.location.file else None)
        for rule, problem in findings
    )
    return "\n".join(_limited(level, len(findings), commands))


def _told(problem: Problem) -> str:
    return one_line(problem.message + (f"; {problem.hint}" if problem.hint else ""))


def _errors(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> Iterator[str]:
    for refusal in refusals:
        if not (plan.conflicts and isinstance(refusal, ConflictError)):  # each conflict has an error of its own
            yield _command("error", f"ajsync: {REFUSED.rstrip(':')}", one_line(str(refusal)))
    for conflict in plan.conflicts:
        message = f"{conflict_text(conflict)}. {REMEDIES[conflict.kind]}"
        title = f"ajsync: conflict over {visible(conflict.name)}"
        yield _command("error", title, message, options.locations.get(conflict.name))


def _limited(level: Level, total: int, commands: Iterable[str]) -> Iterator[str]:
    if total <= _MOST:
        yield from commands
        return
    yield from islice(commands, _MOST - 1)
    more = total - (_MOST - 1)
    yield _command(
        level, f"ajsync: {more} more", f"{more} more like these, of {total}, have no annotation of their own."
    )


def _sum(plan: Plan, more: int) -> str:
    message = summary(plan)
    if more > 0:
        message += f" {more} of the changes have no notice of their own."
    return _command("notice", "ajsync plan", message)


def _annotate(level: Level, change: Change, fires: FireTimes, options: RenderOptions) -> str:
    title = f"ajsync: {action_of(change).verb} {visible(change.name)}"
    rows = [*change_rows(change, show_payload=options.show_payload), *next_rows(change, fires)]
    return _command(level, title, "\n".join(map(_line, rows)), options.locations.get(change.name))


def _line(row: Row) -> str:
    return f"{row.label}: {row.told}" if row.label else f"  {row.told}"


def _command(level: Level, title: str, message: str, location: Location | None = None) -> str:
    properties = {}
    if location is not None:
        properties["file"] = visible(location.file)
        if location.line:
            properties["line"] = str(location.line)
    properties["title"] = title
    if len(message) > _LONGEST:
        message = message[:_LONGEST] + "…"
    listed = ",".join(f"{name}={_escape_property(value)}" for name, value in properties.items())
    return f"::{level} {listed}::{_escape_data(message)}"


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
