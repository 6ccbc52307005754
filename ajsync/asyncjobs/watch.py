"""Follow keys of a stream live: what is there first, then each change, without a gap, whatever happens to the server.

An ordered consumer of its own: when a message is missing, a heartbeat fails to come, the connection was lost or the
stream was purged or made anew, everything is listed again and compared with what is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import nats.errors
from nats.aio.msg import Msg

from ajsync.asyncjobs.connection import Connection
from ajsync.asyncjobs.delivery import delivery, is_deletion
from ajsync.asyncjobs.names import CONSUMER_MARK
from ajsync.asyncjobs.waiting import raise_if_cancelled, set_within
from ajsync.errors import UnreachableError

log = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 1.0
_SILENCE_SECONDS = 3.0
"""Without a message or a heartbeat for so long the consumer counts as gone."""
_TICK_SECONDS = 0.5
_CHECK_SECONDS = 5.0
"""How often to see whether the stream is still the same: a consumer on one that was deleted says nothing."""
_RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """A change of one key."""

    subject: str
    revision: int
    stored_at: int
    """Nanoseconds since 1970, by the server's clock."""
    data: bytes | None
    """None where it was deleted, or has vanished with its stream."""
    initial: bool
    """It was there before the watch was."""


class Watch:
    """Calls `on_seen` for each key that matches `subjects`, and for each change of it, once."""

    def __init__(
        self, connection: Connection, stream: str, subjects: Sequence[str], on_seen: Callable[[Seen], None]
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._subjects = list(subjects)
        self._on_seen = on_seen
        self._known: dict[str, tuple[int, int]] = {}
        """Subject → revision and time of what was seen and is not deleted: a stream made anew counts from 1 again."""
        self.loaded = asyncio.Event()
        """Set once everything that is there has been seen."""

    async def run(self) -> None:
        """Watch until cancelled."""
        created = trouble = ""
        while True:
            raise_if_cancelled()
            try:
                info = await self._connection.jetstream_request(f"STREAM.INFO.{self._stream}")
                if created and info["created"] != created:
                    log.warning("The stream %s was made anew; listing it again", self._stream)
                created, trouble = info["created"], ""
                began = time.monotonic()
                await _Pass(self, created).run()
                if time.monotonic() - began < _RETRY_SECONDS:
                    await asyncio.sleep(_RETRY_SECONDS)
            except (UnreachableError, OSError, nats.errors.Error) as error:
                if str(error) != trouble:  # once, however long it takes
                    log.warning("Cannot follow %s: %s Trying again.", self._stream, error)
                trouble = str(error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _take(self, seen: Seen) -> None:
        version = (seen.revision, seen.stored_at)
        if self._known.get(seen.subject) == version:
            return
        if seen.data is None:
            if self._known.pop(seen.subject, None) is None:
                return  # a delete marker of something that was never known
        else:
            self._known[seen.subject] = version
        self._on_seen(seen)

    def _vanish(self, present: set[str]) -> None:
        """What is known and was not listed is gone, with its stream or by a purge."""
        now = time.time_ns()
        for subject in [subject for subject in self._known if subject not in present]:
            self._take(Seen(subject, 0, now, None, initial=False))
        self.loaded.set()


class _Pass:
    """One consumer, from its making until something goes wrong with it."""

    def __init__(self, watch: Watch, created: str) -> None:
        self._watch = watch
        self._connection = watch._connection
        self._created = created
        self._consumer = ""
        self._sequence = 0
        self._present: set[str] | None = set()
        """The subjects listed so far; None once the listing is whole."""
        self._heard = time.monotonic()
        self._purged = False
        """Something known was not there at the last check; once only may be a change on its way to us."""
        self._broken = asyncio.Event()

    async def run(self) -> None:
        client = self._connection.client
        inbox = client.new_inbox()
        reconnects = client.stats["reconnects"]
        subscription = await client.subscribe(inbox, cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1)
        try:
            await self._create(inbox)
            checked = time.monotonic()
            while not self._broken.is_set():
                raise_if_cancelled()
                now = time.monotonic()
                if now - self._heard > _SILENCE_SECONDS or client.stats["reconnects"] != reconnects:
                    return
                if now - checked > _CHECK_SECONDS:
                    checked = now
                    if not await self._is_whole():
                        return
                await set_within(self._broken, _TICK_SECONDS)
        finally:
            self._broken.set()  # what still comes is the next pass' matter, which lists it
            if not client.is_closed:
                await subscription.unsubscribe()
                subject = f"{self._connection.api_prefix}CONSUMER.DELETE.{self._watch._stream}.{self._consumer}"
                if client.is_connected and self._consumer:
                    await client.publish(subject, b"")

    async def _is_whole(self) -> bool:
        """Whether the stream is the same still, and has not been purged, which a consumer does not hear of."""
        info = await self._connection.jetstream_request(f"STREAM.INFO.{self._watch._stream}")
        if info["created"] != self._created:
            return False
        oldest = min((revision for revision, _ in self._watch._known.values()), default=info["state"]["first_seq"])
        purged, self._purged = self._purged, oldest < info["state"]["first_seq"]
        return not (purged and self._purged)

    async def _create(self, inbox: str) -> None:
        stream = self._watch._stream
        name = f"ajsync-{inbox.rpartition('.')[2]}"
        info = await self._connection.jetstream_request(
            f"CONSUMER.CREATE.{stream}.{name}",
            {
                "stream_name": stream,
                "action": "create",
                "config": {
                    "name": name,
                    "description": f"{CONSUMER_MARK} watch",
                    "deliver_subject": inbox,
                    "deliver_policy": "last_per_subject",
                    "ack_policy": "none",
                    "max_deliver": 1,
                    "filter_subjects": self._watch._subjects,
                    "flow_control": True,
                    "idle_heartbeat": int(_HEARTBEAT_SECONDS * 1e9),
                    "inactive_threshold": 5_000_000_000,
                    "num_replicas": 1,
                    "mem_storage": True,
                },
            },
        )
        self._consumer = name
        # Messages may have come before this answer; with none to come the listing is whole now.
        if info["num_pending"] == 0 and info["delivered"]["consumer_seq"] == 0:
            self._listed()

    async def _receive(self, msg: Msg) -> None:
        self._heard = time.monotonic()
        if not msg.reply.startswith("$JS.ACK."):
            await self._control(msg)
            return
        revision, sequence, stored_at, pending = delivery(msg.reply)
        if self._broken.is_set() or sequence != self._sequence + 1:
            self._broken.set()
            return
        self._sequence = sequence
        deleted = is_deletion(msg.headers)
        initial = self._present is not None
        if self._present is not None and not deleted:
            self._present.add(msg.subject)
        data = None if deleted else msg.data
        self._watch._take(Seen(msg.subject, revision, stored_at, data, initial and not self._watch.loaded.is_set()))
        if pending == 0 and initial:
            self._listed()

    async def _control(self, msg: Msg) -> None:
        """A heartbeat, which says what we should have got, or a question whether we can take more."""
        headers = msg.headers or {}
        last = headers.get("Nats-Last-Consumer")
        stalled = headers.get("Nats-Consumer-Stalled")
        if last is not None and int(last) != self._sequence:
            self._broken.set()
        elif last is not None and not stalled and self._present is not None:
            # It is idle, and yet less came than was to come: the stream was purged meanwhile.
            self._broken.set()
        answer = stalled or msg.reply
        if answer:
            await self._connection.client.publish(answer, b"")

    def _listed(self) -> None:
        if self._present is not None:
            present, self._present = self._present, None
            self._watch._vanish(present)
