"""Whatever the order of answers, losses, repeats, term ends and crashes: nothing is lost, and nothing is done twice.

Hypothesis chooses the order. What is real here is all that decides: agendas, feeds, ledgers and the life of fires.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ajsync.scheduler.election.watermark import Watermark, decode_watermark, encode_watermark
from ajsync.scheduler.firing.lifecycle import Event
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.simulation import Fate, History, Server, Simulated, value

START = 1_795_442_990 * SECOND
ROOM = 10_000
TIMELY = ("A", "B")
"""Schedules of which everything is made good."""
LAX = "C"
"""A schedule that lets go of what it missed, unless that was begun."""


class Terms(RuleBasedStateMachine):
    """Four schedulers: one leads after the other, and each may crash but the last."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.server = Server(lambda: self.now)
        self.schedulers = [Simulated(self.server, START) for _ in range(4)]
        self.history = History()
        self.mark: Watermark | None = None
        self.marked_at = START
        self.terms = 1
        for name in (*TIMELY, LAX):
            self._put(name, 20)
        self.leader = self.schedulers[0]
        self.leader.lead(None)
        self._write_mark()

    def _put(self, name: str, seconds: int) -> None:
        scheduled = value(name, seconds, self.now, catchup="none" if name == LAX else "all")
        self.history.store(scheduled, self.now)
        for each in self.schedulers:
            each.agenda.put(scheduled, self.now)

    def _write_mark(self) -> None:
        assert self.leader.feed is not None
        found = self.leader.feed.progress(ROOM)
        mark = Watermark("test", found.instant, 1, found.open, found.looked_for, found.catching_up)
        mark = decode_watermark(encode_watermark(mark))
        self.mark, self.marked_at = mark, self.now
        for each in self.schedulers:
            if each is not self.leader:
                each.follow(mark)

    def _stay_within_the_lease(self) -> None:
        """What a leader may fire ends soon after its last watermark."""
        if self.now - self.marked_at > 10 * SECOND:
            self._write_mark()

    def _is_stored(self, key: tuple[str, int]) -> bool:
        return key in self.server.items or self.server.tasks.get(key, "new") != "new"

    def _is_open(self, key: tuple[str, int]) -> bool:
        """Whether something is still to be done about a fire that is due: that of LAX may be let go."""
        return not self._is_stored(key) and (key[0] != LAX or key in self.server.tasks)

    def _step(self) -> None:
        assert self.leader.feed is not None
        self.leader.feed.step()

    @rule(seconds=st.sampled_from([0, 1, 5, 29, 31, 130]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds * SECOND
        self._step()

    @rule()
    def looks_at_its_clock(self) -> None:
        self._step()

    @rule(name=st.sampled_from((*TIMELY, LAX)), seconds=st.sampled_from([7, 20, 60]))
    def changes(self, name: str, seconds: int) -> None:
        self._put(name, seconds)
        self._step()

    @rule(name=st.sampled_from((*TIMELY, LAX)))
    def is_removed(self, name: str) -> None:
        self.history.remove(name, self.now)
        for each in self.schedulers:
            each.agenda.remove(name, self.now)

    @rule(fate=st.sampled_from(["answered", "unanswered", "lost", "refused"]), many=st.integers(1, 60))
    def writes(self, fate: Fate, many: int) -> None:
        self._stay_within_the_lease()
        wire = self.leader.wire
        wire.fate = fate
        for _ in range(min(many, len(wire.queue))):
            wire.happened(wire.queue.popleft(), Event.ROOM)

    @rule(data=st.data())
    def hears(self, data: st.DataObject) -> None:
        wire = self.leader.wire
        for _ in range(data.draw(st.integers(0, len(wire.answers)))):
            wire.hear(data.draw(st.integers(0, len(wire.answers) - 1)))

    @rule(fate=st.sampled_from(["answered", "unanswered", "lost"]))
    def loses_its_connection(self, fate: Fate) -> None:
        self._stay_within_the_lease()
        wire = self.leader.wire
        wire.answers.clear()
        wire.fate = fate
        for fire in wire.waiting_for_answers():
            wire.happened(fire, fire.reconnected(self.now))

    @rule()
    def waits_in_vain(self) -> None:
        wire = self.leader.wire
        heard = {id(fire) for fire, _, _ in wire.answers}
        for fire in wire.waiting_for_answers():
            if id(fire) not in heard:
                wire.happened(fire, fire.silent())

    @rule(fate=st.sampled_from(["answered", "unanswered", "lost"]))
    def tries_again(self, fate: Fate) -> None:
        self._stay_within_the_lease()
        wire = self.leader.wire
        wire.fate = fate
        for fire in wire.deferred():
            wire.happened(fire, fire.retry(self.now))

    @rule(answered=st.booleans())
    def looks_at_tasks(self, answered: bool) -> None:
        wire = self.leader.wire
        for _ in range(len(wire.asking)):
            wire.look(answered=answered)

    @rule(
        until=st.sampled_from(["connection", "answer", "term"]),
        stored=st.booleans(),
        handled=st.booleans(),
        fate=st.sampled_from(["answered", "unanswered"]),
    )
    def is_kept_waiting(self, until: str, stored: bool, handled: bool, fate: Fate) -> None:
        """The task, or once that is `stored` the work item, is not answered until the queue has forgotten it."""
        self.time_passes(29)
        self.writes("answered" if stored else "unanswered", 60)
        wire = self.leader.wire
        wire.fate = "unanswered"
        while wire.answers:
            wire.hear()
        if until == "answer":
            self.waits_in_vain()
        if handled:
            self.server.work()
        self.time_passes(130)
        if until == "connection":
            self.loses_its_connection(fate)
        elif until == "answer":
            self.tries_again(fate)
        else:
            self.steps_down(False)
            self.time_passes(29)
            self.writes(fate, 60)
            while self.leader.wire.answers:
                self.leader.wire.hear()
        self.looks_at_tasks(True)

    @rule()
    def finds_out_what_was_begun(self) -> None:
        self.leader.wire.looks.answer()

    @rule()
    def workers_finish_all(self) -> None:
        self.server.work()

    @rule()
    def writes_its_watermark(self) -> None:
        self._write_mark()

    @precondition(lambda self: len(self.schedulers) > 1)
    @rule(with_watermark=st.booleans())
    def crashes(self, with_watermark: bool) -> None:
        if with_watermark:
            self._write_mark()
        self.schedulers.remove(self.leader)
        self._next_leads()

    @rule(with_watermark=st.booleans())
    def steps_down(self, with_watermark: bool) -> None:
        self.leader.end()
        if with_watermark and self.mark is not None:
            self.leader.follow(self.mark)
        self.schedulers = [*self.schedulers[1:], self.schedulers[0]]
        self._next_leads()

    def _next_leads(self) -> None:
        self.leader = self.schedulers[0]
        assert self.mark is not None
        self.leader.follow(self.mark)  # as a stand-by does when it takes over
        self.terms += 1
        self.leader.lead(self.mark, self.marked_at)
        self._write_mark()
        self._step()

    @invariant()
    def the_watermark_passes_nothing_that_is_not_settled(self) -> None:
        assert self.leader.feed is not None
        found = self.leader.feed.progress(ROOM)
        gaps = found.catching_up
        due = self.history.due(START, min(found.instant, self.now))
        open_keys = {key for key in due if self._is_open(key)} - found.unsettled
        assert not [key for key in open_keys if not any(after < key[1] <= until for after, until in gaps)]

    @invariant()
    def nothing_is_done_that_was_not_due_or_done_twice(self) -> None:
        assert self.server.tasks.keys() <= self.history.due(START, self.now)
        assert set(self.server.runs.values()) <= {1}

    @invariant()
    def a_fire_is_in_the_ledger_once(self) -> None:
        ledger = self.leader.wire.ledger
        keys = [(fire.name, fire.due) for fire in ledger]
        assert len(keys) == len(set(keys))
        assert not [fire for fire in self.leader.wire.settled if fire in list(ledger)]

    def teardown(self) -> None:
        """With a server that answers, all that was due is done."""
        wire = self.leader.wire
        until = self.now
        wire.fate = "answered"
        for _ in range(10_000):
            self.now += SECOND // 100
            self._step()
            self.writes("answered", 10_000)
            while wire.answers:
                wire.hear()
            self.waits_in_vain()
            self.tries_again("answered")
            while wire.answers:
                wire.hear()
            self.looks_at_tasks(True)
            self.finds_out_what_was_begun()
            assert self.leader.feed is not None
            reached = self.leader.feed.progress(ROOM)
            if reached.instant >= until and not reached.unsettled and not reached.catching_up:
                break
        assert not {key for key in self.history.due(START, until) if self._is_open(key)}
        made = Counter((fire.name, fire.due) for fire in wire.settled if fire.made)
        assert set(made.values()) <= {1}
        assert self.terms > 1 or made.keys() == self.server.tasks.keys()
        self.server.work()
        self.nothing_is_done_that_was_not_due_or_done_twice()


TestTerms = Terms.TestCase
TestTerms.settings = settings(stateful_step_count=20)
