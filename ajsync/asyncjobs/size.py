"""How large the messages of a schedule, its value and its tasks, are, and whether a server accepts them.

Both hold the payload in base64. In a task of a Go scheduler, or of ajsync's with --ajc-payloads, it is encoded twice.
"""

from __future__ import annotations

from dataclasses import replace

from ajsync.asyncjobs.model import PAUSES_MEMBER, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.pause import MOST_PAUSES

DEFAULT_MAX_PAYLOAD = 1024 * 1024
"""The most bytes of a message with its headers that a server accepts by default (its setting `max_payload`)."""
MAX_PAYLOAD = 588_000
"""The most bytes of a payload that, encoded twice, fit into a task on such a server with any names."""
_PAUSES = MOST_PAUSES * 70 + len(f',"{PAUSES_MEMBER}":[]')
"""Bytes of the pauses that a value may remember later: an update keeps them, so a value needs room for all."""
_VALUE_AROUND = 250 + _PAUSES
"""Bytes in addition to the JSON of a value: its headers, its pauses, and its creation time, which may not be known."""
_TASK_AROUND = 1000
"""Bytes of a task in addition to names and payload: headers, id, times, state, signature, and the error of a missing
queue."""


def too_large(task: ScheduledTask, max_payload: int = DEFAULT_MAX_PAYLOAD) -> str:
    """Why a server that takes messages of `max_payload` bytes refuses the schedule or its tasks; "" if it does not."""
    payload = len(task.payload or b"")
    managed = task.settings
    # Added one by one for speed, because each schedule is looked at twice.
    texts = len(task.name) + len(task.schedule) + len(task.queue) + len(task.task_type) + len(managed.owner)
    texts += len(managed.source) + len(managed.description) + len(managed.from_) + len(managed.until)
    if managed.labels or managed.except_:
        texts += sum(len(name) + len(value) + 1 for name, value in managed.labels) + sum(map(len, managed.except_))
    if 2 * payload + 6 * texts + _TASK_AROUND + _PAUSES <= max_payload:  # true for nearly all, and quick to check
        return ""
    made = encoded_twice(payload) + len(task.queue) + len(task.task_type) + _TASK_AROUND
    if made > max_payload:
        why = "since a Go scheduler encodes its payload twice in base64"
        return f"its tasks are larger than the server takes: {made:,} bytes, {why}, of at most {max_payload:,}"
    value = len(encode_scheduled_task(replace(task, pauses=()))) + _VALUE_AROUND
    if value > max_payload:
        why = "with its payload in base64, its description, its labels and room for its pauses"
        return f"its value is larger than the server takes: {value:,} bytes, {why}, of at most {max_payload:,}"
    return ""


def encoded_twice(size: int) -> int:
    """Bytes that a payload of `size` bytes takes in a task: base64 of the JSON string of its base64."""
    return _base64(_base64(size) + 2)


def _base64(size: int) -> int:
    return -(-size // 3) * 4
