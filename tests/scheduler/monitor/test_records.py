"""Outcomes are counted in the right metrics, kept as history, and listed as problems while they last."""

from __future__ import annotations

import logging
from typing import get_args

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ajsync.scheduler.firing.in_flight import FireOutcome, InFlightFire
from ajsync.scheduler.firing.lifecycle import State
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.monitor import records as records_module
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.monitor.status import LISTED, SHOWN
from ajsync.timestamp import NANOSECONDS as SECOND
from tests.scheduler.fires import fire
from tests.scheduler.log import fields

GO = "choria_asyncjobs_"
OURS = "ajsync_scheduler_"
NOW = 1_795_521_600 * SECOND


def outcome(name: str, what: FireOutcome, *, made: bool = False, detail: str = "", lateness: int = 0) -> InFlightFire:
    """A fire with this outcome."""
    prepared = Preparer("_INBOX.x").prepare(fire(name, due=NOW))
    found = InFlightFire(prepared.fire, state=State[what.upper()], made=made, lateness=lateness, detail=detail)
    found.prepared = prepared
    return found


def samples(metrics: Metrics) -> dict[str, float]:
    """All samples that are not 0, by name and labels."""
    found = {}
    for family in text_string_to_metric_families(metrics.exposition().decode()):
        for sample in family.samples:
            name = sample.name.removesuffix("_total")
            labels = ",".join(sample.labels[label] for label in sorted(sample.labels))
            if name.startswith(("choria", "ajsync_s")) and sample.value and not name.endswith(("_bucket", "_paused")):
                found[f"{name}{{{labels}}}" if labels else name] = sample.value
    return found


def test_each_outcome_is_counted_as_what_it_is() -> None:
    metrics = Metrics("test")
    records = Records(metrics, clock=lambda: NOW)
    records.settled(
        [
            outcome("A", "created", made=True, lateness=SECOND),
            outcome("B", "created", made=True, lateness=3 * SECOND),
            outcome("C", "exists"),
            outcome("D", "repaired"),
            outcome("E", "queue_error", made=True, lateness=SECOND),
            outcome("F", "queue_error"),
            outcome("G", "missed", detail="it could not be stored in time: full"),
        ]
    )
    assert samples(metrics) == {
        f"{GO}task_scheduler_scheduled_count{{EMAIL,email:new}}": 2,
        f"{GO}task_scheduler_schedule_error_count{{EMAIL,email:new}}": 3,
        f"{GO}queue_enqueue_count{{EMAIL}}": 3,
        f"{GO}queue_enqueue_error_count{{EMAIL}}": 2,
        f"{GO}task_update{{new}}": 3,
        f"{GO}task_update{{queue_error}}": 2,
        f"{OURS}lateness_seconds_count": 3,
        f"{OURS}lateness_seconds_sum": 5,
        f"{OURS}duplicates": 2,
        f"{OURS}repaired": 1,
        f"{OURS}missed{{unstored}}": 1,
    }
    assert {problem.name: problem.problem for problem in records.problems} == {
        "E": "the queue EMAIL does not exist",
        "F": "the queue EMAIL does not exist",
        "G": "it could not be stored in time: full",
    }


@pytest.mark.parametrize("what", get_args(FireOutcome))
def test_no_outcome_is_left_uncounted(what: FireOutcome) -> None:
    metrics = Metrics("test")
    Records(metrics).settled([outcome("A", what)])
    assert samples(metrics)


def test_a_problem_that_repeats_is_counted_since_it_first_came() -> None:
    now = NOW
    records = Records(Metrics("test"), clock=lambda: now)
    for _ in range(3):
        records.settled([outcome("A", "queue_error", made=True)])
        now += 60 * SECOND
    (problem,) = records.problems
    assert (problem.count, problem.since) == (3, NOW)
    records.unfit(fire("A"), "its queue is odd")
    (problem,) = records.problems
    assert (problem.problem, problem.count, problem.since) == ("its queue is odd", 1, now)


def test_a_problem_ends_with_the_first_fire_that_succeeds() -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.settled([outcome("A", "queue_error", made=True), outcome("B", "queue_error", made=True)])
    records.settled([outcome("A", "created", made=True)])
    assert [problem.name for problem in records.problems] == ["B"]


def test_a_value_that_is_not_valid_stays_a_problem_when_a_fire_of_the_one_before_it_succeeds() -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.invalid("A", "it is not valid")
    records.settled([outcome("A", "created", made=True)])
    assert [problem.name for problem in records.problems] == ["A"]


@pytest.mark.parametrize("state", ["created", "repaired", "exists"])
def test_what_is_put_off_counts_each_fire_once_until_one_is_stored(state: FireOutcome) -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    for again in (False, True, True, False):
        records.put_off(fire("A"), "full", again)
    (problem,) = records.problems
    assert (problem.problem, problem.count, problem.since) == ("not stored yet: full", 2, NOW)
    records.put_off(fire("A"), "the server does not answer", True)
    (problem,) = records.problems
    assert (problem.problem, problem.count) == ("not stored yet: the server does not answer", 2)
    records.settled([outcome("A", state)])
    assert records.problems == ()
    records.put_off(fire("A"), "full", True)
    records.given_back()
    assert records.problems == ()


def test_history_tells_the_lateness_of_what_was_made_and_the_reason_of_what_was_not() -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.settled([outcome("A", "created", made=True, lateness=SECOND // 2), outcome("B", "exists")])
    records.missed([fire("C", due=NOW)], "skipped", "overlap", "the task X is not finished")
    told = [(each.name, each.state, each.lateness, each.detail) for each in records.recent()]
    assert told == [
        ("C", "skipped", None, "the task X is not finished"),
        ("B", "exists", None, ""),
        ("A", "created", 0.5, ""),
    ]


def test_history_keeps_the_last_of_many() -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.settled([outcome(f"S{number}", "created", made=True) for number in range(500)])
    records.missed([fire(f"M{number}") for number in range(20)], "missed", "deadline", "its deadline has passed")
    recent = records.recent()
    assert [each.name for each in recent[:21]] == [*(f"M{number}" for number in reversed(range(20))), "S499"]
    assert len(recent) == SHOWN


def test_of_many_tasks_at_once_only_the_number_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    records = Records(Metrics("test"), clock=lambda: NOW)
    made = outcome("A", "created", made=True)
    records.settled([made])
    assert caplog.messages == [f"Created task {made.prepared.task.id} of type email:new on queue EMAIL for A"]
    records.settled([outcome(f"S{number}", "created", made=True) for number in range(500)])
    assert caplog.messages[1:] == ["Created 500 tasks"]


def test_a_line_of_the_log_carries_its_values_as_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    records = Records(Metrics("test"), clock=lambda: NOW)
    made = outcome("A", "created", made=True)
    records.settled([made])
    records.settled([made] * 500)
    records.unfit(fire("ODD", due=NOW, queue="a queue"), "its queue is odd")
    due = {"due": "2026-11-24T12:00:00Z", "task_type": "email:new"}
    assert [fields(record) for record in caplog.records] == [
        {"schedule": "A", "queue": "EMAIL", "task_id": made.prepared.task.id, **due},
        {"count": 500},
        {"schedule": "ODD", "queue": "a queue", "reason": "its queue is odd", **due},
    ]


def test_a_schedule_of_which_no_task_can_be_made_is_logged_once_for_many_fires(
    caplog: pytest.LogCaptureFixture,
) -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    for _ in range(5):
        records.unfit(fire("A"), "its queue is odd")
        records.unfit(fire("B"), "its queue is odd")
    says = "No task can be made for the schedule {}: its queue is odd"
    assert caplog.messages == [says.format("A"), says.format("B")]
    assert [problem.count for problem in records.problems] == [5, 5]


def test_of_tasks_nothing_is_made_for_a_log_that_does_not_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_fields: object) -> None:
        raise AssertionError("fields were made for a line that is not logged")

    monkeypatch.setattr(records_module, "fire_fields", fail)
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.settled([outcome("A", "created", made=True)])


def test_what_others_wrote_stays_on_its_line_in_any_format_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.unfit(fire("ODD\n::error::", queue="\x1b[2J"), "its queue '\x9b2J' is odd")
    (record,) = caplog.records
    assert record.getMessage() == r"No task can be made for the schedule ODD\n::error::: its queue '\x9b2J' is odd"
    assert fields(record)["schedule"] == "ODD\n::error::"  # which is for machines, as it is


def test_of_many_problems_some_are_listed_and_all_are_counted() -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    for number in range(5000):
        records.invalid(f"BAD_{number}", "x" * 100_000)
        records.put_off(fire(f"BAD_{number + 2500}"), "y" * 100_000, again=False)
    assert records.problem_count == 7500
    assert len(records.problems) == LISTED
    assert [problem.name for problem in records.problems] == sorted(problem.name for problem in records.problems)
    assert all(len(problem.problem) < 400 for problem in records.problems)


def test_the_history_holds_no_more_of_a_name_than_a_page_can_show() -> None:
    records = Records(Metrics("test"), clock=lambda: NOW)
    records.missed([fire("x" * 4000)], "missed", "deadline", "z" * 100_000)
    (kept,) = records.recent()
    assert max(map(len, (kept.name, kept.queue, kept.task_type, kept.detail))) < 400
