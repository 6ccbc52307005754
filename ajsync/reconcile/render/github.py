"""A plan as annotations of GitHub Actions: workflow commands, which its runner reads from what a step prints.

Escaping and limits follow the runner (actions/runner, ActionCommand.cs and ExecutionContext.cs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from ajsync.errors import AjsyncError, ConflictError, Location, Problem
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.plan import Change, Plan, with_verbs
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.rows import PlanRow, change_rows, next_rows
from ajsync.reconcile.render.wording import (
    IGNORED,
    REFUSED,
    REMEDIES,
    destination_told,
    is_suspended,
    last_applied,
    loosened_told,
    queues_told,
    result_told,
    summary,
)
from ajsync.text import counted, listed, one_line, plural, visible

Level = Literal["notice", "warning", "error"]

_MOST = 10
"""GitHub shows this many annotations of a level for a step, and drops the rest silently."""
_LONGEST = 4_000
"""The most characters of a message; the runner cuts it at 4,096."""
_IMPORTANCE = ("adopt", "update", "rename", "create")
_IN_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = {**_IN_DATA, **str.maketrans({":": "%3A", ",": "%2C"})}


def render_github(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
    """Show a plan as at most ten errors, ten warnings and ten notices, the last of which sums up."""
    fires = FireTimes(options.now, options.zone)
    shown = [*with_verbs(plan.changes)]
    deletes = [each for each in shown if each[0] == "delete"]
    others = [each for verb in _IMPORTANCE for each in shown if each[0] == verb]
    told = loosened_told(options.loosened)
    warnings = [_command("warning", "ajsync: limits", told)] if told else []
    warnings += [_command("warning", "ajsync: queue", each) for each in queues_told(plan)]
    warnings += [_annotate("warning", *each, fires, options) for each in deletes]
    for name, members in plan.ignored:
        ignored, place = f"{IGNORED} {', '.join(members)}", options.locations.get(name)
        warnings.append(_command("warning", f"ajsync: {visible(name)} beside a Go scheduler", ignored, place))
    where = destination_told(plan.destination)
    message, more = f"{where}. {_summary(plan)}" if where else _summary(plan), len(others) - (_MOST - 1)
    if more > 0:
        message += f" {counted(more, 'more change')} {plural(more, 'is', 'are')} not annotated."
    if applied := last_applied(plan, options.now, options.zone):
        message += f" {applied}"
    return "\n".join(
        [
            *_limited("error", list(_errors(plan, refusals, options))),
            *_limited("warning", warnings),
            *(_annotate("notice", *each, fires, options) for each in others[: _MOST - 1]),
            _command("notice", "ajsync plan", message),
        ]
    )


def render_github_result(
    plan: Plan, refusals: Sequence[AjsyncError], result: Result | None, options: RenderOptions
) -> str:
    """Show what became of an apply: an error for each refusal and each failed change, and a notice that sums up."""
    errors = [*_errors(plan, refusals, options)]
    for outcome in result.with_status("failed") if result else ():
        name = outcome.change.name
        title = f"ajsync: {outcome.change.verb} {visible(name)} failed"
        errors.append(_command("error", title, one_line(str(outcome.error)), options.locations.get(name)))
    error = result.error if result else None
    if error is not None:
        errors.insert(0, _command("error", "ajsync apply", one_line(str(error))))
    where = destination_told(plan.destination)
    message = "Nothing was applied." if refusals else result_told(plan, result)
    summed_up = _command("notice", "ajsync apply", f"{where}. {message}" if where else message)
    return "\n".join([*_limited("error", errors), summed_up])


def render_findings(level: Level, findings: Sequence[tuple[str, Problem]]) -> str:
    """Show what rules found, each with the name of its rule, as at most ten annotations, the last of which sums up."""
    commands = []
    for rule, problem in findings:
        told = one_line(f"{problem.message}; {problem.hint}" if problem.hint else problem.message)
        commands.append(_command(level, f"ajsync: {rule}", told, problem.location))
    return "\n".join(_limited(level, commands))


def _summary(plan: Plan) -> str:
    paused = [visible(name) for name, _ in plan.paused]
    return summary(plan) + (f" Paused: {listed(paused)}." if paused else "")


def _errors(plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> Iterator[str]:
    for refusal in refusals:
        if not (plan.conflicts and isinstance(refusal, ConflictError)):  # each conflict is an error of its own below
            yield _command("error", f"ajsync: {REFUSED.rstrip(':')}", one_line(str(refusal)))
    for conflict in plan.conflicts:
        message = f"{one_line(str(conflict))}. {REMEDIES[conflict.kind]}"
        title = f"ajsync: conflict over {visible(conflict.name)}"
        yield _command("error", title, message, options.locations.get(conflict.name))


def _limited(level: Level, commands: Sequence[str]) -> Sequence[str]:
    more = len(commands) - (_MOST - 1)
    if more <= 1:
        return commands
    told = f"{more} more of these {len(commands)} are not annotated."
    return [*commands[: _MOST - 1], _command(level, f"ajsync: {more} more", told)]


def _annotate(level: Level, verb: str, change: Change, fires: FireTimes, options: RenderOptions) -> str:
    why = ", suspended in the files" if is_suspended(change, options) else ""
    paused = " (paused)" if change.paused else ""
    title = f"ajsync: {verb} {visible(change.name)}{why}{paused}"
    rows = [*change_rows(change, show_payload=options.show_payload), *next_rows(change, fires)]
    return _command(level, title, "\n".join(map(_line, rows)), options.locations.get(change.name))


def _line(row: PlanRow) -> str:
    return f"{row.label}: {row.told}" if row.label else f"  {row.told}"


def _command(level: Level, title: str, message: str, location: Location | None = None) -> str:
    properties = {}
    if location is not None and location.file:
        properties["file"] = visible(location.file)
        if location.line:
            properties["line"] = str(location.line)
    properties["title"] = title
    if len(message) > _LONGEST:
        message = message[:_LONGEST] + "…"
    listed = ",".join(f"{name}={value.translate(_IN_PROPERTY)}" for name, value in properties.items())
    return f"::{level} {listed}::{message.translate(_IN_DATA)}"
