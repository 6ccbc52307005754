"""Traces: which fires of a time span have made a task, although no scheduler of ajsync saw who led then. Pure.

A scheduler of ajsync gives its tasks ids that can be computed. A Go scheduler gives them random ones, so its tasks are
recognized by their kind and by when they were created, and the tasks of a kind are matched with its fires. Where that
leaves a doubt, the fire counts as made: a lost task is better than one that is made twice.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from ajsync.asyncjobs.past_tasks import PastTask, PastTasks, TaskKind
from ajsync.timestamp import NANOSECONDS

LATE_AT_MOST = 2 * NANOSECONDS
"""A Go scheduler creates the task of a fire within this time after its instant, unless it stood still."""
EARLY_AT_MOST = NANOSECONDS
"""Synchronized clocks differ by less: by another clock, a task may be created or stored this long before its
instant."""


class Trace(StrEnum):
    """What is known of a fire."""

    FIRED = "fired"
    """Its task was made."""
    BEGUN = "begun"
    """A scheduler of ajsync made its task, which no worker has handled: it may be without a work item."""
    MISSING = "missing"
    """No scheduler made its task."""
    EVERY = "an @every has another phase in a Go scheduler"
    ZONE = "without a time zone a Go scheduler uses the one of its host"
    JITTER = "a Go scheduler does not know jitter"
    OVERLAP = "it is not known whether the previous task of a Go scheduler is finished"
    CHANGED = "the schedule has changed meanwhile"
    DELETED = "tasks of that time were deleted"
    MISTIMED = "there is such a task from another moment, which may be its own"
    CLOCKS = "the clock of a scheduler is ahead of the server's"
    UNREAD = "the tasks could not be read"

    @property
    def is_doubt(self) -> bool:
        """Whether it is not known if the task was made."""
        return self not in (Trace.FIRED, Trace.BEGUN, Trace.MISSING)


@dataclass(frozen=True, slots=True)
class UnseenFire:
    """A fire that may or may not have made its task."""

    due: int
    """Nanoseconds since 1970."""
    task_id: str
    """The id that a scheduler of ajsync gives to its task."""
    kind: TaskKind
    """The kind of the task that a Go scheduler makes."""
    peculiar: Trace | None = None
    """Why a Go scheduler fires the schedule at other instants, or in other cases; None if it does not."""
    changed: bool = False
    """Whether the schedule has changed, so that a Go scheduler may have fired something else."""


def judge(
    fires: Sequence[UnseenFire], past: PastTasks, *, after: int, go_led: bool, besides: Set[str] = frozenset()
) -> list[Trace]:
    """The trace of each of `fires`, which are all that fell due since the instant `after` and are not settled.

    `past` has all tasks that were stored since some seconds before. `go_led` says that a Go scheduler has led since;
    otherwise only the tasks show it. If a Go scheduler may have fired something right at `after`, its task is not
    known. `besides` has the ids that a scheduler of ajsync gives to the tasks of other fires since then.
    """
    own = {fire.task_id for fire in fires} | besides
    kinds = {fire.kind for fire in fires}
    known = {task.id: task for task in past.tasks if task.id in own}
    strange: dict[TaskKind, list[PastTask]] = defaultdict(list)
    for task in past.tasks:
        if task.kind in kinds and task.id not in own and task.created >= after:
            strange[task.kind].append(task)
    if any(task.created > task.stored_at + EARLY_AT_MOST for tasks in strange.values() for task in tasks):
        return [_known(fire, known) or Trace.CLOCKS for fire in fires]
    go_fired = go_led or bool(strange)
    traces = [_known(fire, known) or _doubt(fire, past.intact_since, go_fired) for fire in fires]
    for numbers in _by_kind(fires).values():
        _match(numbers, fires, traces, [task.created for task in strange[fires[numbers[0]].kind]])
    return [trace or Trace.MISSING for trace in traces]


def _known(fire: UnseenFire, known: dict[str, PastTask]) -> Trace | None:
    """The trace of a fire whose task a scheduler of ajsync has made."""
    task = known.get(fire.task_id)
    if task is None:
        return None
    return Trace.BEGUN if task.waits else Trace.FIRED


def _doubt(fire: UnseenFire, intact_since: int, go_fired: bool) -> Trace | None:
    """Why it is not certain that a fire has no task; None if it is."""
    if fire.changed:
        return Trace.CHANGED
    if go_fired and fire.peculiar is not None:
        return fire.peculiar
    if fire.due < intact_since + EARLY_AT_MOST:
        return Trace.DELETED
    return None


def _by_kind(fires: Iterable[UnseenFire]) -> dict[TaskKind, list[int]]:
    """The numbers of the fires of each kind, by due instant."""
    found: dict[TaskKind, list[int]] = defaultdict(list)
    for number, fire in sorted(enumerate(fires), key=lambda item: item[1].due):
        found[fire.kind].append(number)
    return found


def _match(
    numbers: Sequence[int], fires: Sequence[UnseenFire], traces: list[Trace | None], created: Iterable[int]
) -> None:
    """Match fires of one kind, by due instant, with the tasks of Go schedulers, by when they were created.

    The fires without a doubt come first, because none of them may be fired if it may have a task. A task that belongs
    to none of them, or was created before the fire that it is given to, may be that of any earlier one, made by a
    scheduler that stood still.
    """
    sure = [number for number in numbers if traces[number] is None]
    doubtful = [number for number in numbers if (trace := traces[number]) is not None and trace.is_doubt]
    left, early = _match_in_order(sure, fires, traces, sorted(created))
    last = max((*left, *early), default=0)
    for number in sure:
        if traces[number] is None and last > fires[number].due:
            traces[number] = Trace.MISTIMED
    _match_in_order(doubtful, fires, traces, left)


def _match_in_order(
    numbers: Iterable[int], fires: Sequence[UnseenFire], traces: list[Trace | None], created: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Give each fire the first task that may be its own, which leaves as few fires as possible without one.

    Returns the tasks that belong to no fire, and those that were created before their fires.
    """
    left: list[int] = []
    early: list[int] = []
    tasks = deque(created)
    for number in numbers:
        due = fires[number].due
        while tasks and tasks[0] < due - EARLY_AT_MOST:
            left.append(tasks.popleft())
        if tasks and tasks[0] <= due + LATE_AT_MOST:
            if (task := tasks.popleft()) < due:
                early.append(task)
            traces[number] = Trace.FIRED
    return [*left, *tasks], early
