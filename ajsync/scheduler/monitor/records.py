"""Records: turns the outcomes of fires into metrics, history and the list of schedules with problems."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import chain, islice
from typing import Literal

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.remedy import about
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.election.watermark import WATERMARK_KEY
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.lifecycle import State
from ajsync.scheduler.monitor.metrics import (
    DUPLICATES,
    INVALID_SCHEDULES,
    MISSED,
    PAUSED_SCHEDULES,
    REPAIRED,
    RESTORED,
    SCHEDULES,
    TASK_UPDATES,
    UNSEEN,
    Metrics,
    MissedReason,
)
from ajsync.scheduler.monitor.status import LISTED, SHOWN, FireRecord, FireState, ScheduleProblem
from ajsync.scheduler.throttled_log import ThrottledLog, fire_fields
from ajsync.text import cut, excerpt
from ajsync.timestamp import NANOSECONDS, format_timestamp

log = logging.getLogger(__name__)

STREAMS = "ajsync info"
"""The command that shows the streams and queues, and how full they are."""
_CREATED = State.CREATED
_LATELY = 2000
"""How many of the last fires the lateness is taken from."""
_TOLD_AT_ONCE = 20
"""If more tasks than this are made at once, only their number is logged: a log line costs more than a fire."""


class Records:
    """Keeps what the monitor shows."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Callable[[], int] = time.time_ns,
        knows: Callable[[str], bool] = lambda _name: True,
        on_missed: Callable[[list[Fire], FireState, str], None] = lambda _fires, _state, _detail: None,
    ) -> None:
        """`knows` says whether a schedule of a name exists: schedules that are gone have no problems.

        `on_missed` is called with fires that made no task and wrote no message, what became of them, and why.
        """
        self._history: deque[FireRecord | InFlightFire] = deque(maxlen=SHOWN)
        """The last fires. Records of those that were written are made when somebody wants to see them."""
        self._lately: deque[tuple[str, float]] = deque(maxlen=_LATELY)
        self._metrics = metrics
        self._clock = clock
        self._knows = knows
        self._on_missed = on_missed
        self._problems: dict[str, ScheduleProblem] = {}
        self._put_off: dict[str, ScheduleProblem] = {}
        """The problems of schedules whose fires are tried again."""
        self._invalid: set[str] = set()
        self._errors = ThrottledLog(log)

    def recent(self) -> tuple[FireRecord, ...]:
        """The last fires, newest first."""
        return tuple(_record_of(each) if isinstance(each, InFlightFire) else each for each in reversed(self._history))

    @property
    def problems(self) -> tuple[ScheduleProblem, ...]:
        """The schedules with problems, sorted by name, at most `LISTED`; the watermark's key is among them if it has
        one."""
        put_off = (problem for name, problem in self._put_off.items() if name not in self._problems)
        listed = list(islice(chain(self._problems.values(), put_off), LISTED))
        return tuple(sorted(listed, key=lambda problem: problem.name))

    def all_problems(self) -> dict[str, ScheduleProblem]:
        """Every problem by the name of its schedule."""
        return self._put_off | self._problems

    def invalid_names(self) -> frozenset[str]:
        """The names of the entries that are not valid schedules."""
        return frozenset(self._invalid)

    def lately(self) -> tuple[tuple[str, float], ...]:
        """Queue and lateness in seconds of each of the last tasks that were made, the newest last."""
        return tuple(self._lately)

    @property
    def problem_count(self) -> int:
        """How many problems there are, listed or not."""
        return len(self._problems.keys() | self._put_off.keys())

    @property
    def watermark_problem(self) -> str:
        """Why the watermark is not written, or what is wrong with it; empty if nothing is."""
        problem = self._problems.get(WATERMARK_KEY)
        return problem.problem if problem is not None else ""

    def schedules(self, count: int) -> None:
        """Record how many schedules are known."""
        self._metrics.set(SCHEDULES, count)

    def expect(self, task: ScheduledTask) -> None:
        """Record that a schedule may fire."""
        self._metrics.expect(task.queue, task.task_type)

    def forget(self, task: ScheduledTask) -> None:
        """Record that a schedule that could fire is gone or replaced."""
        self._metrics.forget(task.queue, task.task_type)

    def invalid(self, name: str, problem: str) -> None:
        """Record that an entry is not a valid schedule."""
        self._invalid.add(name)
        self._metrics.set(INVALID_SCHEDULES, len(self._invalid))
        self._add(name, problem, about("view", cut(name)))

    def is_invalid(self, name: str) -> bool:
        """Whether the entry with this name is not a valid schedule."""
        return name in self._invalid

    def mended(self, name: str) -> None:
        """Record that an entry was replaced or deleted, which ends its problems."""
        if name in self._invalid:
            self._invalid.remove(name)
            self._metrics.set(INVALID_SCHEDULES, len(self._invalid))
        self._problems.pop(name, None)
        self._put_off.pop(name, None)

    def paused(self, count: int) -> None:
        """Record how many schedules are paused."""
        self._metrics.set(PAUSED_SCHEDULES, count)

    def not_resumed(self, name: str, reason: str) -> None:
        """Record that a schedule could not be resumed although its pause has ended."""
        self._add(name, f"its pause has ended, but it could not be resumed: {reason}", about("resume", name))
        text = f"The schedule {name} could not be resumed although its pause has ended: {reason}"
        self._errors.tell(text, None, "resume", reason, schedule=name, reason=reason)

    def unfit(self, fire: Fire, problem: str) -> None:
        """Record that no task can be made for a fire."""
        self._metrics.failed(fire.task.queue, fire.task.task_type)
        self._on_missed([fire], "missed", problem)
        name = fire.task.name
        self._complain(name, problem, about("view", name))
        text = f"No task can be made for the schedule {name}: {problem}"
        self._errors.tell(text, fire, "unfit", name, problem, reason=problem)

    def put_off(self, fire: Fire, reason: str, again: bool) -> None:
        """Record that a fire is tried again later; with `again` it was deferred before, and counted then."""
        name, problem = fire.task.name, f"not stored yet: {cut(reason)}"
        if not self._knows(name):
            return
        known = self._put_off.get(name) or ScheduleProblem(cut(name), problem, int(again), self._clock(), STREAMS)
        self._put_off[name] = replace(known, problem=problem, count=known.count + (not again))

    def watermark_failed(self, reason: str) -> None:
        """Record that the watermark was not written, as a problem of its key, which cannot be a schedule's name."""
        self._add(WATERMARK_KEY, f"the watermark is not written: {reason}", STREAMS)

    def watermark_written(self, problem: str = "") -> None:
        """Record that the leader has written the watermark; `problem` is what is wrong with it, empty if nothing is."""
        if problem:
            self._add(WATERMARK_KEY, problem, STREAMS)
        else:
            self._problems.pop(WATERMARK_KEY, None)

    def restored(self, fire: Fire, task_id: str, what: Literal["task", "item"]) -> None:
        """Record that a message that a stream had acknowledged and lost was stored again."""
        self._metrics.count(RESTORED, what)
        thing = "task" if what == "task" else "work item"
        text = f"The {thing} of {fire.task.name} was acknowledged and then lost; it is stored again"
        self._errors.tell(text, fire, "restored", what, fire.task.name, task_id=task_id)

    def given_back(self) -> None:
        """Record the end of a term: the deferred fires and the watermark are now the next leader's."""
        self._put_off.clear()
        self.watermark_written()

    def missed(self, fires: Iterable[Fire], state: FireState, reason: MissedReason, detail: str) -> None:
        """Record fires that made no task, for a reason that the metrics count."""
        fires = [*fires]
        self._on_missed(fires, state, detail)
        records = [_record(fire, "", None, state, detail) for fire in fires]
        self._metrics.count(MISSED, reason, by=len(records))
        self._history.extend(records[-SHOWN:])

    def unseen(self, fired: int, made_good: int, left: Mapping[str, list[Fire]]) -> None:
        """Record what became of the fires that fell due while no scheduler of ajsync led. `left` has those in doubt, by
        reason."""
        for reason, fires in left.items():
            self.missed(fires, "missed", "unseen", f"it may have been fired: {reason}")
        counts = {"fired": fired, "made_good": made_good, "left": sum(map(len, left.values()))}
        for outcome, count in counts.items():
            self._metrics.count(UNSEEN, outcome, by=count)

    def let_go(self, count: int) -> None:
        """Record that catch-up policies let this many fires go."""
        self._metrics.count(MISSED, "catchup", by=count)

    def settled(self, fires: list[InFlightFire]) -> None:
        """Record fires that are settled."""
        metrics = self._metrics
        created = [fire for fire in fires if fire.state is _CREATED]
        tasks = [fire.prepared.task for fire in created]
        metrics.fired(Counter([(task.queue, task.type) for task in tasks]))
        metrics.enqueued(Counter([task.queue for task in tasks]))
        lately = [(fire.prepared.task.queue, fire.lateness / NANOSECONDS) for fire in fires if fire.made]
        metrics.count(TASK_UPDATES, "new", by=len(lately))
        metrics.lateness([seconds for _, seconds in lately])
        self._lately.extend(lately)
        if len(created) < len(fires):
            for fire in fires:
                if fire.state is not _CREATED:
                    self._count(fire)
        if self._problems or self._put_off:
            for fire in fires:
                self._overcome(fire.name, fire.outcome)
        self._history.extend(fires[-SHOWN:])
        if log.isEnabledFor(logging.INFO):
            _tell(created)

    def _count(self, fire: InFlightFire) -> None:
        task, metrics = fire.prepared.task, self._metrics
        match fire.outcome:
            case "exists":
                metrics.count(DUPLICATES)
            case "repaired":
                metrics.count(DUPLICATES)
                metrics.count(REPAIRED)
                metrics.enqueued({task.queue: 1})
            case "queue_error":
                metrics.failed(task.queue, task.type)
                metrics.enqueue_failed(task.queue)
                metrics.count(TASK_UPDATES, "queue_error")
                make = f"ajc queues add {task.queue} && {_backfill(fire)}"
                self._complain(fire.name, f"the queue {task.queue} does not exist", make)
            case "missed":
                metrics.failed(task.queue, task.type)
                metrics.count(MISSED, "unstored")
                self._complain(fire.name, fire.detail, _backfill(fire))

    def _overcome(self, name: str, state: FireState) -> None:
        self._put_off.pop(name, None)
        if state == "created" and name not in self._invalid:  # a fire of an earlier value does not mend this one
            self._problems.pop(name, None)

    def _complain(self, name: str, problem: str, remedy: str) -> None:
        if self._knows(name):
            self._add(name, problem, remedy)

    def _add(self, name: str, problem: str, remedy: str) -> None:
        """Add a problem; while it stays the same, the first remedy is kept, because it makes good all fires since
        then."""
        problem = cut(problem)
        known = self._problems.get(name)
        if known is None or known.problem != problem:
            known = ScheduleProblem(cut(name), problem, 0, self._clock(), remedy)
        self._problems[name] = replace(known, count=known.count + 1)


def _backfill(fire: InFlightFire) -> str:
    """The command that makes the missing tasks of a fire and of all later ones."""
    return about("backfill", fire.name, f"--from {format_timestamp(fire.fire.due)}")


def _tell(created: list[InFlightFire]) -> None:
    if len(created) > _TOLD_AT_ONCE:
        log.info("Created %d tasks", len(created), extra={"count": len(created)})
        return
    for fire in created:
        made = fire.prepared.task
        words = (made.id, excerpt(made.type), excerpt(made.queue), excerpt(fire.name))
        log.info("Created task %s of type %s on queue %s for %s", *words, extra=fire_fields(fire.fire, task_id=made.id))


def _record_of(fire: InFlightFire) -> FireRecord:
    lateness = fire.lateness / NANOSECONDS if fire.made else None
    return _record(fire.fire, fire.prepared.task.id, lateness, fire.outcome, fire.detail)


def _record(fire: Fire, task_id: str, lateness: float | None, state: FireState, detail: str) -> FireRecord:
    task = fire.task
    queue, task_type = cut(task.queue), cut(task.task_type)
    return FireRecord(cut(task.name), queue, task_type, task_id, fire.due, lateness, state, cut(detail))
