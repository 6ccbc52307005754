"""`ajsync backfill`: make the tasks of past due instants that are missing."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import schedules_argument, scope_options, selection_options, signing_options
from ajsync.cli.options.times import Zone, read_past
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option, show
from ajsync.cli.output.terminal import confirm, progress, say
from ajsync.errors import AjsyncError, InvalidError, ScheduleError, StoredValueError, UsageError
from ajsync.text import counted, one_line, visible

if TYPE_CHECKING:
    from ajsync.asyncjobs.backfill import Backfilled, MissingTask, PastDue
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.asyncjobs.signing import Signer


@click.command()
@schedules_argument
@click.option("--from", "start", metavar="TIME", required=True, help="The first instant: an RFC 3339 time, or a date.")
@click.option("--to", "end", metavar="TIME", help="The last instant, or a date for its whole day. [default: now]")
@click.option(
    "--timezone",
    "zone",
    type=Zone(),
    metavar="ZONE",
    help="The zone of dates and times. [default: for dates each schedule's own, for times that of 'ajsync list']",
)
@click.option("--dry-run", is_flag=True, help="Show what is missing, and make nothing.")
@click.option("-y", "--yes", is_flag=True, help="Make the tasks without asking.")
@selection_options
@signing_options[0]
@signing_options[1]
@output_option("an object")
@scope_options
def command(
    names: tuple[str, ...],
    start: str,
    end: str | None,
    zone: tzinfo | None,
    dry_run: bool,
    yes: bool,
    selectors: Selectors,
    sign: Path | None,
    ajc_payloads: bool,
    output: str,
    scope: Scope,
) -> None:
    """Make the tasks of past due instants that are missing, such as those of a night without a scheduler.

    The tasks get the ids that a scheduler would have given them, so none is made twice, and the command can be
    repeated. A task that is stored but in no queue gets its work item. Deadlines count from now, and 'overlap: skip'
    does not apply. A Go scheduler gives random ids, so its tasks are not found, and would be made again.

    Options that select schedules leave out those of other owners, unless --owner names one. On a terminal you are asked
    first; elsewhere --yes is needed.

    \b
    Examples:
      ajsync backfill REPORT_DAILY --from 2026-11-27 --dry-run
      ajsync backfill REPORT_DAILY BILLING_EU --from 2026-11-27 --to 2026-11-28
      ajsync backfill -l team=payments --from 2026-11-27T02:00:00Z --yes
    """
    from ajsync.asyncjobs.backfill import find_missing
    from ajsync.asyncjobs.signing import load_signer
    from ajsync.cli.output import backfill as output_of
    from ajsync.cli.project import zone_of
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.cli.source import named_or_selected
    from ajsync.reconcile.reconciler import destination_of

    named_or_selected(names, selectors)
    if not names and not selectors.given:
        raise UsageError("Name the schedules, or select some with options, such as --name 'EMAIL_*'.")
    if not (dry_run or yes or sys.stdin.isatty()):
        raise UsageError("There is no terminal to ask on: pass --yes, or --dry-run to see what would be made.")
    signer = load_signer(sign) if sign else None
    context = configured_context(scope)
    shown_in = zone_of(scope, zone)

    async def survey(bucket: ConfigurationBucket) -> tuple[str, list[PastDue], list[MissingTask]]:
        dues = _past_dues(await _tasks(bucket, names, scope, selectors), start, end, zone)
        where = destination_of(bucket.connection, scope.environment)
        return str(where), dues, await find_missing(bucket.connection, dues)

    where, dues, missing = on_bucket(scope, context, survey)
    if early := sum(each.past.due <= each.past.task.created_at for each in missing):
        say(f"Of the missing tasks, {counted(early, 'task')} would be from before the schedule was stored.")
    if output == "table" and dues:
        show(output, dict, lambda: output_of.backfill_table(dues, missing, shown_in))
    result: Backfilled | None = None
    if missing and not dry_run:
        if not yes:
            schedules = counted(len({each.past.task.name for each in missing}), "schedule")
            text = f"Make {counted(len(missing), 'task')} of {schedules} on {visible(where)}?"
            confirm(text, "Nothing was made.")
        result = on_bucket(scope, context, lambda bucket: _make(bucket, missing, signer, ajc_payloads))
    if output == "table":
        output_of.conclude_backfill(dues, missing, result)
    else:
        show(output, lambda: output_of.backfill_document(dues, missing, result, zone), list)
    output_of.raise_unless_complete(result)


async def _tasks(
    bucket: ConfigurationBucket, names: Sequence[str], scope: Scope, selectors: Selectors
) -> Sequence[ScheduledTask]:
    from ajsync.cli.pausing import allowed_owners, chosen_names
    from ajsync.cli.source import stored_task

    names = names or await chosen_names(bucket, names, scope, selectors, allowed_owners(scope, selectors))
    return [await stored_task(bucket, name) for name in dict.fromkeys(names)]


def _past_dues(tasks: Sequence[ScheduledTask], start: str, end: str | None, zone: tzinfo | None) -> list[PastDue]:
    """The instants from `--from` to `--to` at which these schedules were due."""
    from ajsync.asyncjobs.backfill import past_dues
    from ajsync.schedule import parse

    now = time.time_ns()
    found: list[PastDue] = []
    for task in tasks:
        try:
            found += past_dues(task, *read_past(start, end, zone or parse(task.schedule).zone_info, now))
        except ScheduleError as error:
            raise InvalidError(f"{visible(task.name)} has a schedule that is not valid: {error}.") from None
        except StoredValueError as error:
            raise AjsyncError(f"No task can be made for {visible(task.name)}: {one_line(str(error))}.") from None
    return found


async def _make(
    bucket: ConfigurationBucket, missing: Sequence[MissingTask], signer: Signer | None, ajc_payloads: bool
) -> Backfilled:
    from ajsync.asyncjobs.applied import RecordedAction
    from ajsync.asyncjobs.backfill import make_missing
    from ajsync.cli.pausing import who
    from ajsync.cli.provenance import record_action_or_warn
    from ajsync.cli.session import stop_on_signals

    stop = stop_on_signals()
    with progress("Making tasks", len(missing)) as advance:
        result = await make_missing(
            bucket.connection,
            missing,
            sign=signer.sign if signer else None,
            ajc_payloads=ajc_payloads,
            on_done=advance,
            stop=stop,
        )
    if result.made:
        tasks = {each.past.task.name: each.past.task for each in missing}
        action = RecordedAction(time.time_ns(), who(), "backfill", tasks=result.made)
        await record_action_or_warn(bucket, action, tasks.values())
    return result
