"""Metrics: some have the names of the Go tool, which dashboards and alerts know, the others names of our own.

Everything is counted in plain dictionaries by the thread that runs the loop, which is cheap enough for thousands of
fires at one instant.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

from ajsync.asyncjobs.names import SCHEDULER_ELECTION
from ajsync.asyncjobs.outcome import STATES, WITHOUT_TASK, words_of
from ajsync.asyncjobs.presence import ROLES, Presence
from ajsync.asyncjobs.tasks import NEW
from ajsync.scheduler.election.role import RoleState, TakeoverKind
from ajsync.scheduler.monitor.series import (
    OTHER,
    Counts,
    Histogram,
    LabelSets,
    Metric,
    MetricKind,
    Names,
    Rows,
    exposition,
)
from ajsync.timestamp import NANOSECONDS
from ajsync.version import __version__

MissedReason = Literal["deadline", "catchup", "overlap", "unstored", "unseen"]
"""Why a fire made no task: it was past its deadline; its catch-up policy let it go; its previous task was not finished;
it could not be stored in time; it fell due while no scheduler of ajsync led, and may have made a task after all."""
UnseenOutcome = Literal["fired", "made_good", "left"]
"""What became of a fire that fell due while no scheduler of ajsync led: another scheduler had made it; it was made
good; it was left alone, because that was uncertain."""
RefusedReason = Literal["connections", "descriptors", "host", "malformed", "timeout"]
"""Why the monitor gave no answer: too many connections were open; no file descriptor was left; the request used a name
that is not ours; it was not HTTP; it was not complete in time."""
MISSED_REASONS: tuple[MissedReason, ...] = get_args(MissedReason)
UNSEEN_OUTCOMES: tuple[UnseenOutcome, ...] = get_args(UnseenOutcome)
TAKEOVER_KINDS: tuple[TakeoverKind, ...] = get_args(TakeoverKind)
REFUSED_REASONS: tuple[RefusedReason, ...] = get_args(RefusedReason)
LATENESS_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0),
)
"""In seconds: from the lateness of an idle scheduler to one that only catch-up reaches."""
TASK_STATES = tuple(state for state in STATES if state not in WITHOUT_TASK)
METRICS: list[Metric] = []
"""Every metric, the Go tool's first. A metric with labels appears once there is something to count."""


def _metric(kind: MetricKind, name: str, help: str, *labels: str) -> Metric:
    METRICS.append(Metric(kind, name, help, labels))
    return METRICS[-1]


_counter, _gauge = partial(_metric, "counter"), partial(_metric, "gauge")

PAUSED = _gauge("choria_asyncjobs_task_scheduler_paused", "Indicates if the scheduler is paused")
SCHEDULES = _gauge("choria_asyncjobs_task_scheduler_schedules_total", "Indicates how many schedules are known")
SCHEDULED = _counter(
    "choria_asyncjobs_task_scheduler_scheduled_count",
    "Indicates how many times a task was created by the scheduler",
    "queue",
    "type",
)
SCHEDULE_ERRORS = _counter(
    "choria_asyncjobs_task_scheduler_schedule_error_count",
    "Indicates how many times a task failed to create",
    "queue",
    "type",
)
CAMPAIGNS = _counter(
    "choria_asyncjobs_election_campaigns",
    "The number of campaigns a specific candidate voted in",
    "election",
    "identity",
    "state",
)
LEADER = _gauge(
    "choria_asyncjobs_election_leader", "Indicates if a specific instance is the current leader", "election", "identity"
)
INTERVAL = _gauge(
    "choria_asyncjobs_election_interval_seconds", "The number of seconds between campaigns", "election", "identity"
)
ENQUEUED = _counter("choria_asyncjobs_queue_enqueue_count", "The number of jobs that were enqueued", "queue")
ENQUEUE_ERRORS = _counter(
    "choria_asyncjobs_queue_enqueue_error_count", "The number of jobs that failed to enqueued", "queue"
)
TASK_UPDATES = _counter("choria_asyncjobs_task_update_total", "The number of task updates that succeeded", "state")
LATENESS = _metric(
    "histogram", "ajsync_scheduler_lateness_seconds", "Seconds from a fire's instant to the acknowledgement of its task"
)
MISSED = _counter(
    "ajsync_scheduler_missed_total", f"Fires that made no task, by reason: {', '.join(MISSED_REASONS)}", "reason"
)
UNSEEN = _counter(
    "ajsync_scheduler_unseen_total",
    f"Fires that fell due while no scheduler of ajsync led, by what became of them: {', '.join(UNSEEN_OUTCOMES)}",
    "outcome",
)
DUPLICATES = _counter("ajsync_scheduler_duplicates_total", "Fires whose task existed already and was not made twice")
TAKEOVERS = _counter(
    "ajsync_scheduler_takeovers_total",
    f"Terms of this scheduler, by how it came to lead: {', '.join(TAKEOVER_KINDS)}",
    "kind",
)
REPLACED = _counter(
    "ajsync_scheduler_replaced_total", "Terms of this scheduler that another ended by taking over while this one ran"
)
RETRIES = _counter("ajsync_scheduler_retries_total", "Fires that were tried again after an error of the server")
REPAIRED = _counter("ajsync_scheduler_repaired_total", "Fires whose task existed and whose work item was sent again")
RESTORED = _counter(
    "ajsync_scheduler_restored_total",
    "Acknowledged messages that a stream lost and that were stored again: task, item",
    "what",
)
SCHEDULERS = _gauge(
    "ajsync_schedulers", f"Schedulers of ajsync in the account that this one sees, by role: {', '.join(ROLES)}", "role"
)
READY = _gauge("ajsync_scheduler_ready", "Whether this scheduler could lead now, as /readyz says: 1 if so, else 0")
WATERMARK_AGE = _gauge(
    "ajsync_scheduler_watermark_age_seconds", "Seconds since the instant up to which all fires are acknowledged"
)
WATERMARK_AHEAD = _gauge(
    "ajsync_scheduler_watermark_ahead_seconds",
    "Seconds of the watermark that are too far ahead of the server's clock to count",
)
OPEN_FIRES = _gauge("ajsync_scheduler_open_fires", "Fires that the watermark names because they are not settled")
CLOCK_SKEW = _gauge("ajsync_scheduler_clock_skew_seconds", "Seconds by which this clock is ahead of the server's")
IN_FLIGHT = _gauge("ajsync_scheduler_in_flight", "Fires that are being written and are not acknowledged yet")
INVALID_SCHEDULES = _gauge("ajsync_scheduler_invalid_schedules", "Entries of the bucket that are not valid schedules")
PAUSED_SCHEDULES = _gauge(
    "ajsync_scheduler_paused_schedules", "Schedules that 'ajsync pause' has paused and that nothing fires meanwhile"
)
TASKS = _counter(
    "ajsync_tasks_total",
    "Times that a task of a schedule changed to a state, as this scheduler heard",
    "queue",
    "state",
)
FAILING_SCHEDULES = _gauge("ajsync_schedules_failing", "Schedules whose work has failed since their last success")
OVERDUE_SCHEDULES = _gauge("ajsync_schedules_overdue", "Schedules without a success for longer than it should be")
LAST_SUCCESS = _gauge(
    "ajsync_schedule_last_success_timestamp_seconds",
    "With --metrics-per-schedule: when the last fire of a schedule that succeeded was due, in seconds since 1970",
    "schedule",
)
LAST_OUTCOME = _gauge(
    "ajsync_schedule_last_outcome",
    "With --metrics-per-schedule: always 1; the label says the state of the work of a schedule's last fire",
    "schedule",
    "state",
)
NEXT_FIRE = _gauge(
    "ajsync_schedule_next_fire_timestamp_seconds",
    "With --metrics-per-schedule: when a schedule is due next, in seconds since 1970",
    "schedule",
)
REFUSED = _counter(
    "ajsync_monitor_refused_total",
    f"Connections to the monitor without an answer, by reason: {', '.join(REFUSED_REASONS)}",
    "reason",
)
BUILD = _gauge("ajsync_build_info", "Always 1; the label says which version runs", "version")


class Metrics:
    """Counts what one scheduler does. No method blocks."""

    def __init__(self, name: str, clock: Callable[[], int] = time.time_ns) -> None:
        """`name` is the scheduler's identity in the election; `clock` gives nanoseconds since 1970."""
        self._clock = clock
        self._candidate = (SCHEDULER_ELECTION, name)
        self._watermark: int | None = None
        self._late = [0] * (len(LATENESS_BUCKETS) + 1)
        self._lateness_sum = 0.0
        self._series: dict[Metric, dict[Names, float]] = {metric: defaultdict(int) for metric in METRICS}
        for metric in METRICS:
            if not metric.labels and metric is not CLOCK_SKEW:  # unknown until it is measured
                self._series[metric][()] = 0
        # A series that begins at 1 hides its first event from rate() and increase(), so known series begin at 0.
        self._series[MISSED].update({(reason,): 0 for reason in MISSED_REASONS})
        self._series[UNSEEN].update({(outcome,): 0 for outcome in UNSEEN_OUTCOMES})
        self._series[TAKEOVERS].update({(kind,): 0 for kind in TAKEOVER_KINDS})
        self._series[RESTORED].update({("task",): 0, ("item",): 0})
        self._series[REFUSED].update({(reason,): 0 for reason in REFUSED_REASONS})
        self._series[BUILD][(__version__,)] = 1
        self.role(RoleState.STARTING)
        self._rows: dict[Metric, Rows] = {}
        self._tasks = LabelSets([self._series[SCHEDULED], self._series[SCHEDULE_ERRORS]], clock)
        self._queues = LabelSets(
            [self._series[ENQUEUED], self._series[ENQUEUE_ERRORS]],
            clock,
            detailed=self._series[TASKS],
            details=TASK_STATES,
        )
        self.on_counts: Callable[[], None] = lambda: None
        """Called before the counts are read, to set the values that are not counted as they happen."""

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to a counter, for these values of its labels."""
        self._series[metric][labels] += by

    def set(self, metric: Metric, value: float) -> None:
        """Set a gauge without labels."""
        self._series[metric][()] = value

    def show(self, metric: Metric, rows: Sequence[tuple[Names, float]]) -> None:
        """Show these series of a gauge until the next call. `rows` must not change afterwards."""
        self._rows[metric] = Rows(rows)

    def role(self, state: RoleState) -> None:
        """Take in the role of this scheduler; it counts as paused unless it leads."""
        leads = state is RoleState.LEADING
        self._series[PAUSED][()] = int(not leads)
        self._series[LEADER][self._candidate] = int(leads)

    def schedulers(self, presence: Presence) -> None:
        """Take in which schedulers there are; nothing is shown while they are not known."""
        self._series[SCHEDULERS] = {} if presence.trouble else {(role,): presence.count(role) for role in ROLES}

    def campaigned(self, state: Literal["candidate", "leader"]) -> None:
        """Count a campaign by the state in which it began; a leader's refresh is a campaign, too."""
        self._series[CAMPAIGNS][*self._candidate, state] += 1

    def interval(self, seconds: float) -> None:
        """Set the time between campaigns."""
        self._series[INTERVAL][self._candidate] = seconds

    def expect(self, queue: str, task_type: str) -> None:
        """Begin the counters of a schedule at 0, so that its first fire and its first error show as an increase."""
        self._tasks.expect((queue, task_type))
        self._queues.expect((queue,))

    def forget(self, queue: str, task_type: str) -> None:
        """Stop counting for a schedule that is gone. The counters of a queue or type go with its last schedule."""
        self._tasks.forget((queue, task_type))
        self._queues.forget((queue,))

    def fired(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Count tasks that were created, by queue and type."""
        for key, count in counts.items():
            self._series[SCHEDULED][self._tasks.counted(key)] += count

    def failed(self, queue: str, task_type: str) -> None:
        """Count a fire that could not create its task or its work item."""
        self._series[SCHEDULE_ERRORS][self._tasks.counted((queue, task_type))] += 1

    def enqueued(self, counts: Mapping[str, int]) -> None:
        """Count work items that were stored, by queue."""
        for queue, count in counts.items():
            self._series[ENQUEUED][self._queues.counted((queue,))] += count

    def enqueue_failed(self, queue: str) -> None:
        """Count a work item that was not stored."""
        self._series[ENQUEUE_ERRORS][self._queues.counted((queue,))] += 1

    def task_states(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Count tasks of schedules that have changed to a state, by queue and state; other programs may have invented
        these."""
        for (queue, state), count in counts.items():
            shown = state if state in TASK_STATES else OTHER
            self._series[TASKS][*self._queues.counted((queue,)), shown] += count

    def lateness(self, seconds: Sequence[float]) -> None:
        """Count how late fires were. Less than 0, from a clock that was set back, counts as 0."""
        for each in seconds:
            late = max(each, 0.0)
            self._late[bisect_left(LATENESS_BUCKETS, late)] += 1
            self._lateness_sum += late

    def fires(self) -> tuple[int, int]:
        """How many tasks this scheduler has made, and how many fires it has missed, without those skipped for
        `overlap`."""
        missed = self._series[MISSED]
        return sum(self._late), int(sum(missed.values()) - missed[("overlap",)])

    def heard(self) -> tuple[int, int]:
        """How many tasks of schedules were made, and how many ended without success, as far as events told.

        Both shrink when a queue is forgotten.
        """
        counts = Counter[str]()
        for (_, state), count in self._series[TASKS].items():
            counts[state] += int(count)
        return counts[NEW], sum(count for state, count in counts.items() if words_of(state).tone == "bad")

    def watermark(self, instant: int | None) -> None:
        """Set up to when all fires are acknowledged, in nanoseconds since 1970."""
        self._watermark = instant

    def counts(self) -> Counts:
        """The current counts, as a value that does not change afterwards."""
        self.on_counts()
        self._tasks.sweep()
        self._queues.sweep()
        self._series[WATERMARK_AGE].clear()
        if self._watermark is not None:
            self._series[WATERMARK_AGE][()] = (self._clock() - self._watermark) / NANOSECONDS
        histogram = Histogram(LATENESS_BUCKETS, [*self._late], self._lateness_sum)
        single: dict[Metric, Histogram | Rows] = {LATENESS: histogram, **self._rows}
        return {metric: single.get(metric) or dict(series) for metric, series in self._series.items()}

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return exposition(self.counts())
