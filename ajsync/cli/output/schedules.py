"""Schedules as `ajc` prints them, with what ajsync adds: one in full, or all in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo

from ajsync.asyncjobs.model import Pause, ScheduledTask, has_drifted
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.table import framed_table, times_in
from ajsync.cli.output.terminal import say, stdout_width, told
from ajsync.fitting import wrapped
from ajsync.reconcile.render.fires import PAUSED, Fires, FireTimes
from ajsync.reconcile.render.rows import DRIFT
from ajsync.reconcile.render.times import in_zone
from ajsync.reconcile.render.wording import pause_told
from ajsync.schedule import format_duration
from ajsync.text import escape, listed, moment, one_line, pairs, visible
from ajsync.timestamp import to_nanoseconds

SCHEDULE_COLUMNS = (
    Column("Name", 1, least=NAME, keep="ends"),
    Column("Schedule", 3, least=20, keep="end"),  # the fields come after the zone
    Column("Queue", 4, least=8),
    Column("Task Type", 6, least=8),
    Column("Created", 7, times=True),
    Column("Owner", 5, least=8),
    Column("Next", 2, times=True),
)
_LABEL = 21
"""Columns for the labels of one schedule, as `ajc` has them."""
_MOST_DAYS = 8
"""How many of the days and ranges on which a schedule is not due are listed."""


def schedule_lines(
    task: ScheduledTask, zone: tzinfo, pause: Pause | None = None, *, show_payload: bool = False
) -> Iterator[str]:
    """Describe one schedule, and its pause if it is paused, with times in `zone`."""
    yield from told(f"Scheduled Task {visible(task.name)} created at {moment(in_zone(task.created_at, zone))}")
    yield ""
    rows = [
        ("Schedule", visible(task.schedule)),
        ("Queue", visible(task.queue)),
        ("Task Type", visible(task.task_type)),
        ("Payload", f"{len(task.payload or b'')} B"),
        ("Scheduling Deadline", format_duration(task.deadline) if task.deadline else ""),
        ("Maximum Tries", str(task.max_tries)),
    ]
    managed = task.managed
    if managed is None:
        rows.append(("Owner", "none"))
    else:
        rows += [
            ("Owner", visible(managed.owner)),
            ("Source", visible(managed.source) if managed.source else ""),
            ("Description", visible(managed.description) if managed.description else ""),
            ("Catch-up", managed.catchup),
            ("Catch-up Window", format_duration(managed.catchup_window) if managed.catchup_window else ""),
            ("Overlap", managed.overlap),
            ("Jitter", format_duration(managed.jitter) if managed.jitter else ""),
            ("From", managed.from_),
            ("Until", managed.until),
            ("Except", listed(managed.except_, _MOST_DAYS)),
            ("Labels", pairs(managed.labels)),
            ("Drift", DRIFT if has_drifted(task) else ""),
        ]
    if pause is not None:
        rows.append(("Paused", pause_told(pause, zone)))
    else:
        fires = FireTimes(datetime.now(UTC), zone).of(task).lines
        rows += [("" if index else "Next", line) for index, line in enumerate(fires)]
    width = stdout_width()
    for label, text in rows:
        if text:
            yield from wrapped(f"{label:>{_LABEL}}{':' if label else ' '} {text}", width, indent=_LABEL + 2)
    if show_payload and task.payload is not None:
        yield ""
        yield from map(escape, task.payload.decode("utf-8", "backslashreplace").splitlines())


def schedules_table(tasks: Sequence[ScheduledTask], fires: Sequence[Fires], zone: tzinfo) -> list[str]:
    """Lay out a table of schedules with their next fires."""
    if not tasks:
        return ["No Scheduled Tasks found"]
    nexts = [to_nanoseconds(found.times[0]) if found.times else 0 for found in fires]
    created, following = (times_in(zone, each) for each in ([task.created_at for task in tasks], nexts))
    rows = [
        (
            visible(task.name),
            visible(task.schedule),
            visible(task.queue),
            visible(task.task_type),
            created(task.created_at),
            visible(task.owner) if task.owner is not None else "-",
            following(due) or _why_never(found),
        )
        for task, found, due in zip(tasks, fires, nexts, strict=True)
    ]
    return framed_table(f"{len(tasks)} Scheduled Task(s)", SCHEDULE_COLUMNS, rows, zone=str(zone))


def say_unreadable(values: Mapping[str, str]) -> None:
    """Print the values of the bucket that are not scheduled tasks: their names, and what is wrong with them."""
    reasons = {name: one_line(problem) for name, problem in values.items()}
    say_why("These values are not scheduled tasks, and are left alone:", reasons)


def _why_never(found: Fires) -> str:
    if found is PAUSED:
        return "paused"
    return "error" if found.amiss else "-"


def say_why(title: str, reasons: Mapping[str, str]) -> None:
    """Print reasons by name below a title; nothing if there are none."""
    if reasons:
        say(title)
    for name, reason in reasons.items():
        say(f"  {visible(name)}: {reason}")
