"""Two strips: what was fired, missed and failed in the last day, and what will be due in the next one. Pure.

Each is a drawing of bars, with the numbers in words beside it for those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape

from ajsync.asyncjobs.minutes import Grouped, fires_by_minute, grouped
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.scheduler.monitor.day import SPAN, SPANS, Span
from ajsync.scheduler.monitor.page.html import TimeWriter, section
from ajsync.text import counted
from ajsync.timestamp import NANOSECONDS

_MINUTE = 60 * NANOSECONDS
_HEIGHT, _WIDTH, _STEP = 40, 9, 10
"""Height and width of a bar, in units of the drawing."""
_ROOM = 3
"""The least height of a bar that is not 0."""
_TICKS = 12
"""A time is written below every so many bars: one in six hours."""
_AT_ONCE = 500
"""How many schedules are counted between two rests."""


def last_day(spans: Sequence[Span], when: TimeWriter, *, followed: bool) -> str:
    """The strip of the last day; "" if nothing is counted. Failures are known only if the work is `followed`."""
    if not spans:
        return ""
    most = max(max(span.fired + span.missed, span.failed) for span in spans)
    bars = []
    for number, span in enumerate(spans):
        parts = [("fired", span.fired), ("missed", span.missed), ("failed", span.failed)]
        words = ", ".join(f"{count:,} {name}" for name, count in parts if count) or "nothing"
        unknown = "" if span.known else "; not counted all the time"
        title = f"<title>{_from_to(span.start, when)}: {words}{unknown}</title>"
        base = _bar(number, span.fired + span.missed, most, "fired") + _bar(number, span.missed, most, "missed")
        marks = f'<rect class="failed" x="{number * _STEP}" y="{_HEIGHT + 1}" width="{_WIDTH}" height="4"/>'
        ground = _ground(number, "day" if span.known else "unknown")
        bars.append(f"<g>{title}{ground}{base}{marks if span.failed else ''}</g>")
    fired, missed, failed = (sum(getattr(span, name) for span in spans) for name in ("fired", "missed", "failed"))
    made, lost = counted(fired, "task"), counted(missed, "fire")
    told = f"This scheduler has made {made} and missed {lost}"
    if followed:  # tasks of other schedulers are heard of, too
        told = f"{made} made, {lost} missed by this scheduler, {counted(failed, 'task')} failed"
    first = next((span.start for span in spans if span.known), None)
    complete = "" if first is None else f"; complete from {when.plain(first)} on"
    since = "" if spans[0].known else f" Counted since this scheduler began{complete}."
    names = {
        "fired": "made",
        "missed": "missed",
        **({"failed": "failed"} if followed else {}),
        "unknown": "not counted",
    }
    legend = " ".join(f'<span class="key {kind}">{name}</span>' for kind, name in names.items())
    return section(
        "Last 24 hours",
        f"{_drawing(bars, spans[0].start, told, when)}<p>{told}.{since} {legend}</p>\n",
    )


def next_day(counts: Sequence[int], start: int, when: TimeWriter) -> str:
    """The strip of the next day, from the fires in each span after `start`; "" if they are not counted yet."""
    if not counts:
        return section("Next 24 hours", "<p>The fires are being counted.</p>\n")
    most = max(counts)
    bars = [
        f"<g><title>{_from_to(start + number * SPAN, when)}: {count:,} due</title>{_ground(number, 'day')}"
        f"{_bar(number, count, most, 'due')}</g>"
        for number, count in enumerate(counts)
    ]
    told = f"{counted(sum(counts), 'fire')} due"
    busy = counts.index(most)
    busiest = f", most of them from {_from_to(start + busy * SPAN, when)}: {most:,}" if most else ""
    return section("Next 24 hours", f"{_drawing(bars, start, told, when)}<p>{told}{busiest}.</p>\n")


def fires_ahead(tasks: Iterable[ScheduledTask], start: int, rest: Callable[[], None]) -> list[int]:
    """How many fires are due in each span of the day that begins at `start`, a multiple of a minute.

    `rest` is called repeatedly, so that a thread can give way.
    """
    counts = [0] * SPANS
    # Schedules with the same text share a search if they are counted one after the other.
    ordered = sorted(tasks, key=lambda task: task.schedule)
    for first in range(0, len(ordered), _AT_ONCE):
        found = grouped(ordered[first : first + _AT_ONCE])
        rest()
        fields = {}
        for times, members in found.groups.items():
            if times.timetable.interval and times.season is None:  # many intervals may have 86,400 fires each
                for number in range(SPANS):
                    begin = start + number * SPAN - 1
                    counts[number] += len(members) * times.count(begin, begin + SPAN)
            else:
                fields[times] = members
        rest()
        for minute, count in fires_by_minute(Grouped(fields, {}), start, start + SPANS * SPAN).items():
            counts[(minute * _MINUTE - start) // SPAN] += count
        rest()
    return counts


def _from_to(start: int, when: TimeWriter) -> str:
    return f"{when.plain(start)} to {when.plain(start + SPAN)}"


def _ground(number: int, kind: str) -> str:
    return f'<rect class="{kind}" x="{number * _STEP}" width="{_WIDTH}" height="{_HEIGHT}"/>'


def _bar(number: int, count: int, most: int, kind: str) -> str:
    if not count:
        return ""
    height = max(round(count / most * _HEIGHT), _ROOM)
    return f'<rect class="{kind}" x="{number * _STEP}" y="{_HEIGHT - height}" width="{_WIDTH}" height="{height}"/>'


def _drawing(bars: Iterable[str], start: int, told: str, when: TimeWriter) -> str:
    ticks = "".join(f"<span>{when.plain(start + number * SPAN)}</span>" for number in range(0, SPANS, _TICKS))
    return (
        f'<svg class="strip" viewBox="0 0 {SPANS * _STEP} {_HEIGHT + 6}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(told)}">{"".join(bars)}</svg>\n<p class="ticks" aria-hidden="true">{ticks}</p>\n'
    )
