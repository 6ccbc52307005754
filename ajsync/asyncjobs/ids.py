"""The ids of tasks and events: KSUIDs, 27 base62 characters that sort by the second they hold.

A KSUID is a number of 20 bytes, 4 of seconds since 2014 and 16 of payload (github.com/segmentio/ksuid, which asyncjobs
uses). The id of a fire is not random but made of what fires and when, so that whoever fires it again gives the same id.
"""

from __future__ import annotations

import hashlib
import os
import time

from ajsync.timestamp import NANOSECONDS

KSUID_EPOCH = 1_400_000_000
"""The first second that a KSUID can hold, in seconds since 1970: in May 2014."""
KSUID_END = KSUID_EPOCH + 2**32
"""The first second beyond what a KSUID can hold: in June 2150."""

_PAYLOAD_BITS = 128
_LENGTH = 27
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# A scheduler makes ten thousand ids before an instant, and numbers of this size are slow to divide and multiply. So
# four digits are written at a time, and in reading all neighbours are joined at once: twice as fast as one by one.
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]
_VALUES = bytes.maketrans(_DIGITS.encode(), bytes(range(62)))
_BYTES = int("00ff" * 16, 16)
_TWO_BYTES = int("0000ffff" * 8, 16)
_FOUR_BYTES = int("00000000ffffffff" * 4, 16)
_EIGHT_BYTES = 2**64 - 1


def fire_task_id(name: str, due: int) -> str:
    """The id of the task that the schedule `name` makes at `due`, in nanoseconds since 1970.

    Its time is the second of `due`; its payload the first 16 bytes of the SHA-256 over the name in UTF-8, one zero byte
    and `due` in decimal. This is a contract for ever: only while every version gives the same id does a fire that two
    leaders publish, or that is repeated after an upgrade, make one task. Raises ValueError where a KSUID cannot hold
    the second.
    """
    digest = hashlib.sha256(f"{name}\0{due}".encode()).digest()
    return _encode(due // NANOSECONDS, digest[:16])


def new_id(seconds: int | None = None) -> str:
    """A random id at `seconds` since 1970, by default now; at the nearest that a KSUID can hold."""
    now = int(time.time()) if seconds is None else seconds
    return _encode(min(max(now, KSUID_EPOCH), KSUID_END - 1), os.urandom(16))


def first_id(seconds: int) -> str:
    """The first id, in their order, of a second since 1970. Raises ValueError where a KSUID cannot hold it."""
    return _encode(seconds, bytes(16))


def id_seconds(text: str) -> int:
    """The seconds since 1970 that a KSUID holds. Raises ValueError for a text that is none."""
    if len(text) != _LENGTH or not (text.isascii() and text.isalnum()):
        raise ValueError(f"not a KSUID: {text!r}")
    number = int.from_bytes(text.encode().translate(_VALUES), "big")  # a digit in each byte
    number = (number & _BYTES) + 62 * (number >> 8 & _BYTES)  # two digits in every second byte
    number = (number & _TWO_BYTES) + 62**2 * (number >> 16 & _TWO_BYTES)
    number = (number & _FOUR_BYTES) + 62**4 * (number >> 32 & _FOUR_BYTES)
    high = (number >> 192) * 62**8 + (number >> 128 & _EIGHT_BYTES)
    low = (number >> 64 & _EIGHT_BYTES) * 62**8 + (number & _EIGHT_BYTES)
    seconds = high * 62**16 + low >> _PAYLOAD_BITS
    if seconds >= 2**32:
        raise ValueError(f"not a KSUID: {text!r}")
    return KSUID_EPOCH + seconds


def _encode(seconds: int, payload: bytes) -> str:
    if not KSUID_EPOCH <= seconds < KSUID_END:
        raise ValueError(f"an id cannot hold a time before May 2014 or after June 2150: second {seconds}")
    number = (seconds - KSUID_EPOCH) << _PAYLOAD_BITS | int.from_bytes(payload, "big")
    text = ""
    for _ in range(7):
        number, four = divmod(number, 62**4)
        text = f"{_PAIRS[four // 62**2]}{_PAIRS[four % 62**2]}{text}"
    return text[1:]  # seven fours are one digit more than an id has, and that is 0
