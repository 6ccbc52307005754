"""What the status says of the work behind the fires."""

from __future__ import annotations

import json

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.scheduler.monitor.outcomes import Outcomes
from ajsync.scheduler.monitor.status import status_json
from ajsync.scheduler.monitor.work import work_status
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.timestamp import format_timestamp
from tests.scheduler.monitor.test_outcomes import DUE, work
from tests.scheduler.monitor.test_status import status
from tests.tasks import task


def known(*tasks: ScheduledTask) -> dict[str, ScheduledTask]:
    return {each.name: each for each in tasks}


def test_it_says_what_fails_since_when_how_often_why_and_what_to_do() -> None:
    outcomes = Outcomes()
    outcomes.see("A", "EMAIL", work("complete", 1))
    for number in (2, 3):
        outcomes.see("A", "EMAIL", work("expired", number, tries=4, last_error="no such host"))
    outcomes.see("B", "EMAIL", work("complete", 1, name="B"))
    shown = status_json(status(work=work_status(outcomes, known(task("A"), task("B")).get)))["work"]
    assert json.loads(json.dumps(shown)) == shown
    assert shown["counts"] == [
        {"queue": "EMAIL", "state": "complete", "schedules": 1},
        {"queue": "EMAIL", "state": "expired", "schedules": 1},
    ]
    assert shown["failing"] == [
        {
            "name": "A",
            "queue": "EMAIL",
            "state": "expired",
            "due": format_timestamp(DUE + 3 * SECOND),
            "since": format_timestamp(DUE + 2 * SECOND),
            "failures": 2,
            "failures_is_whole": True,
            "last_success": format_timestamp(DUE + SECOND),
            "tries": 4,
            "last_error": "no such host",
            "task_id": work("expired", 3).task_id,
            "remedy": "ajsync history A",
        }
    ]
    assert (shown["more_failing"], shown["overdue"], shown["more_overdue"], shown["complete"]) == (0, [], 0, False)


def test_it_says_what_is_overdue_and_since_when() -> None:
    outcomes = Outcomes()
    for name in ("A", "B"):
        outcomes.see(name, "EMAIL", work("new", 1, name=name))
    outcomes.judged({"B": DUE + 9 * SECOND, "A": DUE + 8 * SECOND, "GONE": DUE})
    shown = status_json(status(work=work_status(outcomes, known(task("A"), task("B")).get)))["work"]
    assert [(each["name"], each["due_by"]) for each in shown["overdue"]] == [
        ("A", format_timestamp(DUE + 8 * SECOND)),
        ("B", format_timestamp(DUE + 9 * SECOND)),
    ]
    assert shown["overdue"][0]["remedy"] == "ajsync info"
    assert shown["overdue"][0]["last_success"] is None
    outcomes.see("A", "EMAIL", work("complete", 1, tries=1))
    assert [name for name, _ in outcomes.overdue()] == ["GONE", "B"]


def test_it_lists_some_and_counts_the_rest() -> None:
    outcomes = Outcomes()
    tasks = known(*(task(f"S{number:04}", queue=f"Q{number}") for number in range(500)))
    for name in tasks:
        outcomes.see(name, tasks[name].queue, work("expired", 1, name=name))
    outcomes.judged(dict.fromkeys(tasks, DUE))
    found = work_status(outcomes, tasks.get)
    assert (len(found.failing), found.more_failing) == (200, 300)
    assert (len(found.overdue), found.more_overdue) == (200, 300)
    assert len(found.counts) == 200
