"""Events of tasks and elections, which `ajc` and others may listen to (docs/reference/wire.md, "Events")."""

from __future__ import annotations

from functools import lru_cache

from ajsync.asyncjobs.ids import id_seconds
from ajsync.asyncjobs.model import encode_string
from ajsync.asyncjobs.names import EVENT_SUBJECT
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.timestamp import NANOSECONDS, format_timestamp


def task_state_subject(task_id: str) -> str:
    """The subject of the events of a task."""
    return f"{EVENT_SUBJECT}task_state.{task_id}"


def task_state_event(task: StoredTask, *, age: int, event_id: str) -> bytes:
    """The event that the task entered its state, `age` nanoseconds after it was created.

    The event's time is that of its id. Raises ValueError if `event_id` is not a KSUID.
    """
    return task_state_event_prefix(task, event_id) + b"%d}" % age


def task_state_event_prefix(task: StoredTask, event_id: str, seconds: int | None = None) -> bytes:
    """The event without its age, which is known last: append `b"%d}" % age`, in nanoseconds, to complete it.

    Go leaves out an age of exactly 0, and reads 0 as the same. `seconds` is the time that the id holds, for a caller
    that knows it: decoding it takes longer than the rest. Raises as `task_state_event`.
    """
    queue = f'"queue":{encode_string(task.queue)},' if task.queue else ""
    last_error = f'"last_error":{encode_string(task.last_err)},' if task.last_err else ""
    head = _head("task_state", event_id, seconds)
    return (
        f'{head}"task_id":{encode_string(task.id)},"state":{encode_string(task.state)},'
        f'"tries":{task.tries},{queue}"task_type":{encode_string(task.type)},{last_error}"task_age":'
    ).encode()


def leader_election_subject(component: str) -> str:
    """The subject of the events of an election."""
    return f"{EVENT_SUBJECT}leader_election.{component}"


def leader_elected_event(name: str, component: str, event_id: str) -> bytes:
    """The event that `name` won the election of `component`. Raises ValueError if `event_id` is not a KSUID."""
    return (
        f'{_head("leader_elected", event_id)}"name":{encode_string(name)},"component":{encode_string(component)}}}'
    ).encode()


def _head(kind: str, event_id: str, seconds: int | None = None) -> str:
    time = _format_seconds(id_seconds(event_id) if seconds is None else seconds)
    return f'{{"event_id":"{event_id}","type":"io.choria.asyncjobs.v1.{kind}","timestamp":"{time}",'


@lru_cache(maxsize=16)  # many events are of the same second
def _format_seconds(seconds: int) -> str:
    return format_timestamp(seconds * NANOSECONDS)
