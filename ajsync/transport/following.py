"""One ordered consumer of a watch, from its making until something goes wrong with it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from nats.aio.msg import Msg

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.checking import Check
from ajsync.transport.connection import Connection
from ajsync.transport.errors import UNAVAILABLE, JetStreamError, StreamNotFoundError, TooManyConsumersError
from ajsync.transport.known import Known
from ajsync.transport.messages import delivery, is_deletion, last_message
from ajsync.waiting import first_of, raise_if_cancelled

CONSUMER_MARK = "ajsync"
"""How the description of each consumer of ours begins, so that it is not taken for that of a Go scheduler."""
_HEARTBEAT_SECONDS = 1.0
_SILENCE_SECONDS = 3.0
"""Without a message or a heartbeat for so long the consumer counts as gone."""
_TICK_SECONDS = 0.5
_IN_A_ROW = 100


class NoConsumerError(UnreachableError):
    """The server does not let us have a consumer; says why, and what to do."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """JetStream's own, 0 for a missing permission: consumers have random names, which the message tells."""


class Following:
    """Tells `known` of each key that matches `subjects`, and of each change."""

    def __init__(
        self, connection: Connection, stream: str, subjects: Sequence[str], known: Known, check: Check
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._known = known
        self._check = check
        self._consumer = ""
        self._sequence = 0
        self._last_listed = 0
        """The newest that was there before the consumer was: once it was told, or something newer, all that was there
        and did not change was told. What the consumer says is still to come is too little while others write."""
        self._heard = time.monotonic()
        self._to_compare = asyncio.Event()
        """Everything was listed, and something that is known was not met."""
        self._broken = asyncio.Event()

    async def run(self) -> None:
        """Follow until everything has to be listed again. Raises NoConsumerError, and as a request does."""
        client = self._connection.client
        for subject in self._subjects:
            newest = await last_message(self._connection, self._stream, subject)
            self._last_listed = max(self._last_listed, newest.revision if newest is not None else 0)
        inbox = client.new_inbox()
        generation = self._connection.generation
        self._known.begin_listing()
        subscription = await client.subscribe(inbox, cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            await self._create(inbox)
            if not self._last_listed and self._known.listing:
                self._end_listing()
            while not self._broken.is_set():
                raise_if_cancelled()
                is_silent = time.monotonic() - self._heard > _SILENCE_SECONDS
                if is_silent or self._connection.generation != generation:
                    return
                if self._to_compare.is_set():
                    await self._check.compare()
                    self._to_compare.clear()
                elif not await self._check.is_whole():
                    return
                await first_of(self._broken, self._to_compare, timeout=_TICK_SECONDS)
        finally:
            self._broken.set()  # what still comes is the next pass' matter, which lists it
            if not client.is_closed:
                await subscription.unsubscribe()
                subject = f"{self._connection.api_prefix}CONSUMER.DELETE.{self._stream}.{self._consumer}"
                if client.is_connected and self._consumer:
                    await client.publish(subject, b"")

    async def _create(self, inbox: str) -> None:
        name = f"ajsync-{inbox.rpartition('.')[2]}"
        config = {
            "name": name,
            "description": f"{CONSUMER_MARK} watch",
            "deliver_subject": inbox,
            "deliver_policy": "last_per_subject",
            "ack_policy": "none",
            "max_deliver": 1,
            "filter_subjects": self._subjects,
            "flow_control": True,
            "idle_heartbeat": int(_HEARTBEAT_SECONDS * 1e9),
            "inactive_threshold": 5_000_000_000,
            "num_replicas": 1,
            "mem_storage": True,
        }
        body = {"stream_name": self._stream, "action": "create", "config": config}
        try:
            await self._connection.jetstream_request(f"CONSUMER.CREATE.{self._stream}.{name}", body)
        except NotPermittedError as error:
            raise NoConsumerError(self._without(str(error)), 0) from None
        except JetStreamError as error:
            if isinstance(error, StreamNotFoundError) or error.code == UNAVAILABLE:
                raise
            remedy = ""
            if isinstance(error, TooManyConsumersError):
                remedy = (
                    f" Somebody has made all the consumers that {self._stream} may have: 'nats consumer ls "
                    f"{self._stream}' shows them, 'nats consumer rm' deletes one. The page 'Permissions' of the "
                    "documentation says how to keep them few."
                )
            raise NoConsumerError(self._without(f"{error}{remedy}"), error.err_code) from None
        self._consumer = name

    def _without(self, reason: str) -> str:
        return (
            f"Cannot follow {self._stream} by a consumer, and looks at it twice a second instead, which takes more of "
            f"the server: {reason} A consumer is asked for again every 30 s."
        )

    async def _receive(self, msg: Msg) -> None:
        self._heard = time.monotonic()
        if not msg.reply.startswith("$JS.ACK."):
            await self._control(msg)
            return
        revision, sequence, stored_at, _ = delivery(msg.reply)
        if self._broken.is_set() or sequence != self._sequence + 1:
            self._broken.set()
            return
        self._sequence = sequence
        self._known.take(msg.subject, revision, stored_at, None if is_deletion(msg.headers) else msg.data)
        if self._known.listing and revision >= self._last_listed:
            self._end_listing()
        if sequence % _IN_A_ROW == 0:  # where ten thousand come at once, others have their turn in between
            await asyncio.sleep(0)

    async def _control(self, msg: Msg) -> None:
        """A heartbeat, which says what we should have got, or a question whether we can take more."""
        headers = msg.headers or {}
        last = headers.get("Nats-Last-Consumer")
        stalled = headers.get("Nats-Consumer-Stalled")
        if last is not None and int(last) != self._sequence:
            self._broken.set()
        elif last is not None and not stalled and self._is_short:
            # It is idle, and yet less came than was to come: the stream was purged meanwhile.
            self._broken.set()
        answer = stalled or msg.reply
        if answer:
            await self._connection.client.publish(answer, b"")

    @property
    def _is_short(self) -> bool:
        return self._known.listing and not self._to_compare.is_set()

    def _end_listing(self) -> None:
        if not self._known.end_listing():
            self._to_compare.set()
