"""Schedulers without a network: real agendas, feeds and ledgers, and a server that loses what a test says.

Whatever is written reaches the server at once, or is lost; an answer comes later, or never.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, cast

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.model import Catchup, Managed, ScheduledTask
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.scheduler.agenda.agenda import Agenda, Fire
from ajsync.scheduler.election.watermark import Watermark
from ajsync.scheduler.feed import Feed
from ajsync.scheduler.firing.dispatcher import Dispatcher
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import DEFERRED, Effect, Event, State
from ajsync.scheduler.firing.looks import OnTrouble, Then
from ajsync.scheduler.firing.overlap import Overlap
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.unseen.unseen import Unseen
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.errors import WRONG_SEQUENCE
from ajsync.transport.window import NO_STREAM, Answer
from tests.tasks import OWNER, task

Key = tuple[str, int]
"""A fire: the name of its schedule and its due instant."""
Fate = Literal["answered", "unanswered", "lost", "refused"]
"""What becomes of a message."""
YEAR = 365 * 86400 * SECOND
REMEMBERED = 120 * SECOND
"""So long a queue recognises a repeated work item."""


class Server:
    """Tasks and work items, as JetStream keeps them."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.tasks: dict[Key, str] = {}
        """The state of each task that was stored."""
        self.items: dict[Key, int] = {}
        """When each work item was stored last."""
        self.waiting: set[Key] = set()
        """The work items that no worker has taken; one that is stored again replaces itself."""
        self.runs: dict[Key, int] = {}
        """How often each task was run by workers."""

    def store_task(self, key: Key) -> Answer:
        if key in self.tasks:
            return Answer(error="wrong last sequence", code=min(WRONG_SEQUENCE))
        self.tasks[key] = "new"
        return Answer(sequence=len(self.tasks))

    def store_item(self, key: Key) -> Answer:
        if key in self.items and self.clock() - self.items[key] < REMEMBERED:
            return Answer(sequence=1, duplicate=True)
        self.items[key] = self.clock()
        self.waiting.add(key)
        return Answer(sequence=1)

    def work(self) -> None:
        """Workers handle all tasks whose work items wait."""
        for key in self.waiting:
            self.tasks[key] = "complete"
            self.runs[key] = self.runs.get(key, 0) + 1
        self.waiting.clear()


@dataclass(eq=False)
class Wire:
    """Stands in for the dispatcher and its look-ups: carries out what transitions ask for, one by one."""

    server: Server
    ledger: Ledger = field(default_factory=Ledger)
    queue: deque[InFlightFire] = field(default_factory=deque)
    answers: list[tuple[InFlightFire, State, Answer]] = field(default_factory=list)
    """What the server said and is still to be heard."""
    asking: list[InFlightFire] = field(default_factory=list)
    """What waits for a look at its task."""
    settled: list[InFlightFire] = field(default_factory=list)
    fate: Fate = "answered"
    looks: Sought = field(init=False)

    def __post_init__(self) -> None:
        self.looks = Sought(self.server)

    def dispatch(self, fires: list[InFlightFire]) -> None:
        for fire in fires:
            assert fire.state is State.QUEUED
            self.queue.append(fire)

    def stop(self) -> None:
        self.queue.clear()
        self.answers.clear()
        self.asking.clear()
        self.looks.clear()

    def happened(self, fire: InFlightFire, event: Event) -> None:
        for effect in self.ledger.apply(fire, event):
            match effect:
                case Effect.SEND_TASK | Effect.SEND_ITEM:
                    self._send(fire, effect)
                case Effect.LOOK_AT_TASK:
                    self.asking.append(fire)
                case Effect.LOOK_FOR_QUEUE:
                    self.happened(fire, Event.REFUSED)  # it does not answer
                case Effect.REPORT:
                    assert fire not in self.settled
                    self.settled.append(fire)

    def _send(self, fire: InFlightFire, effect: Effect) -> None:
        if self.fate == "lost":
            return
        if self.fate == "refused":
            answer = NO_STREAM
        elif effect is Effect.SEND_TASK:
            answer = self.server.store_task((fire.name, fire.due))
        else:
            assert (fire.name, fire.due) in self.server.tasks, "a work item goes before its task"
            answer = self.server.store_item((fire.name, fire.due))
        if self.fate != "unanswered":
            self.answers.append((fire, fire.state, answer))

    def hear(self, index: int = 0) -> None:
        """Hear one of the answers, in any order."""
        fire, asked_in, answer = self.answers.pop(index)
        if fire.state is asked_in:  # the subject of an answer says which message it answers
            self.happened(fire, fire.answered(answer, self.server.clock()))

    def look(self, *, answered: bool = True) -> None:
        """Carry out one look at a task."""
        fire = self.asking.pop(0)
        state = self.server.tasks.get((fire.name, fire.due), "new")
        event = Event.TASK_NEW if state == "new" else Event.TASK_HANDLED
        self.happened(fire, event if answered else Event.REFUSED)

    def waiting_for_answers(self) -> list[InFlightFire]:
        return [fire for fire in self.ledger if fire.state in (State.STORING, State.ENQUEUING)]

    def deferred(self) -> list[InFlightFire]:
        return [fire for fire in self.ledger if fire.state in DEFERRED]


class Sought:
    """Stands in for the looks at tasks that the feed asks for."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._looks: list[tuple[Fire, Then]] = []

    def look(self, about: Fire, _task_id: str, then: Then, _on_trouble: OnTrouble) -> None:
        self._looks.append((about, then))

    def answer(self) -> None:
        """Answer all looks."""
        looks, self._looks = self._looks, []
        for fire, then in looks:
            state = self._server.tasks.get((fire.task.name, fire.due))
            then(None if state is None else replace(task_for_fire(fire.task, fire.due), state=state), True)

    def clear(self) -> None:
        self._looks.clear()


class Free:
    """Stands in for the overlap: no schedule minds it."""

    def concerns(self, _fire: Fire) -> bool:
        return False

    def stop(self) -> None:
        pass


class Simulated:
    """One scheduler: it follows while it does not lead, and knows all news."""

    def __init__(self, server: Server, start: int) -> None:
        self.server = server
        self.agenda = Agenda(start, look_back=YEAR)
        self.wire = Wire(server)
        self.feed: Feed | None = None
        self._milliseconds = count()

    def lead(self, mark: Watermark | None, stored_at: int = 0, unseen: Unseen | None = None) -> None:
        """Begin a term after a mark that the leader before has written at this instant.

        With `unseen` it does not go on from there, because another than ajsync's scheduler may have led since.
        """
        feed = self.feed = Feed(
            self.agenda,
            cast("Dispatcher", self.wire),
            Preparer("_INBOX.x"),
            Records(Metrics("test")),
            cast("Overlap", Free()),
            reached=self.server.clock() if mark is None or unseen is not None else mark.instant,
            begun_until=stored_at + 10 * SECOND,
            grace=30 * SECOND,
            catchup_window=YEAR,
            clock=self.server.clock,
            monotonic=lambda: next(self._milliseconds) / 1000,
            unseen=unseen,
        )
        feed.inherit(None if mark is None else mark.open, () if mark is None or unseen else mark.catching_up)

    def end(self) -> None:
        """The term ends, and this scheduler goes on as a stand-by."""
        assert self.feed is not None
        self.feed.stop()
        self.feed = None

    def follow(self, mark: Watermark) -> None:
        self.agenda.follow(mark.instant, mark.unsettled, mark.open_after)


def value(name: str, seconds: int, created_at: int, *, catchup: Catchup = "all") -> ScheduledTask:
    """A schedule; of one with the policy `all` everything is made good."""
    managed = Managed(OWNER, catchup=catchup, catchup_window=YEAR)
    return task(name, schedule=f"@every {seconds}s", created_at=created_at, managed=managed)


@dataclass
class History:
    """All values that the schedules had, and so what one leader that never fails would fire."""

    values: list[tuple[ScheduledTask, int, int | None]] = field(default_factory=list)
    """Each with the instant at which it was stored, and that at which it was replaced or deleted."""

    def store(self, scheduled: ScheduledTask, at: int) -> None:
        self.remove(scheduled.name, at)
        self.values.append((scheduled, at, None))

    def remove(self, name: str, at: int) -> None:
        self.values = [
            (each, since, at if until is None and each.name == name else until) for each, since, until in self.values
        ]

    def due(self, after: int, until: int) -> set[Key]:
        """What is due after an instant, and up to and with another."""
        return {
            (each.name, due)
            for each, since, end in self.values
            for due in times_of(each).between(max(since, after), until if end is None else min(end, until))
        }
