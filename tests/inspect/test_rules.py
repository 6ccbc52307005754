"""Each rule of lint: what it finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.asyncjobs.queues import QueueSettings
from ajsync.inspect.lint import SEVERITIES, Finding, lint, material
from ajsync.inspect.rules import RULES
from ajsync.timestamp import parse_timestamp
from tests.tasks import OWNER, task

NOW = parse_timestamp("2027-01-10T10:00:00Z")
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
MALTA = "CRON_TZ=Europe/Malta "


def findings(tasks: list[ScheduledTask], rule: str, **fields: Any) -> list[Finding]:
    return lint(material(tasks, NOW, **fields), [each for each in RULES if each.name == rule])


def managed(**fields: Any) -> dict[str, Any]:
    return {"owner": None, "managed": Managed(OWNER, **fields)}


CASES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "no-task": (
        [{"queue": "A B"}, {"queue": ""}, {"task_type": "a.b"}, {"deadline": 2**63 - 1}, {"max_tries": 2**64}],
        [{"queue": "A-B"}, {"task_type": "a:b"}, {"deadline": HOUR}, {"max_tries": 0}],
    ),
    "never-fires": (
        [
            *({"schedule": "0 0 30 2 *"}, {"schedule": "0 0 31 4,6 *"}, {"schedule": ", * * * *"}),
            {"schedule": "0 0 1 * *", **managed(from_="2027-02-02", until="2027-02-28")},
        ],
        [
            *({"schedule": "0 0 29 2 *"}, {"schedule": "@yearly"}, {"schedule": "@every 1h"}),
            {"schedule": "@daily", **managed(until="2026-12-31")},
        ],
    ),
    "over": (
        [
            {"schedule": "@daily", **managed(until="2027-01-09")},
            {"schedule": "@every 1h", **managed(until="2027-01-10T10:00:00Z")},
            {"schedule": "@daily", **managed(except_=("2027-01-11..9999-12-31",))},
        ],
        [
            {"schedule": "@hourly", **managed(until="2027-01-10")},
            {"schedule": "@daily", **managed(from_="2028-01-01")},
            {"schedule": "0 0 30 2 *"},
        ],
    ),
    "past-days": (
        [
            {"schedule": "@daily", **managed(except_=("2026-12-24..2026-12-26", "2027-01-09"))},
            {"schedule": "CRON_TZ=Pacific/Kiritimati @daily", **managed(except_=("2027-01-10",))},
        ],
        [
            {"schedule": "@daily", **managed(except_=("2026-12-25", "2027-01-10"))},
            {"schedule": "@daily", **managed(except_=("2026-12-25..2027-02-01",))},
            {"schedule": "@daily", **managed(except_=("2026-12-25",), until="2027-01-01")},
            {"schedule": "@daily"},
        ],
    ),
    "leap-day-only": (
        [{"schedule": "0 0 29 2 *"}, {"schedule": "*/5 * 29 2 *"}, {"schedule": MALTA + "0 0 29 2 *"}],
        [{"schedule": "0 0 28,29 2 *"}, {"schedule": "0 0 29 * *"}, {"schedule": "0 0 29 2 1"}],
    ),
    "day-or-weekday": (
        [
            *({"schedule": "0 0 13 * 5"}, {"schedule": "0 0 1-7 * MON"}, {"schedule": "0 0 */2 * MON"}),
            *({"schedule": "0 0 1-31 * MON"}, {"schedule": "0 0 13 * 0-6"}, {"schedule": "0 0 15 * */2"}),
            *({"schedule": "0 0 ?/2 * 1-5"}, {"schedule": "0 0 1/1 * 1"}),
        ],
        [
            *({"schedule": "0 0 13 * *"}, {"schedule": "0 0 * * 5"}, {"schedule": "0 0 */2 * *"}),
            *({"schedule": "0 0 1-31 * 0-6"}, {"schedule": "0 0 , * 5"}, {"schedule": "@monthly"}),
            {"schedule": "@every 1h"},
        ],
    ),
    "step-over-range": (
        [
            *({"schedule": "*/90 * * * *"}, {"schedule": "0 */36 * * *"}, {"schedule": "0 0 */32 * *"}),
            *({"schedule": "0 0 1 */13 *"}, {"schedule": "0 0 * * */8"}, {"schedule": "*/60 * * * *"}),
            *({"schedule": "0-10/20 * * * *"}, {"schedule": "50/15 * * * *"}, {"schedule": "0 9-17/10 * * *"}),
            *(
                {"schedule": "0 0 * * MON-FRI/5"},
                {"schedule": "5-5/10 * * * *"},
                {"schedule": MALTA + "1,?/99 * * * *"},
            ),
            {"schedule": "0 0 */9223372036854775807 * *"},
        ],
        [
            *({"schedule": "*/59 * * * *"}, {"schedule": "0 */23 * * *"}, {"schedule": "0 0 */30 * *"}),
            *({"schedule": "0 0 1 */11 *"}, {"schedule": "0 0 * * */6"}, {"schedule": "0-20/20 * * * *"}),
            *({"schedule": "5-5/1 * * * *"}, {"schedule": "@every 90m"}, {"schedule": "@daily"}),
        ],
    ),
    "star-in-list": (
        [{"schedule": "0 0 *,15 * MON"}, {"schedule": "5,? * * * *"}, {"schedule": "0 0 1 1,*/1 *"}],
        [{"schedule": "0 0 * * *"}, {"schedule": "0 0 *, * *"}, {"schedule": "*/5,3 * * * *"}, {"schedule": "@daily"}],
    ),
    "minute-star": (
        [{"schedule": "* 6 * * *"}, {"schedule": MALTA + "* 6 * * MON"}, {"schedule": "? 0 1 * *"}],
        [{"schedule": "* * * * *"}, {"schedule": "* 9-17 * * *"}, {"schedule": "0 6 * * *"}, {"schedule": "@daily"}],
    ),
    "fixed-zone": (
        [
            *({"schedule": "CRON_TZ=Etc/GMT+3 0 9 * * *"}, {"schedule": "TZ=EST @daily"}),
            *({"schedule": "CRON_TZ= 0 6 * * *"}, {"schedule": "TZ= @daily"}),
        ],
        [{"schedule": "CRON_TZ=UTC 0 9 * * *"}, {"schedule": MALTA + "@daily"}, {"schedule": "TZ=Etc/GMT 0 9 * * *"}],
    ),
    "deadline-over-interval": (
        [
            {"schedule": "@hourly", "deadline": 2 * HOUR},
            {"schedule": "0 9,10 * * 1", "deadline": 2 * HOUR},
            {"schedule": "@every 1m", "deadline": 61 * SECOND},
        ],
        [
            {"schedule": "@hourly", "deadline": HOUR},
            {"schedule": "@hourly"},
            {"schedule": "@hourly", "deadline": 2 * HOUR, **managed(overlap="skip")},
            {"schedule": "0 0 30 2 *", "deadline": HOUR},
        ],
    ),
    "jitter-over-interval": (
        [{"schedule": "* * * * *", **managed(jitter=60 * SECOND)}],
        [{"schedule": "* * * * *", **managed(jitter=30 * SECOND)}, {"schedule": "* * * * *"}],
    ),
    "overlap-without-deadline": (
        [managed(overlap="skip")],
        [{"deadline": HOUR, **managed(overlap="skip")}, managed(), {"owner": None}],
    ),
    "every-over-a-day": (
        [{"schedule": "@every 48h"}, {"schedule": MALTA + "@every 24h1s"}],
        [{"schedule": "@every 24h"}, {"schedule": "0 0 1 * *"}],
    ),
    "every-rounded": (
        [{"schedule": "@every 500ms"}, {"schedule": "@every 1.5s"}, {"schedule": MALTA + "@every 90500ms"}],
        [{"schedule": "@every 1s"}, {"schedule": "@every 60m"}, {"schedule": "@daily"}],
    ),
    "skipped-by-dst": (
        [{"schedule": MALTA + "30 2 * * *"}],
        [{"schedule": MALTA + "30 3 * * *"}, {"schedule": "30 2 * * *"}, {"schedule": MALTA + "30 * * * *"}],
    ),
    "doubled-by-dst": (
        [{"schedule": MALTA + "30 2 * * *"}],
        [{"schedule": MALTA + "30 1 * * *"}, {"schedule": "30 2 * * *"}, {"schedule": MALTA + "30 * * * *"}],
    ),
    "no-timezone": (
        [{"schedule": "0 9 * * *"}, {"schedule": "@daily"}, {"schedule": "0 * * * 1"}],
        [
            {"schedule": MALTA + "0 9 * * *"},
            {"schedule": "CRON_TZ=UTC @daily"},
            {"schedule": "*/5 * * * *"},
            {"schedule": "@every 48h"},
            {"schedule": "@hourly"},
        ],
    ),
    "uneven-step": (
        [
            {"schedule": "*/7 * * * *"},
            {"schedule": MALTA + "0 */5 * * *"},
            {"schedule": "?/+45 * * * *"},
            *({"schedule": "0 0 */2 * *"}, {"schedule": "0 0 1 */5 *"}, {"schedule": "0 0 * * */2"}),
        ],
        [
            {"schedule": "*/15 * * * *"},
            {"schedule": "0 */6 * * *"},
            {"schedule": "*/60 * * * *"},
            {"schedule": "0 0 1 */3 *"},
            {"schedule": "0 0 */31 * *"},
            {"schedule": "@daily"},
        ],
    ),
}
"""Rule → schedules that it finds one by one, and schedules in which it finds nothing."""


@pytest.mark.parametrize("rule", CASES)
def test_a_rule_finds_what_it_is_there_for_and_nothing_else(rule: str) -> None:
    bad, good = CASES[rule]
    for fields in bad:
        (found,) = findings([task("A", **fields)], rule)
        assert (found.name, found.rule) == ("A", rule)
        assert found.message
    assert findings([task(f"A{index}", **fields) for index, fields in enumerate(good)], rule) == []


def test_every_rule_has_a_test_and_a_name_of_its_own() -> None:
    apart = {"unreadable", "unknown-queue", "no-queue", "tries-over-queue", "herd", "same-task"}
    assert sorted(rule.name for rule in RULES) == sorted({*CASES, *apart})
    assert [rule.severity for rule in RULES] == sorted([rule.severity for rule in RULES], key=SEVERITIES.index)


def test_a_queue_is_unknown_only_to_whoever_asked_the_server() -> None:
    tasks = [task("A", queue="EMIAL"), task("B", queue="EMAIL")]
    assert findings(tasks, "unknown-queue") == []
    assert findings(tasks, "unknown-queue", queues={"EMIAL", "EMAIL"}) == []
    assert "ajc queues add EMIAL" in findings(tasks[:1], "unknown-queue", queues=set())[0].hint


def test_tries_that_a_declared_queue_does_not_give_are_one_finding_for_each_queue() -> None:
    declared = [QueueSettings("EMAIL", max_tries=3), QueueSettings("REPORTS")]
    few = [task("A", queue="EMAIL", max_tries=3), task("B", queue="REPORTS"), task("C", queue="OTHER")]
    assert findings(few, "tries-over-queue", declared=declared) == []
    tasks = [task(name, queue="EMAIL", max_tries=4) for name in "DE"]
    (found,) = findings([*few, *tasks], "tries-over-queue", declared=declared)
    assert (found.name, found.others) == ("D", ("E",))
    assert "their max_tries exceed the 3 of the queue EMAIL" in found.message
    assert findings(tasks, "tries-over-queue") == []


def test_a_queue_that_is_unknown_is_one_finding_however_many_schedules_name_it() -> None:
    tasks = [*(task(name, queue="EMIAL") for name in "ABCDE"), task("X", queue="X"), task("Y", queue="DEFAULT")]
    first, second = findings(tasks, "unknown-queue", queues={"EMAIL", "DEFAULT"})
    assert (first.name, first.others, first.hint) == ("A", ("B", "C", "D", "E"), "did you mean EMAIL?")
    assert first.shown_names == "A, B, C and 2 more"
    assert first.message == "the queue EMIAL does not exist, so their tasks become queue_error"
    assert (second.name, second.others) == ("X", ())
    assert second.message == "the queue X does not exist, so its tasks become queue_error"


def test_a_queue_that_nobody_has_named_is_told_once_a_file() -> None:
    one, other = managed(source="a.yaml"), managed(source="b.yaml")
    tasks = [task("A", **one), task("B", **one), task("C", **other), task("D", **other)]
    assert findings(tasks, "no-queue") == []
    first, second = findings(tasks, "no-queue", without_queue={"A", "B", "D"})
    assert (first.shown_names, first.severity) == ("A, B", "warning")
    assert first.message == "they name no queue, so their tasks go to DEFAULT"
    assert (second.shown_names, second.message) == ("D", "it names no queue, so its tasks go to DEFAULT")


@pytest.mark.parametrize(
    ("schedule", "hint"),
    [
        ("*/90 * * * *", "write @every 1h30m"),
        ("0 */36 * * *", "write @every 36h"),
        ("0 0 */45 ? *", "write @every 1080h"),
        ("*/90 9 * * *", "write 0, or a step that fits between 0 and 59"),
        ("0 0 1 */13 *", "write 1, or a step that fits between 1 and 12"),
    ],
)
def test_a_step_beyond_its_range_is_told_with_what_has_that_interval(schedule: str, hint: str) -> None:
    (found,) = findings([task("A", schedule=schedule)], "step-over-range")
    assert found.hint == hint


def test_the_zone_of_a_host_is_told_by_its_name() -> None:
    (found,) = findings([task("A", schedule="CRON_TZ=Local 0 6 * * *")], "no-timezone")
    assert found.message.startswith('"0 6 * * *" has the zone Local: ajsync reads it in UTC')
    assert found.hint == "name the zone, even if it is UTC"


def test_days_that_are_no_star_are_told_to_fire_every_day() -> None:
    (found,) = findings([task("A", schedule="0 0 1-31 * MON")], "day-or-weekday")
    assert "fires every day" in found.message
    assert found.hint == "write * instead of 1-31"
    (found,) = findings([task("A", schedule="0 0 */2 * MON")], "day-or-weekday")
    assert "*/2 has a step, so it is not a star" in found.message


def test_a_herd_is_many_in_one_minute_without_jitter() -> None:
    tasks = [task(f"A{index}", schedule="@daily") for index in range(5)]
    assert findings(tasks, "herd", herd=6) == []
    (found,) = findings(tasks, "herd", herd=5)
    assert found.message == "5 schedules are due in the minute 2027-01-11 00:00 UTC"
    assert findings([task("FAST", schedule="@every 1s")], "herd", herd=5) == []
    spread = [task(f"A{index}", schedule="@daily", **managed(jitter=HOUR)) for index in range(5)]
    assert findings(spread, "herd", herd=5) == []


def test_a_herd_of_every_hour_is_one_finding() -> None:
    (found,) = findings([task(f"A{index}", schedule="@hourly") for index in range(5)], "herd", herd=5)
    assert "and many in 23 other minutes of that day" in found.message


def test_two_schedules_that_make_the_same_task_are_found_and_others_are_not() -> None:
    tasks = [task("A", payload=b"1"), task("B", payload=b"1"), task("C", payload=b"2"), task("D", payload=None)]
    (found,) = findings(tasks, "same-task")
    assert found.name == "B"
    assert "same task as A" in found.message


def test_what_cannot_be_read_is_found_whether_value_or_schedule() -> None:
    found = findings([task("BAD", schedule="61 * * * *")], "unreadable", unreadable={"BROKEN": "not JSON"})
    assert [each.name for each in found] == ["BAD", "BROKEN"]
    assert "61 is above the maximum" in found[0].message


def test_the_gravest_comes_first_and_the_names_in_their_order() -> None:
    tasks = [task("B", schedule="0 0 30 2 *"), task("A", schedule="*/7 9 * * *"), task("C", schedule="*/7 9 1 * 1")]
    found = lint(material(tasks, NOW), RULES)
    assert [(each.severity, each.name, each.rule) for each in found] == [
        ("error", "B", "never-fires"),
        ("warning", "C", "day-or-weekday"),
        ("notice", "A", "no-timezone"),
        ("notice", "A", "uneven-step"),
        ("notice", "B", "no-timezone"),
        ("notice", "C", "no-timezone"),
        ("notice", "C", "uneven-step"),
    ]
