"""`ajsync history`: show what became of the fires of one schedule, or of the selected ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.asyncjobs.names import schedule_key
from ajsync.cli.options.shared import optional_schedule_argument, scope_options, selection_options, timezone_option
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option, show
from ajsync.errors import AjsyncError, InvalidError, NotFoundError, ScheduleError
from ajsync.text import one_line

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.history import PastFire
    from ajsync.asyncjobs.model import Pause, ScheduledTask
    from ajsync.selection import Selection

_OF_ONE = 20
_OF_SELECTED = 5


@click.command()
@optional_schedule_argument
@selection_options
@click.option(
    "--last",
    type=click.IntRange(1, 1000),
    metavar="N",
    help=f"Due instants to look at. [default: {_OF_ONE}, or {_OF_SELECTED} of each selected schedule]",
)
@timezone_option
@output_option("an object; an array of them for a selection")
@scope_options
def command(
    name: str | None, selectors: Selectors, last: int | None, zone: tzinfo | None, output: str, scope: Scope
) -> None:
    """Show when a schedule, or each selected one, was due and what became of its tasks, newest first.

    The id of a task follows from the name of the schedule and the due instant, so the fires of 'ajsync scheduler' are
    found for as long as the tasks stream keeps them. A Go scheduler gives random ids, so its fires are not found, nor
    are tasks of 'ajsync run'.

    A fire without a task is 'skipped' where the schedule has 'overlap: skip' and the previous task was not finished. A
    schedule that the files suspend is reported as paused.

    Lateness is the time from the due instant until the task was stored. Once a worker has touched the task, only an
    upper bound is known, shown as ≤.

    \b
    Examples:
      ajsync history EMAIL_MONTHLY_UPDATE
      ajsync history --queue EMAIL --mine --last 3
      ajsync history EMAIL_MONTHLY_UPDATE --last 100 --json | jq '.fires[] | select(.state == "expired")'
    """
    from ajsync.cli.output import fires as output_of
    from ajsync.cli.project import selection_of, zone_of
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.cli.source import one_named_or_selected

    one_named_or_selected(name, selectors)
    selection = selection_of(scope, selectors)
    context = configured_context(scope)
    where = zone_of(scope, zone)
    if name is None:
        histories = on_bucket(scope, context, lambda bucket: _read_selected(bucket, selection, last or _OF_SELECTED))
        _show_selected(histories, zone, where, output)
        return
    named = name
    task, fires = on_bucket(scope, context, lambda bucket: _read(bucket, named, last or _OF_ONE, scope, where))
    show(
        output,
        lambda: output_of.history_document(task, fires, zone),
        lambda: output_of.history_table(task, fires, where),
    )
    if output == "table":
        output_of.say_why_without_task(fires)


def _show_selected(
    histories: Sequence[tuple[ScheduledTask, Sequence[PastFire]]], zone: tzinfo | None, where: tzinfo, output: str
) -> None:
    from ajsync.cli.output import fires as output_of

    def lines() -> Iterator[str]:
        for number, (task, fires) in enumerate(histories):
            yield from ["", ""] if number else []
            yield from output_of.history_table(task, fires, where)

    show(output, lambda: [output_of.history_document(task, fires, zone) for task, fires in histories], lines)
    if output == "table":
        output_of.say_why_without_task([fire for _, fires in histories for fire in fires])


async def _read_selected(
    bucket: ConfigurationBucket, selection: Selection, last: int
) -> Sequence[tuple[ScheduledTask, Sequence[PastFire]]]:
    """Read the past fires of the selected schedules; invalid ones were never due."""
    from ajsync.cli.output.schedules import say_why
    from ajsync.cli.source import selected, source_of

    found, without = [], {}
    source = selected(source_of(await bucket.read()), selection)
    for task in source.tasks:
        try:
            found.append((task, await _past_fires(bucket, task, source.paused.get(task.name), last)))
        except ScheduleError as error:
            without[task.name] = one_line(str(error))
    say_why("The schedules of these are not valid, so they were never due:", without)
    return found


async def _past_fires(
    bucket: ConfigurationBucket, task: ScheduledTask, pause: Pause | None, last: int
) -> Sequence[PastFire]:
    from ajsync.asyncjobs.history import read_history

    message = await bucket.get(schedule_key(task.name))
    now = time.time_ns()
    if pause is not None:  # it is not due while it is paused
        task = replace(task, pauses=(*task.pauses, (pause.since, now)))
    stored_at = message.stored_at if message else now
    return await read_history(bucket.connection, task, stored_at=stored_at, now=now, last=last)


async def _read(
    bucket: ConfigurationBucket, name: str, last: int, scope: Scope, zone: tzinfo
) -> tuple[ScheduledTask, Sequence[PastFire]]:
    from ajsync.cli.source import stored_entry

    try:
        task, pause = await stored_entry(bucket, name)
    except NotFoundError:
        await _raise_if_suspended(bucket, name, scope, zone)
        raise
    try:
        return task, await _past_fires(bucket, task, pause, last)
    except ScheduleError as error:
        raise InvalidError(f"{name} has a schedule that is not valid, so it was never due: {error}.") from None


async def _raise_if_suspended(bucket: ConfigurationBucket, name: str, scope: Scope, zone: tzinfo) -> None:
    """Raise NotFoundError if the files hold the schedule and say that it is suspended."""
    from ajsync.cli.project import load
    from ajsync.reconcile.render.times import instant_told

    try:
        suspended = load(scope, empty=True).suspended
    except AjsyncError:  # there are no files, or they are not valid
        return
    if name in suspended:
        marker = await bucket.get(schedule_key(name))
        since = f" since {instant_told(marker.stored_at, zone)}" if marker is not None and marker.deleted else ""
        raise NotFoundError(
            f"{name} is suspended in the files and out of the bucket{since}, so it is never due. "
            "To bring it back, remove its 'suspend' and apply."
        ) from None
