"""Listening to the events of tasks, beside what tests/scheduler/test_outcome_keeper.py makes of them."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.scheduler.monitor.task_events import TaskEvents
from ajsync.transport.context import context_for_server
from ajsync.transport.nats_client import NatsClient
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.anyio


async def pause() -> None:
    """Nothing to wait for."""


async def test_listening_is_cancelled_even_as_the_server_confirms_the_subscription(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_pong = NatsClient._process_pong

    async def cancel_with_the_answer(client: NatsClient) -> None:
        await process_pong(client)
        if not events.ready.is_set():  # later ones answer the client's own pings
            listening.cancel()

    monkeypatch.setattr(NatsClient, "_process_pong", cancel_with_the_answer)
    events = TaskEvents(context_for_server(server.url), "events", lambda *_: None, lambda: None, pause)
    listening = asyncio.create_task(events.run())
    try:
        await until(listening.done)
        assert listening.cancelled()
    finally:
        listening.cancel()
        await asyncio.wait((listening,))
