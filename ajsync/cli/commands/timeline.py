"""`ajsync timeline`: show how many fires are due when."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo

import click

from ajsync.cli.options.shared import from_files_option, scope_options, selection_options, timezone_option
from ajsync.cli.options.times import from_option, read_start
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option, show


@click.command()
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=24, show_default=True, help="How far to look.")
@from_option
@timezone_option
@from_files_option
@selection_options
@output_option("an object")
@scope_options
def command(
    hours: int,
    start: str | None,
    zone: tzinfo | None,
    from_files: bool,
    selectors: Selectors,
    output: str,
    scope: Scope,
) -> None:
    """Show how many fires are due when: a histogram, the busiest minutes, and schedules that need a look.

    Schedules need a look if they never fire, or if a clock change within a year makes them skip a fire or fire twice.
    Without --from the span begins with the current hour. An @every in files is shown as if it were applied at the
    beginning of the span.

    \b
    Examples:
      ajsync timeline
      ajsync timeline --files --hours 168 --timezone Europe/Malta
      ajsync timeline --queue EMAIL
      ajsync timeline --from 2027-03-28 --timezone Europe/Malta
      ajsync timeline --json | jq '.busiest[0]'
    """
    from ajsync.cli.output.timeline import timeline_document, timeline_lines
    from ajsync.cli.project import zone_of
    from ajsync.cli.source import read_source
    from ajsync.inspect.timeline import slot_start, timeline
    from ajsync.timestamp import to_nanoseconds

    where = zone_of(scope, zone)
    first = read_start(start, where).astimezone(where)
    if start is None:
        first = slot_start(first, hours)
    source = read_source(scope, selectors, from_files=from_files)
    begin = to_nanoseconds(first)
    tasks = [replace(task, created_at=begin) for task in source.tasks] if from_files else source.firing
    found = timeline(tasks, first, hours, where)
    found = replace(found, invalid={**found.invalid, **source.unreadable})
    show(output, lambda: timeline_document(found), lambda: timeline_lines(found, hours, source.place))
