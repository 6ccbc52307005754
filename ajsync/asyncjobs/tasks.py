"""Tasks and work items, which a fire publishes, in the form of Go's asyncjobs (docs/reference/wire.md, "A task").

A fire is a pure function of a scheduled task and its due instant, so everything it publishes can be encoded in advance.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ajsync.asyncjobs.foreign import bytes_member, decode_object, instant_member, member
from ajsync.asyncjobs.go_json import encode_bytes, encode_string
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES, ScheduledTask, unfit
from ajsync.asyncjobs.names import TASK_SUBJECT, WORK_ITEM_SUBJECT
from ajsync.asyncjobs.outcome import WorkOutcome
from ajsync.errors import StoredValueError
from ajsync.text import cut
from ajsync.timestamp import format_timestamp

NEW = "new"
QUEUE_ERROR = "queue_error"
"""The state of a task whose work item could not be stored, so no worker handles it until it is retried by hand."""

NO_RESPONDERS = "nats: no responders available for request"
"""The error that Go stores with a task whose queue does not exist."""

UNFINISHED = frozenset({NEW, "active", "retry", "blocked"})
"""The states of a task that a worker may still handle. In the others, `complete`, `expired`, `terminated`,
`unreachable` and `queue_error`, none does unless it is retried by hand."""

_LAST_INSTANT = 2**63 - 1
"""The last instant: Go's nanoseconds end in 2262, and a worker could not check the signature of a task with a later
deadline."""


@dataclass(slots=True)
class StoredTask:
    """A task without what workers add to it: its result, its dependencies and the time of the last try.

    Nothing changes one, but it is not frozen: a scheduler makes thousands a second, and then each would take three
    times as long.
    """

    id: str
    type: str
    queue: str
    created: int
    """Nanoseconds since 1970."""
    payload: bytes | None = None
    """None is JSON null."""
    deadline: int = 0
    """Nanoseconds since 1970, after which no worker starts it; 0 means none."""
    max_tries: int = DEFAULT_MAX_TRIES
    state: str = NEW
    tries: int = 0
    last_err: str = ""
    signature: str = ""
    """Ed25519 in hex; empty means none."""

    def outcome(self, due: int, stored_at: int) -> WorkOutcome:
        """What it says about the fire that was due at `due`; it was stored at `stored_at`, by the server's clock."""
        lateness = max(stored_at - due, 0) if self.state == NEW and self.tries == 0 else None
        tries = max(self.tries, 0)
        return WorkOutcome(due, self.id, cut(self.state), stored_at, tries, cut(self.last_err), lateness)


def task_for_fire(scheduled: ScheduledTask, due: int, *, task_id: str = "", ajc_payloads: bool = False) -> StoredTask:
    """The task that `scheduled` makes at `due`, in nanoseconds since 1970; unsigned.

    `task_id` is its id, if the caller has computed that already. With `ajc_payloads` the payload is what the Go
    scheduler makes of it (docs/reference/wire.md, "Defects of the Go scheduler", 3). Raises StoredValueError if workers
    could not handle the task, and ValueError if no id can hold the instant.
    """
    # Names become parts of subjects, and any client that may write to the bucket may have chosen them.
    if reason := unfit(scheduled):
        raise StoredValueError(reason)
    deadline = due + scheduled.deadline if scheduled.deadline > 0 else 0
    if deadline > _LAST_INSTANT:
        raise StoredValueError(f"its deadline of {scheduled.deadline} ns is too far away")
    if scheduled.max_tries > _LAST_INSTANT:
        raise StoredValueError(f"its max_tries {scheduled.max_tries} is more than a worker can count")
    return StoredTask(
        id=task_id or fire_task_id(scheduled.name, due),
        type=scheduled.task_type,
        queue=scheduled.queue,
        created=due,
        payload=encode_bytes(scheduled.payload).encode() if ajc_payloads else scheduled.payload,
        deadline=deadline,
        max_tries=scheduled.max_tries if scheduled.max_tries > 0 else DEFAULT_MAX_TRIES,
    )


def encode_task(task: StoredTask) -> bytes:
    """The bytes that Go's `json.Marshal` gives for the same fields."""
    deadline = f'"deadline":"{format_timestamp(task.deadline)}",' if task.deadline else ""
    last_err = f',"last_err":{encode_string(task.last_err)}' if task.last_err else ""
    signature = f',"signature":{encode_string(task.signature)}' if task.signature else ""
    created = format_timestamp(task.created)
    return (
        f'{{"id":{encode_string(task.id)},{_kind(task.type, task.queue)},"payload":{encode_bytes(task.payload)},'
        f'{deadline}{_state(task.max_tries, task.state)},"created":"{created}","tries":{task.tries}'
        f"{last_err}{signature}}}"
    ).encode()


@lru_cache(1024)  # most tasks have one of a few kinds and states
def _kind(task_type: str, queue: str) -> str:
    return f'"type":{encode_string(task_type)},"queue":{encode_string(queue)}'


@lru_cache(256)
def _state(max_tries: int, state: str) -> str:
    return f'"max_tries":{max_tries},"state":{encode_string(state)}'


def decode_task(data: bytes) -> StoredTask:
    """Read the message of a task; an unknown state is kept as it is. Raises StoredValueError if it is not a task.

    What workers add is not read, so a task that a worker has handled must not be written back.
    """
    return task_of(decode_object(data))


def task_of(value: dict[str, Any]) -> StoredTask:
    """Read the object in the message of a task, as `decode_task` does."""
    return StoredTask(
        id=member(value, "id", str),
        type=member(value, "type", str),
        queue=member(value, "queue", str),
        created=instant_member(value, "created"),
        payload=bytes_member(value, "payload"),
        deadline=0 if value.get("deadline") is None else instant_member(value, "deadline"),
        max_tries=member(value, "max_tries", int, 0),
        state=member(value, "state", str),
        tries=member(value, "tries", int, 0),
        last_err=member(value, "last_err", str, ""),
        signature=member(value, "signature", str, ""),
    )


def task_subject(task_id: str) -> str:
    """The subject of a task."""
    return f"{TASK_SUBJECT}{task_id}"


def work_item(task_id: str) -> bytes:
    """The message that makes a worker of the queue handle the task."""
    return f'{{"kind":0,"job":"{task_id}"}}'.encode()


def work_item_subject(queue: str, task_id: str) -> str:
    """The subject of a task's work item."""
    return f"{WORK_ITEM_SUBJECT}{queue}.{task_id}"
