"""Firing: write prepared fires, and see each through to its last acknowledgement.

Of one fire, in this order: the task, its ack, the event, the work item, its ack. Many fires are under way at once.
Every message can be written again without harm, so whatever is not acknowledged is.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ajsync.asyncjobs.connection import Connection
from ajsync.asyncjobs.events import task_state_event_prefix
from ajsync.asyncjobs.frames import header_block, store_frame, write_frames
from ajsync.asyncjobs.ids import new_id
from ajsync.asyncjobs.publisher import WRONG_SEQUENCE
from ajsync.asyncjobs.streams import TASKS_STREAM, last_message
from ajsync.asyncjobs.tasks import NEW, QUEUE_ERROR, decode_task, encode_task, task_subject
from ajsync.asyncjobs.timestamp import NANOSECONDS
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.scheduler.agenda import Fire
from ajsync.scheduler.prepare import Prepared

log = logging.getLogger(__name__)

WINDOW = 1000
"""Fires under way at once: more gains nothing, and a lost connection leaves this many to be written again."""
ACK_SECONDS = 3.0
"""Silence after which a message is written again."""
_FIRST_BACK_OFF_SECONDS = 0.25
_LONGEST_BACK_OFF_SECONDS = 5.0
_TICK_SECONDS = 0.25
_WRITE_BYTES = 256 * 1024
_REPEATED_ITEM_AFTER = 100 * NANOSECONDS
"""A queue recognises a repeated work item for two minutes."""
_NO_RESPONDERS = "nats: no responders available for request"
"""What the Go tool stores as the error when a queue does not exist."""

State = Literal["created", "repaired", "exists", "queue_error", "missed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a fire."""

    prepared: Prepared
    state: State
    lateness: int
    """Nanoseconds from the due instant to the task's ack; 0 where the task was there already or was never made."""
    detail: str = ""


class _Flight:
    """A fire under way."""

    __slots__ = ("attempts", "existed", "lateness", "prepared", "sent_at", "sequence", "stage")

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.stage: Literal["t", "i", "m"] = "t"
        """What is to be acknowledged: the task, the work item, or the mark that its queue is missing."""
        self.sent_at = 0.0
        self.attempts = 0
        self.existed = False
        self.sequence = 0
        self.lateness = 0


class Firing:
    """Writes fires on one connection; each ends in an outcome, unless it is abandoned before."""

    def __init__(
        self,
        connection: Connection,
        on_settled: Callable[[list[Outcome]], None],
        *,
        give_up_after: int,
        on_retry: Callable[[int], None] = lambda _count: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """A fire that is late by more than `give_up_after` nanoseconds, or past its deadline, is not tried again."""
        self.inbox: str = connection.client.new_inbox()
        """Where the acknowledgements of what a `Preparer` makes have to go."""
        self._connection = connection
        self._on_settled = on_settled
        self._on_retry = on_retry
        self._give_up_after = give_up_after
        self._clock = clock
        self._queue: deque[_Flight] = deque()
        self._sent: dict[int, _Flight] = {}
        self._later: list[tuple[float, int, _Flight]] = []
        self._out: list[bytes] = []
        self._outcomes: list[Outcome] = []
        self._writing = asyncio.Event()
        self._delivering = False
        self._reconnects = 0
        self._complained: dict[str, float] = {}
        self._checks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        """How many fires are not settled."""
        return len(self._queue) + len(self._sent) + len(self._later)

    async def run(self) -> None:
        """Write and listen until cancelled."""
        client = self._connection.client
        self._reconnects = client.stats["reconnects"]
        subscription: Subscription = await client.subscribe(
            f"{self.inbox}.*.*", cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._write())
                group.create_task(self._mind())
        finally:
            if not client.is_closed:
                with suppress(Exception):
                    await subscription.unsubscribe()

    def start(self, fires: Iterable[Prepared]) -> None:
        """Begin to fire."""
        self._queue.extend(map(_Flight, fires))
        self._fill()

    def unsettled(self) -> Iterator[Fire]:
        """The fires that have no outcome yet."""
        for flight in (*self._queue, *self._sent.values(), *(item[2] for item in self._later)):
            yield flight.prepared.fire

    def abandon(self) -> list[Fire]:
        """Stop caring for everything under way, and return it."""
        fires = list(self.unsettled())
        self._queue.clear()
        self._sent.clear()
        self._later.clear()
        self._out.clear()
        return fires

    async def drain(self, timeout: float) -> bool:
        """Wait until everything under way is settled; False if it is not within `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while self._queue or self._sent:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.005)
        return not self._later

    def _fill(self) -> None:
        now = time.monotonic()
        while self._queue and len(self._sent) < WINDOW:
            self._send(self._queue.popleft(), now)

    def _send(self, flight: _Flight, now: float) -> None:
        prepared = flight.prepared
        flight.sent_at = now
        flight.attempts += 1
        self._sent[prepared.serial] = flight
        if flight.stage == "t":
            self._out.append(prepared.task_frame)
        elif flight.stage == "i":
            self._out.append(prepared.item_frame)
        else:
            self._out.append(self._mark_frame(flight))
        self._writing.set()

    async def _receive(self, msg: Msg) -> None:
        _, kind, serial = msg.subject.rsplit(".", 2)
        flight = self._sent.get(int(serial))
        if flight is None or flight.stage != kind:
            return  # of a fire that was written twice, or abandoned
        data = msg.data
        if not data:
            self._refused(flight, "nobody takes it", missing=(msg.headers or {}).get("Status") == "503")
        elif b'"error"' in data:
            error = json.loads(data)["error"]
            if kind == "t" and error.get("err_code") in WRONG_SEQUENCE:
                self._task_stored(flight, data, new=False)
            else:
                self._refused(flight, error.get("description", "unknown error"))
        elif kind == "t":
            self._task_stored(flight, data, new=b'"duplicate"' not in data)
        elif kind == "i":
            new = b'"duplicate"' not in data
            self._settle(flight, "created" if not flight.existed else "repaired" if new else "exists")
        else:
            self._settle(flight, "queue_error", _NO_RESPONDERS)

    def _task_stored(self, flight: _Flight, data: bytes, *, new: bool) -> None:
        prepared = flight.prepared
        # What was written twice may find its own first writing, whose ack was lost and whose event was never sent.
        if new or flight.attempts > 1:
            age = flight.lateness = self._clock() - prepared.fire.due
            self._out.append(_event_frame(prepared.event_prefix, prepared.event_body, age))
        if new:
            flight.sequence = json.loads(data)["seq"]
        else:
            flight.existed = True
            if self._clock() - prepared.fire.due > _REPEATED_ITEM_AFTER:
                self._look_at(flight)
                return
        self._send_item(flight)

    def _look_at(self, flight: _Flight) -> None:
        """Send the work item of an old task only if nobody has handled that.

        The queue forgets the item's id after two minutes, and a worker would run again what was terminated.
        """
        check = asyncio.create_task(self._look(flight))
        self._checks.add(check)
        check.add_done_callback(self._checks.discard)

    async def _look(self, flight: _Flight) -> None:
        task_id = flight.prepared.task.id
        try:
            message = await last_message(self._connection, TASKS_STREAM, task_subject(task_id))
            state = decode_task(message.data).state if message is not None else NEW
        except (UnreachableError, StoredValueError) as error:
            if flight.prepared.serial in self._sent:
                self._refused(flight, str(error))
            return
        if self._sent.get(flight.prepared.serial) is not flight:
            return  # abandoned meanwhile
        if state == NEW:
            self._send_item(flight)
        else:
            self._settle(flight, "exists")

    def _send_item(self, flight: _Flight) -> None:
        prepared = flight.prepared
        flight.stage = "i"
        flight.sent_at = time.monotonic()
        self._out.append(prepared.item_frame)
        self._writing.set()

    def _refused(self, flight: _Flight, reason: str, *, missing: bool = False) -> None:
        task = flight.prepared.task
        if missing and flight.stage == "i":
            name = flight.prepared.fire.task.name
            self._complain(f"The queue {task.queue} does not exist: {name} made a task in vain")
            if flight.existed or not flight.sequence:
                self._settle(flight, "queue_error", _NO_RESPONDERS)
                return
            flight.stage = "m"
            self._send(flight, time.monotonic())
            return
        del self._sent[flight.prepared.serial]
        what = {"t": "the task", "i": "the work item", "m": "the mark"}[flight.stage]
        self._complain(f"{what} of {flight.prepared.fire.task.name} was not stored: {reason}; trying again")
        wait = min(_FIRST_BACK_OFF_SECONDS * 2 ** min(flight.attempts, 10), _LONGEST_BACK_OFF_SECONDS)
        heapq.heappush(self._later, (time.monotonic() + wait, flight.prepared.serial, flight))
        self._on_retry(1)
        self._fill()

    def _mark_frame(self, flight: _Flight) -> bytes:
        """The task once more, as one that could not be enqueued, and the event that says so."""
        task = replace(flight.prepared.task, state=QUEUE_ERROR, last_err=_NO_RESPONDERS)
        headers = header_block({"Nats-Expected-Last-Subject-Sequence": str(flight.sequence)})
        body = task_state_event_prefix(task, new_id(self._clock() // NANOSECONDS))
        event = _event_frame(flight.prepared.event_prefix, body, self._clock() - flight.prepared.fire.due)
        reply = f"{self.inbox}.m.{flight.prepared.serial}"
        return store_frame(task_subject(task.id), reply, headers, encode_task(task)) + event

    def _settle(self, flight: _Flight, state: State, detail: str = "") -> None:
        self._sent.pop(flight.prepared.serial, None)
        self._outcomes.append(Outcome(flight.prepared, state, flight.lateness, detail))
        if not self._delivering:
            self._delivering = True
            asyncio.get_running_loop().call_soon(self._deliver)
        if self._queue and len(self._sent) <= WINDOW // 2:
            self._fill()

    def _deliver(self) -> None:
        self._delivering = False
        outcomes, self._outcomes = self._outcomes, []
        self._on_settled(outcomes)

    async def _write(self) -> None:
        while True:
            await self._writing.wait()
            self._writing.clear()
            frames, self._out = self._out, []
            size = begin = 0
            for end, frame in enumerate(frames, 1):
                size += len(frame)
                if size >= _WRITE_BYTES or end == len(frames):
                    # What is not written now is written again when its ack fails to come.
                    await write_frames(self._connection, frames[begin:end])
                    size, begin = 0, end

    async def _mind(self) -> None:
        """Write again what was not acknowledged, and give up what is too late."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            client = self._connection.client
            now = time.monotonic()
            reconnected = client.stats["reconnects"] != self._reconnects
            self._reconnects = client.stats["reconnects"]
            self._give_up()
            if not client.is_connected:
                continue
            silent = [each for each in self._sent.values() if reconnected or now - each.sent_at > ACK_SECONDS]
            for flight in silent:
                self._explain(flight)
                self._send(flight, now)
            while self._later and self._later[0][0] <= now:
                self._queue.append(heapq.heappop(self._later)[2])
            if silent:
                self._on_retry(len(silent))
            self._fill()

    def _give_up(self) -> None:
        now = self._clock()
        for flight in [*self._sent.values(), *(item[2] for item in self._later)]:
            due, deadline = flight.prepared.fire.due, flight.prepared.task.deadline
            if (deadline and now > deadline) or now - due > self._give_up_after:
                self._later = [item for item in self._later if item[2] is not flight]
                heapq.heapify(self._later)
                self._settle(flight, "missed", "it could not be stored in time")

    def _explain(self, flight: _Flight) -> None:
        for subject in (task_subject(flight.prepared.task.id), f"CHORIA_AJ.Q.{flight.prepared.task.queue}.x"):
            if reason := self._connection.permission_reason(subject):
                self._complain(f"{reason}; trying again")

    def _complain(self, text: str) -> None:
        """Log what may happen a thousand times a second, and say it once in ten seconds."""
        now = time.monotonic()
        if now - self._complained.get(text, -60) > 10:
            self._complained[text] = now
            log.error("%s", text)
        if len(self._complained) > 1000:
            self._complained.clear()


def _event_frame(prefix: bytes, body: bytes, age: int) -> bytes:
    data = b"%b%d}" % (body, age)
    return b"%b%d\r\n%b\r\n" % (prefix, len(data), data)
