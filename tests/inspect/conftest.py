"""What the tests of what commands compute share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer


@pytest.fixture
async def connection(server: NatsServer) -> AsyncIterator[Connection]:
    """A connection to a server with an empty bucket and an empty stream of tasks."""
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await make_stream(connection, TASKS_STREAM)
        yield connection
