"""Read on from a position in a stream that keeps one message for each subject, without a consumer.

The values come from direct gets, or from the leader if those fail. Any replica may answer a direct get, even one that
lags, so the leader says whether that is all (docs/decisions/0009-reads-without-consumers.md).
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence

from ajsync.transport.connection import Connection
from ajsync.transport.leader import last_messages, list_subjects
from ajsync.transport.messages import LastMessage, Take, get_message
from ajsync.transport.subjects import covering, matches
from ajsync.transport.walk import NoWalkError, Walk

_log = logging.getLogger(__name__)

_LAG_SECONDS = 3.0
"""A healthy replica lags behind the leader by less than this."""
_LAG_PAUSE_SECONDS = 0.01


class Tail:
    """Reads the messages of a stream beyond a position, in the stream's order, as `tail -f` reads a file.

    `take` gets each message that matches one of `subjects`. A read of the whole stream, a watch that loads it and a
    watch without a consumer all read this way.
    """

    def __init__(self, connection: Connection, stream: str, subjects: Sequence[str], take: Take) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._covering = covering(subjects)
        """One walk over all subjects, because the order of keys of different kinds also matters."""
        self._take = take
        self._walk = Walk(connection, stream, self._covering, take if len(subjects) == 1 else self._take_wanted)
        self._walks = True
        """Whether to walk; False after the server has refused a walk."""

    @property
    def position(self) -> int:
        """Everything up to this sequence was taken, or was replaced by something beyond it."""
        return self._walk.position

    async def read(self) -> None:
        """Take the messages beyond the position, as far as the answering server knows them. Raises as a request
        does."""
        if not await self._walk_to_end():
            await self._read_from_leader(math.inf)

    async def read_to(self, sequence: int) -> None:
        """Take all messages up to a sequence that the leader has named, and maybe more. Raises as a request does."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _LAG_SECONDS
        while await self._walk_to_end():
            if self.position >= sequence or await self._next() is None:
                return
            if loop.time() > deadline:
                _log.info("reading %s key by key: a replica lags behind its leader", self._stream)
                await self._list()
                return
            await asyncio.sleep(_LAG_PAUSE_SECONDS)
        await self._read_from_leader(sequence)

    async def is_at(self, last_sequence: int) -> bool:
        """Whether nothing is left to take, given the sequence of the leader's last message."""
        return last_sequence == self.position or (last_sequence > self.position and await self._next() is None)

    async def _walk_to_end(self) -> bool:
        if self._walks:
            try:
                await self._walk.to_end()
            except NoWalkError as error:
                _log.info("reading %s key by key: %s", self._stream, error)
                self._walks = False
        return self._walks

    async def _read_from_leader(self, sequence: float) -> None:
        if not self.position:
            await self._list()
        while self.position < sequence and (message := await self._next()) is not None:
            self._take_message(message)
            self._walk.position = message.revision

    async def _list(self) -> None:
        """Take everything: list the subjects, then read many of their messages at a time."""
        listing = await list_subjects(self._connection, self._stream, *self._subjects)
        found = await last_messages(self._connection, self._stream, [*listing.subjects])
        for message in sorted(found.values(), key=lambda message: message.revision):
            self._take_message(message)
        self._walk.position = listing.last_sequence

    async def _next(self) -> LastMessage | None:
        """The next message, according to the leader."""
        request = {"seq": self.position + 1, "next_by_subj": self._covering}
        return await get_message(self._connection, self._stream, request)

    def _take_message(self, message: LastMessage) -> None:
        self._take_wanted(message.subject, message.revision, message.stored_at, message.value)

    def _take_wanted(self, subject: str, revision: int, stored_at: int, value: bytes | None) -> None:
        if any(matches(pattern, subject) for pattern in self._subjects):
            self._take(subject, revision, stored_at, value)
