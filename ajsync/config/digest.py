"""The digest of a configuration: SHA-256 over the owner, the desired schedules and the queues.

It is the digest of a JSON text. The part for a schedule does not depend on the rest, so the parts of unchanged files
can be kept.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.queues import QueueSettings


def digest_of(owner: str, tasks: Mapping[str, ScheduledTask], queues: Iterable[QueueSettings]) -> str:
    """The digest in hex, whatever the order of the schedules and queues."""
    return _digest(owner, json.dumps([_row(name, task) for name, task in sorted(tasks.items())])[1:-1], queues)


def digest_of_rows(owner: str, rows: Mapping[str, str], queues: Iterable[QueueSettings]) -> str:
    """The same from the rows of all schedules by name."""
    return _digest(owner, ", ".join([rows[name] for name in sorted(rows)]), queues)


def row_text(task: ScheduledTask) -> str:
    """The part of the text for one schedule."""
    return json.dumps(_row(task.name, task))


def _digest(owner: str, rows: str, queues: Iterable[QueueSettings]) -> str:
    declared = sorted(map(astuple, queues))
    # Hashed in parts, because the rows of very many schedules are long.
    found = hashlib.sha256(f"[{json.dumps(owner)}, [".encode())
    found.update(rows.encode())
    found.update(f"], {json.dumps(declared)}]".encode() if declared else b"]]")
    return found.hexdigest()


def _row(name: str, task: ScheduledTask) -> list[object]:
    managed = task.settings
    payload = None if task.payload is None else base64.b64encode(task.payload).decode()
    row: list[object] = [name, task.schedule, task.queue, task.task_type, payload, task.deadline, task.max_tries]
    row += [managed.description, managed.catchup, managed.catchup_window, managed.overlap, managed.jitter]
    if managed.labels or managed.from_ or managed.until or managed.except_:
        # A field that was added later is left out while it has its default, so that plans that users have saved stay
        # valid.
        later = {
            "labels": managed.labels,
            "from": managed.from_,
            "until": managed.until,
            "except": managed.except_,
        }
        row.append({name: value for name, value in later.items() if value})
    return row
