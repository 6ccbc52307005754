"""Messages as bytes for the wire, made before they are needed and written many at a time.

nats-py's `publish` builds each message when it is sent, which takes more than half the time of a burst.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from ajsync.transport.connection import Connection

_WRITE_BYTES = 256 * 1024
"""How many bytes are written at once. Other code that writes on the same connection gets its turn in between."""


def publish_frame(subject: str, data: bytes, reply: str = "") -> bytes:
    """A core message, which is not acknowledged; an answer to it goes to `reply`."""
    head = f"PUB {subject} {reply} {len(data)}\r\n" if reply else f"PUB {subject} {len(data)}\r\n"
    return b"%b%b\r\n" % (head.encode(), data)


def store_frame(subject: str, reply: str, headers: bytes, data: bytes) -> bytes:
    """A message for a stream, acknowledged to `reply`; `headers` are made by `header_block`."""
    head = f"HPUB {subject} {reply} {len(headers)} {len(headers) + len(data)}\r\n"
    return b"%b%b%b\r\n" % (head.encode(), headers, data)


def header_block(headers: Mapping[str, str]) -> bytes:
    """Headers in their form on the wire. Their values come from ajsync, and contain no line breaks."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()


class FrameWriter:
    """Writes frames in order, as fast as the server takes them. Without a server they are lost."""

    def __init__(self, connection: Connection, may_write: Callable[[], bool] = lambda: True) -> None:
        """While `may_write` returns False, frames are kept until `resume`."""
        self._connection = connection
        self._may_write = may_write
        self._frames: deque[bytes] = deque()
        self._waiting = asyncio.Event()

    def add(self, frame: bytes) -> None:
        """Have a frame written soon."""
        self._frames.append(frame)
        self._waiting.set()

    def clear(self) -> None:
        """Forget the frames that are not written yet."""
        self._frames.clear()

    def resume(self) -> None:
        """Write the kept frames."""
        self._waiting.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._waiting.wait()
            self._waiting.clear()
            await self.flush()

    async def flush(self) -> bool:
        """Write the added frames, at the server's pace; False if some were lost because there is no server."""
        all_written = True
        while self._frames and self._may_write():
            frames: list[bytes] = []
            size = 0
            while self._frames and size < _WRITE_BYTES:
                frames.append(self._frames.popleft())
                size += len(frames[-1])
            all_written = await self._connection.client.write(b"".join(frames)) and all_written
        return all_written
