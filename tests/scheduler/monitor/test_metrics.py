"""Metrics: the Go tool's names exactly as it writes them, and what is counted counted rightly."""

from __future__ import annotations

import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

import ajsync
from ajsync.asyncjobs.presence import NOT_ASKED, Presence, SchedulerPresence
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.metrics import (
    CLOCK_SKEW,
    DUPLICATES,
    IN_FLIGHT,
    INVALID_SCHEDULES,
    LAST_OUTCOME,
    LAST_SUCCESS,
    LATENESS_BUCKETS,
    METRICS,
    MISSED,
    MISSED_REASONS,
    NEXT_FIRE,
    REPAIRED,
    RETRIES,
    SCHEDULES,
    TAKEOVER_KINDS,
    TAKEOVERS,
    TASK_UPDATES,
    Metrics,
)
from ajsync.scheduler.monitor.series import LONGEST_LABEL, MOST_SETS, Metric
from ajsync.timestamp import NANOSECONDS
from tests.recorded import GOLDEN

RECORDED = (GOLDEN / "metrics.txt").read_text()
WRONG_IN_GO = {
    'choria_asyncjobs_task_scheduler_scheduled_count{queue="EMAIL",type="email:tick"} 0',
    "choria_asyncjobs_task_scheduler_schedules_total 5",
}
"""Values that the Go tool counts wrongly: it had fired 13 times, of 7 schedules."""


def lines(metrics: Metrics) -> list[str]:
    return metrics.exposition().decode().splitlines()


def values(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name by the values of their labels; the client's reader adds `_total` where it is missing."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = [sample for family in families for sample in family.samples if sample.name in (name, f"{name}_total")]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


def test_each_metric_is_set_somewhere() -> None:
    module = sys.modules[Metrics.__module__]
    names = {name for name, value in vars(module).items() if isinstance(value, Metric)}
    package = Path(ajsync.__file__).parent
    used = Counter(word for file in package.rglob("*.py") for word in re.findall(r"[A-Z_]+", file.read_text()))
    assert {vars(module)[name] for name in names} == {*METRICS}
    assert {name for name in names if used[name] < 2} == set()  # its definition is one


def as_recorded() -> Metrics:
    """Metrics that have seen what the Go tool had seen when its own were recorded."""
    metrics = Metrics("dev1.example.net")
    metrics.campaigned("candidate")
    for _ in range(3):
        metrics.campaigned("leader")
    metrics.role(RoleState.LEADING)
    metrics.interval(7.5)
    metrics.set(SCHEDULES, 7)
    metrics.fired({("EMAIL", "email:tick"): 13})
    metrics.enqueued({"EMAIL": 13})
    metrics.count(TASK_UPDATES, "new", by=13)
    return metrics


def test_every_line_that_the_go_tool_writes_comes_out_byte_for_byte() -> None:
    assert set(RECORDED.splitlines()) - set(lines(as_recorded())) == WRONG_IN_GO


def test_what_the_go_tool_counts_wrongly_is_counted_rightly() -> None:
    assert 'choria_asyncjobs_task_scheduler_scheduled_count{queue="EMAIL",type="email:tick"} 13' in lines(as_recorded())
    assert "choria_asyncjobs_task_scheduler_schedules_total 7" in lines(as_recorded())


def test_errors_have_the_names_and_help_of_the_go_tool() -> None:
    metrics = Metrics("a")
    metrics.failed("EMAIL", "email:tick")
    metrics.enqueue_failed("EMAIL")
    assert set(lines(metrics)) >= {
        "# HELP choria_asyncjobs_task_scheduler_schedule_error_count Indicates how many times a task failed to create",
        "# TYPE choria_asyncjobs_task_scheduler_schedule_error_count counter",
        'choria_asyncjobs_task_scheduler_schedule_error_count{queue="EMAIL",type="email:tick"} 1',
        "# HELP choria_asyncjobs_queue_enqueue_error_count The number of jobs that failed to enqueued",
        "# TYPE choria_asyncjobs_queue_enqueue_error_count counter",
        'choria_asyncjobs_queue_enqueue_error_count{queue="EMAIL"} 1',
    }


def test_every_name_is_in_the_table_and_every_name_of_the_table_appears() -> None:
    metrics = as_recorded()
    metrics.watermark(0)
    metrics.set(CLOCK_SKEW, 0.002)
    metrics.schedulers(Presence())
    metrics.failed("EMAIL", "email:tick")
    metrics.enqueue_failed("EMAIL")
    metrics.task_states({("EMAIL", "complete"): 1})
    metrics.show(LAST_SUCCESS, [(("A",), 1.5)])
    metrics.show(LAST_OUTCOME, [(("A", "complete"), 1)])
    metrics.show(NEXT_FIRE, [(("A",), 2.5)])
    typed = [tuple(line.split()[2:]) for line in lines(metrics) if line.startswith("# TYPE ")]
    assert typed == [(metric.name, metric.kind) for metric in METRICS]


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_table_says_of_each_metric_what_it_means(metric: Metric) -> None:
    assert metric.help.strip()
    assert metric.help.isprintable()
    assert list(metric.labels) == sorted(metric.labels)


def test_a_scheduler_that_does_not_lead_is_paused() -> None:
    metrics = Metrics("a")
    paused, leader = "choria_asyncjobs_task_scheduler_paused", "choria_asyncjobs_election_leader"
    assert (values(metrics, paused), values(metrics, leader)) == ({(): 1}, {("task_scheduler", "a"): 0})
    metrics.role(RoleState.LEADING)
    assert (values(metrics, paused), values(metrics, leader)) == ({(): 0}, {("task_scheduler", "a"): 1})


def test_schedulers_are_counted_by_role_and_not_at_all_while_they_are_not_known() -> None:
    metrics = Metrics("a")
    assert values(metrics, "ajsync_schedulers") == {}
    one = SchedulerPresence("1", "a", "leader", 0, "1.2.3", 0)
    metrics.schedulers(Presence((one, replace(one, id="2", role="stand-by"), replace(one, id="3", role="stand-by"))))
    counted = {("leader",): 1, ("waiting",): 0, ("stand-by",): 2, ("starting",): 0}
    assert values(metrics, "ajsync_schedulers") == counted
    metrics.schedulers(NOT_ASKED)
    assert values(metrics, "ajsync_schedulers") == {}


def test_fires_are_counted_by_the_batch() -> None:
    metrics = Metrics("a")
    fires = [("EMAIL", "email:tick"), ("CRM", "crm:sync"), ("EMAIL", "email:tick")]
    for _ in range(2):
        metrics.fired(Counter(fires))
        metrics.enqueued(Counter(queue for queue, _ in fires))
    assert values(metrics, "choria_asyncjobs_task_scheduler_scheduled_count") == {
        ("EMAIL", "email:tick"): 4,
        ("CRM", "crm:sync"): 2,
    }
    assert values(metrics, "choria_asyncjobs_queue_enqueue_count") == {("EMAIL",): 4, ("CRM",): 2}


def test_what_may_come_begins_at_zero_so_that_its_first_time_is_seen() -> None:
    metrics = Metrics("a")
    metrics.fired({("EMAIL", "email:tick"): 1})
    metrics.expect("EMAIL", "email:tick")
    metrics.expect("CRM", "crm:sync")
    scheduler = "choria_asyncjobs_task_scheduler_"
    assert values(metrics, f"{scheduler}scheduled_count") == {("EMAIL", "email:tick"): 1, ("CRM", "crm:sync"): 0}
    assert set(values(metrics, f"{scheduler}schedule_error_count").values()) == {0}
    assert values(metrics, "choria_asyncjobs_queue_enqueue_count") == {("EMAIL",): 0, ("CRM",): 0}
    assert values(metrics, "choria_asyncjobs_queue_enqueue_error_count") == {("EMAIL",): 0, ("CRM",): 0}
    assert values(metrics, "ajsync_scheduler_missed_total") == {(reason,): 0 for reason in MISSED_REASONS}
    assert values(metrics, "ajsync_scheduler_takeovers_total") == {(kind,): 0 for kind in TAKEOVER_KINDS}


def test_our_own_counters_count() -> None:
    metrics = Metrics("a")
    metrics.count(MISSED, "deadline", by=3)
    metrics.count(MISSED, "overlap")
    metrics.count(DUPLICATES)
    metrics.count(DUPLICATES)
    metrics.count(TAKEOVERS, "silent")
    metrics.count(RETRIES)
    metrics.count(REPAIRED)
    metrics.set(IN_FLIGHT, 9)
    metrics.set(INVALID_SCHEDULES, 5)
    ours = "ajsync_scheduler_"
    assert values(metrics, f"{ours}missed_total") == {
        **{(reason,): 0 for reason in MISSED_REASONS},
        ("deadline",): 3,
        ("overlap",): 1,
    }
    assert values(metrics, f"{ours}takeovers_total") == {("vacant",): 0, ("handover",): 0, ("silent",): 1}
    single = {"duplicates_total": 2, "retries_total": 1, "repaired_total": 1, "in_flight": 9, "invalid_schedules": 5}
    assert {name: values(metrics, ours + name)[()] for name in single} == single


def test_the_histogram_of_lateness_adds_up_from_bucket_to_bucket() -> None:
    metrics = Metrics("a")
    metrics.lateness([])
    metrics.lateness([0.0005, 0.001, 0.0011])
    metrics.lateness([400.0])
    name = "ajsync_scheduler_lateness_seconds"
    buckets = values(metrics, f"{name}_bucket")
    assert [*buckets] == [*((f"{bound:g}",) for bound in LATENESS_BUCKETS), ("+Inf",)]
    assert list(buckets.values()) == [2, *[3] * (len(LATENESS_BUCKETS) - 1), 4]
    assert values(metrics, f"{name}_count") == {(): 4}
    assert values(metrics, f"{name}_sum")[()] == pytest.approx(400.0026)


def test_the_buckets_go_from_a_millisecond_to_five_minutes() -> None:
    assert (LATENESS_BUCKETS[0], LATENESS_BUCKETS[-1]) == (0.001, 300)
    assert list(LATENESS_BUCKETS) == sorted(LATENESS_BUCKETS)


def test_a_fire_that_seems_early_is_not_late() -> None:
    metrics = Metrics("a")
    metrics.lateness([-1.0, 0.5])
    assert values(metrics, "ajsync_scheduler_lateness_seconds_sum") == {(): 0.5}
    assert values(metrics, "ajsync_scheduler_lateness_seconds_bucket")[("0.001",)] == 1


def test_the_watermark_ages_until_somebody_asks() -> None:
    now = 100 * NANOSECONDS
    metrics = Metrics("a", clock=lambda: now)
    name = "ajsync_scheduler_watermark_age_seconds"
    assert values(metrics, name) == {}
    metrics.watermark(99 * NANOSECONDS)
    assert values(metrics, name) == {(): 1}
    now = 102 * NANOSECONDS
    assert values(metrics, name) == {(): 3}
    metrics.watermark(None)
    assert values(metrics, name) == {}


def test_names_from_the_bucket_stay_values_of_their_labels() -> None:
    hostile = 'q"} 1\nfake_metric 1\\'
    metrics = Metrics("sch\u00e9duler")
    metrics.fired({(hostile, "%s {type}"): 1})
    metrics.enqueued({"\ud800": 1})
    assert values(metrics, "fake_metric") == {}
    assert values(metrics, "choria_asyncjobs_task_scheduler_scheduled_count") == {(hostile, "%s {type}"): 1}
    assert values(metrics, "choria_asyncjobs_queue_enqueue_count") == {("?",): 1}
    assert [*values(metrics, "choria_asyncjobs_election_leader")] == [("task_scheduler", "sch\u00e9duler")]


HOSTILE = [
    *(f"Q{number}_" + "x" * 400_000 for number in range(20)),
    *("\u20ac" * 400_000 + str(number) for number in range(20)),
    *('"\n\\' * 100_000 + str(number) for number in range(20)),
]


def test_long_names_are_cut_in_labels_and_stay_apart() -> None:
    metrics = Metrics("a")
    for name in HOSTILE:
        metrics.expect(name, name)
        metrics.fired({(name, name): 1})
        metrics.failed(name, name)
        metrics.enqueued({name: 2})
        metrics.enqueue_failed(name)
    counted = values(metrics, "choria_asyncjobs_task_scheduler_scheduled_count")
    assert list(counted.values()) == [1] * len(HOSTILE)
    assert all(len(label.encode()) <= LONGEST_LABEL for labels in counted for label in labels)
    assert len(metrics.exposition()) < 3000 * len(HOSTILE)


def test_the_tasks_of_known_queues_are_counted_from_zero_by_state() -> None:
    metrics = Metrics("a")
    metrics.expect("EMAIL", "email:tick")
    metrics.task_states({("EMAIL", "expired"): 1})
    counted = values(metrics, "ajsync_tasks_total")
    assert {queue for queue, _ in counted} == {"EMAIL"}
    assert {state: count for (_, state), count in counted.items() if count} == {"expired": 1}
    assert {"complete", "terminated", "retry", "queue_error"} <= {state for _, state in counted}
    assert not {"skipped", "missed", "unknown"} & {state for _, state in counted}
    metrics.forget("EMAIL", "email:tick")
    assert values(metrics, "ajsync_tasks_total") == {}


def test_states_that_others_have_made_up_share_a_series() -> None:
    metrics = Metrics("a")
    metrics.expect("EMAIL", "email:tick")
    for number in range(1000):
        metrics.task_states({("EMAIL", f"made up {number}"): 1})
    counted = values(metrics, "ajsync_tasks_total")
    assert counted["EMAIL", "(other)"] == 1000
    assert len(counted) == 10
    metrics.forget("EMAIL", "email:tick")
    assert values(metrics, "ajsync_tasks_total") == {}


def test_series_of_schedules_are_those_that_were_shown_last_with_names_as_other_labels() -> None:
    metrics = Metrics("a")
    assert "ajsync_schedule_last" not in metrics.exposition().decode()
    metrics.show(LAST_OUTCOME, [(("OLD", "new"), 1)])
    metrics.show(LAST_OUTCOME, [(('"\n\\', "complete"), 1), (("x" * 400_000, "expired"), 1)])
    counted = values(metrics, "ajsync_schedule_last_outcome")
    assert [state for _, state in counted] == ["complete", "expired"]
    assert next(iter(counted))[0] == '"\n\\'
    assert len(metrics.exposition()) < 20_000
    metrics.show(LAST_OUTCOME, [])
    assert "ajsync_schedule_last" not in metrics.exposition().decode()


def test_a_name_as_long_as_a_label_may_be_is_whole() -> None:
    metrics = Metrics("a")
    metrics.expect("q" * LONGEST_LABEL, "t")
    assert set(values(metrics, "choria_asyncjobs_queue_enqueue_count")) == {("q" * LONGEST_LABEL,)}


def test_beyond_the_bound_everything_is_counted_under_one_name_and_nothing_is_lost() -> None:
    metrics = Metrics("a")
    for number in range(5 * MOST_SETS):
        metrics.expect(f"Q{number}", "t" * 300)
        metrics.fired({(f"Q{number}", "t" * 300): 1})
        metrics.enqueued({f"Q{number}": 1})
    for name in ("task_scheduler_scheduled_count", "queue_enqueue_count"):
        counted = values(metrics, f"choria_asyncjobs_{name}")
        assert len(counted) == MOST_SETS + 1
        assert sum(counted.values()) == 5 * MOST_SETS
        assert {labels[0]: count for labels, count in counted.items()}["(other)"] == 4 * MOST_SETS
    assert len(metrics.exposition()) < 1_000_000


def test_with_its_last_schedule_a_queue_is_forgotten_and_makes_room() -> None:
    metrics = Metrics("a")
    for number in range(MOST_SETS):
        metrics.expect(f"Q{number}", "t")
    metrics.expect("Q0", "t")
    metrics.fired({("Q0", "t"): 3})
    metrics.forget("Q0", "t")
    assert values(metrics, "choria_asyncjobs_task_scheduler_scheduled_count")["Q0", "t"] == 3
    metrics.forget("Q0", "t")
    assert b'"Q0"' not in metrics.exposition()
    metrics.expect("NEW", "t")
    assert values(metrics, "choria_asyncjobs_queue_enqueue_count")["NEW",] == 0


def test_what_ends_after_its_schedule_is_gone_is_counted_for_a_while() -> None:
    now = 0
    metrics = Metrics("a", clock=lambda: now)
    metrics.expect("GONE", "t")
    metrics.forget("GONE", "t")
    metrics.fired({("GONE", "t"): 1})
    name = "choria_asyncjobs_task_scheduler_scheduled_count"
    assert values(metrics, name) == {("GONE", "t"): 1}
    now = 59 * NANOSECONDS
    assert values(metrics, name) == {("GONE", "t"): 1}
    now = 60 * NANOSECONDS
    assert values(metrics, name) == {}


def test_what_came_back_is_not_forgotten_for_having_been_away() -> None:
    now = 0
    metrics = Metrics("a", clock=lambda: now)
    metrics.fired({("BACK", "t"): 1})
    metrics.expect("BACK", "t")
    now = 3600 * NANOSECONDS
    assert values(metrics, "choria_asyncjobs_task_scheduler_scheduled_count") == {("BACK", "t"): 1}


@given(
    st.lists(
        st.tuples(st.sampled_from(["expect", "forget", "fired"]), st.integers(0, 4), st.integers(0, 1)), max_size=60
    )
)
def test_whatever_comes_and_goes_the_labels_are_those_of_what_is_there(
    steps: list[tuple[str, int, int]],
) -> None:
    now = 0
    metrics = Metrics("a", clock=lambda: now)
    there: Counter[tuple[str, str]] = Counter()
    for step, queue, kind in steps:
        key = f"Q{queue}", f"t{kind}"
        if step == "expect":
            metrics.expect(*key)
            there[key] += 1
        elif step == "forget" and there[key]:
            metrics.forget(*key)
            there[key] -= 1
        elif step == "fired":
            metrics.fired({key: 1})
            metrics.enqueued({key[0]: 1})
    now = 3600 * NANOSECONDS
    left = {key for key, count in there.items() if count}
    assert set(values(metrics, "choria_asyncjobs_task_scheduler_scheduled_count")) == left
    assert set(values(metrics, "choria_asyncjobs_queue_enqueue_count")) == {(queue,) for queue, _ in left}
