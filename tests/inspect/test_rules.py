"""Each rule of lint: what it finds, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.asyncjobs.timestamp import parse_timestamp
from ajsync.inspect.lint import SEVERITIES, Finding, lint, material
from ajsync.inspect.rules import RULES
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
        [{"schedule": "0 0 30 2 *"}, {"schedule": "0 0 31 4,6 *"}, {"schedule": ", * * * *"}],
        [{"schedule": "0 0 29 2 *"}, {"schedule": "@yearly"}, {"schedule": "@every 1h"}],
    ),
    "leap-day-only": (
        [{"schedule": "0 0 29 2 *"}, {"schedule": "*/5 * 29 2 *"}, {"schedule": MALTA + "0 0 29 2 *"}],
        [{"schedule": "0 0 28,29 2 *"}, {"schedule": "0 0 29 * *"}, {"schedule": "0 0 29 2 1"}],
    ),
    "day-or-weekday": (
        [{"schedule": "0 0 13 * 5"}, {"schedule": "0 0 1-7 * MON"}],
        [{"schedule": "0 0 13 * *"}, {"schedule": "0 0 * * 5"}, {"schedule": "0 0 13 * 0-6"}, {"schedule": "@monthly"}],
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
        [{"schedule": "*/7 * * * *"}, {"schedule": MALTA + "0 */5 * * *"}, {"schedule": "?/+45 * * * *"}],
        [
            {"schedule": "*/15 * * * *"},
            {"schedule": "0 */6 * * *"},
            {"schedule": "*/60 * * * *"},
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
    apart = {"unreadable", "unknown-queue", "herd", "same-task"}
    assert sorted(rule.name for rule in RULES) == sorted({*CASES, *apart})
    assert [rule.severity for rule in RULES] == sorted([rule.severity for rule in RULES], key=SEVERITIES.index)


def test_a_queue_is_unknown_only_to_whoever_asked_the_server() -> None:
    tasks = [task("A", queue="EMIAL"), task("B", queue="EMAIL")]
    assert findings(tasks, "unknown-queue") == []
    (found,) = findings(tasks, "unknown-queue", queues={"EMAIL", "DEFAULT"})
    assert (found.name, found.severity, found.hint) == ("A", "error", "did you mean EMAIL?")
    assert "ajc queues add EMIAL" in findings(tasks[:1], "unknown-queue", queues=set())[0].hint


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
