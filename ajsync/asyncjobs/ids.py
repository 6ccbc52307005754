"""The ids of tasks and events: KSUIDs, 27 base62 characters that sort by the second they hold.

A KSUID is a number of 20 bytes, 4 of seconds since 2014 and 16 of payload (github.com/segmentio/ksuid, which asyncjobs
uses). The id of a fire is not random: it is computed from what fires and when, so firing it again gives the same id
(docs/decisions/0001-deterministic-ids.md).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

from ajsync.timestamp import NANOSECONDS

KSUID_EPOCH = 1_400_000_000
"""The first second that a KSUID can hold, in seconds since 1970: in May 2014."""
KSUID_END = KSUID_EPOCH + 2**32
"""The first second beyond what a KSUID can hold: in June 2150."""

_PAYLOAD_BITS = 128
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES = {digit: value for value, digit in enumerate(_DIGITS)}
_LENGTH = 27
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
"""Four digits at a time are three times as fast as one by one, and each fire takes two ids."""


def fire_task_id(name: str, due: int) -> str:
    """The id of the task that the schedule `name` makes at `due`, in nanoseconds since 1970.

    Its time is the second of `due`; its payload is the first 16 bytes of the SHA-256 of the name in UTF-8, one zero
    byte and `due` in decimal. This must never change: a fire that two leaders publish, or that is repeated after an
    upgrade, makes only one task if every version computes the same id. Raises ValueError if a KSUID cannot hold the
    second.
    """
    digest = hashlib.sha256(f"{name}\0{due}".encode()).digest()
    return _encode(due // NANOSECONDS, digest[:16])


def new_id(seconds: int) -> str:
    """A random id at `seconds` since 1970, or at the nearest second that a KSUID can hold."""
    seconds = nearest_second(seconds)
    while (found := next(_new_ids(seconds), None)) is None:
        _new_ids.cache_clear()
    return found


def nearest_second(seconds: int) -> int:
    """The second nearest to `seconds` since 1970 that a KSUID can hold."""
    return min(max(seconds, KSUID_EPOCH), KSUID_END - 1)


def first_id(seconds: int) -> str:
    """The first id, in the order of ids, of a second since 1970. Raises ValueError if a KSUID cannot hold it."""
    return _encode(seconds, bytes(16))


def second_of(task_id: str) -> int | None:
    """The second since 1970 that an id holds; None if it is not a KSUID, since a task may have any id."""
    if len(task_id) != _LENGTH:
        return None
    number = 0
    try:
        for digit in task_id:
            number = number * 62 + _VALUES[digit]
    except KeyError:
        return None
    seconds = KSUID_EPOCH + (number >> _PAYLOAD_BITS)
    return seconds if seconds < KSUID_END else None


@lru_cache(8)
def _new_ids(seconds: int) -> Iterator[str]:
    """Thousands of ids at one second. All but their last two digits are drawn once, because each event takes an id."""
    start = _encode(seconds, os.urandom(16))[:-2]
    return map("".join, product((start,), _PAIRS))


os.register_at_fork(after_in_child=_new_ids.cache_clear)  # otherwise parent and child would go on with the same ids


def _encode(seconds: int, payload: bytes) -> str:
    if not KSUID_EPOCH <= seconds < KSUID_END:
        raise ValueError(f"an id cannot hold a time before May 2014 or after June 2150: second {seconds}")
    number = (seconds - KSUID_EPOCH) << _PAYLOAD_BITS | int.from_bytes(payload, "big")
    text = ""
    for _ in range(7):
        number, four = divmod(number, 62**4)
        text = f"{_PAIRS[four // 62**2]}{_PAIRS[four % 62**2]}{text}"
    return text[1:]  # seven times four is one more than the digits of an id, and that digit is 0
