"""A fire that is not settled: how far it has come, what answers mean for it, and what to write next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from ajsync.asyncjobs.events import task_state_event_prefix
from ajsync.asyncjobs.tasks import QUEUE_ERROR, encode_task, task_subject
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.firing.lifecycle import Event, State
from ajsync.scheduler.firing.prepare import Prepared
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.frames import header_block, publish_frame, store_frame
from ajsync.transport.window import NO_STREAM, Answer

_STORING, _ENQUEUING = State.STORING, State.ENQUEUING
_TASK_STORED, _ITEM_STORED = Event.TASK_STORED, Event.ITEM_STORED
"""Aliases, as in the ledger."""
_FOREVER = 2**63 - 1
_REPEATED_ITEM_AFTER = 100 * NANOSECONDS
"""For how long a queue recognises a repeated work item."""

FireOutcome = Literal["created", "repaired", "exists", "queue_error", "missed"]
"""What became of a fire that was written, or should have been: one of the `FireState`s of the monitor."""
_OUTCOMES: dict[State, FireOutcome] = {
    State.CREATED: "created",
    State.REPAIRED: "repaired",
    State.EXISTS: "exists",
    State.QUEUE_ERROR: "queue_error",
    State.MISSED: "missed",
}


@dataclass(slots=True, eq=False)
class InFlightFire:
    """A fire in the ledger, which alone changes its state."""

    fire: Fire
    made_good: bool = False
    """Whether it was missed before, so that fires that are due now go first."""
    state: State = State.TAKEN
    until: int = _FOREVER
    """The instant after which it is not tried again."""
    attempts: int = 0
    unsure: bool = False
    """Whether what it waits for was written before without an answer, so that it may be stored."""
    reason: str = ""
    """Why it was last deferred, or is about to be."""
    deferred: bool = False
    """Whether it was deferred before."""
    detail: str = ""
    """Why it is missed, or what is wrong with its task."""
    made: bool = False
    """Whether it stored its task itself. Otherwise the task existed before, or was never stored."""
    sequence: int = 0
    """The sequence of the task as we stored it; 0 while that is not known."""
    lateness: int = 0
    """Nanoseconds from the due instant to the ack of the task, if it was made."""
    on_settled: Callable[[State], None] | None = None
    """Called with the final state; it must not begin anything right away."""
    name: str = field(init=False)
    due: int = field(init=False)
    prepared: Prepared = field(init=False)
    """What it writes; only for a fire that is encoded."""

    def __post_init__(self) -> None:
        self.name, self.due = self.fire.entry.task.name, self.fire.due

    @property
    def outcome(self) -> FireOutcome:
        """What monitors call its final state; only for a fire that was written, or should have been."""
        return _OUTCOMES[self.state]

    def give_up_at(self, instant: int) -> None:
        """Let it be tried neither after `instant` nor past its deadline."""
        self.until = min(self.prepared.task.deadline or _FOREVER, instant)

    def answered(self, answer: Answer, now: int) -> Event:
        """The event that an answer to its last message means."""
        state = self.state
        if answer is NO_STREAM and state is _ENQUEUING:
            return Event.NO_QUEUE_ANSWERS
        if answer.error and not (answer.conflict and state is not _ENQUEUING):
            self.reason = answer.error
            return Event.REFUSED
        if state is _STORING:
            return self._task_stored(answer, now)
        if state is _ENQUEUING:
            return Event.ITEM_FOUND if answer.duplicate else _ITEM_STORED
        return Event.FLAGGED

    def _task_stored(self, answer: Answer, now: int) -> Event:
        if not answer.error:  # else the server keeps a task that existed before
            self.sequence = answer.sequence
        found = answer.duplicate or bool(answer.error)
        # A message that was written twice has found its own first copy, whose ack was lost.
        self.made = self.unsure or not found
        if self.made:
            self.lateness = now - self.due
        return Event.TASK_FOUND_LATE if found and self._is_old(now) else _TASK_STORED

    def no_queue(self) -> Event:
        """The event for a work item that has no queue."""
        return Event.NO_QUEUE if self.sequence else Event.NO_QUEUE_FOR_OTHERS

    def silent(self) -> Event:
        """The event for a message that was not answered in time."""
        self.unsure = True
        return Event.SILENT

    def reconnected(self, now: int) -> Event:
        """The event for a message whose connection was lost."""
        self.unsure = True
        return Event.RECONNECTED_LATE if self.state is State.ENQUEUING and self._is_old(now) else Event.RECONNECTED

    def retry(self, now: int) -> Event:
        """The event for the end of a deferral."""
        late = self.state is State.ITEM_DEFERRED and self.unsure and self._is_old(now)
        return Event.RETRY_LATE if late else Event.RETRY

    def event_frame(self) -> bytes:
        """The message with the event that says that the task is new."""
        return _event_frame(self.prepared, self.prepared.event_body, self.lateness)

    def flag_frames(self, inbox: str, now: int, error: str) -> bytes:
        """The messages with the task, flagged as one without a work item because of `error`, and with the event that
        says so.

        It is stored only if no other client has written the task since we stored it.
        """
        prepared = self.prepared
        task = replace(prepared.task, state=QUEUE_ERROR, last_err=error)
        headers = header_block({"Nats-Expected-Last-Subject-Sequence": str(self.sequence)})
        reply = f"{inbox}.f.{prepared.serial}"
        body = task_state_event_prefix(task, now // NANOSECONDS)
        event = _event_frame(prepared, body, now - self.due)
        return store_frame(task_subject(task.id), reply, headers, encode_task(task)) + event

    def _is_old(self, now: int) -> bool:
        return now - self.due > _REPEATED_ITEM_AFTER


def _event_frame(prepared: Prepared, body: bytes, age: int) -> bytes:
    data = b"%b%d}" % (body, age)
    return publish_frame(prepared.event_subject, data)
