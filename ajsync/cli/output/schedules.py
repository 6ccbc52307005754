"""Schedules as `ajc` prints them, with what ajsync knows besides: one in full, or all in a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len

from ajsync.asyncjobs.model import Pause, ScheduledTask, has_drifted
from ajsync.cli.output.streams import in_plain_signs, speaks_utf8
from ajsync.cli.output.table import framed, stdout_width
from ajsync.cli.output.terminal import say, stdout_paint
from ajsync.reconcile.render.fires import PAUSED, Fires, FireTimes
from ajsync.reconcile.render.rows import DRIFT
from ajsync.reconcile.render.wording import pause_told
from ajsync.schedule import format_duration
from ajsync.text import escape, listed, pairs, visible
from ajsync.timestamp import format_ajc

_COLUMNS = ("Name", "Schedule", "Queue", "Task Type", "Created", "Owner", "Next")
_LEAST_NAME = 20
"""Columns that a narrow terminal leaves to a name."""
_LEAST_TIME = 4
_MOST_DAYS = 8
"""Days and ranges that are listed of those on which a schedule is not due."""
_DISPENSABLE = ("Created", "Owner", "Task Type", "Queue")
"""What a narrow terminal omits, the first of them first: a table of broken words is of no use."""


def schedule_lines(task: ScheduledTask, pause: Pause | None = None, *, show_payload: bool = False) -> Iterator[str]:
    """Describe one schedule, and its pause if it is paused."""
    yield f"Scheduled Task {visible(task.name)} created at {format_ajc(task.created_at)}"
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
        rows.append(("Paused", pause_told(pause)))
    else:
        fires = FireTimes(datetime.now(UTC)).of(task).lines
        rows += [("" if index else "Next", line) for index, line in enumerate(fires)]
    yield from (f"{label:>21}{':' if label else ' '} {text}" for label, text in rows if text)
    if show_payload and task.payload is not None:
        yield ""
        yield from map(escape, task.payload.decode("utf-8", "backslashreplace").splitlines())


def schedules_table(tasks: Sequence[ScheduledTask], fires: Sequence[Fires]) -> list[str]:
    """Lay out a table of schedules with their next fires."""
    if not tasks:
        return ["No Scheduled Tasks found"]
    rows = [_cells(task, found) for task, found in zip(tasks, fires, strict=True)]
    widths = _fitting(rows, stdout_width())
    heads = [_COLUMNS[index] for index in widths]
    shown = ([row[index] for index in widths] for row in rows)
    lines = framed(f"{len(tasks)} Scheduled Task(s)", heads, shown, [*widths.values()], stdout_paint())
    return [*(lines if speaks_utf8(sys.stdout) else map(in_plain_signs, lines))]


def say_why(title: str, reasons: Mapping[str, str]) -> None:
    """Print reasons by name below a title; nothing if there are none."""
    if reasons:
        say(title)
    for name, reason in reasons.items():
        say(f"  {visible(name)}: {reason}")


def _cells(task: ScheduledTask, upcoming: Fires) -> list[str]:
    if upcoming is PAUSED:
        following = "paused"
    else:
        otherwise = "error" if upcoming.amiss else "-"
        following = upcoming.times[0].isoformat(" ", "seconds") if upcoming.times else otherwise
    owner = task.managed.owner if task.managed else "-"
    texts = (task.name, task.schedule, task.queue, task.task_type, format_ajc(task.created_at), owner, following)
    return [*map(visible, texts)]


def _fitting(rows: Sequence[Sequence[str]], width: int | None) -> dict[int, int]:
    """Choose the columns that have room in `width`, and how wide each is, by index; a pipe has room for all."""
    columns = [*zip(_COLUMNS, *rows, strict=True)]
    whole = [max(map(cell_len, column)) for column in columns]
    if width is None or _framed_width(whole) <= width:
        return dict(enumerate(whole))
    least = [max(cell_len(word) for cell in column for word in cell.split() or [""]) for column in columns]
    times = [_COLUMNS.index("Schedule"), _COLUMNS.index("Next")]
    # A name is broken only if the times would have no room beside it, and then into as few lines as possible.
    room = width - _framed_width([least[index] for index in times]) - 3
    least[0] = whole[0] if whole[0] <= room else max(min(whole[0], room), _LEAST_NAME)
    for count in range(len(_DISPENSABLE) + 1):
        shown = [index for index, title in enumerate(_COLUMNS) if title not in _DISPENSABLE[:count]]
        spare = width - _framed_width([least[index] for index in shown])
        if spare >= 0:
            break
    else:
        each = max((width - _framed_width([least[0]]) - 3 * len(times)) // len(times), _LEAST_TIME)
        return {0: least[0]} | dict.fromkeys(times, each)
    widths = {}
    for index in shown:
        widths[index] = least[index] + min(whole[index] - least[index], spare)
        spare -= widths[index] - least[index]
    return widths


def _framed_width(widths: Sequence[int]) -> int:
    """The width of a framed table: a line and two spaces for each column, and a last line."""
    return sum(size + 3 for size in widths) + 1
