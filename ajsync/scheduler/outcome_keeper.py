"""Keeps the outcomes of schedules while a scheduler runs, whether it leads or not.

It hears the events of tasks and learns of the fires of its own term. What it did not hear it looks up by the computed
ids of tasks: at the start, after the connection was lost, and whenever nothing was heard of a fire. None of this is
urgent, so it works in small parts and waits while many fires are under way.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.events import TASK_STATE_SUBJECT, heard_outcome, usual_change
from ajsync.asyncjobs.outcome import LEAST_WAIT, MISSED, WorkOutcome, success_due_by
from ajsync.asyncjobs.tasks import NEW, QUEUE_ERROR
from ajsync.errors import NotPermittedError, StoredValueError, UnreachableError
from ajsync.scheduler.agenda.agenda import Agenda, AgendaEntry, Fire
from ajsync.scheduler.election.duty import read_duty
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.lifecycle import State
from ajsync.scheduler.last_fires import LastFires, read_outcomes
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.scheduler.monitor.per_schedule import show_each
from ajsync.scheduler.monitor.task_events import TaskEvents
from ajsync.scheduler.monitor.tracked import Waiting
from ajsync.scheduler.term import TermRunner
from ajsync.text import cut
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

_END = object()
_NEW_EVENT = b'"state":"new","tries":0,'
"""A part of the event of a new task, as Go and ajsync write it."""
_CUT = len(TASK_STATE_SUBJECT)
_MISSED, _QUEUE_ERROR = State.MISSED, State.QUEUE_ERROR
"""Aliases, as in the ledger of fires."""
_TICK_SECONDS = 0.1
_SLICE = 200
"""How many fires are taken in at a time, in a millisecond or two."""
_BUSY = 100
"""While more fires than this are being written, everything here waits, but not for long, so that nothing piles up."""
_BUSY_TICK_SECONDS = 0.025
_MOST_NEWS = 100
"""If more batches of news wait than this, which is only so while fires are late, they are taken in at once."""
_LONGEST_WAIT_SECONDS = 0.05
_LONGEST_REST_SECONDS = 2.0
_SCANNED_AT_ONCE = 1000
"""How many schedules are checked at a time."""
_LONGEST_EVENT = 64 * 1024
"""The most bytes of an event that is read. To read a megabyte takes some milliseconds."""
_AGAIN_SECONDS = 10.0
_LOOK_SECONDS = 5.0
"""How often to check what has to be looked up."""
_MOST_SCANNED_A_SECOND = 1000
"""How many schedules are checked a second: more than five thousand are checked less often."""
_REST = 10
"""How long to rest after look-ups, as a multiple of the time that they took."""
_PAUSE_SECONDS = 0.05
"""The pause after some look-ups: a thousand a second leave enough time for fires."""
_IDLE_PAUSE_SECONDS = 0.005
"""The pause while no fire is under way or due within seconds: even then the loop has other work to do."""
_SCHEDULES_AT_ONCE = 100
_MOST_FURTHER = 50_000
"""How many looks show since when schedules fail, for all together: while few fail, as many as there are for each."""
_DUTY_SECONDS = 5.0
"""For how long the knowledge of who leads serves further look-ups."""
_UNHEARD = 10 * NANOSECONDS
"""How long after its instant a fire is looked up if nothing was heard of it, in nanoseconds."""
_UNFINISHED_SECONDS = 300.0
"""How often unfinished tasks are looked up, in case their end went unheard."""


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
        term: Callable[[], TermRunner | None],
        clock: Callable[[], int],
        per_schedule: bool = False,
    ) -> None:
        """`name` is the name that servers show for the connection that hears the events of tasks.

        `term` gives the term that runs while this scheduler leads. `clock` gives nanoseconds since 1970. With
        `per_schedule` each schedule has metrics of its own.
        """
        self._outcomes = outcomes
        self._connection = connection
        self._metrics = metrics
        self._agenda = agenda
        self._term = term
        self._clock = clock
        self._per_schedule = per_schedule
        self._events = TaskEvents(connection.context, name, self._hear, self._lost, self._before_events)
        self._mistake: Exception | None = None
        """An unexpected error while an event, or what comes before it, was taken in."""
        self._news: deque[Iterator[None]] = deque()
        """News of our own fires, in the order in which it came; each iterator takes in one fire at a step."""
        self._counted: dict[tuple[str, str], int] = defaultdict(int)
        """How many tasks have entered a state, by queue and state, since the metrics were told last."""
        self._entries: dict[str, AgendaEntry] = {}
        """The entry to which the tracked fires of each schedule belong."""
        self._look = asyncio.Event()
        self._has_lost = False
        """Whether events may have gone unheard since the last look-ups."""

    def foretell(self, entries: Iterable[AgendaEntry], due: int) -> None:
        """Take in that entries are due next at an instant."""
        self._news.append(self._expect(entries, due))

    def settled(self, fires: list[InFlightFire]) -> None:
        """Take in that fires of our own have ended."""
        self._news.append(self._take_settled(fires))

    def missed(self, fires: list[Fire], state: str, detail: str) -> None:
        """Take in that fires of our own make no task; `state` is what the work behind them is called then."""
        self._news.append(self._take_missed(fires, state, detail))

    def count(self) -> None:
        """Tell the metrics which tasks have entered which states since the last call."""
        self._metrics.task_states(self._counted)
        self._counted.clear()

    def look_soon(self) -> None:
        """Look up soon what was not heard of, because the leadership has moved."""
        self._look.set()

    async def run(self, bucket: ConfigurationBucket, loaded: asyncio.Event) -> None:
        """Keep the outcomes until cancelled; `loaded` is set once the agenda knows the schedules.

        An unexpected error is logged, and the work begins anew after a pause, so that no fire suffers from it.
        """
        while True:
            try:
                await self._run(bucket, loaded)
            except Exception:  # whatever it is, it must not stop the fires
                log.exception("What becomes of tasks is not followed for %.0f s", _AGAIN_SECONDS)
                await asyncio.sleep(_AGAIN_SECONDS)
                self._mistake = None
                self._lost()

    async def _run(self, bucket: ConfigurationBucket, loaded: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._events.run())
            group.create_task(self._take_in())
            await loaded.wait()
            await self._events.ready.wait()  # else what happens between the look-ups and the first event would be lost
            group.create_task(self._look_up_again_and_again(bucket))
            group.create_task(self._judge_again_and_again())
            if self._per_schedule:
                group.create_task(show_each(self._metrics, self._outcomes, self._agenda, self._clock))

    def _hear(self, subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        """Take in an event if its task is tracked; any other event costs next to nothing."""
        task_id = str(subject[_CUT:], "latin-1")
        tracked = self._outcomes.fire_of(task_id)
        if tracked is None or self._mistake is not None:
            return
        schedule, due = tracked
        if _NEW_EVENT in data and schedule.state_of(due) == NEW:
            return  # mostly we have made it ourselves
        if len(data) > _LONGEST_EVENT:
            self._outcomes.doubt(schedule.name)
            return
        try:
            now = self._clock()
            if change := usual_change(data, task_id):
                state, tries, age = change
                at = min(due + age, max(now, due))
                if self._outcomes.go_on(schedule, due, state, at, tries):
                    self._counted[schedule.queue, state] += 1
                    return
            outcome = heard_outcome(data, task_id, due, now)
            if outcome is not None and self._outcomes.hear(schedule, outcome):
                self._counted[schedule.queue, outcome.state] += 1
        except StoredValueError:
            self._outcomes.doubt(schedule.name)
        except Exception as error:  # noqa: BLE001 - it is raised where it does not end the reading
            self._mistake = error

    def _lost(self) -> None:
        self._has_lost = True
        self._outcomes.is_complete = False
        self._look.set()

    async def _take_in(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self._take_news()
            self.count()
            if self._mistake is not None:
                raise self._mistake

    async def _take_news(self, until: float = math.inf) -> None:
        while self._news and time.monotonic() < until:
            if len(self._news) <= _MOST_NEWS:
                await self._while_busy(_LONGEST_WAIT_SECONDS)
            for _ in range(_SLICE):
                if self._news and next(self._news[0], _END) is _END:
                    self._news.popleft()
            await asyncio.sleep(0)

    async def _before_events(self) -> None:
        """Let our own news come first, because an event may be about a fire of it.

        This takes no longer than a server may wait for its client.
        """
        try:
            await self._take_news(time.monotonic() + _LONGEST_REST_SECONDS)
        except Exception as error:  # noqa: BLE001 - it is raised where it does not end the reading
            self._mistake = error
        await self._while_busy(_LONGEST_WAIT_SECONDS)

    async def _while_busy(self, longest: float) -> None:
        waited = 0.0
        while (term := self._term()) is not None and term.writing > _BUSY and waited < longest:
            await asyncio.sleep(_BUSY_TICK_SECONDS)  # nothing signals the end of it
            waited += _BUSY_TICK_SECONDS

    def _expect(self, entries: Iterable[AgendaEntry], due: int) -> Iterator[None]:
        expect = self._outcomes.expect
        for entry in [each for each in entries if each.since < due]:
            try:
                expect(entry.task.name, entry.task.queue, due, entry.task_id(due))
            except ValueError:  # no id can hold such a late instant
                return
            yield

    def _take_settled(self, fires: list[InFlightFire]) -> Iterator[None]:
        for fire in fires:
            task = fire.prepared.task
            at = fire.due + fire.lateness
            tracked = self._outcomes.fire_of(task.id)
            if tracked is None:  # it was made good, and a worker may already have handled it
                self._outcomes.doubt(fire.name)
            if fire.made:
                made = WorkOutcome(fire.due, task.id, NEW, at, 0, "", fire.lateness)
                if tracked is None:  # then its events are not heard either
                    self._counted[task.queue, NEW] += 1
                    self._see(fire.name, task.queue, made)
                elif self._outcomes.hear(tracked[0], made):
                    self._counted[task.queue, NEW] += 1
            if fire.state is _MISSED:
                self._see(fire.name, task.queue, WorkOutcome(fire.due, "", MISSED, self._clock(), 0, cut(fire.detail)))
            elif fire.state is _QUEUE_ERROR:
                error = cut(fire.detail)
                self._see(fire.name, task.queue, WorkOutcome(fire.due, task.id, QUEUE_ERROR, self._clock(), 0, error))
            yield

    def _take_missed(self, fires: list[Fire], state: str, detail: str) -> Iterator[None]:
        for fire in fires:
            task = fire.task
            self._see(task.name, task.queue, WorkOutcome(fire.due, "", state, self._clock(), 0, cut(detail)))
            yield

    def _see(self, name: str, queue: str, outcome: WorkOutcome) -> None:
        """Take in what became of a fire, unless its schedule is gone by now."""
        if name in self._agenda() and self._outcomes.see(name, queue, outcome) and outcome.state == QUEUE_ERROR:
            self._counted[queue, QUEUE_ERROR] += 1

    async def _look_up_again_and_again(self, bucket: ConfigurationBucket) -> None:
        """Look up what was not heard of, again and again."""
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
        """Look up the last fires of each schedule about which something may have gone unheard.

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
        if len(names) > _SCHEDULES_AT_ONCE:  # first which of them fail, and only then since when
            names = await self._look_back(bucket, names, 0)
        await self._look_back(bucket, names, max(1, _MOST_FURTHER // max(1, len(names))))

    async def _look_back(self, bucket: ConfigurationBucket, names: list[str], further: int) -> list[str]:
        """Look up how these schedules do now, and on average up to `further` earlier fires of each that needs them.

        Returns those of which still earlier fires may show more. Raises as `Connection.jetstream_request`.
        """
        more: list[str] = []
        duty, read_at = None, 0.0
        async for some in _parts(names, _SCHEDULES_AT_ONCE):
            if duty is None or time.monotonic() - read_at > _DUTY_SECONDS:
                duty, read_at = await read_duty(bucket), time.monotonic()
            entries = [entry for name in some if (entry := self._agenda().entry(name)) is not None]
            schedules = [(entry.task, entry.times) for entry in entries]
            stored = {entry.task.name: entry.since for entry in entries}
            found = await read_outcomes(
                self._connection, schedules, duty, stored=stored, rest=self._rest, further=further * len(entries)
            )
            for entry in entries:
                self._take_found(entry, found[entry.task.name], duty.now)
            more += [name for name, each in found.items() if each.has_more]
        return more

    def _forget_former(self, names: Iterable[str]) -> None:
        """Forget what is known of schedules that are gone, or whose times have changed.

        The fires of the former times cannot be computed from the new ones, so a scheduler that starts now would not
        know of them. And a monthly schedule would fail for a month because of what it did when it was an hourly one.
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
        term = self._term()
        await asyncio.sleep(_IDLE_PAUSE_SECONDS if term is None or term.idle else _PAUSE_SECONDS)
        await self._while_busy(_LONGEST_REST_SECONDS)

    def _pause_after(self, seconds: float) -> float:
        """How many seconds to rest after so many seconds of work."""
        return max(_LOOK_SECONDS, _REST * seconds, len(self._agenda()) / _MOST_SCANNED_A_SECOND)

    def _take_found(self, entry: AgendaEntry, last: LastFires, now: int) -> None:
        """Take in what was found about a schedule up to `now`."""
        fires = [each._replace(state=cut(each.state), last_error=cut(each.last_error)) for each in last.found]
        open_from = last.open_since or now + 1
        self._outcomes.found(entry.task.name, entry.task.queue, fires, open_from=open_from, is_whole=last.is_whole)

    async def _judge_again_and_again(self) -> None:
        """Find out which schedules should have succeeded by now, again and again."""
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
        """By when each schedule that waits for a success should have it, if ever; `before` holds earlier answers."""
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
    """The names in parts; after each part the loop may do other work."""
    for start in range(0, len(names), most):
        yield names[start : start + most]
        await asyncio.sleep(0)
