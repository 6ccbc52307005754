"""Views and sources that stand for a scheduler: a page of schedules, outcomes and queues that are made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.asyncjobs.outcome import ScheduleOutcome, WorkOutcome, schedule_outcome
from ajsync.scheduler.monitor.status import Status
from ajsync.scheduler.monitor.view import Past, View, Work
from ajsync.timestamp import NANOSECONDS
from tests.scheduler.monitor.test_status import NOW, status

HOUR = 3600 * NANOSECONDS


class FixedSource:
    """Gives a view that the test may change."""

    def __init__(self, view: View) -> None:
        self.shown = view
        self.known: dict[str, ScheduleOutcome] = {}
        self.fires = Past()
        self.views = 0
        self.looks: list[str] = []

    def view(self) -> View:
        self.views += 1
        return self.shown

    def outcomes(self, names: Sequence[str]) -> Mapping[str, ScheduleOutcome]:
        return {name: self.known[name] for name in names if name in self.known}

    async def refresh(self) -> None:
        pass

    async def past(self, name: str) -> Past:
        self.looks.append(name)
        return self.fires

    def yaml(self, task: ScheduledTask) -> str:
        return f"schedules:\n  {task.name}:\n    schedule: {task.schedule}\n"


def scheduled(name: str = "tick", **changes: Any) -> ScheduledTask:
    """A schedule of each hour."""
    task = ScheduledTask(name, "0 * * * *", "EMAIL", "email:tick", created_at=NOW - 1000 * HOUR, managed=Managed("ops"))
    return replace(task, **changes)


def view_of(*tasks: ScheduledTask, shown: Status | None = None, **changes: Any) -> View:
    """A view of some schedules; the work of each has succeeded."""
    state = shown or status(schedules=len(tasks))
    work = Work(states={task.name: "complete" for task in tasks})
    return replace(View(state, {task.name: task for task in tasks}, work=work), **changes)


def failed(*, times: int = 3, state: str = "expired", error: str = "no such host") -> ScheduleOutcome:
    """The outcome of a schedule whose last fires have failed, one an hour."""
    fires = [WorkOutcome(NOW - n * HOUR, f"2Zb{n}", state, NOW, 10, error, NANOSECONDS // 200) for n in range(times)]
    found = schedule_outcome(fires)
    assert found is not None
    return found


def failing(view: View, **found: ScheduleOutcome) -> View:
    """The same view in which the work of some schedules fails."""
    assert view.work is not None
    states = {**view.work.states, **{name: each.last.state for name, each in found.items()}}
    return replace(view, work=replace(view.work, failing=found, all_failing=frozenset(found), states=states))
