"""What a watch knows of its keys, and which change each message or list of keys makes. Pure, but for one clock.

A key is gone if its last message says so, or if it has no message: it was purged, it expired, or its stream is gone.
The server reports none of these, so what is known is compared with a list of the keys now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from ajsync.transport.leader import Listing


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of one key."""

    subject: str
    revision: int
    stored_at: int
    """Nanoseconds since 1970, by the server's clock."""
    data: bytes | None
    """None if the key is gone."""
    initial: bool
    """Whether the key had this value when the watch began."""


class _Key(NamedTuple):
    """The last message of a key."""

    revision: int
    """A stream that was made again counts from 1 again."""
    stored_at: int
    is_value: bool
    """False if it says that the key is gone."""


class Known:
    """The keys that a watch knows; calls `on_seen` for each change of what it knows, once."""

    def __init__(self, on_seen: Callable[[KeyChange], None]) -> None:
        self.loaded = asyncio.Event()
        """Set when the first load ends."""
        self._on_seen = on_seen
        self._keys: dict[str, _Key] = {}
        self._met: set[str] | None = None
        """During a load, the subjects met so far."""
        self._unknown: frozenset[str] = frozenset()
        """What the last comparison found and no message had told of. The message may have been on its way."""

    def __len__(self) -> int:
        """How many keys have a message, as far as is known."""
        return len(self._keys)

    @property
    def loading(self) -> bool:
        """Whether everything that is there is being told from the beginning."""
        return self._met is not None

    def begin_load(self) -> None:
        """From now on everything that is there is told."""
        self._met = set()

    def end_load(self) -> bool:
        """All that is there was told. False if a known key was not met: then `compare` has to end the load."""
        assert self._met is not None
        if self._keys.keys() - self._met:
            return False
        self._met = None
        self.loaded.set()
        return True

    def take(self, subject: str, revision: int, stored_at: int, data: bytes | None) -> None:
        """Take the last message of a key; `data` is None if it says that the key is gone."""
        if self._met is not None:
            self._met.add(subject)
        before, key = self._keys.get(subject), _Key(revision, stored_at, data is not None)
        self._keys[subject] = key
        was_value = before is not None and before.is_value
        if (key.is_value and key != before) or (was_value and not key.is_value):
            self._on_seen(KeyChange(subject, revision, stored_at, data, not self.loaded.is_set()))

    def compare(self, listing: Listing) -> bool:
        """Tell which keys are gone, by a list of those that have a message, and end a load.

        False if a key has a message that was not told, now and at the last comparison too.
        """
        now = time.time_ns()
        for subject in self._keys.keys() - set(listing.subjects):
            # A key that this load has not met is gone, and its revision may be that of another stream.
            unmet = self._met is not None and subject not in self._met
            made_later = self._keys[subject].revision > listing.last_sequence
            if (unmet or not made_later) and self._keys.pop(subject).is_value:
                self._on_seen(KeyChange(subject, 0, now, None, initial=False))
        unknown = frozenset(listing.subjects) - self._keys.keys()
        missed, self._unknown = unknown & self._unknown, unknown
        self._met = None
        self.loaded.set()
        return not missed
