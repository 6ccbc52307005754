"""What a watch knows of its keys, and which difference each piece of news makes: pure, but for the clock of the server.

A key is gone where its last message says so, and where it has none: it was purged, or it expired, or its stream has
gone. Of the latter nobody tells, so what is known is compared with what there is now and then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from ajsync.transport.leader import Listing


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of one key."""

    subject: str
    revision: int
    stored_at: int
    """Nanoseconds since 1970, by the server's clock."""
    data: bytes | None
    """None where it is gone."""
    initial: bool
    """It was there before the watch was."""


class Known:
    """The keys that a watch knows; calls `on_seen` for each change of what it knows, once."""

    def __init__(self, on_seen: Callable[[KeyChange], None]) -> None:
        self.loaded = asyncio.Event()
        """Set once everything that is there has been seen."""
        self._on_seen = on_seen
        self._values: dict[str, tuple[int, int]] = {}
        """Subject → revision and time of a value: a stream made anew counts from 1 again."""
        self._markers: dict[str, int] = {}
        """Subject → revision of a message that says that the key is gone."""
        self._present: set[str] | None = None
        """While everything is listed: the subjects that were met so far."""
        self._unknown: frozenset[str] = frozenset()
        """What the latest comparison found and nobody had told of: it may have been on its way."""

    def __len__(self) -> int:
        """How many keys have a message, as far as is known."""
        return len(self._values) + len(self._markers)

    @property
    def listing(self) -> bool:
        """Whether everything is being listed just now."""
        return self._present is not None

    def begin_listing(self) -> None:
        """What is there is told from the beginning."""
        self._present = set()

    def stop_listing(self) -> None:
        """Nothing is told from the beginning after all."""
        self._present = None

    def end_listing(self) -> bool:
        """All that is there was told; False while something that is known was not: then `compare` has to end it."""
        assert self._present is not None
        if (self._values.keys() | self._markers.keys()) - self._present:
            return False
        self._present = None
        self.loaded.set()
        return True

    def take(self, subject: str, revision: int, stored_at: int, data: bytes | None) -> None:
        """Take the last message of a key; `data` is None where it says that the key is gone."""
        if self._present is not None:
            self._present.add(subject)
        if data is None:
            self._markers[subject] = revision
            if self._values.pop(subject, None) is None:
                return  # of something that was never known
        else:
            self._markers.pop(subject, None)
            if self._values.get(subject) == (revision, stored_at):
                return
            self._values[subject] = (revision, stored_at)
        self._on_seen(KeyChange(subject, revision, stored_at, data, not self.loaded.is_set() and self.listing))

    def compare(self, listing: Listing) -> bool:
        """Tell of what is gone without a word, by a list of the keys that there are, and end a listing.

        False where a key is there of which nobody has told, not since the last comparison either.
        """
        now = time.time_ns()
        for subject in (self._values.keys() | self._markers.keys()) - set(listing.subjects):
            if self._is_gone(subject, listing.last_sequence):
                self._markers.pop(subject, None)
                if self._values.pop(subject, None) is not None:
                    self._on_seen(KeyChange(subject, 0, now, None, initial=False))
        unknown = frozenset(listing.subjects) - self._values.keys() - self._markers.keys()
        missed, self._unknown = unknown & self._unknown, unknown
        if self._present is not None:
            self._present = None
            self.loaded.set()
        return not missed

    def _is_gone(self, subject: str, last_sequence: int) -> bool:
        """Whether a key that is not on the list is gone, and not made after the list was."""
        if self._present is not None and subject not in self._present:
            return True  # its revision may be that of another stream
        revision = self._markers[subject] if subject in self._markers else self._values[subject][0]
        return revision <= last_sequence
