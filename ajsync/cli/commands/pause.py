"""`ajsync pause`: stop schedules from firing, until a time or until they are resumed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import schedules_argument, scope_options, selection_options, timezone_option
from ajsync.cli.options.times import Duration, read_instant
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option
from ajsync.errors import UsageError
from ajsync.timestamp import NANOSECONDS

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.pausing import Settled


@click.command()
@schedules_argument
@click.option("--reason", metavar="TEXT", required=True, help="Why, for people who wonder in the meantime.")
@click.option(
    "--until", metavar="TIME", help="When it ends: an RFC 3339 time, or the first instant of a date in the zone."
)
@click.option("--for", "last", type=Duration(), metavar="DURATION", help="How long it lasts, such as 2h or 30m.")
@timezone_option
@selection_options
@output_option("an array of an object for each schedule")
@scope_options
def command(
    names: tuple[str, ...],
    reason: str,
    until: str | None,
    last: float | None,
    zone: tzinfo | None,
    selectors: Selectors,
    output: str,
    scope: Scope,
) -> None:
    """Stop schedules from firing, until a time or until 'ajsync resume'. Their fires in that time are not made good
    later.

    Schedules are named or selected. They must belong to the project's owner or to none; --owner pauses those of another
    one. Go schedulers do not fire a paused schedule either. An apply of the files changes it or deletes it, but does
    not resume it. At its end the leader resumes it, or else the next apply of its owner does. To change the reason or
    the end, pause it again.

    \b
    Examples:
      ajsync pause EMAIL_MONTHLY_UPDATE --reason "the provider is down"
      ajsync pause REPORT_DAILY REPORT_WEEKLY --reason "new disks" --for 2h
      ajsync pause --mine --queue EMAIL --reason "the provider is down" --for 30m
      ajsync pause REPORT_DAILY --reason "year-end closing" --until 2027-01-04T06:00:00+01:00
    """
    from ajsync.asyncjobs.applied import RecordedAction
    from ajsync.cli.output.pauses import show_paused
    from ajsync.cli.pausing import allowed_owners, check_named, chosen_names, who
    from ajsync.cli.project import zone_of
    from ajsync.cli.provenance import record_action_or_warn
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.reconcile.pause import pause
    from ajsync.timestamp import to_nanoseconds

    check_named(names, selectors)
    if until is not None and last is not None:
        raise UsageError("--until and --for cannot be combined: both say when the pause ends.")
    span = 0 if last is None else max(round(last * NANOSECONDS), 1)
    where = zone_of(scope, zone)
    ends = 0 if until is None else to_nanoseconds(read_instant(until, where, "--until"))
    context, owners, by = configured_context(scope), allowed_owners(scope, selectors), who()

    async def work(bucket: ConfigurationBucket) -> Sequence[Settled]:
        chosen = await chosen_names(bucket, names, scope, selectors, owners)
        settled = await pause(bucket, chosen, owners, by=by, reason=reason, until=ends, last=span)
        paused = [each for each in settled if each.error is None and each.task is not None]
        until = next((each.pause.until for each in paused if each.pause is not None), 0)
        action = RecordedAction(time.time_ns(), by, "pause", reason=reason, until=until)
        await record_action_or_warn(bucket, action, [each.task for each in paused if each.task is not None])
        return settled

    show_paused(on_bucket(scope, context, work), output, where)
