"""The bucket's entries come into the agenda or onto the list of problems, and a bad one never stops the others."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.scheduler.agenda.agenda import Agenda
from ajsync.scheduler.agenda.catch_up import Gap, catch_up
from ajsync.scheduler.agenda.schedules import Schedules
from ajsync.scheduler.firing.prepare import Preparer
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.records import Records
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.watch import KeyChange
from tests.scheduler.log import fields
from tests.tasks import task

START = int(datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp()) * SECOND
HOUR = 3600 * SECOND


class Followed:
    """Schedules with all that they tell."""

    def __init__(self) -> None:
        self.agenda = Agenda(START)
        self.metrics = Metrics("test")
        self.records = Records(self.metrics)
        self.schedules = Schedules(self.agenda, self.records)
        self.revision = 0

    def put(self, name: str, data: bytes | None, *, initial: bool = False, at: int = START) -> None:
        """Have the bucket store a value, or delete it with None."""
        self.revision += 1
        self.schedules.see(KeyChange(SCHEDULE_SUBJECT + name, self.revision, at, data, initial))

    def good(self, name: str, **fields: Any) -> None:
        """Have the bucket store a schedule that is due each minute."""
        self.put(name, encode_scheduled_task(task(name, **{"schedule": "* * * * *", **fields})))

    def problems(self) -> dict[str, str]:
        """What is wrong, by name."""
        return {problem.name: problem.problem for problem in self.records.problems}

    def sample(self, name: str) -> str:
        """The value of a metric without labels."""
        lines = self.metrics.exposition().decode().splitlines()
        return next(line.split()[1] for line in lines if line.startswith(f"{name} "))


BROKEN = {
    "JSON": b"{",
    "LIST": b"[]",
    "EMPTY": b"",
    "BYTES": b"\xff\xfe",
    "DEEP": b"[" * 100_000,
    "OTHER": encode_scheduled_task(task("A")),
    "FIELDS": encode_scheduled_task(task("FIELDS", schedule="61 * * * *")),
    "ZONE": encode_scheduled_task(task("ZONE", schedule="CRON_TZ=Nowhere/At_All * * * * *")),
    "EVERY": encode_scheduled_task(task("EVERY", schedule="@every soon")),
    "TYPE": encode_scheduled_task(task("TYPE")).replace(b'"max_tries":10', b'"max_tries":"ten"'),
    "POLICY": encode_scheduled_task(task("POLICY")).replace(b'"owner":"team"', b'"owner":"team","catchup":"some"'),
    "JITTER": encode_scheduled_task(task("JITTER")).replace(b'"owner":"team"', b'"owner":"team","jitter":%d' % 10**25),
    "DAY": encode_scheduled_task(task("DAY")).replace(b'"owner":"team"', b'"owner":"team","from":"2026-02-30"'),
    "DAYS": encode_scheduled_task(task("DAYS")).replace(b'"owner":"team"', b'"owner":"team","except":["never"]'),
    "BACK": encode_scheduled_task(task("BACK")).replace(b'"owner":"team"', b'"owner":"team","jitter":-5'),
}


@pytest.mark.parametrize("initial", [True, False])
def test_bad_entries_stand_on_the_list_of_problems_and_the_others_fire(initial: bool) -> None:
    followed = Followed()
    followed.good("BEFORE")
    for name, data in BROKEN.items():
        followed.put(name, data, initial=initial)
    followed.good("AFTER")
    assert {fire.task.name for fire in followed.agenda.advance(START + 60 * SECOND)} == {"BEFORE", "AFTER"}
    assert followed.problems().keys() == BROKEN.keys()
    assert "61" in followed.problems()["FIELDS"]
    assert "Nowhere/At_All" in followed.problems()["ZONE"]
    assert followed.sample("ajsync_scheduler_invalid_schedules") == str(len(BROKEN))
    assert followed.sample("choria_asyncjobs_task_scheduler_schedules_total") == "2"


@pytest.mark.parametrize("mended", [True, False], ids=["mended", "deleted"])
def test_a_problem_ends_when_its_entry_is_mended_or_deleted(mended: bool) -> None:
    followed = Followed()
    followed.put("A", BROKEN["JSON"])
    assert followed.problems().keys() == {"A"}
    if mended:
        followed.good("A")
    else:
        followed.put("A", None)
    assert followed.problems() == {}
    assert followed.sample("ajsync_scheduler_invalid_schedules") == "0"
    assert [fire.task.name for fire in followed.agenda.advance(START + 60 * SECOND)] == ["A"] * mended


def test_a_schedule_that_becomes_invalid_does_not_fire_its_old_value() -> None:
    followed = Followed()
    followed.good("A")
    followed.put("A", BROKEN["FIELDS"].replace(b"FIELDS", b"A"), at=START)
    assert followed.agenda.advance(START + 60 * SECOND) == []
    assert followed.problems().keys() == {"A"}
    followed.put("A", BROKEN["JSON"])
    assert followed.sample("ajsync_scheduler_invalid_schedules") == "1"


def test_a_change_while_the_bucket_is_read_for_the_first_time_leaves_the_new_value_only() -> None:
    followed = Followed()
    for schedule, at in (("* * * * *", START - HOUR), ("@every 30s", START + 40 * SECOND)):
        value = encode_scheduled_task(task("A", schedule=schedule))
        followed.put("A", value, initial=True, at=at)
    fired = [(fire.due - START) // SECOND for fire in followed.agenda.advance(START + 120 * SECOND)]
    assert fired == [60, 90, 120]


def test_a_value_from_a_backup_fires_nothing_in_retrospect() -> None:
    followed = Followed()
    followed.put("A", encode_scheduled_task(task("A", schedule="0 * * * *")), at=START - 1000 * HOUR)
    assert [fire.due for fire in followed.agenda.advance(START + HOUR)] == [START, START + HOUR]


def test_counters_of_what_may_fire_begin_at_nothing() -> None:
    followed = Followed()
    followed.good("A", queue="REPORTS", task_type="report:new")
    line = 'choria_asyncjobs_task_scheduler_scheduled_count{queue="REPORTS",type="report:new"} 0'
    assert line in followed.metrics.exposition().decode().splitlines()


def test_at_the_start_only_the_first_hundred_are_logged_by_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    followed = Followed()
    for number in range(250):
        followed.good(f"S{number}")
    followed.schedules.all_loaded()
    assert sum("Registered a new item" in message for message in caplog.messages) == 100
    assert caplog.messages[-2:] == ["… and 150 more", "Loaded 250 scheduled task(s)"]
    followed.good("NEW")
    followed.put("NEW", None)
    followed.put("UNKNOWN", None)
    assert caplog.messages[-2:] == [
        "Registered a new item NEW on queue EMAIL: * * * * *",
        "Removed scheduled task NEW",
    ]


def test_what_becomes_of_an_entry_is_logged_with_fields_and_on_one_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    followed = Followed()
    followed.good("A", schedule="*\n* * * *")
    followed.put("A", None)
    followed.put("BAD", b"{")
    followed.schedules.all_loaded()
    registered, removed, invalid, loaded = caplog.records
    assert registered.getMessage() == r"Registered a new item A on queue EMAIL: *\n* * * *"
    assert fields(registered) == {"schedule": "A", "queue": "EMAIL", "task_type": "email:new"}
    assert fields(removed) == {"schedule": "A"}
    assert fields(invalid) == {"schedule": "BAD", "reason": followed.problems()["BAD"]}
    assert fields(loaded) == {"count": 0}


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        ({"queue": "Q" * 400_000}, "its queue has 400,000 characters, and must have at most 255"),
        ({"queue": "a.b"}, 'its queue "a.b" is not a valid name of a queue'),
        ({"task_type": "t" * 256}, "its task_type has 256 characters, and must have at most 255"),
        ({"task_type": ""}, 'its task_type "" is not a valid task type'),
        (
            {"schedule": "1," * 400_000 + "1 * * * *"},
            "a schedule of 800,009 characters is too long; the limit is 1,000",
        ),
    ],
    ids=["long-queue", "queue", "long-type", "type", "long-schedule"],
)
def test_names_that_do_not_fit_are_a_problem_and_come_neither_into_metrics_nor_whole_into_logs(
    strange: dict[str, str], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    followed = Followed()
    followed.good("GOOD")
    before = len(followed.metrics.exposition())
    followed.good("ODD", **strange)
    fires = followed.agenda.advance(START + 60 * SECOND)
    assert [fire.task.name for fire in fires] == ["GOOD"]
    assert followed.problems() == {"ODD": reason}
    assert len(followed.metrics.exposition()) < before + 100
    assert max(map(len, caplog.messages)) < 500


def test_the_name_of_a_schedule_itself_may_be_too_long() -> None:
    followed = Followed()
    followed.good("N" * 255)
    followed.good("N" * 256)
    assert len(followed.agenda) == 1
    assert followed.problems() == {"N" * 256: "its name has 256 characters, and must have at most 255"}


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, 1.5]),
    st.text(max_size=5),
    st.sampled_from(["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9Z", "@every 1s", "@every 2562047h", "0 0 30 2 *"]),
    st.just([]),
    st.just({}),
    st.sampled_from(["2026-12-25", "9999-12-31", ["0001-01-01..9999-12-31"], ["2026-12-25", 1], ["x"]]),
)
MEMBERS = ("schedule", "queue", "task_type", "payload", "deadline", "max_tries", "created_at", "ajsync", "name")
OURS = ("owner", "source", "description", "catchup", "catchup_window", "overlap", "jitter", "from", "until", "except")


@given(
    st.dictionaries(st.sampled_from(MEMBERS), STRANGE, max_size=2),
    st.dictionaries(st.sampled_from(OURS), STRANGE, max_size=2),
    st.sampled_from(["@every 10s", "* * * * *", "@yearly"]),
    st.booleans(),
)
def test_whatever_stands_in_an_entry_the_others_fire(
    changed: dict[str, Any], ours: dict[str, Any], schedule: str, initial: bool
) -> None:
    logging.disable(logging.CRITICAL)
    followed = Followed()
    followed.good("GOOD")
    value = json.loads(encode_scheduled_task(task("ODD", schedule=schedule)))
    value["ajsync"] |= ours
    followed.put("ODD", json.dumps(value | changed).encode(), initial=initial)
    for entry in followed.agenda.entries():
        catch_up(entry, Gap(START - HOUR, START), HOUR)
    followed.agenda.upcoming(10)
    names = set()
    preparer = Preparer("_INBOX.x")
    for fire in followed.agenda.advance(START + 60 * SECOND):
        try:
            names.add(preparer.prepare(fire).fire.task.name)
        except ValueError as error:
            followed.records.unfit(fire, str(error))
    assert "GOOD" in names
    followed.put("ODD", None, at=START + 61 * SECOND)
    assert followed.problems() == {}
    logging.disable(logging.NOTSET)


def test_ten_thousand_entries_are_taken_in_without_a_word_for_each(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    followed = Followed()
    data = encode_scheduled_task(task("NAME", schedule="*/5 * * * *"))
    for number in range(10_000):
        followed.put(f"S{number}", data.replace(b"NAME", b"S%d" % number), initial=True)
    assert len(followed.agenda) == 10_000
    assert len(caplog.messages) == 100


def queues(followed: Followed) -> set[str]:
    """The queues that metrics tell of."""
    return set(re.findall(r'enqueue_count\{queue="([^"]*)"', followed.metrics.exposition().decode()))


def test_what_is_replaced_deleted_or_broken_is_forgotten_by_the_metrics() -> None:
    followed = Followed()
    for name in ("A", "B", "C", "D"):
        followed.good(name, queue=f"OF_{name}")
    followed.good("A", queue="OTHER")
    followed.put("B", None)
    followed.put("C", b"{")
    followed.good("D", queue="OF_D", max_tries=3)
    assert queues(followed) == {"OTHER", "OF_D"}


def test_an_update_that_keeps_queue_and_type_keeps_what_was_counted() -> None:
    followed = Followed()
    followed.good("A", queue="KEPT")
    followed.metrics.enqueued({"KEPT": 7})
    followed.good("A", queue="KEPT", max_tries=3)
    assert 'enqueue_count{queue="KEPT"} 7\n' in followed.metrics.exposition().decode()


def test_hostile_values_one_after_the_other_leave_metrics_and_log_small(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    followed = Followed()
    for number in range(50):
        long = f"{number}" + "x" * 100_000
        value = json.loads(encode_scheduled_task(task("A", schedule="* * * * *")))
        followed.put("A", json.dumps({**value, "queue": long, "task_type": long, "schedule": "@every 5s"}).encode())
        followed.put("A", json.dumps({**value, "schedule": long}).encode())
        followed.put("B", json.dumps({**value, "name": long}).encode())
        followed.put(f"{number}" + "N" * 3000, b"{")
        followed.put(f"{number}" + "N" * 3000, None)
    assert len(followed.metrics.exposition()) < 20_000
    for record in caplog.records:
        assert len(record.getMessage()) < 1500
        assert sum(len(str(value)) for value in vars(record).values()) < 10_000
