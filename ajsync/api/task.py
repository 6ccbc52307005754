"""A task as a program asks for it, before it has an id, a queue and an instant."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from datetime import timedelta

from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES, encode_json
from ajsync.asyncjobs.names import QUEUE_NAME, TASK_TYPE
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.errors import InvalidError
from ajsync.timestamp import NANOSECONDS

_MICROSECOND = NANOSECONDS // 1_000_000


@dataclass(frozen=True, slots=True)
class Task:
    """The work of one task that is enqueued, or of each task that a schedule makes."""

    type: str
    """Selects the handler, such as `email:monthly`."""
    payload: object = None
    """`bytes` are stored as they are, everything else as JSON, as in the Go API; None is no payload."""
    _: KW_ONLY
    deadline: timedelta | None = None
    """How long after its creation a worker may still start it; for a schedule at least 30 s, in whole seconds."""
    max_tries: int = DEFAULT_MAX_TRIES


def payload_bytes(task: Task) -> bytes | None:
    """The payload as stored. Raises InvalidError for a payload that JSON cannot hold."""
    if task.payload is None or isinstance(task.payload, bytes):
        return task.payload
    try:
        return encode_json(task.payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"The payload of the task cannot be written as JSON: {error}.") from None


def deadline_nanoseconds(task: Task) -> int:
    """The deadline in nanoseconds, 0 for none. Raises InvalidError unless it is greater than zero."""
    if task.deadline is None:
        return 0
    nanoseconds = task.deadline // timedelta(microseconds=1) * _MICROSECOND
    if nanoseconds <= 0:
        raise InvalidError(f"The deadline {task.deadline} is not valid: it must be greater than zero.")
    return nanoseconds


def stored_task(task: Task, queue: str, *, task_id: str, now: int) -> StoredTask:
    """The new task to store for `task` at `now`, in nanoseconds since 1970; unsigned. Raises InvalidError."""
    # Queue and type become parts of subjects.
    if not QUEUE_NAME.fullmatch(queue):
        raise InvalidError(f"The queue {queue!r} is not valid: it may hold only letters, digits, _ and -.")
    if not TASK_TYPE.fullmatch(task.type):
        raise InvalidError(f"The task type {task.type!r} is not valid: it may hold only letters, digits, _, - and :.")
    if task.max_tries < 1:
        raise InvalidError(f"The task must be tried at least once, not {task.max_tries} times.")
    deadline = deadline_nanoseconds(task)
    return StoredTask(
        id=task_id,
        type=task.type,
        queue=queue,
        created=now,
        payload=payload_bytes(task),
        deadline=now + deadline if deadline else 0,
        max_tries=task.max_tries,
    )
