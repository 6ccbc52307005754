"""Follow keys of a stream live: first the existing ones, then each change, without a gap, whatever happens to the
server.

A watch reads the stream to its end and then lets an ordered consumer send later messages. When the consumer may have
missed a message, the connection was lost or the stream was made again, it reads everything again and compares that with
what it knows. Without a consumer, because it wants none or the server refuses one, it reads on from its position twice
a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import nats.errors

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.consumer import Consumer, NoConsumerError
from ajsync.transport.leader import Listing, count_subjects, list_subjects
from ajsync.transport.tail import Tail
from ajsync.transport.walk import count_messages
from ajsync.waiting import raise_if_cancelled

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_POLLING_SECONDS = 30.0
"""How long to go on without a consumer before asking for one again."""
_LOOK_SECONDS = 0.5
"""The pause between two looks without a consumer."""
_CHECK_SECONDS = 5.0
"""How often to check what is known, because a purge or the end of the stream is not reported."""
_AGAIN_SECONDS = 0.5
"""When to count again after a count that did not fit, because the missing message may be on its way."""


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of one key."""

    subject: str
    revision: int
    stored_at: int
    """Nanoseconds since 1970, by the server's clock."""
    data: bytes | None
    """The value; None if the key is gone."""
    initial: bool
    """Whether the key had this value when the watch began."""


class _Key(NamedTuple):
    """The last message of a key."""

    revision: int
    """A stream that was made again counts from 1 again."""
    stored_at: int
    is_value: bool
    """Whether the key has a value; False if the message says that it is gone."""


class Known:
    """The keys that a watch knows; calls `on_seen` once for each change.

    A key is gone if its last message says so, or if it has no message: it was purged, it expired, or its stream is
    gone. The server reports none of these, so the known keys are regularly compared with a list.
    """

    def __init__(self, on_seen: Callable[[KeyChange], None]) -> None:
        self.loaded = asyncio.Event()
        """Set when the first load ends."""
        self._on_seen = on_seen
        self._keys: dict[str, _Key] = {}
        self._met: set[str] | None = None
        """During a load, the subjects seen so far."""
        self._unknown: Set[str] = frozenset()
        """Keys that the last comparison found but no message had reported, which may have been on its way."""

    def __len__(self) -> int:
        """How many keys have a message, as far as is known."""
        return len(self._keys)

    def begin_load(self) -> None:
        """Begin to take everything that exists."""
        self._met = set()

    def end_load(self) -> bool:
        """End a load. False if a known key was not seen; then `compare` has to end the load."""
        if self._met is not None and self._keys.keys() - self._met:
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
        """Report which keys are gone, according to a list of those that have a message, and end a load.

        False if a key has a message that was not reported, both now and at the last comparison.
        """
        now = time.time_ns()
        for subject in self._keys.keys() - listing.subjects:
            # A key that this load has not seen is gone, and its revision may come from another stream.
            unmet = self._met is not None and subject not in self._met
            made_later = self._keys[subject].revision > listing.last_sequence
            if (unmet or not made_later) and self._keys.pop(subject).is_value:
                self._on_seen(KeyChange(subject, 0, now, None, initial=False))
        unknown = listing.subjects - self._keys.keys()
        missed, self._unknown = unknown & self._unknown, unknown
        self._met = None
        self.loaded.set()
        return not missed


class Watch:
    """Calls `on_seen` for each key that matches one of `subjects`, and for each change of it, once."""

    def __init__(
        self,
        connection: Connection,
        stream: str,
        subjects: Sequence[str],
        on_seen: Callable[[KeyChange], None],
        *,
        consumer: bool = True,
    ) -> None:
        """With `consumer` false it asks for none, so it needs no permission for one, and does not use up the stream's
        limit."""
        self._connection = connection
        self._stream = stream
        self._wants_consumer = consumer
        self._subjects = list(subjects)
        self._known = Known(on_seen)
        self._created = ""
        """When the stream was made, which distinguishes it from another one of the same name."""
        self._tail: Tail | None = None
        """None if everything has to be read again."""
        self._without: int | None = None
        """The error code that says why there is no consumer."""
        self._check_at = 0.0
        self._differed = False
        """Whether the last count of the keys did not fit."""
        self.loaded = self._known.loaded
        """Set when everything that exists has been seen."""

    async def run(self) -> None:
        """Watch until cancelled."""
        trouble = ""
        while True:
            raise_if_cancelled()
            began = time.monotonic()
            try:
                tail = await self._load()
                trouble = ""
                if not await self._follow(tail):
                    self._tail = None
            except (UnreachableError, OSError, nats.errors.Error) as error:
                self._tail = None
                if str(error) != trouble:  # logged once, however long it takes
                    log.warning("Cannot follow %s: %s Trying again.", self._stream, error)
                trouble = str(error)
                began = time.monotonic()
            if time.monotonic() - began < _RETRY_SECONDS:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _load(self) -> Tail:
        """Read to the end of the stream, from the beginning if necessary."""
        info = await self._connection.jetstream_request(f"STREAM.INFO.{self._stream}")
        created, last_sequence = info["created"], info["state"]["last_seq"]
        if self._created not in ("", created):
            log.warning("The stream %s was deleted and made again; reading all of it", self._stream)
        if self._tail is None or created != self._created or last_sequence < self._tail.position:
            self._tail = Tail(self._connection, self._stream, self._subjects, self._known.take)
            self._known.begin_load()
        self._created = created
        self._check_at, self._differed = time.monotonic() + _CHECK_SECONDS, False
        await self._tail.read_to(last_sequence)
        if not self._known.end_load():
            await self._compare()
        return self._tail

    async def _follow(self, tail: Tail) -> bool:
        """Follow until it is time for another try; False if everything has to be read again first."""
        if self._wants_consumer:
            consumer = Consumer(self._connection, self._stream, self._subjects, tail.position, self._known.take)
            try:
                await consumer.run(self._is_whole)
                self._without = None
                return False
            except NoConsumerError as error:
                if error.code != self._without:
                    log.warning("%s", error)
                self._without = error.code
        until = time.monotonic() + _POLLING_SECONDS
        while await self._is_whole():
            if time.monotonic() > until:
                return True
            await asyncio.sleep(_LOOK_SECONDS)
            raise_if_cancelled()
            await tail.read()
        return False

    async def _is_whole(self) -> bool:
        """False if everything has to be read again; checks only when it is time to. Raises as a request does."""
        if time.monotonic() < self._check_at:
            return True
        info = await self._connection.jetstream_request(f"STREAM.INFO.{self._stream}")
        if info["created"] != self._created:
            return False
        keys = 0
        for subjects in self._subjects:
            # Counting takes the leader ten times as long.
            count = await count_messages(self._connection, self._stream, subjects)
            keys += await count_subjects(self._connection, self._stream, subjects) if count is None else count
        fits = keys == len(self._known)
        if not fits and self._differed:
            self._check_at = time.monotonic() + _CHECK_SECONDS
            return await self._compare()
        self._differed = not fits
        self._check_at = time.monotonic() + (_CHECK_SECONDS if fits else _AGAIN_SECONDS)
        return True

    async def _compare(self) -> bool:
        """Compare by name; False if there is something that was not reported."""
        return self._known.compare(await list_subjects(self._connection, self._stream, *self._subjects))
