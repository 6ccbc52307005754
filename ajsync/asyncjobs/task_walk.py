"""Walks through the tasks of the last minutes, asking the stream's leader and without a consumer."""

from __future__ import annotations

import asyncio
from typing import Any

from ajsync.asyncjobs.names import TASK_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.past_tasks import PastTask, PastTasks, past_tasks, replaced_messages, task_kind
from ajsync.asyncjobs.tasks import NEW, decode_task
from ajsync.errors import StoredValueError, UnreachableError
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.leader import messages_between
from ajsync.transport.messages import LastMessage, get_message

MOST_MESSAGES = 50_000
"""The most messages that are read; that many take seconds."""
_AT_ONCE = 1000
"""How many messages are held in memory at once."""
_ROUNDS = 5
"""How often to read on what was stored in the meantime. A task that still changes then looks deleted."""


async def read_past_tasks(connection: Connection, since: int) -> PastTasks:
    """The tasks that were stored or changed since an instant, in nanoseconds since 1970 by the server's clock.

    Raises UnreachableError if there is no answer or there are too many tasks, and NotPermittedError.
    """
    info = await _info(connection)
    state = info["state"]
    first, last = int(state["first_seq"]), int(state["last_seq"])
    before = await _last_before(connection, since, first, last)
    begin, begin_at = (0, parse_timestamp(info["created"])) if before is None else (before.revision, before.stored_at)
    position, stored = max(begin, first - 1), list[PastTask]()
    for _ in range(_ROUNDS):
        if last - position > MOST_MESSAGES - len(stored):
            raise UnreachableError(f"More than {MOST_MESSAGES:,} tasks were written in the time to look at.")
        while position < last:
            until = min(position + _AT_ONCE, last)
            for message in await messages_between(connection, TASKS_STREAM, position + 1, until):
                if (task := _past_task(message)) is not None:
                    stored.append(task)
            position = until
            await asyncio.sleep(0)
        state = (await _info(connection))["state"]
        if int(state["last_seq"]) == last:
            break
        last = int(state["last_seq"])
    last_at = parse_timestamp(state["last_ts"]) if position == int(state["last_seq"]) else 0
    known = last_at if last_at > 0 else None
    # In a thread, because tens of thousands take a fraction of a second.
    return await asyncio.to_thread(past_tasks, stored, begin=begin, begin_at=begin_at, last=position, last_at=known)


async def _info(connection: Connection) -> dict[str, Any]:
    return await connection.jetstream_request(f"STREAM.INFO.{TASKS_STREAM}")


async def _last_before(connection: Connection, instant: int, first: int, last: int) -> LastMessage | None:
    """The last message that was stored before an instant; None if there is none between these sequences."""
    before = None
    while first <= last:
        middle = (first + last) // 2
        request = {"seq": middle, "next_by_subj": f"{TASK_SUBJECT}*"}
        message = await get_message(connection, TASKS_STREAM, request)
        if message is None or message.revision > last or message.stored_at >= instant:
            last = middle - 1
        else:
            before, first = message, message.revision + 1
    return before


def _past_task(message: LastMessage) -> PastTask | None:
    """The task in a message; None if it cannot be read."""
    try:
        task = decode_task(message.data)
    except StoredValueError:
        return None
    return PastTask(
        sequence=message.revision,
        stored_at=message.stored_at,
        id=message.subject.removeprefix(TASK_SUBJECT),
        kind=task_kind(task.queue, task.type, task.payload),
        created=task.created,
        replaced=replaced_messages(task.state, task.tries),
        waits=task.state == NEW and task.tries == 0,
    )
