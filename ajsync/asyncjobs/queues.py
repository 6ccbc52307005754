"""Work queues: how `ajc queues add` makes one, and how an existing one differs from what the files declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ajsync.asyncjobs.names import QUEUE_STREAM_PREFIX, WORK_ITEM_SUBJECT
from ajsync.schedule import format_duration_short
from ajsync.timestamp import NANOSECONDS

WORKERS = "WORKERS"
"""The consumer of a queue that all its workers share."""
SHORTEST_AGE = 120 * NANOSECONDS
"""The least `max_age`, because a stream cannot forget a message while it still looks for its duplicates."""
_UNLIMITED = -1


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """A queue as the files declare it; the defaults are those of `ajc queues add`."""

    name: str
    max_tries: int = _UNLIMITED
    """How often a task is given to a worker; -1 means no limit."""
    max_runtime: int = 3600 * NANOSECONDS
    """Nanoseconds after which a task that no worker has finished is given to one again."""
    max_concurrent: int = 100
    """How many tasks all workers together handle at once."""
    max_age: int = 0
    """Nanoseconds after which a task is dropped from the queue; 0 means never."""
    max_entries: int = 0
    """How many tasks the queue holds; 0 means no limit."""
    discard_old: bool = False
    """Whether a full queue drops the oldest task; otherwise it refuses new ones."""

    @property
    def stream(self) -> str:
        """The name of its stream."""
        return QUEUE_STREAM_PREFIX + self.name


@dataclass(frozen=True, slots=True)
class QueueSurvey:
    """How the queues of the server differ from those of the files."""

    missing: tuple[QueueSettings, ...] = ()
    """Sorted by name."""
    different: tuple[tuple[str, str], ...] = ()
    """Name and differences, in words, of each queue that exists but is not as declared; sorted by name."""


ALL_THERE = QueueSurvey()


def queue_subjects(queue: QueueSettings) -> list[str]:
    """The subjects of the stream of a queue."""
    return [f"{WORK_ITEM_SUBJECT}{queue.name}.>"]


def queue_stream(queue: QueueSettings, replicas: int = 1) -> dict[str, Any]:
    """The configuration of the stream of a queue (tests/golden/streams.json)."""
    return {
        "name": queue.stream,
        "description": "Choria Async Jobs Work Queue",
        "subjects": queue_subjects(queue),
        "retention": "workqueue",
        "max_consumers": -1,
        "max_msgs": queue.max_entries or _UNLIMITED,
        "max_bytes": -1,
        "max_age": queue.max_age,
        "max_msgs_per_subject": 1,
        "max_msg_size": -1,
        "discard": "old" if queue.discard_old else "new",
        "storage": "file",
        "num_replicas": replicas,
        "duplicate_window": SHORTEST_AGE,
    }


def queue_consumer(queue: QueueSettings) -> dict[str, Any]:
    """The configuration of the consumer of a queue's workers."""
    return {
        "durable_name": WORKERS,
        "name": WORKERS,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "ack_wait": queue.max_runtime,
        "max_deliver": queue.max_tries,
        "max_ack_pending": queue.max_concurrent,
        "replay_policy": "instant",
    }


def settings_of(name: str, stream: Mapping[str, Any], consumer: Mapping[str, Any]) -> QueueSettings:
    """The settings of a queue that exists, from the configurations of its stream and its consumer."""
    return QueueSettings(
        name=name,
        max_tries=consumer.get("max_deliver", _UNLIMITED),
        max_runtime=consumer.get("ack_wait", 0),
        max_concurrent=consumer.get("max_ack_pending", 0),
        max_age=stream.get("max_age", 0),
        max_entries=max(stream.get("max_msgs", 0), 0),
        discard_old=stream.get("discard") == "old",
    )


def differences(wanted: QueueSettings, found: QueueSettings) -> Iterator[str]:
    """How a queue differs from what is declared, such as `max_tries is 5 and not 10`."""
    for each in fields(wanted):
        name, one, other = each.name, getattr(found, each.name), getattr(wanted, each.name)
        if one != other:
            yield f"{name} is {_worded(name, one)} and not {_worded(name, other)}"


def stated(queue: QueueSettings) -> str:
    """The settings that differ from those of `ajc queues add`, such as `max_tries 10, max_runtime 1m`; "" if none
    do."""
    plain = QueueSettings(queue.name)
    names = [each.name for each in fields(queue) if getattr(queue, each.name) != getattr(plain, each.name)]
    return ", ".join(f"{name} {_worded(name, getattr(queue, name))}" for name in names)


def _worded(name: str, value: int | bool) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if name in ("max_runtime", "max_age"):
        return format_duration_short(value) if value else "0"
    return str(value)
