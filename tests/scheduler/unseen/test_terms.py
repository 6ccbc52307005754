"""Terms of ajsync and of Go in any order, with kills, delays and deletions: no fire has two tasks, and what has none is
counted as lost for a reason.

Hypothesis chooses the order. What is real here is all that decides: agendas, feeds, ledgers, watermarks and looks.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.ids import fire_task_id, new_id
from ajsync.asyncjobs.past_tasks import PastTasks, TaskKind, task_kind
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.election.watermark import Watermark, decode_watermark, encode_watermark
from ajsync.scheduler.firing.lifecycle import Event
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.unseen.look import UnseenLook, go_kind
from ajsync.scheduler.unseen.unseen import Unseen, unseen_spans
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection
from ajsync.transport.window import Answer
from tests.scheduler.simulation import Key, Server, Simulated
from tests.scheduler.unseen.task_stream import TaskStream
from tests.tasks import task

START = 1_795_442_940 * SECOND
"""A full minute."""
MINUTE = 60 * SECOND
GRACE = 30 * SECOND
ROOM = 10_000
ALIKE = ("A", "B")
"""Schedules whose tasks cannot be told apart."""
SCHEDULES = {
    **{name: task(name, schedule="CRON_TZ=UTC * * * * *", task_type="alike", payload=b"1") for name in ALIKE},
    "C": task("C", schedule="CRON_TZ=UTC * * * * *", task_type="c", payload=None),
    "HALF": task("HALF", schedule="CRON_TZ=UTC */2 * * * *", task_type="half", payload=b"{}"),
}
LOST_FOR = ("deleted", "another moment")
"""What the reasons say for which a fire of these schedules is left."""


class StreamServer(Server):
    """A server whose tasks are in a stream, among those of Go schedulers."""

    def __init__(self, machine: Terms) -> None:
        super().__init__(lambda: machine.now)
        self.stream = TaskStream(lambda: machine.now)

    def store_task(self, key: Key) -> Answer:
        task_id = fire_task_id(*key)
        if task_id in self.stream.tasks:
            self.tasks[key] = "new" if self.stream.tasks[task_id].waits else "complete"
            return super().store_task(key)
        self.tasks.pop(key, None)
        made = task_for_fire(SCHEDULES[key[0]], key[1])
        self.stream.create(task_id, task_kind(made.queue, made.type, made.payload), key[1])
        return super().store_task(key)


class SimulatedLook(UnseenLook):
    """A look at the stream of the simulation."""

    def __init__(self, machine: Terms, scheduler: Simulated, spans: tuple[tuple[int, int], ...], go_led: bool) -> None:
        super().__init__(cast("Connection", None), scheduler.agenda, spans, go_led=go_led, skew=lambda: 0)
        self._machine = machine

    async def _read(self, after: int) -> PastTasks | None:
        return self._machine.server.stream.read(after - 10 * SECOND)


class Terms(RuleBasedStateMachine):
    """One leads after the other, of either kind, or nobody does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START + 5 * SECOND
        self.server = StreamServer(self)
        self.made: Counter[tuple[TaskKind, int]] = Counter()
        """How many tasks Go schedulers have made, by kind and the instant that they are of."""
        self.of_ours: set[Key] = set()
        """The fires that ours have made, each of them once or more often."""
        self.mark: Watermark | None = None
        self.schedulers = [self._scheduler() for _ in range(3)]
        self.go_leads = False
        self.vacant_since: int | None = None
        self.last_go = 0
        self.given_up: list[tuple[str, int, str]] = []
        """What ours left, and the reason."""
        self.let_go: list[tuple[int, int]] = []
        """Spans of what is too old to be made good."""
        self.leader: Simulated | None = self.schedulers[0]
        self.leader.lead(None)
        self._settle()

    def _scheduler(self) -> Simulated:
        found = Simulated(self.server, self.now if self.mark is None else self.mark.instant)
        for scheduled in SCHEDULES.values():
            found.agenda.load(scheduled, 0)
        return found

    # What ours do

    def _settle(self) -> None:
        """Let ours fire what is due, and write the watermark."""
        assert self.leader is not None
        assert self.leader.feed is not None
        wire = self.leader.wire
        for _ in range(5):
            self.leader.feed.step()
            while wire.queue:
                wire.happened(wire.queue.popleft(), Event.ROOM)
            while wire.answers:
                wire.hear()
            while wire.asking:
                wire.look()
            wire.looks.answer()
        self._write_mark()

    def _write_mark(self) -> None:
        assert self.leader is not None
        assert self.leader.feed is not None
        found = self.leader.feed.progress(ROOM)
        mark = Watermark("ours", found.instant, 1, found.open, found.looked_for, found.catching_up, found.unseen)
        self.mark = decode_watermark(encode_watermark(mark))
        for each in self.schedulers:
            if each is not self.leader:
                each.follow(self.mark)

    def _lead(self, scheduler: Simulated, *, may_be_go: bool, go_led: bool, looks: bool) -> None:
        """Let one of ours lead, which dies before its look is done unless it `looks`."""
        if self.mark is not None:
            scheduler.follow(self.mark)
        records = Records(Metrics("test"), on_missed=self._left)
        until = self.now
        if may_be_go:
            scheduler.agenda.skip(self.now, but_after=self.now - GRACE)
            self.let_go.append((0 if self.mark is None else self.mark.instant, self.now - GRACE))
        for after, end in () if self.mark is None else self.mark.unseen:
            self.let_go.append((after, min(end, self.now - GRACE)))
        spans = unseen_spans(self.mark, until, self.now - GRACE, may_be_go=may_be_go)
        unseen = Unseen(spans, SimulatedLook(self, scheduler, spans, go_led), records)
        self.leader, self.vacant_since, self.go_leads = scheduler, None, False
        if may_be_go:
            scheduler.lead(self.mark, unseen=unseen)
        else:
            scheduler.lead(self.mark, self.now)
            assert scheduler.feed is not None
            scheduler.feed._unseen = unseen
        self._write_mark()
        if looks:
            asyncio.run(unseen.run())
            self._settle()

    def _left(self, fires: list[Fire], _state: str, reason: str) -> None:
        self.given_up += [(fire.task.name, fire.due, reason) for fire in fires]

    # What Go does

    def _go_fires(self, due: int, late: int) -> None:
        for scheduled in SCHEDULES.values():
            if times_of(scheduled).next(due - 1) == due:
                self.server.stream.create(new_id(due // SECOND), go_kind(scheduled), due + late)
                self.made[go_kind(scheduled), due] += 1

    @rule(to=st.integers(-20, 20), late=st.integers(0, 2 * SECOND))
    def time_passes(self, to: int, late: int) -> None:
        """Until so many seconds after a full minute; somebody fires what falls due, or nobody does."""
        seconds = (to - self.now // SECOND) % 60
        for _ in range(seconds):
            self.now += SECOND
            if self.go_leads and self.now % MINUTE == 0:
                self._go_fires(self.now, late)
        if self.leader is not None:
            self._settle()

    @precondition(lambda self: self.leader is not None)
    @rule(
        dies=st.integers(-20, 5),
        takes=st.integers(0, 8),
        stands_in=st.booleans(),
        leads=st.integers(-20, 20),
        late=st.integers(0, 2 * SECOND),
        stood_still=st.sampled_from([0, 0, 3, 9]),
        handled=st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=3),
        seen=st.booleans(),
        looks=st.sampled_from([True, True, False]),
    )
    def go_has_a_term(
        self,
        dies: int,
        takes: int,
        stands_in: bool,
        leads: int,
        late: int,
        stood_still: int,
        handled: list[tuple[bool, int]],
        seen: bool,
        looks: bool,
    ) -> None:
        self.time_passes(dies, 0)
        self.ours_dies(True, 0)
        self.go_takes_over(takes, late, stands_in)
        self.time_passes(leads, late)
        self.go_dies(stood_still)
        for each in handled:
            self.a_worker_handles_a_task(*each)
        self.ours_takes_over_and_may_follow_go(takes, seen, looks)

    @precondition(lambda self: self.leader is not None)
    @rule(with_mark=st.booleans(), seconds=st.integers(0, 3))
    def ours_dies(self, with_mark: bool, seconds: int) -> None:
        """It may have fired for a while after its last watermark, or for a while not."""
        assert self.leader is not None
        before = self.mark
        if not with_mark:
            self.now += seconds * SECOND
        self._settle()
        if not with_mark:
            self.mark = before
        self.schedulers = [*(each for each in self.schedulers if each is not self.leader), self._scheduler()]
        self.leader, self.vacant_since = None, self.now

    @precondition(lambda self: self.leader is None and not self.go_leads)
    @rule(seconds=st.integers(0, 8), late=st.integers(0, 2 * SECOND), stands_in=st.booleans())
    def go_takes_over(self, seconds: int, late: int, stands_in: bool) -> None:
        """A stand-by that sees it makes good what fell due before."""
        assert self.vacant_since is not None
        assert self.mark is not None
        self.now = max(self.now, self.vacant_since + (10 + seconds) * SECOND)
        self.go_leads, self.vacant_since = True, None
        self.last_go = self.now
        oldest = self.now - GRACE
        if not stands_in or self.mark.instant <= oldest:
            return
        spans = unseen_spans(self.mark, self.now, oldest, may_be_go=True)
        for _ in range(4):
            self.now += SECOND
            if self.now % MINUTE == 0:
                self._go_fires(self.now, late)
        stand_by = self.schedulers[0]
        stand_by.follow(self.mark)
        for fire in asyncio.run(SimulatedLook(self, stand_by, spans, True).run()).missing:
            key = (fire.task.name, fire.due)
            self.server.store_task(key)
            self.server.store_item(key)

    @precondition(lambda self: self.go_leads)
    @rule(stood_still=st.sampled_from([0, 0, 3, 9]))
    def go_dies(self, stood_still: int) -> None:
        """Before that it may have stood still, and then fired late what fell due meanwhile."""
        before, self.now = self.now, self.now + stood_still * SECOND
        for due in range(before // MINUTE * MINUTE + MINUTE, self.now + 1, MINUTE):
            self._go_fires(due, self.now - due)
        self.go_leads, self.vacant_since = False, self.now

    @precondition(lambda self: self.leader is None and not self.go_leads)
    @rule(seconds=st.integers(0, 8), seen=st.booleans(), looks=st.sampled_from([True, True, False]))
    def ours_takes_over_and_may_follow_go(self, seconds: int, seen: bool, looks: bool) -> None:
        """Whether a Go scheduler led it knows if it has `seen` that."""
        assert self.vacant_since is not None
        self.now = max(self.now, self.vacant_since + (10 + seconds) * SECOND)
        self._lead(self.schedulers[0], may_be_go=True, go_led=seen and self.last_go > 0, looks=looks)

    @precondition(lambda self: self.leader is not None)
    @rule(looks=st.booleans())
    def another_of_ours_takes_over(self, looks: bool) -> None:
        assert self.leader is not None
        self.schedulers = [*(each for each in self.schedulers if each is not self.leader), self._scheduler()]
        self.now += SECOND
        self._lead(self.schedulers[0], may_be_go=False, go_led=False, looks=looks)

    @rule(discards=st.booleans(), number=st.integers(0, 9))
    def a_worker_handles_a_task(self, discards: bool, number: int) -> None:
        waiting = [task_id for task_id, each in self.server.stream.tasks.items() if each.waits]
        if number >= len(waiting):
            return
        task_id = waiting[number]
        self.server.stream.handle(task_id, ["active"] if discards else ["active", "complete"])
        if discards:
            self.server.stream.delete(task_id)

    # What holds

    def _count(self) -> Counter[tuple[TaskKind, int]]:
        """How many tasks were made of each kind and instant, whoever made them, and whether they are still there."""
        made = Counter(self.made)
        ids = {*self.server.stream.made}
        for name, scheduled in SCHEDULES.items():
            for due in times_of(scheduled).between(START - MINUTE, self.now):
                made[go_kind(scheduled), due] += fire_task_id(name, due) in ids
        return made

    def _due(self) -> Counter[tuple[TaskKind, int]]:
        return Counter(
            (go_kind(scheduled), due)
            for scheduled in SCHEDULES.values()
            for due in times_of(scheduled).between(START, self.now)
        )

    @invariant()
    def no_fire_has_two_tasks(self) -> None:
        due = self._due()
        assert not {key: count for key, count in self._count().items() if count > due[key]}

    def teardown(self) -> None:
        """In the end one of ours leads, and what has no task has a reason for that."""
        if self.go_leads:
            self.go_dies(0)
        if self.leader is None:
            self.ours_takes_over_and_may_follow_go(0, True, True)
        else:
            self.another_of_ours_takes_over(True)
        self._settle()
        self.no_fire_has_two_tasks()
        assert self.mark is not None
        assert not self.mark.unseen
        left = Counter(
            (go_kind(SCHEDULES[name]), due)
            for name, due in {
                (name, due) for name, due, reason in self.given_up if any(each in reason for each in LOST_FOR)
            }
        )
        made = self._count()
        lost = {
            key: count - made[key]
            for key, count in self._due().items()
            if made[key] < count and not any(after < key[1] <= until for after, until in self.let_go)
        }
        assert not {key: count for key, count in lost.items() if count > left[key]}


TestTerms = Terms.TestCase
# Without looking for the shortest example, which takes minutes.
TestTerms.settings = settings(
    stateful_step_count=12, max_examples=40, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate)
)
