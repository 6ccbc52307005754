"""The next fires of schedules, and what became of the past fires of one: as tables, and as documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from ajsync.asyncjobs.due import NextFires
from ajsync.asyncjobs.history import PastFire
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import words_of
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.status import LONGEST_STATE
from ajsync.cli.output.table import Cell, Row, detailed, table, times_in
from ajsync.cli.output.terminal import say, stdout_paint, stdout_width, told
from ajsync.reconcile.render.times import TimeFormat
from ajsync.schedule import parse, split_zone
from ajsync.text import one_line, plural, span, visible
from ajsync.timestamp import to_datetime

NEXT_COLUMNS = (
    Column("Due", 2, times=True),
    Column("In", 3, right=True),
    Column("Name", 1, least=NAME, keep="ends"),
    Column("Schedule", 4, least=16),
    Column("Zone", 6, least=8, keep="end"),
    Column("Queue", 5, least=8),
)
HISTORY_COLUMNS = (
    Column("Due", 1, times=True),
    Column("Lateness", 3, right=True),
    Column("State", 2, least=11),
    Column("Tries", 5, right=True),
    Column("Task", 4),
    Column("Last error", 6),
)
"""The last column is for a pipe, in which one line holds everything about a fire."""
_STATES = {"new": "update", "active": "update", "retry": "update", "blocked": "update", "complete": "create"}
"""The style of each state of a task that is not a failure."""


def next_table(found: Sequence[NextFires], now: datetime | None, zone: tzinfo) -> Iterator[str]:
    """Lay out the next fires in their order, and below them the schedules that have none.

    Without `now` the table does not say how far away they are.
    """
    fires = sorted((due, each.task.name, number) for number, each in enumerate(found) for due in each.dues)
    if fires:
        times = times_in(zone, [due for due, _, _ in fires])
        rows = [_next_row(due, found[number], now, times) for due, _, number in fires]
        yield from table(NEXT_COLUMNS, rows, zone=str(zone))
    without = [each for each in found if not each.dues]
    if fires and without:
        yield ""
    for each in without:
        yield from told(f"{visible(each.task.name)}: {one_line(_reason(each))}", "alarm" if each.amiss else "")


def next_document(found: Sequence[NextFires], zone: tzinfo | None) -> list[dict[str, object]]:
    """Describe the next fires of each schedule."""
    return [
        {
            "name": each.task.name,
            "schedule": each.task.schedule,
            "timezone": each.timetable.zone if each.timetable else None,
            "queue": each.task.queue,
            "next": [to_datetime(due, zone or _next_zone(each)).isoformat() for due in each.dues],
            "reason": _reason(each) or None,
        }
        for each in found
    ]


def _next_row(due: int, each: NextFires, now: datetime | None, times: TimeFormat) -> Row:
    own, schedule = split_zone(each.task.schedule)
    return (
        times(due),
        Cell("" if now is None else f"in {span((to_datetime(due) - now).total_seconds())}", "faint"),
        visible(each.task.name),
        visible(schedule),
        visible(own) if own else "",
        visible(each.task.queue),
    )


def _next_zone(each: NextFires) -> tzinfo:
    return each.timetable.zone_info if each.timetable else UTC


def _reason(each: NextFires) -> str:
    """Why it has no due instants; empty if it has some."""
    return each.reason if each.timetable else f"not valid: {each.reason}"


def history_table(task: ScheduledTask, fires: Sequence[PastFire], zone: tzinfo) -> Iterator[str]:
    """Lay out past fires, newest first; on a terminal the last error of a task has a line of its own."""
    name, schedule, queue = (visible(text) for text in (task.name, task.schedule, task.queue))
    paint, piped = stdout_paint(), stdout_width() is None
    yield from told(f"{paint('strong', name)}  {schedule}  in the queue {queue}")
    yield ""
    if not fires:
        yield "It has not been due yet."
        return
    columns = HISTORY_COLUMNS if piped else HISTORY_COLUMNS[:-1]
    times = times_in(zone, [fire.due for fire in fires])
    rows = [_past_row(fire, times(fire.due), piped) for fire in fires]
    errors = [visible(fire.last_error) if fire.last_error and not piped else "" for fire in fires]
    details = (told(error, "alarm", indent=4) if error else () for error in errors)
    yield from detailed(columns, rows, details, zone=str(zone))


def history_document(task: ScheduledTask, fires: Sequence[PastFire], zone: tzinfo | None) -> dict[str, object]:
    """Describe past fires."""
    return {
        "name": task.name,
        "schedule": task.schedule,
        "queue": task.queue,
        "fires": [
            {
                "due": to_datetime(fire.due, zone or _own_zone(task)).isoformat(),
                "task_id": fire.task_id,
                "state": fire.state or ("skipped" if fire.skipped_for else None),
                "skipped_for": fire.skipped_for or None,
                "tries": fire.tries if fire.state else None,
                "last_error": fire.last_error or None,
                "lateness_seconds": None if fire.lateness is None else fire.lateness / 1e9,
                "lateness_is_bound": fire.at_most,
                "before_last_change": fire.earlier_value,
            }
            for fire in fires
        ],
    }


def say_why_without_task(fires: Sequence[PastFire]) -> None:
    """Explain the fires that have no task."""
    skipped = sum(bool(fire.skipped_for) for fire in fires)
    if skipped:
        were = plural(skipped, "was", "were")
        say(f"\n{skipped} of {len(fires)} {were} skipped: overlap is skip, and the previous task was not finished.")
    missing = [fire for fire in fires if not fire.state and not fire.skipped_for]
    if not missing:
        return
    text = (
        f"\n{len(missing)} of {len(fires)} {plural(len(missing), 'has', 'have')} no task of an ajsync scheduler: a Go "
        "scheduler fired, whose tasks have random ids, or no scheduler did, or the task was deleted, or the stream no "
        "longer keeps it."
    )
    if any(fire.earlier_value for fire in missing):
        text += " Before the last change of the entry the schedule may have been a different one."
    say(text)


def _past_row(fire: PastFire, due: str, piped: bool) -> Row:
    lateness = "" if fire.lateness is None else ("≤ " if fire.at_most else "") + span(fire.lateness / 1e9)
    if fire.state:
        state = Cell(visible(words_of(fire.state).word, LONGEST_STATE), _STATES.get(fire.state, "alarm"))
        row: tuple[str | Cell, ...] = (due, lateness, state, str(fire.tries), fire.task_id)
    else:
        row = (due, lateness, Cell("skipped", "update") if fire.skipped_for else Cell("no task", "faint"), "", "")
    # In a pipe one line holds everything about a fire.
    return (*row, visible(fire.last_error) if fire.last_error else "") if piped else row


def _own_zone(task: ScheduledTask) -> tzinfo:
    return parse(task.schedule).zone_info
