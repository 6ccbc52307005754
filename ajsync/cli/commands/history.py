"""`ajsync history`: what became of the fires of one schedule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.moments import Zone
from ajsync.cli.options.options import Files, Server, files_options, schedule_argument, server_options
from ajsync.cli.output.data import output_option, show
from ajsync.cli.output.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.cli.output.table import Cell
    from ajsync.inspect.history import PastFire
    from ajsync.reconcile.render.style import Paint

_STYLES = {
    "new": "update",
    "active": "update",
    "retry": "update",
    "blocked": "update",
    "complete": "create",
}
"""The style of each state of a task that is no failure."""
_LONGEST_STATE = 20
"""Characters; anybody may have stored a longer one."""


@dataclass(frozen=True, slots=True)
class _History:
    task: ScheduledTask
    fires: Sequence[PastFire]


@click.command()
@schedule_argument
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True, help="Due instants to look at.")
@click.option(
    "--timezone", "zone", type=Zone(), metavar="ZONE", help="Show times in this zone. [default: the schedule's own]"
)
@output_option("an object")
@files_options
@server_options
def command(name: str, last: int, zone: tzinfo | None, output: str, files: Files, server: Server) -> None:
    """Show when a schedule was due and what became of its tasks, newest first.

    The id of a task follows from the schedule's name and the due instant, so that the fires of 'ajsync scheduler' are
    found in the stream of tasks for as long as that keeps them. A Go scheduler gives random ids: its fires, and those
    of 'ajsync run', are not found.

    A fire without a task says 'skipped' where the schedule has 'overlap: skip' and the task before was not finished
    then. Of a schedule that the files suspend it says that it is paused.

    Lateness is the time from the due instant to the storing of the task. Once a worker has touched the task only a
    bound of it is left, shown as ≤.

    \b
    Examples:
      ajsync history EMAIL_MONTHLY_UPDATE
      ajsync history EMAIL_MONTHLY_UPDATE --last 100 --json | jq '.fires[] | select(.state == "expired")'
    """
    from ajsync.cli.options.session import run

    found = run(_read(name, last, files, server))
    show(output, lambda: _document(found, zone), lambda: _table(found, zone))
    if output == "table":
        _say_why(found.fires)


async def _read(name: str, last: int, files: Files, server: Server) -> _History:
    import time

    from ajsync.asyncjobs.names import schedule_key
    from ajsync.cli.options.session import configured_context, opened_bucket
    from ajsync.cli.options.source import stored_task
    from ajsync.errors import InvalidError, NotFoundError, ScheduleError
    from ajsync.inspect.history import read_history
    from ajsync.schedule import parse

    async with opened_bucket(server, configured_context(files, server)) as bucket:
        try:
            task = await stored_task(bucket, name)
        except NotFoundError:
            await _raise_if_paused(bucket, name, files)
            raise
        try:
            parse(task.schedule)
        except ScheduleError as error:
            raise InvalidError(f"{name} has a schedule that is not valid, and so was never due: {error}.") from None
        message = await bucket.get(schedule_key(name))
        now = time.time_ns()
        fires = await read_history(
            bucket.connection, task, stored_at=message.stored_at if message else now, now=now, last=last
        )
    return _History(task, fires)


async def _raise_if_paused(bucket: ConfigurationBucket, name: str, files: Files) -> None:
    """Raise NotFoundError if the files keep the schedule and say that it is suspended."""
    from ajsync.asyncjobs.names import schedule_key
    from ajsync.cli.options.session import load
    from ajsync.cli.output.wording import moment
    from ajsync.errors import AjsyncError, NotFoundError

    try:
        suspended = load(files, empty=True).suspended
    except AjsyncError:  # without files, or valid ones, nobody says so
        return
    if name in suspended:
        marker = await bucket.get(schedule_key(name))
        since = f" since {moment(marker.stored_at)}" if marker is not None and marker.deleted else ""
        raise NotFoundError(
            f"{name} is paused: it is suspended in the files, and out of the bucket{since}, so nothing of it is due. "
            "To bring it back, take 'suspend' out of it and apply."
        ) from None


def _table(found: _History, zone: tzinfo | None) -> Iterator[str]:
    from ajsync.cli.output.table import stdout_paint, stdout_width
    from ajsync.text import visible

    paint = stdout_paint()
    name, schedule, queue = (visible(text) for text in (found.task.name, found.task.schedule, found.task.queue))
    yield f"{paint('strong', name)}  {schedule}  in the queue {queue}"
    yield ""
    if not found.fires:
        yield "It was not due yet."
        return
    width = stdout_width()
    head, *lines = _lines(found, zone, width, paint)
    yield head
    for line, fire in zip(lines, found.fires, strict=True):
        yield line
        if width is not None and fire.last_error:  # in a pipe it is a column, so that a line tells all of a fire
            yield f"    {paint('alarm', visible(fire.last_error))}"


def _lines(found: _History, zone: tzinfo | None, width: int | None, paint: Paint) -> list[str]:
    from ajsync.cli.options.moments import common_offset, shown
    from ajsync.cli.output.table import Column, table
    from ajsync.text import visible
    from ajsync.timestamp import to_datetime

    dues = [to_datetime(fire.due, zone or _own_zone(found.task)) for fire in found.fires]
    offset = common_offset(dues)
    columns = (
        Column(f"Due ({offset})" if offset else "Due"),
        Column("Lateness", right=True),
        Column("State"),
        Column("Tries", right=True),
        Column("Task"),
        Column("Last error"),
    )
    rows = [
        (
            shown(due, offset=not offset),
            _lateness(fire),
            _state(fire),
            str(fire.tries) if fire.state else "",
            fire.task_id if fire.state else "",
            visible(fire.last_error) if fire.last_error and width is None else "",
        )
        for due, fire in zip(dues, found.fires, strict=True)
    ]
    return table(columns, rows, width=width, paint=paint)


def _state(fire: PastFire) -> Cell:
    from ajsync.cli.output.table import Cell
    from ajsync.text import visible

    if fire.state:
        return Cell(visible(fire.state, _LONGEST_STATE), _STYLES.get(fire.state, "alarm"))
    return Cell("skipped", "update") if fire.skipped_for else Cell("no task", "faint")


def _say_why(fires: Sequence[PastFire]) -> None:
    """Say what a fire without a task means."""
    skipped = sum(bool(fire.skipped_for) for fire in fires)
    if skipped:
        were = "was" if skipped == 1 else "were"
        say(f"\n{skipped} of {len(fires)} {were} skipped: with overlap: skip the task before was not finished then.")
    missing = [fire for fire in fires if not fire.state and not fire.skipped_for]
    if not missing:
        return
    text = (
        f"\n{len(missing)} of {len(fires)} have no task of an ajsync scheduler: a Go scheduler fired, whose tasks have "
        "random ids, or nobody did, or the task was deleted, or is older than the stream keeps."
    )
    if any(fire.earlier_value for fire in missing):
        text += " Before the last change of the entry its schedule may have been another."
    say(text)


def _lateness(fire: PastFire) -> str:
    from ajsync.text import span

    if fire.lateness is None:
        return ""
    return ("≤ " if fire.at_most else "") + span(fire.lateness / 1e9)


def _document(found: _History, zone: tzinfo | None) -> dict[str, object]:
    from ajsync.timestamp import to_datetime

    return {
        "name": found.task.name,
        "schedule": found.task.schedule,
        "queue": found.task.queue,
        "fires": [
            {
                "due": to_datetime(fire.due, zone or _own_zone(found.task)).isoformat(),
                "task_id": fire.task_id,
                "state": fire.state or ("skipped" if fire.skipped_for else None),
                "skipped_for": fire.skipped_for or None,
                "tries": fire.tries if fire.state else None,
                "last_error": fire.last_error or None,
                "lateness_seconds": None if fire.lateness is None else fire.lateness / 1e9,
                "lateness_is_bound": fire.at_most,
                "before_last_change": fire.earlier_value,
            }
            for fire in found.fires
        ],
    }


def _own_zone(task: ScheduledTask) -> tzinfo:
    from ajsync.schedule import parse

    return parse(task.schedule).zone_info
