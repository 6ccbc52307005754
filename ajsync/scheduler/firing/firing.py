"""Firing: write prepared fires, and see each through to its last acknowledgement.

Of one fire, in this order: the task, its ack, the event, the work item, its ack. Many fires are under way at once.
Every message can be written again without harm, so whatever is not acknowledged is.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from ajsync.asyncjobs.tasks import NEW, NO_RESPONDERS, task_subject, work_item_subject
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.clock import Clock, Standstill, unfit
from ajsync.scheduler.firing.in_flight import FireOutcome, InFlightFire, Stage, State
from ajsync.scheduler.firing.lookups import Lookups
from ajsync.scheduler.firing.prepare import Prepared
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.errors import WRONG_SEQUENCE
from ajsync.transport.frames import FrameWriter
from ajsync.transport.window import STORED_AT

log = logging.getLogger(__name__)

WINDOW = 1000
"""Fires under way at once: more gains nothing, and a lost connection leaves this many to be written again."""
_ANSWERS_IN_A_ROW = 100
"""After so many others have a turn: those to a full window may come in one go."""
ACK_SECONDS = 3.0
"""Silence after which a fire is put off, so that it does not take up the window."""
_FIRST_BACK_OFF_SECONDS = 0.25
_LONGEST_BACK_OFF_SECONDS = 5.0
_TICK_SECONDS = 0.25
_TOLD_EVERY_SECONDS = 0.01
"""Outcomes are told together that come sooner after others: to record some takes as long as hundreds of them."""
_REPEATED_ITEM_AFTER = 100 * NANOSECONDS
"""A queue recognises a repeated work item for two minutes."""


class Firing:
    """Writes fires on one connection; each ends in an outcome, unless it is abandoned before."""

    def __init__(
        self,
        connection: Connection,
        on_settled: Callable[[list[FireOutcome]], None],
        *,
        give_up_after: int,
        longest_pause: float = math.inf,
        on_retry: Callable[[], None] = lambda: None,
        on_put_off: Callable[[Fire, str, bool], None] = lambda _fire, _reason, _again: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """A fire is not tried for longer than `give_up_after` nanoseconds, nor past its deadline.

        After this process stood still for more than `longest_pause` seconds nothing is written until `still_ours`:
        another leader may have made all of it, and workers may have finished it.

        `on_put_off` hears which fire is tried again later, why, and whether it was put off before.
        """
        self.inbox: str = connection.client.new_inbox()
        """Where the acknowledgements of what a `Preparer` makes have to go."""
        self._connection = connection
        self._on_settled = on_settled
        self._on_retry = on_retry
        self._on_put_off = on_put_off
        self._give_up_after = give_up_after
        self._clock = clock
        self._queue: deque[InFlightFire] = deque()
        self._sent: dict[int, InFlightFire] = {}
        self._later: list[tuple[float, int, InFlightFire]] = []
        """A heap of what was put off, by the time at which to try again and the serial."""
        self._standstill = Standstill(longest_pause, Clock(clock))
        self._out = FrameWriter(connection, lambda: not self._standstill.look())
        """What is lost with a connection is written again when its ack fails to come."""
        self._outcomes: list[FireOutcome] = []
        self._delivering = False
        self._delivered_at = 0.0
        self._received = 0
        self._reconnects = 0
        self._complaints = ThrottledLog(log)
        self._lookups = Lookups(connection)

    def __len__(self) -> int:
        """How many fires are not settled."""
        return len(self._queue) + len(self._sent) + len(self._later)

    @property
    def busy(self) -> int:
        """How many fires are under way, but for those that are tried again later."""
        return len(self._queue) + len(self._sent)

    async def run(self) -> None:
        """Write and listen until cancelled."""
        client = self._connection.client
        self._reconnects = client.stats["reconnects"]
        subscription: Subscription = await client.subscribe(
            f"{self.inbox}.*.*", cb=self._receive, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._out.run())
                group.create_task(self._mind())
        finally:
            self._lookups.cancel()
            if not client.is_closed:
                with suppress(Exception):
                    await subscription.unsubscribe()

    def start(self, fires: Iterable[Prepared]) -> None:
        """Begin to fire."""
        now = self._clock()
        for prepared in fires:
            flight = InFlightFire(prepared, now + self._give_up_after)
            if flight.until < now:
                self._settle(flight, "missed", "its deadline has passed")
            else:
                self._queue.append(flight)
        self._fill()

    def stood_still(self) -> float:
        """How many seconds this process stood still, so that nothing is written until `still_ours`; 0 for none."""
        return self._standstill.look()

    def still_ours(self, seconds: float) -> None:
        """Write what was held back: we still led after this process had stood still for so many seconds."""
        self._standstill.forgive(seconds)
        self._out.resume()

    def unsettled(self) -> Iterator[Fire]:
        """The fires that have no outcome yet."""
        return (flight.prepared.fire for flight in self._flights())

    def abandon(self) -> list[Fire]:
        """Stop caring for everything under way, and return it."""
        fires = list(self.unsettled())
        self._queue.clear()
        self._sent.clear()
        self._later.clear()
        self._out.clear()
        return fires

    async def drain(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for what is under way; False if anything is left, what was put off too."""
        deadline = time.monotonic() + timeout
        while self._queue or self._sent or self._outcomes:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.005)
        return not self._later

    def _flights(self) -> Iterator[InFlightFire]:
        yield from self._queue
        yield from self._sent.values()
        yield from (item[2] for item in self._later)

    def _fill(self) -> None:
        now = time.monotonic()
        while self._queue and len(self._sent) < WINDOW:
            self._send(self._queue.popleft(), now)

    def _send(self, flight: InFlightFire, now: float) -> None:
        """Write what is to be acknowledged next."""
        flight.sent_at = now
        flight.attempts += 1
        self._sent[flight.prepared.serial] = flight
        if flight.stage == "t":
            self._out.add(flight.prepared.task_frame)
        elif flight.stage == "m":
            self._out.add(flight.mark_frames(self.inbox, self._clock(), NO_RESPONDERS))
        elif flight.unsure and self._is_old(flight):
            self._look_at(flight)
        else:
            self._out.add(flight.prepared.item_frame)

    async def _receive(self, msg: Msg) -> None:
        self._received += 1
        if self._received % _ANSWERS_IN_A_ROW == 0:
            await asyncio.sleep(0)
        _, stage, serial = msg.subject.rsplit(".", 2)
        flight = self._sent.get(int(serial))
        if flight is None or flight.stage != stage:
            return  # of a message that was written twice, or of a fire that was abandoned
        data = msg.data
        if not data:
            missing = (msg.headers or {}).get("Status") == "503"
            if missing and stage == "i":
                self._look_for_queue(flight)
            else:
                self._put_off(flight, "no stream takes it" if missing else "its answer is empty")
        elif b'"error"' in data:
            error = json.loads(data)["error"]
            if stage == "i" or error.get("err_code") not in WRONG_SEQUENCE:
                self._put_off(flight, error.get("description", "unknown error"))
            elif stage == "t":
                self._task_stored(flight, found=True)
            else:  # somebody has handled the task after all, or it has our mark, whose ack was lost
                self._settle(flight, "queue_error", NO_RESPONDERS)
        elif stage == "t":
            stored = STORED_AT.search(data)
            flight.sequence = int(stored[1]) if stored else json.loads(data)["seq"]
            self._task_stored(flight, found=b'"duplicate"' in data)
        elif stage == "i":
            sent = b'"duplicate"' not in data
            self._settle(flight, "created" if flight.made else "repaired" if sent else "exists")
        else:
            self._settle(flight, "queue_error", NO_RESPONDERS)

    def _task_stored(self, flight: InFlightFire, *, found: bool) -> None:
        # What was written twice has found its own first writing, whose ack was lost.
        flight.made = flight.unsure or not found
        if flight.made:
            flight.lateness = self._clock() - flight.prepared.fire.due
        if found and self._is_old(flight):
            self._look_at(flight)
        else:
            self._tell(flight)
            self._send_item(flight)

    def _is_old(self, flight: InFlightFire) -> bool:
        return self._clock() - flight.prepared.fire.due > _REPEATED_ITEM_AFTER

    def _look_at(self, flight: InFlightFire) -> None:
        """Send the work item only if nobody has handled the task.

        The queue forgets the item's id after two minutes, and a worker would run again what was terminated.
        """
        stage, flight.stage = flight.stage, "look"
        self._lookups.task_state(flight.prepared.task.id, partial(self._looked_at, flight, stage))

    def _looked_at(self, flight: InFlightFire, stage: Stage, state: str, trouble: str) -> None:
        if self._sent.get(flight.prepared.serial) is not flight:
            return  # abandoned meanwhile, or given up
        flight.stage = stage
        if trouble:
            self._put_off(flight, trouble)
        elif state == NEW:
            if stage == "t":
                self._tell(flight)
            self._send_item(flight)
        else:
            self._settle(flight, "created" if flight.made else "exists")

    def _tell(self, flight: InFlightFire) -> None:
        """Publish that the task is new, if we made it."""
        if flight.made:
            self._out.add(flight.event_frame())

    def _send_item(self, flight: InFlightFire) -> None:
        flight.stage, flight.unsure = "i", False
        flight.sent_at = time.monotonic()
        self._out.add(flight.prepared.item_frame)

    def _look_for_queue(self, flight: InFlightFire) -> None:
        """Nobody takes the work item: there is no queue, or it has no leader while a cluster recovers."""
        flight.stage = "look"
        task = flight.prepared.task
        self._lookups.queue_exists(task.queue, task.id, partial(self._queue_looked_for, flight))

    def _queue_looked_for(self, flight: InFlightFire, found: bool, trouble: str) -> None:
        if self._sent.get(flight.prepared.serial) is not flight:
            return  # abandoned meanwhile, or given up
        flight.stage = "i"
        if trouble or found:
            self._put_off(flight, trouble or "the queue does not answer")
        else:
            self._queue_is_missing(flight)

    def _queue_is_missing(self, flight: InFlightFire) -> None:
        prepared = flight.prepared
        text = f"The queue {prepared.task.queue} does not exist: no worker gets the task of {prepared.fire.task.name}"
        self._complaints.tell(text, prepared.fire, "missing", prepared.task.queue, task_id=prepared.task.id)
        if flight.sequence:
            flight.stage, flight.unsure = "m", False
            self._send(flight, time.monotonic())
        else:  # the task was there before, and may have been handled
            self._settle(flight, "queue_error", NO_RESPONDERS)

    def _put_off(self, flight: InFlightFire, reason: str) -> None:
        """Try again later; meanwhile others have the room."""
        prepared = flight.prepared
        del self._sent[prepared.serial]
        again, flight.put_off = bool(flight.put_off), reason
        self._on_put_off(prepared.fire, reason, again)
        what = f"Work items of the queue {prepared.task.queue}" if flight.stage == "i" else "Tasks"
        text = f"{what} are not stored: {reason}; trying again, as for {prepared.fire.task.name}"
        kind = reason if "Permissions" not in reason else "permissions"
        self._complaints.tell(text, prepared.fire, what, kind, task_id=prepared.task.id, reason=reason)
        wait = min(_FIRST_BACK_OFF_SECONDS * 2 ** min(flight.attempts, 10), _LONGEST_BACK_OFF_SECONDS)
        heapq.heappush(self._later, (time.monotonic() + wait, prepared.serial, flight))
        self._on_retry()
        self._fill()

    def _settle(self, flight: InFlightFire, state: State, detail: str = "") -> None:
        prepared = flight.prepared
        self._sent.pop(prepared.serial, None)
        self._outcomes.append(flight.outcome(state, detail))
        if not self._delivering:
            self._delivering = True
            wait = self._delivered_at + _TOLD_EVERY_SECONDS - time.monotonic()
            asyncio.get_running_loop().call_later(max(wait, 0), self._deliver)
        if prepared.on_settled is not None:
            prepared.on_settled(state)
        if self._queue and len(self._sent) <= WINDOW // 2:
            self._fill()

    def _deliver(self) -> None:
        self._delivering, self._delivered_at = False, time.monotonic()
        outcomes, self._outcomes = self._outcomes, []
        self._on_settled(outcomes)

    async def _mind(self) -> None:
        """Write again what was not acknowledged, and give up what is too late."""
        while True:
            # At least as often that the wait itself is not taken for a standstill.
            await asyncio.sleep(min(_TICK_SECONDS, self._standstill.longest / 4))
            is_held = bool(self._standstill.look())
            self._give_up()
            client = self._connection.client
            if client.is_connected and not is_held:
                reconnected = client.stats["reconnects"] != self._reconnects
                self._reconnects = client.stats["reconnects"]
                self._mind_silence(reconnected)
                self._try_again()
                self._fill()

    def _mind_silence(self, reconnected: bool) -> None:
        now = time.monotonic()
        for flight in [*self._sent.values()]:
            if flight.stage == "look":  # ends by itself
                continue
            if reconnected:
                flight.unsure = True
                self._send(flight, now)
                self._on_retry()
            elif now - flight.sent_at > ACK_SECONDS:
                flight.unsure = True
                self._put_off(flight, self._denied(flight) or "the server does not answer")

    def _try_again(self) -> None:
        """Bring back what was put off long enough, and leave half of the window to others."""
        now = time.monotonic()
        room = WINDOW // 2 - sum(bool(flight.put_off) for flight in self._sent.values())
        while room > 0 and self._later and self._later[0][0] <= now:
            self._send(heapq.heappop(self._later)[2], now)
            room -= 1

    def _give_up(self) -> None:
        now = self._clock()
        if unfit(now):  # and says nothing of how late it is
            return
        late = [flight for flight in self._flights() if flight.until < now]
        if not late:
            return
        self._queue = deque(flight for flight in self._queue if flight.until >= now)
        self._later = [item for item in self._later if item[2].until >= now]
        heapq.heapify(self._later)
        for flight in late:
            reason = flight.put_off or "the server does not answer"
            if flight.sequence and flight.stage != "m":
                self._out.add(flight.mark_frames(self.inbox, now, reason))
            self._settle(flight, "missed", f"it could not be stored in time: {reason}")

    def _denied(self, flight: InFlightFire) -> str | None:
        """The server's word that we may not write this."""
        task = flight.prepared.task
        subject = work_item_subject(task.queue, task.id) if flight.stage == "i" else task_subject(task.id)
        return self._connection.permission_reason(subject)
