"""A client of the Python API."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import ajsync
from tests.nats_server import NatsServer


@pytest.fixture
async def client(server: NatsServer) -> AsyncIterator[ajsync.Client]:
    """A client of a server that has the bucket and the stream of tasks."""
    async with ajsync.connect(server=server.url) as connected:
        await connected.prepare()
        yield connected
