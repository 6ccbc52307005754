"""Prepare a fire: encode everything that it publishes before its instant, so that it is only written then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from ajsync.asyncjobs.events import task_state_event_prefix, task_state_subject
from ajsync.asyncjobs.tasks import (
    StoredTask,
    encode_task,
    task_for_fire,
    task_subject,
    work_item,
    work_item_subject,
)
from ajsync.errors import StoredValueError
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.frames import header_block, store_frame

Sign = Callable[[StoredTask], str]

_SLACK_BYTES = 200
"""How much a task may grow when it is flagged because its queue is missing."""


# The id of the task takes the place of %b.
_TASK_HEADERS = header_block({"Nats-Expected-Last-Subject-Sequence": "0", "Nats-Msg-Id": "%b"})
_ITEM_HEADERS = header_block({"Nats-Msg-Id": "%b"})


class Prepared(NamedTuple):
    """A fire, ready to be written. It is a tuple, because a frozen dataclass takes three times as long."""

    fire: Fire
    serial: int
    task: StoredTask
    task_frame: bytes
    item_frame: bytes
    event_subject: str
    event_body: bytes
    """Without the age of the task, which is not known until it is published."""


class Preparer:
    """Encodes fires; the acknowledgements come to `inbox`, each with the serial of its fire."""

    def __init__(
        self, inbox: str, sign: Sign | None = None, *, ajc_payloads: bool = False, max_payload: int = 1024 * 1024
    ) -> None:
        """`max_payload` is the most bytes that the server accepts; it disconnects a client that sends more."""
        self._inbox = inbox
        self._max_bytes = max_payload - _SLACK_BYTES
        self._sign = sign
        self._ajc_payloads = ajc_payloads
        self._serial = 0

    def prepare(self, fire: Fire) -> Prepared:
        """Encode `fire`. Raises ValueError if it makes no task that workers could handle."""
        task = self.make_task(fire)
        serial = self._serial = self._serial + 1
        msg_id = task.id.encode()
        headers = _TASK_HEADERS % msg_id
        data = encode_task(task)
        if len(headers) + len(data) > self._max_bytes:
            most = self._max_bytes - len(headers)
            raise StoredValueError(f"its task of {len(data):,} bytes is larger than the server takes: {most:,} at most")
        return Prepared(
            fire=fire,
            serial=serial,
            task=task,
            task_frame=store_frame(task_subject(task.id), f"{self._inbox}.t.{serial}", headers, data),
            item_frame=store_frame(
                work_item_subject(task.queue, task.id),
                f"{self._inbox}.i.{serial}",
                _ITEM_HEADERS % msg_id,
                work_item(task.id),
            ),
            event_subject=task_state_subject(task.id),
            event_body=task_state_event_prefix(task, fire.due // NANOSECONDS),
        )

    def make_task(self, fire: Fire) -> StoredTask:
        """The task that `fire` makes, signed. Raises ValueError if it makes none that workers could handle."""
        task = task_for_fire(fire.task, fire.due, task_id=fire.task_id, ajc_payloads=self._ajc_payloads)
        return task if self._sign is None else replace(task, signature=self._sign(task))
