"""Metrics: the names of the Go tool, which dashboards and alerts know, counted rightly, and ours beside them.

Everything is counted in plain dictionaries by the thread that runs the loop, and is cheap enough for thousands of fires
at one instant.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Literal, get_args

from ajsync.asyncjobs.names import SCHEDULER_ELECTION
from ajsync.scheduler.election.role import RoleState, TakeoverKind
from ajsync.scheduler.monitor.exposition import Counts, Histogram, Metric
from ajsync.scheduler.monitor.label_sets import LabelSets, Names
from ajsync.timestamp import NANOSECONDS
from ajsync.version import __version__

MissedReason = Literal["deadline", "catchup", "overlap", "unstored"]
"""Why a fire made no task: past its deadline; let go by its catch-up policy; its previous task isn't finished; it could
not be stored in time."""
RefusedReason = Literal["connections", "descriptors", "host", "malformed", "timeout"]
"""Why the monitor gave no answer: more connections than can be open; no file descriptor left; called by a name that is
not ours; not a request; not complete in time."""
MISSED_REASONS: tuple[MissedReason, ...] = get_args(MissedReason)
TAKEOVER_KINDS: tuple[TakeoverKind, ...] = get_args(TakeoverKind)
REFUSED_REASONS: tuple[RefusedReason, ...] = get_args(RefusedReason)
LATENESS_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
"""Seconds: from what an idle scheduler reaches to what only catch-up has."""


_PAUSED = Metric("choria_asyncjobs_task_scheduler_paused", "gauge", (), "Indicates if the scheduler is paused")
_SCHEDULES = Metric(
    "choria_asyncjobs_task_scheduler_schedules_total", "gauge", (), "Indicates how many schedules are known"
)
_SCHEDULED = Metric(
    "choria_asyncjobs_task_scheduler_scheduled_count",
    "counter",
    ("queue", "type"),
    "Indicates how many times a task was created by the scheduler",
)
_SCHEDULE_ERRORS = Metric(
    "choria_asyncjobs_task_scheduler_schedule_error_count",
    "counter",
    ("queue", "type"),
    "Indicates how many times a task failed to create",
)
_CAMPAIGNS = Metric(
    "choria_asyncjobs_election_campaigns",
    "counter",
    ("election", "identity", "state"),
    "The number of campaigns a specific candidate voted in",
)
_LEADER = Metric(
    "choria_asyncjobs_election_leader",
    "gauge",
    ("election", "identity"),
    "Indicates if a specific instance is the current leader",
)
_INTERVAL = Metric(
    "choria_asyncjobs_election_interval_seconds",
    "gauge",
    ("election", "identity"),
    "The number of seconds between campaigns",
)
_ENQUEUED = Metric(
    "choria_asyncjobs_queue_enqueue_count", "counter", ("queue",), "The number of jobs that were enqueued"
)
_ENQUEUE_ERRORS = Metric(
    "choria_asyncjobs_queue_enqueue_error_count", "counter", ("queue",), "The number of jobs that failed to enqueued"
)
_TASK_UPDATES = Metric(
    "choria_asyncjobs_task_update_total", "counter", ("state",), "The number of task updates that succeeded"
)
_LATENESS = Metric(
    "ajsync_scheduler_lateness_seconds",
    "histogram",
    (),
    "Seconds from the instant at which a schedule was due to the ack of its task",
)
_MISSED = Metric(
    "ajsync_scheduler_missed_total",
    "counter",
    ("reason",),
    f"Fires that made no task, by reason: {', '.join(MISSED_REASONS)}",
)
_DUPLICATES = Metric(
    "ajsync_scheduler_duplicates_total", "counter", (), "Fires whose task was there already, and was not made twice"
)
_TAKEOVERS = Metric(
    "ajsync_scheduler_takeovers_total",
    "counter",
    ("kind",),
    f"Times that this scheduler came to lead, by what it found: {', '.join(TAKEOVER_KINDS)}",
)
_RETRIES = Metric(
    "ajsync_scheduler_retries_total", "counter", (), "Fires that were tried again after an error of the server"
)
_REPAIRED = Metric(
    "ajsync_scheduler_repaired_total", "counter", (), "Fires whose task was there, and whose work item was sent again"
)
_RESTORED = Metric(
    "ajsync_scheduler_restored_total",
    "counter",
    ("what",),
    "What a stream had acknowledged and lost, and was stored again: task, item",
)
_WATERMARK_AGE = Metric(
    "ajsync_scheduler_watermark_age_seconds",
    "gauge",
    (),
    "Seconds since the instant up to which all fires are acked",
)
_WATERMARK_AHEAD = Metric(
    "ajsync_scheduler_watermark_ahead_seconds",
    "gauge",
    (),
    "Seconds by which the watermark is too far ahead of the server's clock to count",
)
_OPEN = Metric(
    "ajsync_scheduler_open_fires", "gauge", (), "Fires that are not settled, and that the watermark names as such"
)
_CLOCK_SKEW = Metric(
    "ajsync_scheduler_clock_skew_seconds", "gauge", (), "Seconds by which this clock is ahead of the server's"
)
_IN_FLIGHT = Metric(
    "ajsync_scheduler_in_flight", "gauge", (), "Fires that are being written and have not been acked yet"
)
_INVALID = Metric(
    "ajsync_scheduler_invalid_schedules", "gauge", (), "Entries of the bucket that are not valid schedules"
)
_REFUSED = Metric(
    "ajsync_monitor_refused_total",
    "counter",
    ("reason",),
    f"Connections to the monitor that got no answer, by reason: {', '.join(REFUSED_REASONS)}",
)
_BUILD = Metric("ajsync_build_info", "gauge", ("version",), "Always 1; the label says which version runs")

METRICS: tuple[Metric, ...] = (
    *(_PAUSED, _SCHEDULES, _SCHEDULED, _SCHEDULE_ERRORS, _CAMPAIGNS, _LEADER, _INTERVAL),
    *(_ENQUEUED, _ENQUEUE_ERRORS, _TASK_UPDATES),
    *(_LATENESS, _MISSED, _DUPLICATES, _TAKEOVERS, _RETRIES, _REPAIRED, _RESTORED),
    *(_WATERMARK_AGE, _WATERMARK_AHEAD, _OPEN, _CLOCK_SKEW, _IN_FLIGHT, _INVALID, _REFUSED, _BUILD),
)
"""Every metric, the Go tool's first. Those with labels appear once there is something to count."""

_Series = dict[Names, float]


class Metrics:
    """What one scheduler counts. Each method counts for one name, but for `role` and `expect`; none blocks."""

    def __init__(self, name: str, clock: Callable[[], int] = time.time_ns) -> None:
        """`name` is the scheduler's, its identity in the election; `clock` gives nanoseconds since 1970."""
        self._clock = clock
        self._candidate = (SCHEDULER_ELECTION, name)
        self._watermark: int | None = None
        self._late: Counter[int] = Counter()
        self._lateness_sum = 0.0
        self._series: dict[Metric, _Series] = {metric: defaultdict(int) for metric in METRICS}
        for metric in (_SCHEDULES, _DUPLICATES, _RETRIES, _REPAIRED, _IN_FLIGHT, _INVALID, _WATERMARK_AHEAD, _OPEN):
            self._series[metric][()] = 0
        # A series that begins at 1 hides its first event from rate() and increase(), so what is known begins at 0.
        self._series[_MISSED].update({(reason,): 0 for reason in MISSED_REASONS})
        self._series[_TAKEOVERS].update({(kind,): 0 for kind in TAKEOVER_KINDS})
        self._series[_RESTORED].update({("task",): 0, ("item",): 0})
        self._series[_REFUSED].update({(reason,): 0 for reason in REFUSED_REASONS})
        self._series[_BUILD][(__version__,)] = 1
        self.role(RoleState.STARTING)
        # What is counted by the thousand is looked up once.
        self._scheduled = self._series[_SCHEDULED]
        self._enqueued = self._series[_ENQUEUED]
        self._tasks = LabelSets(self._dropper(_SCHEDULED, _SCHEDULE_ERRORS), clock)
        self._queues = LabelSets(self._dropper(_ENQUEUED, _ENQUEUE_ERRORS), clock)

    def role(self, state: RoleState) -> None:
        """What this scheduler does now: one that does not lead is paused."""
        leads = state is RoleState.LEADING
        self._series[_PAUSED][()] = int(not leads)
        self._series[_LEADER][self._candidate] = int(leads)

    def campaigned(self, state: Literal["candidate", "leader"]) -> None:
        """One campaign, by the state in which it was begun: a leader's refresh is one, too."""
        self._series[_CAMPAIGNS][*self._candidate, state] += 1

    def interval(self, seconds: float) -> None:
        """The time between campaigns."""
        self._series[_INTERVAL][self._candidate] = seconds

    def schedules(self, count: int) -> None:
        """How many valid schedules are known."""
        self._series[_SCHEDULES][()] = count

    def invalid_schedules(self, count: int) -> None:
        """How many entries are not valid schedules."""
        self._series[_INVALID][()] = count

    def expect(self, queue: str, task_type: str) -> None:
        """A schedule for these is known: its counters begin at 0, so that its first fire and error are seen."""
        task, items = self._tasks.expect((queue, task_type)), self._queues.expect((queue,))
        for metric, labels in (
            *((_SCHEDULED, task), (_SCHEDULE_ERRORS, task)),
            *((_ENQUEUED, items), (_ENQUEUE_ERRORS, items)),
        ):
            self._series[metric].setdefault(labels, 0)

    def forget(self, queue: str, task_type: str) -> None:
        """A schedule that was expected is gone; with the last one for a queue or type go its counters."""
        self._tasks.forget((queue, task_type))
        self._queues.forget((queue,))

    def fired(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Tasks that were created, by queue and type."""
        scheduled, labels = self._scheduled, self._tasks.counted
        for key, count in counts.items():
            scheduled[labels(key)] += count

    def failed(self, queue: str, task_type: str) -> None:
        """A fire could not create its task or its work item."""
        self._series[_SCHEDULE_ERRORS][self._tasks.counted((queue, task_type))] += 1

    def enqueued(self, counts: Mapping[str, int]) -> None:
        """Work items that were stored, by queue."""
        enqueued, labels = self._enqueued, self._queues.counted
        for queue, count in counts.items():
            enqueued[labels((queue,))] += count

    def enqueue_failed(self, queue: str) -> None:
        """A work item was not stored."""
        self._series[_ENQUEUE_ERRORS][self._queues.counted((queue,))] += 1

    def tasks_updated(self, state: str, count: int = 1) -> None:
        """Tasks that were stored in this state: `new` at a fire, `queue_error` when the queue refused."""
        self._series[_TASK_UPDATES][(state,)] += count

    def lateness(self, seconds: Sequence[float]) -> None:
        """How late fires were. Less than 0, from a clock that was set back, counts as 0."""
        if seconds and min(seconds) < 0:
            seconds = [max(each, 0.0) for each in seconds]
        self._late.update(map(bisect_left, repeat(LATENESS_BUCKETS), seconds))
        self._lateness_sum += sum(seconds)

    def missed(self, reason: MissedReason, count: int = 1) -> None:
        """Fires that made no task."""
        self._series[_MISSED][(reason,)] += count

    def duplicate(self) -> None:
        """The task of a fire was there already."""
        self._series[_DUPLICATES][()] += 1

    def takeover(self, kind: TakeoverKind) -> None:
        """This scheduler came to lead."""
        self._series[_TAKEOVERS][(kind,)] += 1

    def retried(self) -> None:
        """A fire was tried again."""
        self._series[_RETRIES][()] += 1

    def repaired(self) -> None:
        """The missing work item of a task was sent."""
        self._series[_REPAIRED][()] += 1

    def restored(self, what: Literal["task", "item"]) -> None:
        """A task or a work item that its stream had lost was stored again."""
        self._series[_RESTORED][(what,)] += 1

    def watermark(self, instant: int | None) -> None:
        """Up to when all fires are acked, in nanoseconds since 1970; the age is reckoned when somebody asks."""
        self._watermark = instant

    def watermark_ahead(self, seconds: float) -> None:
        """By how much the watermark is too far ahead of the server's clock to count."""
        self._series[_WATERMARK_AHEAD][()] = seconds

    def open_fires(self, count: int) -> None:
        """How many fires the watermark names as not settled."""
        self._series[_OPEN][()] = count

    def clock_skew(self, seconds: float) -> None:
        """By how much this clock is ahead of the server's."""
        self._series[_CLOCK_SKEW][()] = seconds

    def in_flight(self, count: int) -> None:
        """How many fires are being written."""
        self._series[_IN_FLIGHT][()] = count

    def refused(self, reason: RefusedReason) -> None:
        """The monitor gave a connection no answer."""
        self._series[_REFUSED][(reason,)] += 1

    def counts(self) -> Counts:
        """What is counted now, as a value of its own: cheap, and as long as it is kept it stays the same."""
        self._tasks.sweep()
        self._queues.sweep()
        self._series[_WATERMARK_AGE] = self._watermark_age()
        late = [self._late[index] for index in range(len(LATENESS_BUCKETS) + 1)]
        histogram = Histogram(LATENESS_BUCKETS, late, self._lateness_sum)
        return Counts(
            {metric: histogram if metric is _LATENESS else dict(series) for metric, series in self._series.items()}
        )

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return self.counts().exposition()

    def _watermark_age(self) -> _Series:
        return {} if self._watermark is None else {(): (self._clock() - self._watermark) / NANOSECONDS}

    def _dropper(self, *metrics: Metric) -> Callable[[Names], None]:
        def drop(labels: Names) -> None:
            for metric in metrics:
                self._series[metric].pop(labels, None)

        return drop
