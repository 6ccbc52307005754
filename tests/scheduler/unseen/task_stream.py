"""A stream of tasks without a server: what JetStream would hold, and what was done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ajsync.asyncjobs.past_tasks import PastTask, PastTasks, TaskKind, past_tasks, replaced_messages


@dataclass
class TaskStream:
    """One message for each task, under numbers that are never given again."""

    clock: Callable[[], int]
    last: int = 0
    """The number that was given last."""
    last_at: int = 0
    tasks: dict[str, PastTask] = field(default_factory=dict)
    """What is stored now, by id."""
    made: dict[str, int] = field(default_factory=dict)
    """When the first message of each task was stored."""
    deleted: list[str] = field(default_factory=list)
    """The tasks that were deleted."""
    _tries: dict[str, int] = field(default_factory=dict)

    def create(self, task_id: str, kind: TaskKind, created: int) -> None:
        """Store a new task."""
        self.made[task_id] = self.clock()
        self._write(task_id, kind, created, "new")

    def handle(self, task_id: str, states: Iterable[str]) -> None:
        """Store what a worker makes of a task."""
        for state in states:
            task = self.tasks[task_id]
            self._tries[task_id] = self._tries.get(task_id, 0) + (state in ("retry", "complete"))
            self._write(task_id, task.kind, task.created, state)

    def delete(self, task_id: str) -> None:
        """Delete a task, as some workers do when they have finished it."""
        del self.tasks[task_id]
        self.deleted.append(task_id)

    def read(self, since: int, *, says_last: bool = True) -> PastTasks:
        """What a walk from an instant on finds; `says_last` if the server knows when the last message was stored."""
        kept = sorted(self.tasks.values(), key=lambda task: task.sequence)
        before = [task for task in kept if task.stored_at < since]
        begin, begin_at = (before[-1].sequence, before[-1].stored_at) if before else (0, 0)
        walked = [task for task in kept if task.sequence > begin]
        last_at = self.last_at if says_last and self.last else None
        return past_tasks(walked, begin=begin, begin_at=begin_at, last=self.last, last_at=last_at)

    def _write(self, task_id: str, kind: TaskKind, created: int, state: str) -> None:
        self.last += 1
        self.last_at = self.clock()
        tries = self._tries.get(task_id, 0)
        waits = state == "new"
        replaced = replaced_messages(state, tries)
        self.tasks[task_id] = PastTask(self.last, self.last_at, task_id, kind, created, replaced, waits)
