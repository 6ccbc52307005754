"""`ajsync history`: show what became of the fires of one schedule."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.asyncjobs.names import schedule_key
from ajsync.cli.options.shared import schedule_argument, scope_options
from ajsync.cli.options.times import Zone
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import output_option, show
from ajsync.errors import AjsyncError, InvalidError, NotFoundError, ScheduleError
from ajsync.timestamp import format_ajc

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.inspect.history import PastFire


@click.command()
@schedule_argument
@click.option("--last", type=click.IntRange(1, 1000), default=20, show_default=True, help="Due instants to look at.")
@click.option(
    "--timezone", "zone", type=Zone(), metavar="ZONE", help="Show times in this zone. [default: the schedule's own]"
)
@output_option("an object")
@scope_options
def command(name: str, last: int, zone: tzinfo | None, output: str, scope: Scope) -> None:
    """Show when a schedule was due and what became of its tasks, newest first.

    The id of a task follows from the name of the schedule and the due instant, so the fires of 'ajsync scheduler' are
    found for as long as the stream of tasks keeps them. A Go scheduler gives random ids: its fires, and those of
    'ajsync run', are not found.

    A fire without a task is 'skipped' where the schedule has 'overlap: skip' and the previous task was not finished. A
    schedule that the files suspend is reported as paused.

    Lateness is the time from the due instant until the task was stored. Once a worker has touched the task, only an
    upper bound is known, shown as ≤.

    \b
    Examples:
      ajsync history EMAIL_MONTHLY_UPDATE
      ajsync history EMAIL_MONTHLY_UPDATE --last 100 --json | jq '.fires[] | select(.state == "expired")'
    """
    from ajsync.cli.output import fires as output_of
    from ajsync.cli.session import configured_context, on_bucket

    context = configured_context(scope)
    task, fires = on_bucket(scope, context, lambda bucket: _read(bucket, name, last, scope))
    show(
        output,
        lambda: output_of.history_document(task, fires, zone),
        lambda: output_of.history_table(task, fires, zone),
    )
    if output == "table":
        output_of.say_why_without_task(fires)


async def _read(
    bucket: ConfigurationBucket, name: str, last: int, scope: Scope
) -> tuple[ScheduledTask, Sequence[PastFire]]:
    from ajsync.cli.source import stored_task
    from ajsync.inspect.history import read_history

    try:
        task = await stored_task(bucket, name)
    except NotFoundError:
        await _raise_if_paused(bucket, name, scope)
        raise
    message = await bucket.get(schedule_key(name))
    now = time.time_ns()
    stored_at = message.stored_at if message else now
    try:
        return task, await read_history(bucket.connection, task, stored_at=stored_at, now=now, last=last)
    except ScheduleError as error:
        raise InvalidError(f"{name} has a schedule that is not valid, so it was never due: {error}.") from None


async def _raise_if_paused(bucket: ConfigurationBucket, name: str, scope: Scope) -> None:
    """Raise NotFoundError if the files hold the schedule and say that it is suspended."""
    from ajsync.cli.project import load

    try:
        suspended = load(scope, empty=True).suspended
    except AjsyncError:  # there are no files, or they are not valid
        return
    if name in suspended:
        marker = await bucket.get(schedule_key(name))
        since = f" since {format_ajc(marker.stored_at)}" if marker is not None and marker.deleted else ""
        raise NotFoundError(
            f"{name} is paused: it is suspended in the files and out of the bucket{since}, so it is never due. "
            "To bring it back, remove its 'suspend' and apply."
        ) from None
