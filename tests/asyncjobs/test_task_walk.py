"""The walk through the last tasks, on a real server: what it reads, and what it knows of what is gone."""

from __future__ import annotations

import asyncio
import time

import pytest

from ajsync.asyncjobs import task_walk
from ajsync.asyncjobs.ids import new_id
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.past_tasks import task_kind
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.task_walk import read_past_tasks
from ajsync.asyncjobs.tasks import StoredTask, task_subject
from ajsync.errors import UnreachableError
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.leader import messages_between
from ajsync.transport.messages import LastMessage
from ajsync.transport.publisher import Write, publish_one
from tests.nats_server import NatsServer

pytestmark = pytest.mark.anyio


async def store(connection: Connection, task: StoredTask | None = None, sequence: int = 0) -> int:
    """Store a task; its sequence."""
    task = task or StoredTask(new_id(int(time.time())), "email:new", "EMAIL", time.time_ns(), b"null")
    answer = await publish_one(connection, task_write(task, sequence), timeout=5)
    assert answer.sequence, answer
    return answer.sequence


async def delete(connection: Connection, sequence: int) -> None:
    await connection.jetstream_request(f"STREAM.MSG.DELETE.{TASKS_STREAM}", {"seq": sequence})


async def test_it_reads_from_an_instant_on_and_knows_that_nothing_is_gone(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        whole = await read_past_tasks(connection, 0)
        assert whole.tasks == ()
        for _ in range(9):
            await store(connection)
        await delete(connection, 3)
        messages = await messages_between(connection, TASKS_STREAM, 1, 99)
        assert [message.revision for message in messages] == [1, 2, 4, 5, 6, 7, 8, 9]
        stored_at = {message.revision: message.stored_at for message in messages}
        for sequence, at in stored_at.items():
            found = await read_past_tasks(connection, at)
            assert [task.sequence for task in found.tasks] == [each for each in stored_at if each >= sequence]
            # Nothing is gone since the message before, but for the third.
            assert found.intact_since == stored_at[max(sequence - 1, 4)]
        nothing = await read_past_tasks(connection, time.time_ns() + SECOND)
        assert (nothing.tasks, nothing.intact_since) == ((), messages[-1].stored_at)
        assert whole.intact_since < messages[0].stored_at


async def test_it_reads_what_a_task_is_like(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        waiting = StoredTask("A", "email:new", "EMAIL", 7 * SECOND, b"null")
        done = StoredTask("B", "email:new", "EMAIL", 7 * SECOND, None, state="complete", tries=1)
        tried = StoredTask("C", "email:new", "EMAIL", 7 * SECOND, None, tries=1)
        for each in (waiting, done, tried):
            await store(connection, each)
        found = (await read_past_tasks(connection, 0)).tasks
        assert [(task.id, task.created, task.replaced, task.waits) for task in found] == [
            ("A", 7 * SECOND, 0, True),
            ("B", 7 * SECOND, 2, False),
            ("C", 7 * SECOND, 0, False),
        ]
        assert [task.kind for task in found[:2]] == [task_kind("EMAIL", "email:new", each) for each in (b"null", None)]


async def test_what_is_no_task_counts_as_gone(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        await store(connection)
        await publish_one(connection, Write(task_subject("X"), b"not a task", {}), timeout=5)
        await store(connection)
        found = await read_past_tasks(connection, 0)
        assert [task.sequence for task in found.tasks] == [1, 3]
        assert found.intact_since == found.tasks[1].stored_at


async def test_a_stream_that_was_purged_or_lost_its_last_message_is_intact_since_that_was_stored(
    server: NatsServer,
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        for _ in range(3):
            await store(connection)
        messages = await messages_between(connection, TASKS_STREAM, 1, 3)
        await delete(connection, 3)
        assert (await read_past_tasks(connection, 0)).intact_since == messages[2].stored_at
        await connection.jetstream_request(f"STREAM.PURGE.{TASKS_STREAM}")
        found = await read_past_tasks(connection, 0)
        assert (found.tasks, found.intact_since) == ((), messages[2].stored_at)


async def test_what_is_written_during_the_walk_is_read_too(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        created = time.time_ns()
        task = StoredTask("A", "email:new", "EMAIL", created)
        sequence = await store(connection, task)
        read, rounds = messages_between, 0

        async def read_and_change(*arguments: object) -> list[LastMessage]:
            nonlocal sequence, rounds
            found = await read(*arguments)  # type: ignore[arg-type]
            if rounds < 2:
                state, tries = ("active", 0) if rounds == 0 else ("complete", 1)
                changed = StoredTask("A", "email:new", "EMAIL", created, state=state, tries=tries)
                sequence = await store(connection, changed, sequence)
                rounds += 1
            return found

        monkeypatch.setattr(task_walk, "messages_between", read_and_change)
        found = await read_past_tasks(connection, 0)
        assert [(task.sequence, task.replaced) for task in found.tasks] == [(3, 2)]
        assert found.intact_since < created


async def test_too_many_are_not_read_and_neither_is_a_stream_that_is_not_there(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        with pytest.raises(StreamNotFoundError):
            await read_past_tasks(connection, 0)
        await make_stream(connection, TASKS_STREAM)
        monkeypatch.setattr(task_walk, "MOST_MESSAGES", 3)
        for _ in range(3):
            await store(connection)
        middle = time.time_ns()
        assert len((await read_past_tasks(connection, 0)).tasks) == 3
        await asyncio.gather(*(store(connection) for _ in range(3)))
        with pytest.raises(UnreachableError, match=r"^More than 3 tasks were written"):
            await read_past_tasks(connection, 0)
        assert len((await read_past_tasks(connection, middle)).tasks) == 3
