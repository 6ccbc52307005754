"""Fixtures of the tests that connect."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.transport.certificates import Certificates, make_certificates
from tests.transport.connecting import Listen


@pytest.fixture
async def guard() -> AsyncIterator[None]:
    """End a test that hangs."""
    task = asyncio.current_task()
    assert task is not None
    handle = asyncio.get_running_loop().call_later(15, task.cancel)
    yield
    handle.cancel()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def listen() -> AsyncIterator[Listen]:
    """Start TCP servers; all are stopped at the end of the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(greeting: bytes) -> tuple[str, bytearray]:
            heard = bytearray()

            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(greeting)
                with contextlib.suppress(OSError):
                    while data := await reader.read(1000):
                        heard.extend(data)
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.push_async_callback(server.wait_closed)
            stack.callback(server.close)
            return f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard

        yield start


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue of connections is full: the packets of a further one are dropped."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filling.connect(listening.getsockname())
        yield int(listening.getsockname()[1])
