"""A stand-in for a Go worker: it takes the work items of one queue, and leaves tasks and events as a worker does.

tests/golden/handled.json holds what the real one wrote.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from nats.js.api import ConsumerConfig
from nats.js.errors import BadRequestError

from ajsync.asyncjobs.events import task_state_event, task_state_subject
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.task_store import load_task, task_write
from ajsync.asyncjobs.tasks import StoredTask, decode_task, encode_task, task_subject
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.messages import last_message
from ajsync.transport.publisher import publish_one

_ACK_SECONDS = 1
"""An item that comes in the moment in which nats-py gives a fetch up is lost, and comes again after this time."""

Handled = tuple[str, str]
"""The state in which a handler leaves a task, and its error."""


def good(_task: StoredTask) -> Handled | None:
    """A handler that succeeds."""
    return "complete", ""


def bad(_task: StoredTask) -> Handled | None:
    """A handler that gives the task up."""
    return "terminated", "no such host"


def slow(_task: StoredTask) -> Handled | None:
    """A handler that does not end."""
    return None


@asynccontextmanager
async def working(
    connection: Connection, queue: str, handler: Callable[[StoredTask], Handled | None] = good
) -> AsyncIterator[None]:
    """A worker that handles the tasks of a queue while the block runs, and then dies."""
    jetstream = connection.client.jetstream(timeout=30)
    stream = f"CHORIA_AJ_Q_{queue}"
    with suppress(BadRequestError):  # it is there
        await jetstream.add_consumer(stream, ConsumerConfig(durable_name="WORKERS", ack_wait=_ACK_SECONDS))
    items = await jetstream.pull_subscribe_bind("WORKERS", stream)

    async def work() -> None:
        while True:
            with suppress(TimeoutError):
                for item in await items.fetch(100, timeout=1):
                    await handle(connection, item.subject.rpartition(".")[2], handler)
                    await item.ack()

    job = asyncio.create_task(work())
    try:
        yield
    finally:
        job.cancel()
        await asyncio.wait((job,))
        if not job.cancelled():
            job.result()


async def handle(connection: Connection, task_id: str, handler: Callable[[StoredTask], Handled | None]) -> None:
    """Handle one task, unless it is done."""
    task = await load_task(connection, task_id)
    if task is None or task.state in ("complete", "expired"):
        return
    active = replace(task, state="active")
    await connection.request(task_subject(task_id), encode_task(active))
    await tell(connection, active)
    handled = handler(active)
    if handled is not None:
        ended = replace(active, state=handled[0], last_err=handled[1], tries=active.tries + 1)
        await tell(connection, ended)  # before it is stored, as the real one does
        await connection.request(task_subject(task_id), encode_task(ended))


async def tell(connection: Connection, task: StoredTask) -> None:
    """Publish the event of the state of a task."""
    now = time.time_ns()
    event = task_state_event(task, now // NANOSECONDS, now - task.created)
    await connection.client.publish(task_state_subject(task.id), event)


async def bring(connection: Connection, task_id: str, state: str, *, told: bool = True, **fields: Any) -> None:
    """Store a task in another state, and publish its event if it is to be `told`."""
    message = await last_message(connection, TASKS_STREAM, task_subject(task_id))
    assert message is not None, task_id
    task = replace(decode_task(message.data), state=state, **fields)
    await publish_one(connection, task_write(task, message.revision), timeout=10)
    if told:
        await tell(connection, task)
        await connection.client.flush()
