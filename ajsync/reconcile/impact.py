"""The impact of a plan: how many fires a day there are before and after it, by queue and in the busiest minute.

All schedules in the bucket count, of all owners, because they share queues and workers. Only changes are shown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from ajsync.asyncjobs.minutes import MINUTE, fires_by_minute, grouped
from ajsync.asyncjobs.model import LiveSchedule, ScheduledTask
from ajsync.reconcile.plan import Change
from ajsync.schedule.grammar import EVERY

SPAN = 24 * 60 * MINUTE
"""How many nanoseconds an impact looks ahead."""


@dataclass(frozen=True, slots=True)
class QueueImpact:
    """A queue that gets more or fewer tasks."""

    queue: str
    before: int
    """Fires in the span if nothing changes."""
    after: int
    """Fires in the span once the plan is applied."""


@dataclass(frozen=True, slots=True)
class Peak:
    """The busiest minute of all queues together; the first one of several."""

    start: int
    """Nanoseconds since 1970."""
    fires: int


@dataclass(frozen=True, slots=True)
class Impact:
    """What a plan changes about the number of fires."""

    start: int
    """When the span begins: the next whole minute, in nanoseconds since 1970."""
    queues: tuple[QueueImpact, ...]
    """The queues whose number of fires changes, by name."""
    before: Peak | None
    """The busiest minute if nothing changes; None if nothing is due."""
    after: Peak | None
    """The busiest minute once the plan is applied."""

    @property
    def until(self) -> int:
        """The end of the span, which is not part of it."""
        return self.start + SPAN


def impact(changes: Iterable[Change], entries: Mapping[str, LiveSchedule], now: int) -> Impact | None:
    """What `changes` do to the fires of a bucket with these entries in the 24 hours from `now`, in nanoseconds since
    1970.

    None if neither the number of a queue's fires nor the busiest minute changes. A new `@every`, which counts from its
    creation, is counted from `now`. A schedule that cannot be parsed has no fires. Nor has one that is paused, even if
    its pause ends within the day.
    """
    start = -(-now // MINUTE) * MINUTE
    gone, come = [], []
    for change in changes:
        if change.paused:
            continue
        if change.before is not None:
            gone.append(change.before)
        if change.after is not None:
            come.append(_once_stored(change.after, now))
    less, more = _by_queue(gone, start), _by_queue(come, start)
    touched = {queue for queue in less.keys() | more.keys() if less.get(queue) != more.get(queue)}
    if not touched:  # a plan that moves no fire takes no time
        return None
    tasks = [entry.task for entry in entries.values() if entry.task is not None and entry.pause is None]
    others = _fires([task for task in tasks if task.queue not in touched], start)
    before = _by_queue([task for task in tasks if task.queue in touched], start)
    after = {queue: _changed(before.get(queue), less.get(queue), more.get(queue)) for queue in touched}
    queues = tuple(
        QueueImpact(queue, was, will)
        for queue in sorted(touched)
        if (was := before.get(queue, Counter()).total()) != (will := after[queue].total())
    )
    peak = _peak([others, *before.values()])
    found = Impact(start, queues, peak, _peak([others, *after.values()], peak))
    return found if found.queues or found.before != found.after else None


def _once_stored(task: ScheduledTask, now: int) -> ScheduledTask:
    """The task with the time of its creation, if that counts and is not known yet."""
    return replace(task, created_at=now) if EVERY in task.schedule and not task.created_at else task


def _by_queue(tasks: Iterable[ScheduledTask], start: int) -> dict[str, Counter[int]]:
    """The fires in each minute of the span, by queue."""
    queues: dict[str, list[ScheduledTask]] = defaultdict(list)
    for task in tasks:
        queues[task.queue].append(task)
    return {queue: _fires(members, start) for queue, members in queues.items()}


def _fires(tasks: Iterable[ScheduledTask], start: int) -> Counter[int]:
    return fires_by_minute(grouped(tasks), start, start + SPAN)


def _changed(before: Counter[int] | None, less: Counter[int] | None, more: Counter[int] | None) -> Counter[int]:
    after = Counter(before)
    after.subtract(less or {})
    after.update(more or {})
    return after


def _peak(parts: Iterable[Counter[int]], known: Peak | None = None) -> Peak | None:
    """The first of the busiest minutes; `known` if that is still one of them."""
    together: Counter[int] = Counter()
    for counts in parts:
        together.update(counts)
    most = max(together.values(), default=0)
    if not most:
        return None
    if known is not None and together[known.start // MINUTE] == most:
        return Peak(known.start, most)
    return Peak(min(minute for minute, fires in together.items() if fires == most) * MINUTE, most)
