"""The watermark: up to when everything has been fired, and by whom. Heartbeat and mark to catch up from in one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ajsync.asyncjobs.timestamp import format_timestamp, parse_timestamp
from ajsync.errors import StoredValueError

WATERMARK_KEY = "ajsync.watermark"
"""In the configuration bucket."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """All fires due at or before `instant` are acknowledged."""

    leader: str
    instant: int
    """Nanoseconds since 1970."""
    election: int
    """The revision of the election's key that the leader held when it wrote this."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the key of the watermark holds."""

    watermark: Watermark | None
    """None where there is none, or what is there cannot be read as one."""
    revision: int
    """What the next write has to expect; 0 where there is none."""
    stored_at: int
    """Nanoseconds since 1970, by the server's clock: then its leader was alive."""


def encode_watermark(watermark: Watermark) -> bytes:
    """The value of the key."""
    value = {
        "leader": watermark.leader,
        "instant": format_timestamp(watermark.instant),
        "election_revision": watermark.election,
    }
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def decode_watermark(data: bytes) -> Watermark:
    """Read the value of the key. Raises StoredValueError where it is no watermark."""
    try:
        value = json.loads(data)
        leader, election = value["leader"], value["election_revision"]
        if type(leader) is not str or type(election) is not int:
            raise TypeError
        return Watermark(leader, parse_timestamp(value["instant"]), election)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoredValueError(f"not a watermark: {error!r}") from None
