"""The dispatcher: writes the fires of the ledger, listens to the answers, and does what each transition asks for.

For one fire the order is: the task, its ack, the event, the work item, its ack. Many fires are under way at once. Every
message can be written twice without harm, so one that is not acknowledged is written again.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from ajsync.asyncjobs.tasks import NEW, NO_RESPONDERS, StoredTask, task_subject, work_item_subject
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.clock import Clock, Standstill, unfit
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import Effect, Event, State
from ajsync.scheduler.firing.looks import Looks
from ajsync.scheduler.firing.queue_looks import QueueFinding, QueueLooks
from ajsync.scheduler.throttled_log import ThrottledLog
from ajsync.transport.connection import Connection
from ajsync.transport.window import NO_STREAM, WINDOW, Answer, Window

log = logging.getLogger(__name__)

ACK_SECONDS = 3.0
"""Silence after which a fire is deferred, so that it does not take up the window."""
_FIRST_BACK_OFF_SECONDS = 0.25
_LONGEST_BACK_OFF_SECONDS = 5.0
_TICK_SECONDS = 0.25
_REPORTED_EVERY_SECONDS = 0.01
"""Outcomes within this time are reported together: recording one takes almost as long as recording hundreds."""
_SILENT = "the server does not answer"
_STAGES = {State.STORING: "t", State.ENQUEUING: "i", State.FLAGGING: "f"}
"""The states that wait for an answer, each with its letter in the token of an answer."""
_QUEUED, _ENQUEUING, _ROOM = State.QUEUED, State.ENQUEUING, Event.ROOM
"""Aliases, as in the ledger."""


class Dispatcher:
    """Writes fires on one connection; each ends in an outcome, unless its term ends first."""

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        on_settled: Callable[[list[InFlightFire]], None],
        *,
        give_up_after: int,
        longest_pause: float = math.inf,
        on_retry: Callable[[], None] = lambda: None,
        on_deferred: Callable[[Fire, str, bool], None] = lambda _fire, _reason, _again: None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """A fire is tried neither for longer than `give_up_after` nanoseconds nor past its deadline.

        After this process has stood still for more than `longest_pause` seconds, nothing is written until `still_ours`:
        another leader may have made all the tasks, and workers may have finished them.

        `on_deferred` is called with a fire that is tried again later, the reason, and whether it was deferred before.
        """
        self.ledger = ledger
        self.looks = Looks(connection)
        self._connection = connection
        self._on_settled = on_settled
        self._on_retry = on_retry
        self._on_deferred = on_deferred
        self._give_up_after = give_up_after
        self._clock = clock
        self._queue: deque[InFlightFire] = deque()
        self._sent: dict[int, InFlightFire] = {}
        """The fires in the window by serial: they are written, or something is being looked up for them."""
        self._later: list[tuple[float, int, InFlightFire]] = []
        """A heap of deferred fires, by the time at which to try again and by serial."""
        self._standstill = Standstill(longest_pause, Clock(clock))
        self._window = Window(connection, self._answered, may_write=lambda: not self._standstill.look())
        self._out = self._window.out
        """The generation of the connection; what is lost with one is written again, because its ack does not come."""
        self.inbox = self._window.inbox
        """The subject to which the acknowledgements of what a `Preparer` encodes have to go."""
        self._outcomes: list[InFlightFire] = []
        self._reporting = False
        self._reported_at = 0.0
        self._errors = ThrottledLog(log)
        self._queue_looks = QueueLooks(connection)
        self._effects: dict[Effect, Callable[[InFlightFire], None]] = {
            Effect.SEND_TASK: self._send_task,
            Effect.TELL: self._tell,
            Effect.SEND_ITEM: self._send_item,
            Effect.LOOK_AT_TASK: self._look_at_task,
            Effect.LOOK_FOR_QUEUE: self._look_for_queue,
            Effect.SEND_FLAG: self._send_flag,
            Effect.FLAG_UNHEARD: self._flag_unheard,
            Effect.DEFER: self._defer,
            Effect.REPORT: self._report,
        }

    async def run(self) -> None:
        """Write and listen until cancelled."""
        try:
            async with self._window, asyncio.TaskGroup() as group:
                group.create_task(self._out.run())
                group.create_task(self.looks.run())
                group.create_task(self._mind())
        finally:
            self._queue_looks.cancel()

    def dispatch(self, fires: Iterable[InFlightFire]) -> None:
        """Begin to write fires whose state is QUEUED."""
        now = self._clock()
        for fire in fires:
            fire.give_up_at(now + self._give_up_after)
            if fire.until < now:
                fire.detail = "its deadline has passed"
                self._happened(fire, Event.GIVEN_UP)
            else:
                self._queue.append(fire)
        self._fill()

    def stood_still(self) -> float:
        """How many seconds this process stood still; unless 0, nothing is written until `still_ours`."""
        return self._standstill.look()

    def still_ours(self, seconds: float) -> None:
        """Write what was held back, because we still lead after this process has stood still for `seconds`."""
        self._standstill.forgive(seconds)
        self._out.resume()

    def stop(self) -> None:
        """Forget what is under way; the ledger has handed it back."""
        self._queue.clear()
        self._sent.clear()
        self._later.clear()
        self._window.clear()
        self.looks.clear()
        self._queue_looks.forget()

    async def drain(self, timeout: float) -> bool:
        """Wait at most `timeout` seconds for the fires under way; False if any is left, including deferred ones."""
        deadline = time.monotonic() + timeout
        while self._queue or self._sent or self._outcomes:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.005)
        return not self._later

    def _happened(self, fire: InFlightFire, event: Event) -> None:
        for effect in self.ledger.apply(fire, event):
            self._effects[effect](fire)

    def _fill(self) -> None:
        while self._queue and len(self._sent) < WINDOW:
            fire = self._queue.popleft()
            if fire.state is _QUEUED:
                self._begin(fire, _ROOM)

    def _begin(self, fire: InFlightFire, event: Event) -> None:
        """Give a fire room in the window."""
        fire.attempts += 1
        self._sent[fire.prepared.serial] = fire
        self._happened(fire, event)

    def _send_task(self, fire: InFlightFire) -> None:
        self._window.send(_token(fire), fire.prepared.task_frame)

    def _send_item(self, fire: InFlightFire) -> None:
        self._window.send(_token(fire), fire.prepared.item_frame)

    def _send_flag(self, fire: InFlightFire) -> None:
        self._window.send(_token(fire), fire.flag_frames(self.inbox, self._clock(), NO_RESPONDERS))

    def _flag_unheard(self, fire: InFlightFire) -> None:
        if fire.sequence:
            self._out.add(fire.flag_frames(self.inbox, self._clock(), fire.reason or _SILENT))

    def _tell(self, fire: InFlightFire) -> None:
        if fire.made:
            self._out.add(fire.event_frame())

    def _answered(self, token: str, answer: Answer) -> None:
        fire = self._fire_of(token)
        if answer is NO_STREAM:
            self._window.drop(token)  # the next question decides what it means
        elif fire.state is _ENQUEUING:
            self._queue_looks.answered(fire.prepared.task.queue)
        self._happened(fire, fire.answered(answer, self._clock()))

    def _look_at_task(self, fire: InFlightFire) -> None:
        """See whether a worker has handled the task.

        The queue forgets the id of a work item after two minutes, and then a worker would run a terminated task again.
        """

        def unseen(_fire: Fire, reason: str) -> None:
            look.cancelled = True
            fire.reason = reason
            self._happened(fire, Event.REFUSED)

        seen = partial(self._task_looked_at, fire)
        look = self.looks.look(fire.fire, fire.prepared.task.id, seen, unseen)

    def _task_looked_at(self, fire: InFlightFire, task: StoredTask | None, readable: bool) -> None:
        if not readable:
            fire.reason = "what is stored under its id is not a task"
        is_new = task is None or task.state == NEW
        self._happened(fire, Event.REFUSED if not readable else Event.TASK_NEW if is_new else Event.TASK_HANDLED)

    def _look_for_queue(self, fire: InFlightFire) -> None:
        """See whether there is no queue, or whether it has no leader while a cluster recovers."""
        look = self._queue_looks.look(fire.prepared.task.queue)
        look.add_done_callback(partial(self._queue_looked_for, fire))

    def _queue_looked_for(self, fire: InFlightFire, look: asyncio.Task[QueueFinding]) -> None:
        if look.cancelled() or fire.state is not State.FINDING_QUEUE:
            return  # its term ended in the meantime, or it was given up
        found = look.result()
        if not found.is_missing:
            fire.reason = found.text
            self._happened(fire, Event.REFUSED)
            return
        task, name = fire.prepared.task, fire.name
        text = f"{found.text}: no worker gets the task of {name}"
        self._errors.tell(text, fire.fire, "missing", task.queue, task_id=task.id)
        fire.detail = NO_RESPONDERS
        self._happened(fire, fire.no_queue())

    def _defer(self, fire: InFlightFire) -> None:
        """Try again later; until then other fires have its room."""
        task, serial, reason = fire.prepared.task, fire.prepared.serial, fire.reason
        del self._sent[serial]
        self._on_deferred(fire.fire, reason, fire.deferred)
        fire.deferred = True
        what = f"Work items of the queue {task.queue}" if fire.state is State.ITEM_DEFERRED else "Tasks"
        text = f"{what} are not stored: {reason}; trying again, as for {fire.name}"
        kind = reason if "Permissions" not in reason else "permissions"
        self._errors.tell(text, fire.fire, what, kind, task_id=task.id, reason=reason)
        wait = min(_FIRST_BACK_OFF_SECONDS * 2 ** min(fire.attempts, 10), _LONGEST_BACK_OFF_SECONDS)
        heapq.heappush(self._later, (time.monotonic() + wait, serial, fire))
        self._on_retry()
        self._fill()

    def _report(self, fire: InFlightFire) -> None:
        self._sent.pop(fire.prepared.serial, None)
        self._outcomes.append(fire)
        if not self._reporting:
            self._reporting = True
            wait = self._reported_at + _REPORTED_EVERY_SECONDS - time.monotonic()
            asyncio.get_running_loop().call_later(max(wait, 0), self._report_all)
        if fire.on_settled is not None:
            fire.on_settled(fire.state)
        if self._queue and len(self._sent) <= WINDOW // 2:
            self._fill()

    def _report_all(self) -> None:
        self._reporting, self._reported_at = False, time.monotonic()
        outcomes, self._outcomes = self._outcomes, []
        self._on_settled(outcomes)

    async def _mind(self) -> None:
        """Write again the messages that were not acknowledged, and give up the fires that are too late."""
        while True:
            # This is often enough that the wait itself does not count as a standstill.
            await asyncio.sleep(min(_TICK_SECONDS, self._standstill.longest / 4))
            is_held = bool(self._standstill.look())
            self._give_up()
            if self._connection.is_connected and not is_held:
                self._mind_silence()
                self._try_again()
                self._fill()

    def _mind_silence(self) -> None:
        for token in self._window.lost():
            fire = self._fire_of(token)
            self._window.drop(token)
            fire.attempts += 1
            self._happened(fire, fire.reconnected(self._clock()))
            self._on_retry()
        for token in self._window.sent_before(time.monotonic() - ACK_SECONDS):
            fire = self._fire_of(token)
            self._window.drop(token)
            fire.reason = self._denied(fire) or _SILENT
            self._happened(fire, fire.silent())

    def _try_again(self) -> None:
        """Try fires again that were deferred for long enough, and leave half of the window to others."""
        now = time.monotonic()
        room = WINDOW // 2 - sum(fire.deferred for fire in self._sent.values())
        while room > 0 and self._later and self._later[0][0] <= now:
            fire = heapq.heappop(self._later)[2]
            self._begin(fire, fire.retry(self._clock()))
            room -= 1

    def _give_up(self) -> None:
        now = self._clock()
        if unfit(now) or not len(self.ledger):  # the clock does not show how late a fire is, or none is under way
            return
        late = [fire for fire in self.ledger if fire.until < now]
        for fire in late:
            fire.detail = f"it could not be stored in time: {fire.reason or _SILENT}"
            if fire.state in _STAGES:
                self._window.drop(_token(fire))
            self._happened(fire, Event.GIVEN_UP)
        if late:
            self._later = [item for item in self._later if item[2].state < State.CREATED]
            heapq.heapify(self._later)

    def _fire_of(self, token: str) -> InFlightFire:
        return self._sent[int(token[2:])]

    def _denied(self, fire: InFlightFire) -> str | None:
        """The server's reason for not permitting us to write this; None if it does."""
        task = fire.prepared.task
        enqueuing = fire.state is State.ENQUEUING
        subject = work_item_subject(task.queue, task.id) if enqueuing else task_subject(task.id)
        return self._connection.permission_reason(subject)


def _token(fire: InFlightFire) -> str:
    """The token by which the window knows the last message of a fire."""
    return f"{_STAGES[fire.state]}.{fire.prepared.serial}"
