"""Metrics: under the names of the Go tool, which dashboards and alerts know, and under names of our own.

Everything is counted in plain dictionaries by the thread that runs the loop, which is cheap enough for thousands of
fires at one instant.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, get_args

from ajsync.asyncjobs.names import SCHEDULER_ELECTION
from ajsync.scheduler.election.role import RoleState, TakeoverKind
from ajsync.scheduler.monitor.series import Counts, Histogram, LabelSets, Metric, Names, exposition
from ajsync.timestamp import NANOSECONDS
from ajsync.version import __version__

MissedReason = Literal["deadline", "catchup", "overlap", "unstored"]
"""Why a fire made no task: it was past its deadline; its catch-up policy let it go; its previous task was not finished;
it could not be stored in time."""
RefusedReason = Literal["connections", "descriptors", "host", "malformed", "timeout"]
"""Why the monitor gave no answer: too many connections were open; no file descriptor was left; the request used a name
that is not ours; it was not HTTP; it was not complete in time."""
MISSED_REASONS: tuple[MissedReason, ...] = get_args(MissedReason)
TAKEOVER_KINDS: tuple[TakeoverKind, ...] = get_args(TakeoverKind)
REFUSED_REASONS: tuple[RefusedReason, ...] = get_args(RefusedReason)
LATENESS_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
"""In seconds: from what an idle scheduler reaches to what only catch-up makes."""


def _counter(name: str, help: str, *labels: str) -> Metric:
    return Metric("counter", name, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Metric:
    return Metric("gauge", name, help, labels)


_PAUSED = _gauge("choria_asyncjobs_task_scheduler_paused", "Indicates if the scheduler is paused")
_SCHEDULES = _gauge("choria_asyncjobs_task_scheduler_schedules_total", "Indicates how many schedules are known")
_SCHEDULED = _counter(
    "choria_asyncjobs_task_scheduler_scheduled_count",
    "Indicates how many times a task was created by the scheduler",
    "queue",
    "type",
)
_SCHEDULE_ERRORS = _counter(
    "choria_asyncjobs_task_scheduler_schedule_error_count",
    "Indicates how many times a task failed to create",
    "queue",
    "type",
)
_CAMPAIGNS = _counter(
    "choria_asyncjobs_election_campaigns",
    "The number of campaigns a specific candidate voted in",
    "election",
    "identity",
    "state",
)
_LEADER = _gauge(
    "choria_asyncjobs_election_leader", "Indicates if a specific instance is the current leader", "election", "identity"
)
_INTERVAL = _gauge(
    "choria_asyncjobs_election_interval_seconds", "The number of seconds between campaigns", "election", "identity"
)
_ENQUEUED = _counter("choria_asyncjobs_queue_enqueue_count", "The number of jobs that were enqueued", "queue")
_ENQUEUE_ERRORS = _counter(
    "choria_asyncjobs_queue_enqueue_error_count", "The number of jobs that failed to enqueued", "queue"
)
_TASK_UPDATES = _counter("choria_asyncjobs_task_update_total", "The number of task updates that succeeded", "state")
_LATENESS = Metric(
    "histogram", "ajsync_scheduler_lateness_seconds", "Seconds from a fire's instant to the acknowledgement of its task"
)
_MISSED = _counter(
    "ajsync_scheduler_missed_total", f"Fires that made no task, by reason: {', '.join(MISSED_REASONS)}", "reason"
)
_DUPLICATES = _counter("ajsync_scheduler_duplicates_total", "Fires whose task existed already and was not made twice")
_TAKEOVERS = _counter(
    "ajsync_scheduler_takeovers_total",
    f"Terms of this scheduler, by how it came to lead: {', '.join(TAKEOVER_KINDS)}",
    "kind",
)
_RETRIES = _counter("ajsync_scheduler_retries_total", "Fires that were tried again after an error of the server")
_REPAIRED = _counter("ajsync_scheduler_repaired_total", "Fires whose task existed and whose work item was sent again")
_RESTORED = _counter(
    "ajsync_scheduler_restored_total",
    "Acknowledged messages that a stream lost and that were stored again: task, item",
    "what",
)
_WATERMARK_AGE = _gauge(
    "ajsync_scheduler_watermark_age_seconds", "Seconds since the instant up to which all fires are acknowledged"
)
_WATERMARK_AHEAD = _gauge(
    "ajsync_scheduler_watermark_ahead_seconds",
    "Seconds of the watermark that are too far ahead of the server's clock to count",
)
_OPEN = _gauge("ajsync_scheduler_open_fires", "Fires that the watermark names because they are not settled")
_CLOCK_SKEW = _gauge("ajsync_scheduler_clock_skew_seconds", "Seconds by which this clock is ahead of the server's")
_IN_FLIGHT = _gauge("ajsync_scheduler_in_flight", "Fires that are being written and are not acknowledged yet")
_INVALID = _gauge("ajsync_scheduler_invalid_schedules", "Entries of the bucket that are not valid schedules")
_REFUSED = _counter(
    "ajsync_monitor_refused_total",
    f"Connections to the monitor without an answer, by reason: {', '.join(REFUSED_REASONS)}",
    "reason",
)
_BUILD = _gauge("ajsync_build_info", "Always 1; the label says which version runs", "version")

METRICS: tuple[Metric, ...] = (
    *(_PAUSED, _SCHEDULES, _SCHEDULED, _SCHEDULE_ERRORS, _CAMPAIGNS, _LEADER, _INTERVAL),
    *(_ENQUEUED, _ENQUEUE_ERRORS, _TASK_UPDATES),
    *(_LATENESS, _MISSED, _DUPLICATES, _TAKEOVERS, _RETRIES, _REPAIRED, _RESTORED),
    *(_WATERMARK_AGE, _WATERMARK_AHEAD, _OPEN, _CLOCK_SKEW, _IN_FLIGHT, _INVALID, _REFUSED, _BUILD),
)
"""Every metric, the Go tool's first. A metric with labels appears once there is something to count."""


class Metrics:
    """Counts what one scheduler does. No method blocks."""

    def __init__(self, name: str, clock: Callable[[], int] = time.time_ns) -> None:
        """`name` is the scheduler's identity in the election; `clock` gives nanoseconds since 1970."""
        self._clock = clock
        self._candidate = (SCHEDULER_ELECTION, name)
        self._watermark: int | None = None
        self._late: Counter[int] = Counter()
        self._lateness_sum = 0.0
        self._series: dict[Metric, dict[Names, float]] = {metric: defaultdict(int) for metric in METRICS}
        for metric in (_SCHEDULES, _DUPLICATES, _RETRIES, _REPAIRED, _IN_FLIGHT, _INVALID, _WATERMARK_AHEAD, _OPEN):
            self._series[metric][()] = 0
        # A series that begins at 1 hides its first event from rate() and increase(), so known series begin at 0.
        self._series[_MISSED].update({(reason,): 0 for reason in MISSED_REASONS})
        self._series[_TAKEOVERS].update({(kind,): 0 for kind in TAKEOVER_KINDS})
        self._series[_RESTORED].update({("task",): 0, ("item",): 0})
        self._series[_REFUSED].update({(reason,): 0 for reason in REFUSED_REASONS})
        self._series[_BUILD][(__version__,)] = 1
        self.role(RoleState.STARTING)
        self._tasks = LabelSets(self._dropper(_SCHEDULED, _SCHEDULE_ERRORS), clock)
        self._queues = LabelSets(self._dropper(_ENQUEUED, _ENQUEUE_ERRORS), clock)

    def role(self, state: RoleState) -> None:
        """Take in what this scheduler does now; it is paused unless it leads."""
        leads = state is RoleState.LEADING
        self._series[_PAUSED][()] = int(not leads)
        self._series[_LEADER][self._candidate] = int(leads)

    def campaigned(self, state: Literal["candidate", "leader"]) -> None:
        """Count a campaign by the state in which it began; a leader's refresh is one, too."""
        self._series[_CAMPAIGNS][*self._candidate, state] += 1

    def interval(self, seconds: float) -> None:
        """Set the time between campaigns."""
        self._series[_INTERVAL][self._candidate] = seconds

    def schedules(self, count: int) -> None:
        """Set how many valid schedules are known."""
        self._series[_SCHEDULES][()] = count

    def invalid_schedules(self, count: int) -> None:
        """Set how many entries are not valid schedules."""
        self._series[_INVALID][()] = count

    def expect(self, queue: str, task_type: str) -> None:
        """Begin to count for a schedule: from 0, so that its first fire and its first error are seen."""
        task, items = self._tasks.expect((queue, task_type)), self._queues.expect((queue,))
        for metrics, labels in (((_SCHEDULED, _SCHEDULE_ERRORS), task), ((_ENQUEUED, _ENQUEUE_ERRORS), items)):
            for metric in metrics:
                self._series[metric].setdefault(labels, 0)

    def forget(self, queue: str, task_type: str) -> None:
        """Stop counting for a schedule that is gone. With the last one of a queue or type its counters go."""
        self._tasks.forget((queue, task_type))
        self._queues.forget((queue,))

    def fired(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Count tasks that were created, by queue and type."""
        for key, count in counts.items():
            self._series[_SCHEDULED][self._tasks.counted(key)] += count

    def failed(self, queue: str, task_type: str) -> None:
        """Count a fire that could not create its task or its work item."""
        self._series[_SCHEDULE_ERRORS][self._tasks.counted((queue, task_type))] += 1

    def enqueued(self, counts: Mapping[str, int]) -> None:
        """Count work items that were stored, by queue."""
        for queue, count in counts.items():
            self._series[_ENQUEUED][self._queues.counted((queue,))] += count

    def enqueue_failed(self, queue: str) -> None:
        """Count a work item that was not stored."""
        self._series[_ENQUEUE_ERRORS][self._queues.counted((queue,))] += 1

    def tasks_updated(self, state: str, count: int = 1) -> None:
        """Count tasks that were stored in a state: `new` at a fire, `queue_error` if the queue refused."""
        self._series[_TASK_UPDATES][(state,)] += count

    def lateness(self, seconds: Sequence[float]) -> None:
        """Count how late fires were. Less than 0, from a clock that was set back, counts as 0."""
        for each in seconds:
            late = max(each, 0.0)
            self._late[bisect_left(LATENESS_BUCKETS, late)] += 1
            self._lateness_sum += late

    def missed(self, reason: MissedReason, count: int = 1) -> None:
        """Count fires that made no task."""
        self._series[_MISSED][(reason,)] += count

    def duplicate(self) -> None:
        """Count a fire whose task existed already."""
        self._series[_DUPLICATES][()] += 1

    def takeover(self, kind: TakeoverKind) -> None:
        """Count a term of this scheduler."""
        self._series[_TAKEOVERS][(kind,)] += 1

    def retried(self) -> None:
        """Count a fire that was tried again."""
        self._series[_RETRIES][()] += 1

    def repaired(self) -> None:
        """Count a work item that was missing and was sent again."""
        self._series[_REPAIRED][()] += 1

    def restored(self, what: Literal["task", "item"]) -> None:
        """Count a task or a work item that its stream had lost and that was stored again."""
        self._series[_RESTORED][(what,)] += 1

    def watermark(self, instant: int | None) -> None:
        """Set up to when all fires are acknowledged, in nanoseconds since 1970."""
        self._watermark = instant

    def watermark_ahead(self, seconds: float) -> None:
        """Set by how much the watermark is too far ahead of the server's clock to count."""
        self._series[_WATERMARK_AHEAD][()] = seconds

    def open_fires(self, count: int) -> None:
        """Set how many fires the watermark names."""
        self._series[_OPEN][()] = count

    def clock_skew(self, seconds: float) -> None:
        """Set by how much this clock is ahead of the server's."""
        self._series[_CLOCK_SKEW][()] = seconds

    def in_flight(self, count: int) -> None:
        """Set how many fires are being written."""
        self._series[_IN_FLIGHT][()] = count

    def refused(self, reason: RefusedReason) -> None:
        """Count a connection to which the monitor gave no answer."""
        self._series[_REFUSED][(reason,)] += 1

    def counts(self) -> Counts:
        """What is counted now, as a value that does not change afterwards."""
        self._tasks.sweep()
        self._queues.sweep()
        self._series[_WATERMARK_AGE].clear()
        if self._watermark is not None:
            self._series[_WATERMARK_AGE][()] = (self._clock() - self._watermark) / NANOSECONDS
        late = [self._late[index] for index in range(len(LATENESS_BUCKETS) + 1)]
        histogram = Histogram(LATENESS_BUCKETS, late, self._lateness_sum)
        return {metric: histogram if metric is _LATENESS else dict(series) for metric, series in self._series.items()}

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return exposition(self.counts())

    def _dropper(self, *metrics: Metric) -> Callable[[Names], None]:
        def drop(labels: Names) -> None:
            for metric in metrics:
                self._series[metric].pop(labels, None)

        return drop
