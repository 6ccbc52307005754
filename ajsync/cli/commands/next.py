"""`ajsync next`: show when schedules fire next."""

from __future__ import annotations

from datetime import tzinfo

import click

from ajsync.cli.options.shared import (
    from_files_option,
    schedules_argument,
    scope_options,
    selection_options,
    timezone_option,
)
from ajsync.cli.options.times import from_option, read_start
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option, show
from ajsync.cli.output.terminal import say
from ajsync.text import counted, plural

_OF_NAMED = 5
_OF_ALL = 1


@click.command()
@schedules_argument
@from_option
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    metavar="N",
    help=f"Fires of each schedule. [default: {_OF_NAMED} if schedules are named, else {_OF_ALL}]",
)
@timezone_option
@from_files_option
@selection_options
@output_option("an array of an object for each schedule")
@scope_options
def command(
    names: tuple[str, ...],
    start: str | None,
    count: int | None,
    zone: tzinfo | None,
    from_files: bool,
    selectors: Selectors,
    output: str,
    scope: Scope,
) -> None:
    """Show when schedules fire next, the soonest first: those of the bucket, or of the files.

    Times include the jitter of a schedule. All are shown in one zone, but --output gives those of each schedule in its
    own. An @every counts from the creation of its entry, so it has no times while it is only in files.

    \b
    Examples:
      ajsync next
      ajsync next EMAIL_MONTHLY_UPDATE --count 12 --timezone Europe/Malta
      ajsync next -l team=payments --queue EMAIL
      ajsync next --files --from 2027-03-28 --count 3
    """
    from ajsync.asyncjobs.due import Upcoming
    from ajsync.cli.output.fires import next_document, next_table
    from ajsync.cli.project import zone_of
    from ajsync.cli.source import chosen, named_or_selected, read_source
    from ajsync.timestamp import to_nanoseconds

    named_or_selected(names, selectors)
    where = zone_of(scope, zone)
    first = read_start(start, where)
    source = read_source(scope, selectors, from_files=from_files)
    upcoming = Upcoming(to_nanoseconds(first), count or (_OF_NAMED if names else _OF_ALL))
    found = [upcoming.of(task) for task in chosen(source, names)]
    if output != "table" or found:
        show(
            output,
            lambda: next_document(found, zone),
            lambda: next_table(found, first if start is None else None, where),
        )
    elif not selectors.given:
        say(f"There are no schedules in {source.place}.")
    if not names and source.paused:
        are = plural(len(source.paused), "is", "are")
        say(f"{counted(len(source.paused), 'schedule')} {are} paused; 'ajsync list' shows why.")
    if not names and source.unreadable:
        values = counted(len(source.unreadable), "value")
        are = plural(len(source.unreadable), "is not a scheduled task", "are not scheduled tasks")
        say(f"{values} in the bucket {are}; 'ajsync list' shows why.")
