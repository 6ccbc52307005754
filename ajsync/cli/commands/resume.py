"""`ajsync resume`: let paused schedules fire again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import schedules_argument, scope_options, selection_options
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.pausing import Settled


@click.command()
@schedules_argument
@selection_options
@output_option("an array of an object for each schedule")
@scope_options
def command(names: tuple[str, ...], selectors: Selectors, output: str, scope: Scope) -> None:
    """Let paused schedules fire again, from now on: fires that were due during the pause are not made.

    Schedules are named or selected, as for 'ajsync pause'. One that is not paused is left as it is. If 'ajsync pause'
    was interrupted, this command cleans up after it.

    \b
    Examples:
      ajsync resume EMAIL_MONTHLY_UPDATE
      ajsync resume REPORT_DAILY REPORT_WEEKLY
      ajsync resume --mine
    """
    from ajsync.asyncjobs.applied import RecordedAction
    from ajsync.cli.output.pauses import show_resumed
    from ajsync.cli.pausing import allowed_owners, check_named, chosen_names, who
    from ajsync.cli.provenance import record_action_or_warn
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.reconcile.pause import resume

    check_named(names, selectors)
    context, owners, by = configured_context(scope), allowed_owners(scope, selectors), who()

    async def work(bucket: ConfigurationBucket) -> Sequence[Settled]:
        chosen = await chosen_names(bucket, names, scope, selectors, owners, paused=True)
        settled = await resume(bucket, chosen, owners)
        resumed = [each.task for each in settled if each.error is None and each.changed and each.task is not None]
        await record_action_or_warn(bucket, RecordedAction(time.time_ns(), by, "resume"), resumed)
        return settled

    show_resumed(on_bucket(scope, context, work), output)
