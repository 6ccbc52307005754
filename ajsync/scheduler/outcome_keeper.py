"""Keeps the outcomes of schedules while a scheduler runs, whether it leads or not.

It hears the events of tasks and of the fires of its own term, and looks up by the computed ids of tasks what it did not
hear: at the start, after the connection was lost, and whenever nothing was heard of a fire. Nothing here is urgent, so
it is done in small parts that wait while many fires are under way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.events import heard_outcome
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.outcome import LEAST_WAIT, MISSED, WorkOutcome, success_due_by
from ajsync.asyncjobs.tasks import NEW, QUEUE_ERROR
from ajsync.errors import NotPermittedError, StoredValueError, UnreachableError
from ajsync.scheduler.agenda.agenda import Agenda, AgendaEntry, Fire
from ajsync.scheduler.election.duty import read_duty
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.last_fires import LastFires, read_outcomes
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.scheduler.monitor.per_schedule import show_each
from ajsync.scheduler.monitor.task_events import TaskEvents
from ajsync.scheduler.monitor.tracked import Waiting
from ajsync.text import cut
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

_END = object()
_NEW_EVENT = b'"state":"new","tries":0,'
"""What is in the event of a new task, as Go and ajsync write it."""
_TICK_SECONDS = 0.1
_SLICE = 200
"""Of what is heard so much is taken in at a time: a millisecond or two."""
_BUSY = 100
"""While more fires are being written, all this waits, though not for long, so that nothing piles up."""
_BUSY_TICK_SECONDS = 0.025
_LONGEST_WAIT_SECONDS = 0.05
_LONGEST_REST_SECONDS = 2.0
_SCANNED_AT_ONCE = 1000
"""Schedules that are gone through at a time."""
_MOST_HEARD = 20_000
"""Events that wait to be taken in. Of the tasks of more, the last fires are looked up."""
_LONGEST_EVENT = 64 * 1024
"""Bytes of an event that is read. To read a megabyte takes some milliseconds."""
_AGAIN_SECONDS = 10.0
_LOOK_SECONDS = 5.0
"""How often to see what is to be looked up."""
_MOST_SCANNED_A_SECOND = 2000
"""Schedules that are gone through: with more than ten thousand, that is done less often."""
_REST = 10
"""How many times as long as the look-ups took nothing is looked up afterwards."""
_PAUSE_SECONDS = 0.05
"""The pause after some looks: a thousand a second leave enough time for what falls due."""
_IDLE_PAUSE_SECONDS = 0.005
"""The same while no fire is under way, nor will be within seconds: even then the loop has to get to other work."""
_SCHEDULES_AT_ONCE = 100
_DUTY_SECONDS = 5.0
"""How long what is known of who leads serves for further look-ups."""
_UNHEARD = 10 * NANOSECONDS
"""So long after its instant a fire is looked up of which nothing was heard."""
_UNFINISHED_SECONDS = 300.0
"""How often tasks are looked up that have not ended, in case their end went unheard."""


class OutcomeKeeper:
    """Keeps `outcomes` for one scheduler on one connection."""

    def __init__(
        self,
        connection: Connection,
        name: str,
        outcomes: Outcomes,
        metrics: Metrics,
        *,
        agenda: Callable[[], Agenda],
        writing: Callable[[], int],
        idle: Callable[[], bool],
        clock: Callable[[], int],
        per_schedule: bool = False,
    ) -> None:
        """`name` is what servers show of the connection for the events of tasks.

        `writing` says how many fires are being written, and `idle` whether none is under way, nor will be within
        seconds. `clock` gives nanoseconds since 1970.

        With `per_schedule` there are metrics of each schedule.
        """
        self._outcomes = outcomes
        self._connection = connection
        self._metrics = metrics
        self._agenda = agenda
        self._writing = writing
        self._idle = idle
        self._clock = clock
        self._per_schedule = per_schedule
        self._events = TaskEvents(connection.context, name, self._hear, self._lost)
        self._heard: deque[tuple[str, bytes]] = deque()
        self._news: deque[Iterator[None]] = deque()
        """What we know ourselves, in the order in which it came; each takes in a little at every step."""
        self._counted = Counter[tuple[str, str]]()
        """Tasks that have come into a state, by queue and state, which the metrics do not know of yet."""
        self._entries: dict[str, AgendaEntry] = {}
        """The entry of each tracked schedule, whose fires are those that are tracked."""
        self._look = asyncio.Event()
        self._has_lost = False
        """Whether events may have gone unheard since the last look-ups."""

    def foretell(self, entries: Iterable[AgendaEntry], due: int) -> None:
        """Entries are due next at an instant."""
        self._news.append(self._expect(entries, due))

    def settled(self, fires: list[InFlightFire]) -> None:
        """Fires of our own have ended."""
        self._news.append(self._take_settled(fires))

    def missed(self, fires: list[Fire], state: str, detail: str) -> None:
        """Fires of our own make no task; `state` is what the work behind them is called then."""
        self._news.append(self._take_missed(fires, state, detail))

    def look_soon(self) -> None:
        """Look for what was not heard of, because the leadership has moved."""
        self._look.set()

    async def run(self, bucket: ConfigurationBucket, loaded: asyncio.Event) -> None:
        """Keep the outcomes until cancelled; `loaded` is set once the agenda knows the schedules.

        A mistake of ours is logged, and begun anew after it: no fire must come to grief because of it.
        """
        while True:
            try:
                await self._run(bucket, loaded)
            except Exception:  # whatever it is, it concerns no fire
                log.exception("What becomes of tasks is not followed for %.0f s", _AGAIN_SECONDS)
                await asyncio.sleep(_AGAIN_SECONDS)
                self._lost()

    async def _run(self, bucket: ConfigurationBucket, loaded: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events.run())
            group.create_task(self._take_in())
            await loaded.wait()
            await self._events.ready.wait()  # or what happens between the looks and the events would be lost
            group.create_task(self._look_up_again_and_again(bucket))
            group.create_task(self._judge_again_and_again())
            if self._per_schedule:
                group.create_task(show_each(self._metrics, self._outcomes, self._agenda, self._clock))

    def _hear(self, task_id: str, data: bytes) -> None:
        """Keep an event for later if its task is tracked; all others cost next to nothing."""
        if task_id not in self._outcomes:
            return
        if len(self._heard) >= _MOST_HEARD:
            self._lost()
            return
        self._heard.append((task_id, data if len(data) <= _LONGEST_EVENT else b""))

    def _lost(self) -> None:
        self._has_lost = True
        self._outcomes.is_complete = False
        self._look.set()

    async def _take_in(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            while self._news or self._heard:
                await self._while_busy(_LONGEST_WAIT_SECONDS)
                for _ in range(_SLICE):
                    if self._news:  # what we know ourselves makes some events no news
                        if next(self._news[0], _END) is _END:
                            self._news.popleft()
                    elif self._heard:
                        self._take_event(*self._heard.popleft())
                    else:
                        break
                self._metrics.task_states(self._counted)
                self._counted.clear()
                await asyncio.sleep(0)

    async def _while_busy(self, longest: float) -> None:
        waited = 0.0
        while self._writing() > _BUSY and waited < longest:  # nobody would tell that it is over
            await asyncio.sleep(_BUSY_TICK_SECONDS)
            waited += _BUSY_TICK_SECONDS

    def _expect(self, entries: Iterable[AgendaEntry], due: int) -> Iterator[None]:
        for entry in [each for each in entries if each.since < due]:
            with suppress(ValueError):  # no id can hold an instant that far away
                self._outcomes.expect(entry.task.name, entry.task.queue, due, fire_task_id(entry.task.name, due))
            yield

    def _take_event(self, task_id: str, data: bytes) -> None:
        fire = self._outcomes.fire_of(task_id)
        if fire is None:
            return
        schedule, due = fire
        if _NEW_EVENT in data and schedule.state_of(due) == NEW:
            return
        try:
            outcome = heard_outcome(data, task_id, due, self._clock())
        except StoredValueError:
            self._outcomes.doubt(schedule.name)
            return
        if outcome is not None:
            self._see(schedule.name, schedule.queue, outcome)

    def _take_settled(self, fires: list[InFlightFire]) -> Iterator[None]:
        for fire in fires:
            task = fire.prepared.task
            at = fire.due + fire.lateness
            if task.id not in self._outcomes:  # it is made good, and a worker may have been faster than this
                self._outcomes.doubt(fire.name)
            if fire.made:
                self._see(fire.name, task.queue, WorkOutcome(fire.due, task.id, NEW, at, 0, "", fire.lateness))
            if fire.outcome == "missed":
                self._see(fire.name, task.queue, WorkOutcome(fire.due, "", MISSED, self._clock(), 0, cut(fire.detail)))
            elif fire.outcome == "queue_error":
                error = cut(fire.detail)
                self._see(fire.name, task.queue, WorkOutcome(fire.due, task.id, QUEUE_ERROR, self._clock(), 0, error))
            yield

    def _take_missed(self, fires: list[Fire], state: str, detail: str) -> Iterator[None]:
        for fire in fires:
            task = fire.task
            self._see(task.name, task.queue, WorkOutcome(fire.due, "", state, self._clock(), 0, cut(detail)))
            yield

    def _see(self, name: str, queue: str, outcome: WorkOutcome) -> None:
        """Take in what became of a fire of a schedule, which may be gone meanwhile."""
        if name in self._agenda() and self._outcomes.see(name, queue, outcome) and outcome.task_id:
            self._counted[queue, outcome.state] += 1

    async def _look_up_again_and_again(self, bucket: ConfigurationBucket) -> None:
        """Look for what was not heard of, as long as this runs."""
        told, is_first = "", True
        unfinished_at = time.monotonic()
        while True:
            self._look.clear()
            began = time.monotonic()
            unfinished = self._has_lost or bool(self._events.trouble) or began - unfinished_at > _UNFINISHED_SECONDS
            if unfinished:
                unfinished_at = began
            has_lost, self._has_lost = self._has_lost, False
            try:
                await self._look_up(bucket, unfinished=unfinished, at_once=has_lost)
                self._outcomes.trouble = self._events.trouble
                self._outcomes.is_complete = not self._has_lost
                if is_first:
                    is_first, seconds = False, round(time.monotonic() - began, 1)
                    text = "Looked up what became of the last fires of %d schedule(s) in %.1f s"
                    count = len(self._outcomes)
                    log.info(text, count, seconds, extra={"count": count, "seconds": seconds})
            except (UnreachableError, StoredValueError) as error:
                self._has_lost = self._has_lost or has_lost
                self._outcomes.trouble = str(error)
                if isinstance(error, NotPermittedError) and told != str(error):
                    told = str(error)
                    log.warning("What became of tasks cannot be looked up: %s", error, extra={"reason": told})
            await first_of(self._look, timeout=self._pause_after(time.monotonic() - began))

    async def _look_up(self, bucket: ConfigurationBucket, *, unfinished: bool, at_once: bool) -> None:
        """Look up the last fires of each schedule of which something may have gone unheard.

        Raises as `Connection.jetstream_request`.
        """
        async for some in _parts(self._outcomes.names(), _SCANNED_AT_ONCE):
            self._forget_former(some)
        before = self._clock() - (0 if at_once else _UNHEARD)
        names = [
            name
            async for some in _parts(self._agenda().names(), _SCANNED_AT_ONCE)
            for name in self._outcomes.uncertain(some, before, unfinished=unfinished)
        ]
        if not names:
            return
        duty, read_at = await read_duty(bucket), time.monotonic()
        async for some in _parts(names, _SCHEDULES_AT_ONCE):
            if time.monotonic() - read_at > _DUTY_SECONDS:
                duty, read_at = await read_duty(bucket), time.monotonic()
            entries = [entry for name in some if (entry := self._agenda().entry(name)) is not None]
            schedules = [(entry.task, entry.times) for entry in entries]
            stored = {entry.task.name: entry.since for entry in entries}
            found = await read_outcomes(self._connection, schedules, duty, stored=stored, rest=self._rest)
            for entry in entries:
                self._take_found(entry, found[entry.task.name], duty.now)

    def _forget_former(self, names: Iterable[str]) -> None:
        """Forget what is known of schedules that are gone, or have other times than before.

        The new times do not lead to the fires of the former ones. So no scheduler that begins now would know of these,
        and a monthly schedule would fail for a month because of what it did when it was an hourly one.
        """
        for name in names:
            entry = self._agenda().entry(name)
            if entry is None:
                self._outcomes.forget([name])
                self._entries.pop(name, None)
                continue
            former = self._entries.get(name)
            if former is entry:
                continue
            self._entries[name] = entry
            if former is None or (former.times, former.task.created_at) == (entry.times, entry.task.created_at):
                continue
            self._outcomes.forget([name])
            if (due := entry.times.next(self._clock())) is not None:
                self.foretell((entry,), due)

    async def _rest(self) -> None:
        await asyncio.sleep(_IDLE_PAUSE_SECONDS if self._idle() else _PAUSE_SECONDS)
        await self._while_busy(_LONGEST_REST_SECONDS)

    def _pause_after(self, seconds: float) -> float:
        """How many seconds to rest after that many seconds of work."""
        return max(_LOOK_SECONDS, _REST * seconds, len(self._agenda()) / _MOST_SCANNED_A_SECOND)

    def _take_found(self, entry: AgendaEntry, last: LastFires, now: int) -> None:
        """Take in what was found of a schedule up to `now`."""
        fires = [each._replace(state=cut(each.state), last_error=cut(each.last_error)) for each in last.found]
        open_from = last.open_since or now + 1
        self._outcomes.found(entry.task.name, entry.task.queue, fires, open_from=open_from, is_whole=last.is_whole)

    async def _judge_again_and_again(self) -> None:
        """See which schedules should have succeeded by now, as long as this runs."""
        known: dict[Waiting, tuple[AgendaEntry, int | None]] = {}
        while True:
            began = time.monotonic()
            known = await self._judge(known)
            now = self._clock()
            self._outcomes.judged({each.name: by for each, (_, by) in known.items() if by is not None and by < now})
            await asyncio.sleep(self._pause_after(time.monotonic() - began))

    async def _judge(
        self, before: dict[Waiting, tuple[AgendaEntry, int | None]]
    ) -> dict[Waiting, tuple[AgendaEntry, int | None]]:
        """By when each schedule that waits for a success should have it, if ever, as `before` says of some."""
        judged: dict[Waiting, tuple[AgendaEntry, int | None]] = {}
        async for some in _parts(self._agenda().names(), _SLICE):
            for each in self._outcomes.waiting(some, self._clock() - LEAST_WAIT):
                entry, known = self._agenda().entry(each.name), before.get(each)
                if entry is not None and (known is None or known[0] is not entry):
                    after = max(each.last_success, each.due - 1)
                    known = entry, success_due_by(entry.times, entry.task.deadline, after, active=each.active)
                if entry is not None and known is not None:
                    judged[each] = known
        return judged


async def _parts(names: list[str], most: int) -> AsyncIterator[list[str]]:
    """The names in parts, with a turn for others after each."""
    for start in range(0, len(names), most):
        yield names[start : start + most]
        await asyncio.sleep(0)
