"""A fire under way: how far it has come, what is to be written next, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ajsync.asyncjobs.events import task_state_event_prefix
from ajsync.asyncjobs.ids import new_id
from ajsync.asyncjobs.tasks import QUEUE_ERROR, encode_task, task_subject
from ajsync.scheduler.firing.prepare import Prepared
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.frames import header_block, publish_frame, store_frame

_FOREVER = 2**63 - 1

Stage = Literal["t", "look", "i", "m"]
State = Literal["created", "repaired", "exists", "queue_error", "missed"]


@dataclass(frozen=True, slots=True)
class FireOutcome:
    """What became of a fire."""

    prepared: Prepared
    state: State
    made: bool
    """It stored its task, whatever happened after; the task may also have been there, or was never stored."""
    lateness: int
    """Nanoseconds from the due instant to the ack of the task, where it was made."""
    detail: str = ""


class InFlightFire:
    """A fire under way."""

    __slots__ = (
        "attempts",
        "lateness",
        "made",
        "prepared",
        "put_off",
        "sent_at",
        "sequence",
        "stage",
        "unsure",
        "until",
    )

    def __init__(self, prepared: Prepared, give_up_at: int) -> None:
        self.prepared = prepared
        self.until = min(prepared.task.deadline or _FOREVER, give_up_at)
        """Later than this instant it is not tried again."""
        self.stage: Stage = "t"
        """What is to be acknowledged: the task, the work item, or the mark that there is none; `look` is a look at the
        task before its work item is sent, or for a queue that nobody answers for."""
        self.sent_at = 0.0
        self.attempts = 0
        self.unsure = False
        """What is to be acknowledged was written before, and not answered: it may be stored."""
        self.put_off = ""
        """Why it was last put off."""
        self.made = False
        self.sequence = 0
        """Of the task as we stored it; 0 while that is not known."""
        self.lateness = 0

    def event_frame(self) -> bytes:
        """The event that the task is new."""
        return _event_frame(self.prepared, self.prepared.event_body, self.lateness)

    def mark_frames(self, inbox: str, now: int, error: str) -> bytes:
        """The task once more, as one that has no work item because of `error`, and the event that says so.

        It is stored only if nobody has touched the task since we stored it.
        """
        prepared = self.prepared
        task = replace(prepared.task, state=QUEUE_ERROR, last_err=error)
        headers = header_block({"Nats-Expected-Last-Subject-Sequence": str(self.sequence)})
        reply = f"{inbox}.m.{prepared.serial}"
        body = task_state_event_prefix(task, new_id(now // NANOSECONDS))
        event = _event_frame(prepared, body, now - prepared.fire.due)
        return store_frame(task_subject(task.id), reply, headers, encode_task(task)) + event

    def outcome(self, state: State, detail: str = "") -> FireOutcome:
        """What became of it."""
        return FireOutcome(self.prepared, state, self.made, self.lateness, detail)


def _event_frame(prepared: Prepared, body: bytes, age: int) -> bytes:
    data = b"%b%d}" % (body, age)
    return publish_frame(prepared.event_subject, data)
