"""`ajsync resume`: let paused schedules fire again."""

from __future__ import annotations

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
    """Let paused schedules fire again, from now on: what was due meanwhile is not fired.

    Schedules are named or selected, as for 'ajsync pause'. One that is not paused is left as it is. If 'ajsync pause'
    was interrupted, this clears up behind it.

    \b
    Examples:
      ajsync resume EMAIL_MONTHLY_UPDATE
      ajsync resume REPORT_DAILY REPORT_WEEKLY
      ajsync resume --mine
    """
    from ajsync.cli.output.pauses import show_resumed
    from ajsync.cli.pausing import allowed_owners, check_named, chosen_names
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.reconcile.pause import resume

    check_named(names, selectors)
    context, owners = configured_context(scope), allowed_owners(scope, selectors)

    async def work(bucket: ConfigurationBucket) -> Sequence[Settled]:
        chosen = await chosen_names(bucket, names, scope, selectors, owners, paused=True)
        return await resume(bucket, chosen, owners)

    show_resumed(on_bucket(scope, context, work), output)
