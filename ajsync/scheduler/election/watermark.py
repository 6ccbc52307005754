"""The watermark: up to when everything is fired, and by which leader.

It is a heartbeat, and the instant from which the next leader catches up. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ajsync.errors import StoredValueError
from ajsync.timestamp import NANOSECONDS, format_timestamp, parse_timestamp

WATERMARK_KEY = "ajsync.watermark"
"""The key of the watermark in the configuration bucket."""
AHEAD_AT_MOST = 2 * NANOSECONDS
"""A watermark counts up to this long after the server stored it, because synchronized clocks differ by less."""
MOST_OPEN = 1000
"""The most fires that a watermark names."""
MOST_OPEN_BYTES = 64 * 1024
"""The most bytes that the names and instants of open fires take up."""
_MOST_BYTES = 4 * MOST_OPEN_BYTES
"""A longer value is not a watermark, and is not read."""

_MOST_GAPS = 16
"""The most gaps that it names; if there are more, the last one reaches to the end of them all."""

Span = tuple[int, int]
"""A span of time after the first instant, up to and including the second, in nanoseconds since 1970."""
NamedFires = frozenset[tuple[str, int]]
"""Fires, each as the name of its schedule and its due instant in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """All fires due at or before `instant` are settled, except those that it names."""

    leader: str
    instant: int
    """Nanoseconds since 1970."""
    election: int
    """The revision of the election's key that the leader held when it wrote this."""
    open: NamedFires = frozenset()
    """Fires due at or before `instant` that still have to be fired: begun, or not stored yet."""
    looked_for: NamedFires = frozenset()
    """Fires due at or before `instant` that their policies let go unless the previous leader has begun them, which is
    still being looked up."""
    catching_up: tuple[Span, ...] = ()
    """Gaps before `instant` whose missed fires are not all made good, oldest first."""
    unseen: tuple[Span, ...] = ()
    """Spans before `instant` in which a scheduler other than ajsync's may have fired. It is still to be found out what
    was not fired in them, and to be made good."""

    @property
    def open_after(self) -> int | None:
        """The instant after which there may be more to fire than it names; None if there is no more."""
        return self.catching_up[0][0] if self.catching_up else None

    @property
    def unsettled(self) -> NamedFires:
        """All fires that the watermark names."""
        return self.open | self.looked_for


@dataclass(frozen=True, slots=True)
class StoredWatermark:
    """What the watermark's key holds."""

    watermark: Watermark | None
    """The watermark as far as it counts; None if there is none, or if the value cannot be read as one."""
    revision: int
    """The revision that the next write has to expect; 0 if the key does not exist."""
    stored_at: int
    """When it was stored, which proves that its leader was alive then: nanoseconds since 1970 by the server's clock."""
    ahead: int = 0
    """Nanoseconds by which its instant was later than what counts."""


def encode_watermark(watermark: Watermark) -> bytes:
    """The value of the watermark's key."""
    value: dict[str, Any] = {
        "leader": watermark.leader,
        "instant": format_timestamp(watermark.instant),
        "election_revision": watermark.election,
    }
    for member, fires in (("open", watermark.open), ("looked_for", watermark.looked_for)):
        if fires:
            value[member] = _by_name(fires)
    for member, spans in (("catching_up", watermark.catching_up), ("unseen", watermark.unseen)):
        if spans:
            gaps = [*spans]
            if len(gaps) > _MOST_GAPS:
                gaps[_MOST_GAPS - 1 :] = [(gaps[_MOST_GAPS - 1][0], gaps[-1][1])]
            value[member] = [[format_timestamp(instant) for instant in gap] for gap in gaps]
    return json.dumps(value, separators=(",", ":")).encode()


def decode_watermark(data: bytes) -> Watermark:
    """Read the value of the watermark's key. Raises StoredValueError if it is not a watermark."""
    if len(data) > _MOST_BYTES:
        raise StoredValueError(f"not a watermark: it has {len(data)} bytes")
    try:
        value = json.loads(data)
        leader, election = value["leader"], value["election_revision"]
        if type(leader) is not str or type(election) is not int:
            raise TypeError
        instant = parse_timestamp(value["instant"])
        fires, looked_for = (_read_fires(value.get(member)) for member in ("open", "looked_for"))
        if len(fires) + len(looked_for) > MOST_OPEN:
            raise ValueError(f"it names more than {MOST_OPEN} fires")
        gaps, unseen = (up_to(_read_gaps(value.get(member)), instant) for member in ("catching_up", "unseen"))
        return Watermark(leader, instant, election, fires, looked_for, gaps, unseen)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoredValueError(f"not a watermark: {error!r}") from None


def as_it_counts(watermark: Watermark, until: int) -> Watermark:
    """The watermark without anything later than `until`."""
    instant = min(watermark.instant, until)
    if instant == watermark.instant and all(due <= instant for _, due in watermark.unsettled):
        return watermark
    kept = [frozenset(fire for fire in fires if fire[1] <= instant) for fires in (watermark.open, watermark.looked_for)]
    gaps, unseen = up_to(watermark.catching_up, instant), up_to(watermark.unseen, instant)
    return replace(watermark, instant=instant, open=kept[0], looked_for=kept[1], catching_up=gaps, unseen=unseen)


def up_to(spans: Iterable[Span], instant: int) -> tuple[Span, ...]:
    """The parts of the spans up to an instant."""
    return tuple((after, min(until, instant)) for after, until in spans if after < min(until, instant))


def size_of(name: str) -> tuple[int, int]:
    """The most bytes that the first fire of a name takes up in the value, and the most that each further one does."""
    each = len('"2026-11-24T12:00:00.123456789Z",')
    return len(json.dumps(name)) + len(":[],") + each, each


def _by_name(fires: Iterable[tuple[str, int]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, due in sorted(fires):
        found.setdefault(name, []).append(format_timestamp(due))
    return found


def _read_fires(value: Any) -> NamedFires:
    if value is None:
        return frozenset()
    if type(value) is not dict or len(value) > MOST_OPEN:
        raise ValueError("its open fires are not an object with a list for each name")
    found = []
    for name, dues in value.items():
        if type(dues) is not list or len(dues) > MOST_OPEN:
            raise ValueError("its open fires are not an object with a list for each name")
        found += [(name, parse_timestamp(due)) for due in dues]
        if len(found) > MOST_OPEN:
            raise ValueError(f"it names more than {MOST_OPEN} fires")
    return frozenset(found)


def _read_gaps(value: Any) -> list[Span]:
    if value is None:
        return []
    if type(value) is not list or len(value) > _MOST_GAPS:
        raise ValueError("what it catches up with is not a list of spans")
    gaps = [(parse_timestamp(after), parse_timestamp(until)) for after, until in value]
    return sorted(gaps)
