"""A timeline: as a histogram, with the crowded minutes and the schedules that need a look, and as a document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC

from ajsync.cli.output.charts import bar, has_blocks, levels
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.table import Cell, table, times_in
from ajsync.cli.output.terminal import stdout_paint, stdout_width, told
from ajsync.inspect.timeline import Affected, Timeline
from ajsync.reconcile.render.times import TimeFormat
from ajsync.text import Paint, counted, listed, one_line, plural, visible
from ajsync.timestamp import to_nanoseconds

_MOST_BAR = 60
_LEAST_BAR = 10
_BESIDE_BAR = 36
"""The most columns of the histogram beside its bars."""
_STEPS = (1, 3, 5)
"""Minutes of the hour for one sign: as few as the width has room for."""
_NAMES_SHOWN = 3
_MOST_LISTED = 20
"""The most lines of a list for people; the document holds all."""
_HERD_SHARE = 0.5
"""The share of fires from which on the first minute of the hour is mentioned."""


def timeline_lines(found: Timeline, hours: int, place: str) -> Iterator[str]:
    """Lay out a timeline of the schedules in `place`."""
    paint = stdout_paint()
    fires, schedules = counted(found.fires, "fire"), counted(found.schedules, "schedule")
    zone = found.start.tzinfo or UTC
    instants = [to_nanoseconds(time) for time in (*(slot.start for slot in found.slots), found.start)]
    times = times_in(zone, instants)
    start = times(instants[-1])
    yield from told(f"{paint('strong', fires)} of {schedules} in {place}, in {hours} h from {start} ({zone})")
    if found.fires:
        yield ""
        yield from _histogram(found, times)
        yield ""
        yield from _minutes(found, paint)
    if found.busiest:
        yield ""
        yield from _busiest(found, times)
    yield from _list(paint("alarm", "Never fire"), [*found.never.items()])
    yield from _list(paint("update", "Clock changes"), [_affected(each) for each in found.affected])
    yield from _list(paint("alarm", "Not valid"), [*found.invalid.items()])


def _histogram(found: Timeline, times: TimeFormat) -> Iterator[str]:
    most = max(slot.fires for slot in found.slots)
    room = min(max((stdout_width() or 100) - _BESIDE_BAR, _LEAST_BAR), _MOST_BAR)
    blocks = has_blocks()
    rows = [
        (
            times(to_nanoseconds(slot.start)),
            f"{slot.fires:,}",
            Cell(bar(slot.fires, most, room, blocks=blocks), "adopt"),
        )
        for slot in found.slots
    ]
    yield from table((Column("From", 1), Column("Fires", 2, right=True), Column("", 3)), rows)


def _minutes(found: Timeline, paint: Paint) -> Iterator[str]:
    share = found.minutes[0] / found.fires
    crowd = f": {share:.0%} in the first one" if share >= _HERD_SHARE else ""
    yield paint("strong", "By the minute of the hour") + paint("update", crowd)
    width = stdout_width() or 60
    step = next((each for each in _STEPS if 60 // each <= width), _STEPS[-1])
    counts = [sum(found.minutes[minute : minute + step]) for minute in range(0, 60, step)]
    yield paint("adopt", levels(counts, blocks=has_blocks())).rstrip()
    yield paint("faint", "".join(f":{minute:02}".ljust(15 // step) for minute in range(0, 60, 15)).rstrip())


def _busiest(found: Timeline, times: TimeFormat) -> Iterator[str]:
    rows = [
        (times(to_nanoseconds(busy.start)), f"{busy.fires:,}", listed([*map(visible, busy.names)], _NAMES_SHOWN))
        for busy in found.busiest
    ]
    columns = (Column("Busiest minutes", 1), Column("Fires", 2, right=True), Column("Schedules", 3, least=NAME))
    yield from table(columns, rows)


def _list(title: str, items: Sequence[tuple[str, str]]) -> Iterator[str]:
    if not items:
        return
    yield ""
    yield title
    for name, text in items[:_MOST_LISTED]:
        yield from told(f"{visible(name)}: {one_line(text)}", indent=2)
    if len(items) > _MOST_LISTED:
        yield f"  … and {len(items) - _MOST_LISTED:,} more"


def _affected(each: Affected) -> tuple[str, str]:
    walls, skipped = each.effect.walls, each.effect.kind == "skipped"
    times = listed([f"{wall:%H:%M}" for wall in walls], _NAMES_SHOWN)
    does = (
        plural(len(walls), "is skipped", "are skipped") if skipped else plural(len(walls), "fires", "fire") + " twice"
    )
    return each.name, f"on {walls[0]:%Y-%m-%d} {times} {does}, in {each.zone}"


def timeline_document(found: Timeline) -> dict[str, object]:
    """Describe a timeline."""
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
