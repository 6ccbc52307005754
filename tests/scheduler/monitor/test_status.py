"""The status of a scheduler as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from ajsync.asyncjobs.presence import Presence, SchedulerPresence
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.status import (
    FireRecord,
    ScheduleProblem,
    Status,
    UpcomingFire,
    status_json,
)
from ajsync.timestamp import NANOSECONDS, parse_timestamp

NOW = parse_timestamp("2026-10-07T09:30:04.25Z")


def fire(name: str = "tick", **changes: Any) -> FireRecord:
    """A fire that went well a moment ago."""
    return replace(FireRecord(name, "EMAIL", "email:tick", "2Zb", NOW - NANOSECONDS, 0.003, "created"), **changes)


def status(*, upcoming: int = 0, recent: int = 0, problems: int = 0, **changes: Any) -> Status:
    """The status of a leader to which nothing has happened, with so many fires and problems."""
    return replace(
        Status(
            name="sched-a",
            version="1.2.3",
            now=NOW,
            role=RoleState.LEADING,
            leader="sched-a",
            since=NOW - 3600 * NANOSECONDS,
            ready=True,
            reason="",
            connected=True,
            server="nats://127.0.0.1:4222",
            schedules=upcoming,
            watermark=NOW,
            watermark_age=0.0,
            clock_skew=0.0,
            problems=tuple(ScheduleProblem(f"bad-{i}", "no queue", i + 1, NOW) for i in range(problems)),
            more_problems=0,
            upcoming=tuple(UpcomingFire(f"next-{i}", "EMAIL", NOW + i * NANOSECONDS) for i in range(upcoming)),
            recent=tuple(fire(f"last-{i}") for i in range(recent)),
        ),
        **changes,
    )


def test_the_json_gives_instants_in_rfc_3339_and_durations_in_seconds() -> None:
    shown = status_json(status(watermark=NOW - NANOSECONDS // 4, watermark_age=0.25, clock_skew=-0.002))
    assert shown["now"] == "2026-10-07T09:30:04.25Z"
    assert shown["watermark"] == "2026-10-07T09:30:04Z"
    assert (shown["watermark_age_seconds"], shown["clock_skew_seconds"]) == (0.25, -0.002)


def test_the_json_holds_everything_that_the_status_does() -> None:
    full = status(upcoming=3, recent=3, problems=3)
    shown = status_json(full)
    assert {name.removesuffix("_seconds") for name in shown} == {*type(full).__slots__}
    assert (shown["role"], shown["since"]) == ("leader", "2026-10-07T08:30:04.25Z")
    assert [each["name"] for each in shown["upcoming"]] == [each.name for each in full.upcoming]
    assert {name.removesuffix("_seconds") for name in shown["recent"][0]} == {*type(full.recent[0]).__slots__}
    assert {*shown["problems"][0]} == {*type(full.problems[0]).__slots__}
    assert json.loads(json.dumps(shown)) == shown


def test_the_json_lists_the_schedulers() -> None:
    one = SchedulerPresence("a1", "one", "stand-by", NOW, "1.2.3", 7)
    shown = status_json(status(presence=Presence((one,), 2, "why")))["presence"]
    assert shown == {
        "schedulers": [
            {
                "id": "a1",
                "name": "one",
                "role": "stand-by",
                "since": "2026-10-07T09:30:04.25Z",
                "version": "1.2.3",
                "schedules": 7,
            }
        ],
        "more": 2,
        "trouble": "why",
    }


def test_what_is_not_known_is_null() -> None:
    shown = status_json(replace(status(), watermark=None, watermark_age=None, clock_skew=None, leader=None))
    unknown = ("watermark", "watermark_age_seconds", "clock_skew_seconds", "leader")
    assert [shown[name] for name in unknown] == [None] * 4
