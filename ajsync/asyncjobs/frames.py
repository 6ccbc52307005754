"""Messages as the bytes that go over the wire, made before they are needed and written many at a time.

`nats-py`'s publish builds each message when it is sent and costs more than half of what a burst takes. Everything here
that leans on the inside of nats-py is in `write_frames`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ajsync.asyncjobs.connection import Connection


def publish_frame(subject: str, data: bytes) -> bytes:
    """A core message, which nobody acknowledges."""
    return b"PUB %b %d\r\n%b\r\n" % (subject.encode(), len(data), data)


def store_frame(subject: str, reply: str, headers: bytes, data: bytes) -> bytes:
    """A message that a stream is to store, with its acknowledgement to `reply`; `headers` are from `header_block`."""
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject.encode(),
        reply.encode(),
        len(headers),
        len(headers) + len(data),
        headers,
        data,
    )


def header_block(headers: Mapping[str, str]) -> bytes:
    """Headers as they stand in a message. Their values are ours, and hold no line break."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"NATS/1.0\r\n{lines}\r\n".encode()


async def write_frames(connection: Connection, frames: Sequence[bytes]) -> bool:
    """Write frames in their order; False, and nothing written, while there is no server to write to.

    nats-py would keep them for later: whoever writes here sends again what is not acknowledged, and must not do both.
    """
    client = connection.client
    if not client.is_connected:
        return False
    await client._send_command(b"".join(frames))
    await client._flush_pending()
    return True
