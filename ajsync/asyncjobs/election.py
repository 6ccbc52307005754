"""The election of all schedulers of an account, including Go's: one key, which expires unless it is refreshed.

This module has its operations on the wire (docs/reference/wire.md, "The election"); the scheduler decides when to use
them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from ajsync.asyncjobs.events import LEADER_ELECTION_SUBJECT, leader_elected_event
from ajsync.asyncjobs.names import (
    ELECTION_HEADER,
    ELECTIONS_STREAM,
    ELECTIONS_SUBJECT,
    LONGEST_NAME,
    SCHEDULER_ELECTION,
)
from ajsync.transport.connection import REQUEST_SECONDS, Connection
from ajsync.transport.messages import LastMessage, last_message
from ajsync.transport.publisher import Write, publish_one

ELECTION_SUBJECT = f"{ELECTIONS_SUBJECT}{SCHEDULER_ELECTION}"
TTL_SECONDS = 10.0
"""How long after its last refresh the key expires."""
GO_CAMPAIGN_SECONDS = 7.5
"""How often a Go scheduler campaigns. It fires after its second success, when the previous leader has stepped down."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds the key."""

    holder: str | None
    """The scheduler that holds it; None if it was never taken, has expired, or was given back."""
    revision: int
    """The revision of the key's last message, which a write has to expect; 0 if there is none."""
    given_back: bool = False
    """Whether the last holder deleted the key, which only a scheduler of ajsync does."""
    since: int | None = None
    """The revision after which every write of the key was one of ajsync's; None if the last one was not."""


class Election:
    """The key of the election, on one connection."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def read(self, *, timeout: float = REQUEST_SECONDS) -> Lease:
        """Who holds the key now, according to the stream's leader."""
        message = await last_message(self._connection, ELECTIONS_STREAM, ELECTION_SUBJECT, timeout=timeout)
        if message is None:
            return Lease(None, 0)
        since = _read_since(message)
        if message.deleted:  # by a client, or by the server, if the bucket keeps markers
            return Lease(None, message.revision, given_back=not message.expired, since=since)
        return Lease(holder_name(message.data), message.revision, since=since)

    async def last_revision(self) -> int:
        """The revision of the last write to the whole bucket, expired or not; 0 if there never was one."""
        info = await self._connection.jetstream_request(f"STREAM.INFO.{ELECTIONS_STREAM}")
        revision: int = info["state"]["last_seq"]
        return revision

    async def take(self, revision: int, since: int, *, timeout: float) -> int | None:
        """Take or refresh the key: write our name if it is still at `revision`. Returns the new revision, or None if it
        is not.

        The write says that all writes after the revision `since` were ajsync's.

        Raises UnreachableError without a clear answer within `timeout` seconds.
        """
        return await self._store(self._name.encode(), {ELECTION_HEADER: str(since)}, revision, timeout)

    async def give_back(self, revision: int, since: int, *, timeout: float) -> bool:
        """Delete the key if it is still at `revision`, so that a stand-by can take it at once; `since` as in `take`."""
        headers = {"KV-Operation": "DEL", ELECTION_HEADER: str(since)}
        return await self._store(b"", headers, revision, timeout) is not None

    async def announce(self) -> None:
        """Publish that we lead."""
        event = leader_elected_event(self._name, int(time.time()))
        await self._connection.client.publish(LEADER_ELECTION_SUBJECT, event)

    async def _store(self, data: bytes, headers: dict[str, str], revision: int, timeout: float) -> int | None:
        expected = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
        subject = f"{self._connection.publish_prefix}{ELECTION_SUBJECT}"
        answer = await publish_one(self._connection, Write(subject, data, {**headers, **expected}), timeout=timeout)
        return None if answer.conflict else answer.sequence


def holder_name(data: bytes) -> str:
    """The holder of an election, from the value of its key, which any client may have written; shortened if too
    long."""
    name = data.decode("utf-8", "replace")
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def _read_since(message: LastMessage) -> int | None:
    try:
        since = int(message.headers[ELECTION_HEADER])
    except (KeyError, ValueError):
        return None
    return since if 0 <= since < message.revision else None
