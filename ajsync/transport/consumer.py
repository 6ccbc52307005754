"""An ordered consumer: the server pushes the messages of a stream after a sequence, until one is missing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from nats.aio.msg import Msg

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.connection import Connection
from ajsync.transport.errors import UNAVAILABLE, JetStreamError, StreamNotFoundError, TooManyConsumersError
from ajsync.transport.messages import Take, is_deletion
from ajsync.waiting import raise_if_cancelled, set_within

CONSUMER_MARK = "ajsync"
"""The beginning of the description of each consumer of ajsync, so that none is mistaken for a Go scheduler's."""
_SILENCE_SECONDS = 3.0
"""After this long without a message or a heartbeat the consumer counts as gone."""
_TICK_SECONDS = 0.5
_IN_A_ROW = 100
"""How many messages are taken before other tasks get a turn, because ten thousand may come at once."""


class NoConsumerError(UnreachableError):
    """The server does not let us have a consumer; the message says why, and what to do."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
        """JetStream's error code; 0 for a missing permission, whose message differs each time because it names the
        consumer."""


class Consumer:
    """Gives `take` the messages after the sequence `after` that match one of `subjects`, in their order."""

    def __init__(self, connection: Connection, stream: str, subjects: Sequence[str], after: int, take: Take) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._after = after
        self._take = take
        self._name = ""
        self._sequence = 0
        """How many messages have come; the consumer numbers them from 1."""
        self._heard = 0.0
        self._broken = asyncio.Event()

    async def run(self, is_whole: Callable[[], Awaitable[bool]]) -> None:
        """Take messages until one may have been missed, or until `is_whole`, which is called regularly, returns False.

        Raises NoConsumerError, and the errors of a request.
        """
        client = self._connection.client
        inbox = client.new_inbox()
        generation = self._connection.generation
        subscription = await client.subscribe(inbox, cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            await self._create(inbox)
            self._heard = time.monotonic()
            while not await set_within(self._broken, _TICK_SECONDS):
                raise_if_cancelled()
                is_silent = time.monotonic() - self._heard > _SILENCE_SECONDS
                if is_silent or self._connection.generation != generation or not await is_whole():
                    return
        finally:
            self._broken.set()  # later messages will be read again
            if not client.is_closed:
                await subscription.unsubscribe()
                if client.is_connected and self._name:
                    await client.publish(f"{self._connection.api_prefix}CONSUMER.DELETE.{self._stream}.{self._name}")

    async def _create(self, inbox: str) -> None:
        name = f"ajsync-{inbox.rpartition('.')[2]}"
        config = {
            "name": name,
            "description": f"{CONSUMER_MARK} watch",
            "deliver_subject": inbox,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._after + 1,
            "ack_policy": "none",
            "max_deliver": 1,
            "filter_subjects": self._subjects,
            "flow_control": True,
            "idle_heartbeat": 1_000_000_000,
            "inactive_threshold": 5_000_000_000,
            "num_replicas": 1,
            "mem_storage": True,
        }
        body = {"stream_name": self._stream, "action": "create", "config": config}
        try:
            await self._connection.jetstream_request(f"CONSUMER.CREATE.{self._stream}.{name}", body)
        except (NotPermittedError, JetStreamError) as error:
            refused = error if isinstance(error, JetStreamError) else None
            if isinstance(error, StreamNotFoundError) or (refused and refused.code == UNAVAILABLE):
                raise
            remedy = ""
            if isinstance(error, TooManyConsumersError):
                remedy = (
                    f" {self._stream} has as many consumers as it may have: 'nats consumer ls {self._stream}' shows "
                    "them, 'nats consumer rm' deletes one. The page 'Permissions' of the documentation says how to "
                    "keep their number low."
                )
            raise NoConsumerError(
                f"Cannot follow {self._stream} with a consumer: {error}{remedy} It is checked twice a second instead, "
                "which costs the server more, and a consumer is asked for again every 30 s.",
                refused.err_code if refused else 0,
            ) from None
        self._name = name

    async def _receive(self, msg: Msg) -> None:
        self._heard = time.monotonic()
        if not msg.reply.startswith("$JS.ACK."):
            # This is a heartbeat, which says how many messages should have come, or asks whether we can take more.
            headers = msg.headers or {}
            if int(headers.get("Nats-Last-Consumer", self._sequence)) != self._sequence:
                self._broken.set()
            if answer := headers.get("Nats-Consumer-Stalled") or msg.reply:
                await self._connection.client.publish(answer)
            return
        revision, sequence, stored_at = delivery(msg.reply)
        if self._broken.is_set() or sequence != self._sequence + 1:
            self._broken.set()
            return
        self._sequence = sequence
        if revision > self._after:  # a consumer on a lagging replica begins earlier
            self._take(msg.subject, revision, stored_at, None if is_deletion(msg.headers) else msg.data)
        if sequence % _IN_A_ROW == 0:
            await asyncio.sleep(0)


def delivery(reply: str) -> tuple[int, int, int]:
    """The content of a message's reply subject: its stream sequence, its consumer sequence, and when it was stored.

    It is `$JS.ACK.STREAM.CONSUMER.DELIVERED.`, these three and the number of messages to come. If the server names the
    domain and the account, it begins with `$JS.ACK.DOMAIN.ACCOUNT.STREAM.`, and may end with a random token.
    """
    tokens = reply.split(".")
    first = 5 if len(tokens) == 9 else 7
    revision, sequence, stored_at = map(int, tokens[first : first + 3])
    return revision, sequence, stored_at
