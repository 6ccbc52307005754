"""Read a stream that keeps one message for each subject: all of it the first time, then only what has changed."""

from __future__ import annotations

from dataclasses import dataclass, field

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.leader import last_messages, list_subjects
from ajsync.transport.tail import Tail

_ATTEMPTS = 3
_ROUNDS = 3
"""How often to read what was written in the meantime, before unseen keys are asked for by name."""


@dataclass(slots=True)
class Reading:
    """The result of a read."""

    created: str
    """When the stream was made, as the server says."""
    whole: bool
    """Whether it has everything in the stream, and not only what has changed since the previous read."""
    messages: dict[str, tuple[int, bytes | None]] = field(default_factory=dict)
    """Subject → revision and value, None if the message says that the key is gone."""
    gone: set[str] = field(default_factory=set)
    """Subjects that no longer have a message."""

    def take(self, subject: str, revision: int, _stored_at: int, value: bytes | None) -> None:
        """Take the last message of a subject, as far as it is known yet."""
        self.messages[subject] = revision, value


class StreamReader:
    """Reads the last message of each subject that matches `subjects`, which must match the whole stream."""

    def __init__(self, connection: Connection, stream: str, subjects: str) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = subjects
        self._tail: Tail | None = None
        """The tail to read on with; None if everything has to be read."""
        self._known: set[str] = set()
        """The subjects that have a message."""
        self._reading = Reading("", whole=True)

    async def read(self) -> Reading:
        """Read each message that exists throughout the read, or fail; after a failure the next read is a whole one.

        Raises UnreachableError if the stream cannot be read to the end, and as `Connection.jetstream_request`.
        """
        try:
            for _ in range(_ATTEMPTS):
                if await self._read():
                    return self._reading
                self._tail = None
        except BaseException:
            self._tail = None
            raise
        raise UnreachableError(
            f"The stream {self._stream} was deleted and made again while it was read, {_ATTEMPTS} times in a row; "
            "nothing was changed. Find out what deletes it, and try again."
        )

    async def _read(self) -> bool:
        """Read once; False if the stream was replaced by another one during the read.

        If the leader has nothing beyond the tail's position, every key was seen as the leader has it: at its place when
        the walk passed there, or further on, where it moved when it was written. A purged key may have been seen at a
        replica that did not know of the purge yet; the number of keys shows that.
        """
        about = f"STREAM.INFO.{self._stream}"
        info = await self._connection.jetstream_request(about)
        tail = self._tail_of(info["created"], info["state"]["last_seq"])
        for _ in range(_ROUNDS):
            await tail.read_to(info["state"]["last_seq"])
            info = await self._connection.jetstream_request(about)
            if info["created"] != self._reading.created:
                return False
            if await tail.is_at(info["state"]["last_seq"]):
                self._known.update(self._reading.messages)
                if info["state"]["messages"] == len(self._known):
                    return True
                break
        self._known.update(self._reading.messages)
        return await self._settle()

    def _tail_of(self, created: str, last_sequence: int) -> Tail:
        """The tail to read on with; a new one if this is another stream, or has lost messages that were read."""
        if self._tail is None or created != self._reading.created or last_sequence < self._tail.position:
            self._known = set()
            self._tail = Tail(self._connection, self._stream, [self._subjects], self._take)
            self._reading = Reading(created, whole=True)
        else:
            self._reading = Reading(created, whole=False)
        return self._tail

    def _take(self, subject: str, revision: int, stored_at: int, value: bytes | None) -> None:
        self._reading.take(subject, revision, stored_at, value)

    async def _settle(self) -> bool:
        """Compare with the keys by name: add those that were written too often to be seen, and drop the purged ones."""
        listing = await list_subjects(self._connection, self._stream, self._subjects)
        if listing.created != self._reading.created:
            return False
        missing = [subject for subject in listing.subjects if subject not in self._known]
        for message in (await last_messages(self._connection, self._stream, missing)).values():
            self._known.add(message.subject)
            self._reading.messages[message.subject] = message.revision, message.value
        for subject in self._known - listing.subjects:
            self._known.discard(subject)
            self._reading.messages.pop(subject, None)
            self._reading.gone.add(subject)
        return True
