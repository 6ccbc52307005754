"""Events of tasks and elections, which `ajc` and others may listen to (docs/reference/wire.md, "Events")."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from ajsync.asyncjobs.foreign import decode_object, member
from ajsync.asyncjobs.go_json import encode_string
from ajsync.asyncjobs.ids import nearest_second, new_id
from ajsync.asyncjobs.names import EVENT_SUBJECT, SCHEDULER_ELECTION
from ajsync.asyncjobs.outcome import STATES, WorkOutcome
from ajsync.asyncjobs.tasks import NEW, StoredTask
from ajsync.errors import StoredValueError
from ajsync.text import cut, quote
from ajsync.timestamp import NANOSECONDS, format_timestamp

TASK_STATE_SUBJECT = f"{EVENT_SUBJECT}task_state."
"""The id of the task follows."""
_TASK_STATE = "io.choria.asyncjobs.v1.task_state"
_USUAL = re.compile(
    rb'\{"event_id":"[^"]*","type":"%b","timestamp":"[^"]*","task_id":"(\w*)","state":"(\w*)","tries":(0|[1-9]\d{0,8}),'
    rb'"queue":"([\w-]*)","task_type":"([\w:./-]*)","task_age":(0|[1-9]\d{0,17})\}' % re.escape(_TASK_STATE.encode())
)
"""The event of a task that has not failed, as Go and ajsync write it. Reading it as JSON takes six times as long.

Its id and its time are not used, so that a malformed one does no harm.
"""
_STATES = {state.encode(): state for state in STATES}
_LEADER_ELECTED = "io.choria.asyncjobs.v1.leader_elected"


def task_state_subject(task_id: str) -> str:
    """The subject of the events of a task."""
    return TASK_STATE_SUBJECT + task_id


class TaskStateEvent(NamedTuple):
    """What an event says of the state that a task has come into."""

    task_id: str
    state: str
    tries: int
    queue: str
    task_type: str
    last_error: str
    age: int
    """Nanoseconds since the task was created, by the clock of the program that wrote the event."""

    def outcome(self, due: int, now: int) -> WorkOutcome:
        """What the event, heard at `now`, says of the fire that was due at `due`; both in nanoseconds since 1970."""
        at = max(min(due + self.age, now), due)  # the task of a fire was created when it was due
        lateness = at - due if self.state == NEW and self.tries == 0 else None
        return WorkOutcome(due, self.task_id, cut(self.state), at, max(self.tries, 0), cut(self.last_error), lateness)


def decode_task_state(data: bytes) -> TaskStateEvent:
    """Read an event of a task; an unknown state is kept as it is. Raises StoredValueError if it is not one."""
    if usual := _USUAL.fullmatch(data):
        task_id, state, tries, queue, task_type, age = usual.groups()
        return TaskStateEvent(
            task_id.decode(), state.decode(), int(tries), queue.decode(), task_type.decode(), "", int(age)
        )
    value = _decode(data, _TASK_STATE)
    return TaskStateEvent(
        task_id=member(value, "task_id", str),
        state=member(value, "state", str),
        tries=member(value, "tries", int, 0),
        queue=member(value, "queue", str, ""),
        task_type=member(value, "task_type", str, ""),
        last_error=member(value, "last_error", str, ""),
        age=member(value, "task_age", int, 0),
    )


def heard_outcome(data: bytes, task_id: str, due: int, now: int) -> WorkOutcome | None:
    """What an event that is heard at `now` says of the fire that was due at `due` and made this task.

    Both instants are in nanoseconds since 1970. None if the event is about another task. Raises StoredValueError if it
    is no event of a task.
    """
    event = decode_task_state(data)
    return event.outcome(due, now) if event.task_id == task_id else None


def usual_change(data: bytes, task_id: str) -> tuple[str, int, int] | None:
    """The state, the tries and the age in nanoseconds in an event of this task, if it has not failed.

    None if the event is another one: then `heard_outcome` reads it. It is fast enough for thousands of events a second.
    """
    usual = _USUAL.fullmatch(data)
    if usual is None:
        return None
    of_task, known, tries, age = usual.group(1, 2, 3, 6)
    state = _STATES.get(known)
    return (state, int(tries), int(age)) if state is not None and of_task == task_id.encode() else None


def task_state_event(task: StoredTask, seconds: int, age: int) -> bytes:
    """The event that the task entered its state at `seconds` since 1970, `age` nanoseconds after it was created."""
    return task_state_event_prefix(task, seconds) + b"%d}" % age


def task_state_event_prefix(task: StoredTask, seconds: int) -> bytes:
    """The event without its age, which is known last: append `b"%d}" % age`, in nanoseconds, to complete it.

    Go leaves out an age of exactly 0, and reads 0 as the same.
    """
    last_error = f'"last_error":{encode_string(task.last_err)},' if task.last_err else ""
    return (
        f'{_head("task_state", seconds)}"task_id":{encode_string(task.id)},'
        f'{_state(task.state, task.tries, task.queue, task.type)},{last_error}"task_age":'
    ).encode()


@lru_cache(1024)  # most tasks have one of a few kinds and states
def _state(state: str, tries: int, queue: str, task_type: str) -> str:
    of_queue = f'"queue":{encode_string(queue)},' if queue else ""
    return f'"state":{encode_string(state)},"tries":{tries},{of_queue}"task_type":{encode_string(task_type)}'


LEADER_ELECTION_SUBJECT = f"{EVENT_SUBJECT}leader_election.{SCHEDULER_ELECTION}"
"""The subject of the events of the schedulers' election."""


def leader_elected_event(name: str, seconds: int) -> bytes:
    """The event that `name` won the schedulers' election at `seconds` since 1970."""
    return (
        f'{_head("leader_elected", seconds)}"name":{encode_string(name)},"component":"{SCHEDULER_ELECTION}"}}'
    ).encode()


def decode_leader_elected(data: bytes) -> str:
    """Read the event that a scheduler has won the election: its name. Raises StoredValueError if it is not one."""
    return member(_decode(data, _LEADER_ELECTED), "name", str)


def _decode(data: bytes, kind: str) -> dict[str, Any]:
    value = decode_object(data)
    if (found := member(value, "type", str)) != kind:
        raise StoredValueError(f"an event of the type {quote(found)}, not {kind}")
    return value


def _head(kind: str, seconds: int) -> str:
    seconds = nearest_second(seconds)  # an event has the time of its id
    return f'{{"event_id":"{new_id(seconds)}{_after_id(kind, seconds)}'


@lru_cache(8)  # many tasks are due together
def _after_id(kind: str, seconds: int) -> str:
    return f'","type":"io.choria.asyncjobs.v1.{kind}","timestamp":"{format_timestamp(seconds * NANOSECONDS)}",'
