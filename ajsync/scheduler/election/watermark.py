"""The watermark: up to when everything has been fired, and by whom. Heartbeat and mark to catch up from in one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from ajsync.errors import StoredValueError
from ajsync.timestamp import NANOSECONDS, format_timestamp, parse_timestamp

WATERMARK_KEY = "ajsync.watermark"
"""In the configuration bucket."""
AHEAD_AT_MOST = 2 * NANOSECONDS
"""A watermark counts up to so long after the server stored it: by more than that no two clocks that are set differ."""
MOST_OPEN = 1000
"""Fires that a watermark names at most."""
MOST_OPEN_BYTES = 64 * 1024
"""What the names and instants of open fires take up at most."""
_MOST_BYTES = 4 * MOST_OPEN_BYTES
"""A value that is longer is no watermark, and is not read."""

_MOST_GAPS = 16
"""Times that it names at most; of more, the last reaches from the first of them on."""

Span = tuple[int, int]
"""A time: after the first instant, up to and with the second, in nanoseconds since 1970."""
NamedFires = frozenset[tuple[str, int]]
"""Fires by the name of their schedule and their due instant, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """All fires due at or before `instant` are settled, but for those that it names."""

    leader: str
    instant: int
    """Nanoseconds since 1970."""
    election: int
    """The revision of the election's key that the leader held when it wrote this."""
    open: NamedFires = frozenset()
    """Due at or before `instant`, and to be fired still: begun, or not stored yet."""
    looked_for: NamedFires = frozenset()
    """The same, but let go by their policies, unless the leader before has begun them, which nobody knows yet."""
    catching_up: tuple[Span, ...] = ()
    """Times before `instant` of which not everything is made good that was missed, oldest first."""

    @property
    def open_after(self) -> int | None:
        """After which instant there may be more to fire than it names; None where there is not."""
        return self.catching_up[0][0] if self.catching_up else None

    @property
    def unsettled(self) -> NamedFires:
        """All that it names."""
        return self.open | self.looked_for


@dataclass(frozen=True, slots=True)
class StoredWatermark:
    """What the key of the watermark holds."""

    watermark: Watermark | None
    """As far as it counts; None where there is none, or what is there cannot be read as one."""
    revision: int
    """What the next write has to expect; 0 where there is none."""
    stored_at: int
    """Nanoseconds since 1970, by the server's clock: then its leader was alive."""
    ahead: int = 0
    """Nanoseconds by which its instant lies beyond what counts."""


def encode_watermark(watermark: Watermark) -> bytes:
    """The value of the key."""
    value: dict[str, Any] = {
        "leader": watermark.leader,
        "instant": format_timestamp(watermark.instant),
        "election_revision": watermark.election,
    }
    for member, fires in (("open", watermark.open), ("looked_for", watermark.looked_for)):
        if fires:
            value[member] = _by_name(fires)
    if watermark.catching_up:
        gaps = [*watermark.catching_up]
        if len(gaps) > _MOST_GAPS:
            gaps[_MOST_GAPS - 1 :] = [(gaps[_MOST_GAPS - 1][0], gaps[-1][1])]
        value["catching_up"] = [[format_timestamp(instant) for instant in gap] for gap in gaps]
    return json.dumps(value, separators=(",", ":")).encode()


def decode_watermark(data: bytes) -> Watermark:
    """Read the value of the key. Raises StoredValueError where it is no watermark."""
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
        gaps = up_to(_read_gaps(value.get("catching_up")), instant)
        return Watermark(leader, instant, election, fires, looked_for, gaps)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise StoredValueError(f"not a watermark: {error!r}") from None


def as_it_counts(watermark: Watermark, until: int) -> Watermark:
    """The watermark with nothing in it that is later than `until`."""
    instant = min(watermark.instant, until)
    if instant == watermark.instant and all(due <= instant for _, due in watermark.unsettled):
        return watermark
    kept = [frozenset(fire for fire in fires if fire[1] <= instant) for fires in (watermark.open, watermark.looked_for)]
    gaps = up_to(watermark.catching_up, instant)
    return replace(watermark, instant=instant, open=kept[0], looked_for=kept[1], catching_up=gaps)


def up_to(spans: Iterable[Span], instant: int) -> tuple[Span, ...]:
    """The parts of times that are not later than an instant."""
    return tuple((after, min(until, instant)) for after, until in spans if after < min(until, instant))


def size_of(name: str) -> tuple[int, int]:
    """The most bytes that the first fire of a name takes up in the value, and each more of it."""
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
        raise ValueError("what it catches up with is not a list of times")
    gaps = [(parse_timestamp(after), parse_timestamp(until)) for after, until in value]
    return sorted(gaps)
