"""A wire between a scheduler and its server that a test can cut, in both of the ways in which networks fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Forwards connections to a port on this machine."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to_port = to_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where the scheduler connects."""
        return f"nats://127.0.0.1:{self.port}"

    def swallow(self) -> None:
        """Forward nothing any more, and say nothing of it."""
        self._flowing.clear()

    def refuse(self) -> None:
        """Close every connection, and each new one."""
        self._refusing = True
        for each in self._connections:
            each.cancel()

    def mend(self) -> None:
        """Forward again, also what was swallowed and belongs to connections that still stand."""
        self._refusing = False
        self._flowing.set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        connection = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def close(self) -> None:
        """Close every connection."""
        self.refuse()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            if not self._refusing:
                with suppress(OSError):
                    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
                    writers.append(far_writer)
                    ways = ((reader, far_writer), (far_reader, writer))
                    pumps = [asyncio.ensure_future(self._pump(*way)) for way in ways]
                    try:
                        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for each in pumps:
                            each.cancel()
                        await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            for each_writer in writers:
                each_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """A proxy to this port while the block runs."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
        await server.wait_closed()
