"""`ajsync next`: when schedules fire next."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.moments import Zone, from_option
from ajsync.cli.options.options import Files, Server, files_options, schedules_argument, server_options
from ajsync.cli.output.data import output_option, show
from ajsync.cli.output.terminal import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ajsync.asyncjobs.due import NextFires
    from ajsync.cli.output.table import Row

_OF_NAMED = 5
_OF_ALL = 1


@click.command()
@schedules_argument
@from_option
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    metavar="N",
    help=f"Fires of each schedule. [default: {_OF_NAMED} of those named, {_OF_ALL} of all]",
)
@click.option(
    "--timezone", "zone", type=Zone(), metavar="ZONE", help="Show times in this zone. [default: each schedule's own]"
)
@click.option("--files", "from_files", is_flag=True, help="Those of the files, without a server.")
@output_option("an array of an object for each schedule")
@files_options
@server_options
def command(
    names: tuple[str, ...],
    start: str | None,
    count: int | None,
    zone: tzinfo | None,
    from_files: bool,
    output: str,
    files: Files,
    server: Server,
) -> None:
    """Show when schedules fire next, in the order in which they do: those of the bucket, or of the files.

    Times are those of the schedules with their jitter; a schedule without a zone is read in UTC. An @every counts from
    the creation of its entry, so in files it has no times yet.

    \b
    Examples:
      ajsync next
      ajsync next EMAIL_MONTHLY_UPDATE --count 12 --timezone Europe/Malta
      ajsync next --files --from 2027-03-28 --count 3
    """
    from ajsync.asyncjobs.due import Upcoming
    from ajsync.cli.options.moments import read_start
    from ajsync.cli.options.source import chosen, read_source
    from ajsync.timestamp import to_nanoseconds

    moment = read_start(start, zone)
    source = read_source(files, server, from_files=from_files)
    upcoming = Upcoming(to_nanoseconds(moment), count or (_OF_NAMED if names else _OF_ALL))
    found = [upcoming.of(task) for task in chosen(source, names)]
    if output != "table" or found:
        show(output, lambda: _document(found, zone), lambda: _table(found, moment, zone))
    else:
        say(f"There are no schedules in {source.place}.")
    if not names and source.unreadable:
        _say_unreadable(len(source.unreadable))


def _say_unreadable(count: int) -> None:
    from ajsync.text import counted, plural

    what = plural(count, "is not a scheduled task", "are not scheduled tasks")
    say(f"{counted(count, 'value')} in the bucket {what}; 'ajsync list' shows why.")


def _table(found: Sequence[NextFires], moment: datetime, zone: tzinfo | None) -> Iterator[str]:
    from ajsync.cli.output.table import Column, stdout_paint, stdout_width, table
    from ajsync.text import one_line, visible

    columns = (
        Column("Due"),
        Column("In", right=True),
        Column("Name"),
        Column("Schedule", flexible=True),
        Column("Zone", flexible=True),
        Column("Queue", flexible=True),
    )
    paint = stdout_paint()
    fires = sorted((due, each.task.name, number) for number, each in enumerate(found) for due in each.dues)
    rows = [_row(due, found[number], moment, zone) for due, _, number in fires]
    if rows:
        yield from table(columns, rows, width=stdout_width(), paint=paint)
    without = [each for each in found if not each.dues]
    if rows and without:
        yield ""
    for each in without:
        text = f"{visible(each.task.name)}: {one_line(_reason(each))}"
        yield paint("alarm" if each.amiss else "", text)


def _row(due: int, each: NextFires, moment: datetime, zone: tzinfo | None) -> Row:
    from ajsync.cli.options.moments import shown
    from ajsync.cli.output.table import Cell
    from ajsync.schedule import split_zone
    from ajsync.text import span, visible
    from ajsync.timestamp import to_datetime

    when = to_datetime(due, zone or _own_zone(each))
    own, schedule = split_zone(each.task.schedule)
    return (
        shown(when),
        Cell(f"in {span((when - moment).total_seconds())}", "faint"),
        visible(each.task.name),
        visible(schedule),
        visible(own) if own else "",
        visible(each.task.queue),
    )


def _document(found: Sequence[NextFires], zone: tzinfo | None) -> list[dict[str, object]]:
    from ajsync.timestamp import to_datetime

    return [
        {
            "name": each.task.name,
            "schedule": each.task.schedule,
            "timezone": each.timetable.zone if each.timetable else None,
            "queue": each.task.queue,
            "next": [to_datetime(due, zone or _own_zone(each)).isoformat() for due in each.dues],
            "reason": _reason(each) or None,
        }
        for each in found
    ]


def _own_zone(each: NextFires) -> tzinfo:
    from datetime import UTC

    return each.timetable.zone_info if each.timetable else UTC


def _reason(each: NextFires) -> str:
    """Why it has no dues; empty where it has some."""
    return each.reason if each.timetable else f"not valid: {each.reason}"
