"""Events of tasks and elections, which `ajc` and others may listen to (docs/reference/wire.md, "Events")."""

from __future__ import annotations

from ajsync.asyncjobs.ids import nearest_second, new_id
from ajsync.asyncjobs.model import encode_string
from ajsync.asyncjobs.names import EVENT_SUBJECT, SCHEDULER_ELECTION
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.timestamp import NANOSECONDS, format_timestamp


def task_state_subject(task_id: str) -> str:
    """The subject of the events of a task."""
    return f"{EVENT_SUBJECT}task_state.{task_id}"


def task_state_event(task: StoredTask, seconds: int, age: int) -> bytes:
    """The event that the task entered its state at `seconds` since 1970, `age` nanoseconds after it was created."""
    return task_state_event_prefix(task, seconds) + b"%d}" % age


def task_state_event_prefix(task: StoredTask, seconds: int) -> bytes:
    """The event without its age, which is known last: append `b"%d}" % age`, in nanoseconds, to complete it.

    Go leaves out an age of exactly 0, and reads 0 as the same.
    """
    queue = f'"queue":{encode_string(task.queue)},' if task.queue else ""
    last_error = f'"last_error":{encode_string(task.last_err)},' if task.last_err else ""
    return (
        f'{_head("task_state", seconds)}"task_id":{encode_string(task.id)},"state":{encode_string(task.state)},'
        f'"tries":{task.tries},{queue}"task_type":{encode_string(task.type)},{last_error}"task_age":'
    ).encode()


LEADER_ELECTION_SUBJECT = f"{EVENT_SUBJECT}leader_election.{SCHEDULER_ELECTION}"
"""The subject of the events of the schedulers' election."""


def leader_elected_event(name: str, seconds: int) -> bytes:
    """The event that `name` won the schedulers' election at `seconds` since 1970."""
    return (
        f'{_head("leader_elected", seconds)}"name":{encode_string(name)},"component":"{SCHEDULER_ELECTION}"}}'
    ).encode()


def _head(kind: str, seconds: int) -> str:
    seconds = nearest_second(seconds)  # an event has the time of its id
    time = format_timestamp(seconds * NANOSECONDS)
    return f'{{"event_id":"{new_id(seconds)}","type":"io.choria.asyncjobs.v1.{kind}","timestamp":"{time}",'
