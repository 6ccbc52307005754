"""`ajsync status`: show whether the work of schedules succeeds, and what to do where it does not."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import schedules_argument, scope_options, selection_options, timezone_option
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import echo_data, output_option, show

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.cli.source import Source
    from ajsync.inspect.status import BucketStatus
    from ajsync.selection import Selection

_NEEDS_SOMEBODY = 2
"""The exit code of --check that monitoring systems take for critical."""


@click.command()
@schedules_argument
@selection_options
@click.option("--failed", is_flag=True, help="Show only what needs attention.")
@click.option(
    "--check", is_flag=True, help="Print one line for monitoring, and end with 2 if anything needs attention."
)
@timezone_option
@output_option("an object")
@scope_options
def command(
    names: tuple[str, ...],
    selectors: Selectors,
    failed: bool,
    check: bool,
    zone: tzinfo | None,
    output: str,
    scope: Scope,
) -> int:
    """Show whether the work of schedules succeeds: what became of the last fire of each, and when the next one is due.

    What needs attention comes first, with what is wrong and the command to begin with. A schedule is 'failing' if the
    work of a fire has failed since the last success, and 'late' if it should have succeeded again by now, or if it is
    due and was not fired. It asks no scheduler: the ids of tasks follow from the names of schedules and their due
    instants. The tasks of a Go scheduler have random ids, so what became of them is 'unknown'.

    With --check it ends with 2 if a schedule needs attention or if nothing fires, and with 1 if there is nothing to
    check: a named schedule does not exist, or the options select none.

    \b
    Examples:
      ajsync status
      ajsync status --failed --queue EMAIL
      ajsync status --check -l team=payments
      ajsync status --json | jq -r '.schedules[] | select(.failures > 2) | .name'
    """
    from ajsync.asyncjobs.remedy import ajc_of
    from ajsync.cli.output import status as output_of
    from ajsync.cli.output.schedules import say_unreadable
    from ajsync.cli.project import selection_of, zone_of
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.cli.source import named_or_selected
    from ajsync.errors import NotFoundError

    named_or_selected(names, selectors)
    selection = selection_of(scope, selectors)
    where = zone_of(scope, zone)
    configured = configured_context(scope)
    source, found = on_bucket(scope, configured, lambda bucket: _read(bucket, names, selection))
    ajc = ajc_of(scope.context or configured if scope.server is None else None)
    shown = [each for each in found.schedules if each.needs_somebody] if failed else found.schedules
    is_nothing = bool(selection) and not source.tasks and not source.unreadable
    if check and output == "table":
        echo_data(output_of.check_line(found, nothing=is_nothing))
    else:
        show(
            output,
            lambda: output_of.status_document(found, shown, zone or UTC, ajc),
            lambda: output_of.status_lines(found, shown, where, ajc),
        )
        if output == "table":
            say_unreadable(source.unreadable)
    if check and found.needs_somebody:
        return _NEEDS_SOMEBODY
    return NotFoundError.exit_code if check and is_nothing else 0


async def _read(
    bucket: ConfigurationBucket, names: tuple[str, ...], selection: Selection
) -> tuple[Source, BucketStatus]:
    from ajsync.cli.source import named, selected, source_of
    from ajsync.inspect.status import status_now

    source = source_of(await bucket.read())
    source = named(source, names) if names else selected(source, selection)
    return source, await status_now(bucket, source.tasks, source.paused)
