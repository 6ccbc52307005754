"""`ajsync timeline`: how many fires are due when."""

from __future__ import annotations

from dataclasses import replace
from datetime import tzinfo
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.moments import Zone, from_option
from ajsync.cli.options.options import Files, Server, files_options, server_options
from ajsync.cli.output.data import output_option, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ajsync.cli.output.table import Row
    from ajsync.inspect.timeline import Affected, Timeline
    from ajsync.reconcile.render.style import Paint

_MOST_BAR = 60
_LEAST_BAR = 10
_BESIDE_BAR = 44
"""Columns of the histogram beside its bars, at the most."""
_NAMES_SHOWN = 3
_MOST_LISTED = 20
"""Lines of a list for people; the JSON holds all."""
_HERD_SHARE = 0.5
"""From this share of the fires on, the first minute of the hour is worth a word."""


@click.command()
@click.option("--hours", type=click.IntRange(1, 24 * 366), default=24, show_default=True, help="How far to look.")
@from_option
@click.option("--timezone", "zone", type=Zone(), metavar="ZONE", help="The zone of the histogram. [default: UTC]")
@click.option("--files", "from_files", is_flag=True, help="Those of the files, without a server.")
@output_option("an object")
@files_options
@server_options
def command(
    hours: int,
    start: str | None,
    zone: tzinfo | None,
    from_files: bool,
    output: str,
    files: Files,
    server: Server,
) -> None:
    """Show how many fires are due when: a histogram, the busiest minutes, and schedules that need a look.

    Those are schedules that never fire, and schedules that a change of the clocks within a year makes skip a fire or
    fire twice. Without --from the span begins with the current hour. In files an @every has no phase yet: it is shown
    as if it were applied at the beginning of the span.

    \b
    Examples:
      ajsync timeline
      ajsync timeline --files --hours 168 --timezone Europe/Malta
      ajsync timeline --from 2027-03-28 --timezone Europe/Malta
      ajsync timeline --json | jq '.busiest[0]'
    """
    from datetime import UTC

    from ajsync.cli.options.moments import read_start
    from ajsync.cli.options.source import read_source
    from ajsync.inspect.timeline import slot_start, timeline
    from ajsync.timestamp import to_nanoseconds

    zone = zone or UTC
    moment = read_start(start, zone).astimezone(zone)
    if start is None:
        moment = slot_start(moment, hours)
    source = read_source(files, server, from_files=from_files)
    begin = to_nanoseconds(moment)
    tasks = [replace(task, created_at=begin) for task in source.tasks] if from_files else source.tasks
    found = timeline(tasks, moment, hours, zone)
    found = replace(found, invalid={**found.invalid, **source.unreadable})
    show(output, lambda: _document(found), lambda: _text(found, hours, source.place))


def _text(found: Timeline, hours: int, place: str) -> Iterator[str]:
    from ajsync.cli.options.moments import shown
    from ajsync.cli.output.table import stdout_paint
    from ajsync.text import counted

    paint = stdout_paint()
    fires, schedules = counted(found.fires, "fire"), counted(found.schedules, "schedule")
    yield f"{paint('strong', fires)} of {schedules} in {place}, in {hours} h from {shown(found.start, seconds=False)}"
    if found.fires:
        yield ""
        yield from _histogram(found, paint)
        yield ""
        yield from _minutes(found, paint)
    if found.busiest:
        yield ""
        yield from _busiest(found, paint)
    yield from _list(paint("alarm", "Never fire"), [(name, schedule) for name, schedule in found.never.items()])
    yield from _list(paint("update", "Changes of the clocks"), [_affected(each) for each in found.affected])
    yield from _list(paint("alarm", "Not valid"), [*found.invalid.items()])


def _histogram(found: Timeline, paint: Paint) -> Iterator[str]:
    from ajsync.cli.options.moments import shown
    from ajsync.cli.output.table import Cell, Column, bar, has_blocks, stdout_width, table

    most = max(slot.fires for slot in found.slots)
    room = min(max((stdout_width() or 100) - _BESIDE_BAR, _LEAST_BAR), _MOST_BAR)
    rows = [
        (
            shown(slot.start, seconds=False),
            f"{slot.fires:,}",
            Cell(bar(slot.fires, most, room, blocks=has_blocks()), "adopt"),
        )
        for slot in found.slots
    ]
    yield from table((Column("From"), Column("Fires", right=True), Column("")), rows, width=stdout_width(), paint=paint)


def _minutes(found: Timeline, paint: Paint) -> Iterator[str]:
    from ajsync.cli.output.table import has_blocks, levels

    share = found.minutes[0] / found.fires
    crowd = f": {share:.0%} in the first one" if share >= _HERD_SHARE else ""
    yield paint("strong", "By the minute of the hour") + paint("update", crowd)
    yield paint("adopt", levels(found.minutes, blocks=has_blocks())).rstrip()
    yield paint("faint", "".join(f":{minute:02}".ljust(15) for minute in range(0, 60, 15)).rstrip())


def _busiest(found: Timeline, paint: Paint) -> Iterator[str]:
    from ajsync.cli.options.moments import shown
    from ajsync.cli.output.table import Column, stdout_width, table

    rows: Sequence[Row] = [
        (shown(busy.start, seconds=False), f"{busy.fires:,}", _some(busy.names)) for busy in found.busiest
    ]
    columns = (Column("Busiest minutes"), Column("Fires", right=True), Column("Schedules", flexible=True))
    yield from table(columns, rows, width=stdout_width(), paint=paint)


def _some(names: Sequence[str]) -> str:
    from ajsync.text import listed, visible

    return listed([*map(visible, names)], _NAMES_SHOWN)


def _list(title: str, items: Sequence[tuple[str, str]]) -> Iterator[str]:
    from ajsync.text import one_line, visible

    if not items:
        return
    yield ""
    yield title
    for name, text in items[:_MOST_LISTED]:
        yield f"  {visible(name)}: {one_line(text)}"
    if len(items) > _MOST_LISTED:
        yield f"  … and {len(items) - _MOST_LISTED:,} more"


def _affected(each: Affected) -> tuple[str, str]:
    from ajsync.text import listed, plural

    walls = each.effect.walls
    times = listed([f"{wall:%H:%M}" for wall in walls], _NAMES_SHOWN)
    one, several = ("is skipped", "are skipped") if each.effect.kind == "skipped" else ("fires twice", "fire twice")
    does = plural(len(walls), one, several)
    return each.name, f"on {walls[0]:%Y-%m-%d} {times} {does}, in {each.zone}"


def _document(found: Timeline) -> dict[str, object]:
    return {
        "from": found.start.isoformat(),
        "until": found.until.isoformat(),
        "schedules": found.schedules,
        "fires": found.fires,
        "slots": [{"from": slot.start.isoformat(), "fires": slot.fires} for slot in found.slots],
        "minutes_of_hour": found.minutes,
        "busiest": [
            {"minute": busy.start.isoformat(), "fires": busy.fires, "names": busy.names} for busy in found.busiest
        ],
        "never": [{"name": name, "schedule": schedule} for name, schedule in found.never.items()],
        "clock_changes": [
            {
                "name": each.name,
                "schedule": each.schedule,
                "timezone": each.zone,
                "kind": each.effect.kind,
                "at": each.effect.change.at.isoformat(),
                "wall_times": [wall.isoformat() for wall in each.effect.walls],
            }
            for each in found.affected
        ],
        "invalid": [{"name": name, "reason": reason} for name, reason in found.invalid.items()],
    }
