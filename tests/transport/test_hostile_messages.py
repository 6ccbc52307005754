"""Messages that no client of good will writes: a bucket that holds some is read, and followed, all the same."""

from __future__ import annotations

import socket

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.leader import list_subjects
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.transport.watched import watching
from tests.values import put

pytestmark = pytest.mark.anyio

SUBJECTS = {
    b"\xff\xfe": "\\xff\\xfe",
    b"VERTICAL\x0bTAB": "VERTICAL\x0bTAB",
    b"FORM\x0cFEED": "FORM\x0cFEED",
    b"\xfe\xff": "\\xfe\\xff",
    b"NUL\x00": "NUL\x00",
    "\u00e9\u202e".encode(): "\u00e9\u202e",
    b"*": "*",
    b"L" * 3500: "L" * 3500,
}
"""As they go over the wire, and as what they are known."""
HEADERS = (
    b"",
    b"\xff\xfe\r\n\r\n",
    b"NATS/1.0\r\ngarbage\r\n\r\n",
    b"NATS/1.0 \xff\xff\xff\r\n\r\n",
    b"NATS/1.0 503\r\n\r\n",
    b"NATS/1.0 404\r\n\r\n",
    b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 0\r\n\r\n",
    b"NATS/1.0\r\nNats-Subject: x\r\nNats-Sequence: 9\r\nNats-Time-Stamp: x\r\nNats-Num-Pending: 0\r\n"
    b"Nats-Last-Sequence: 1\r\n\r\n",
    b"x",
    b"NATS/1.0 100 \xff\r\nA: b\r\n\r\n",
    b"NATS/1.0\r\nA: \xff\r\n: x\r\n\xff: b\r\n\r\n",
    b"NATS/1.0\r\nA: =?utf-8?b?////?=\r\n\r\n",
)


def publish(server: NatsServer, messages: dict[bytes, bytes]) -> None:
    """Publish to the keys of these names, byte for byte, with the header lines given."""
    with socket.create_connection(("127.0.0.1", server.port)) as client, client.makefile("rb") as answers:
        client.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n')
        for name, headers in messages.items():
            subject, size = SCHEDULE_SUBJECT.encode() + name, len(headers)
            kind, sizes = (b"HPUB", b"%d %d" % (size, size + 1)) if headers else (b"PUB", b"1")
            client.sendall(b"%b %b %b\r\n%bx\r\n" % (kind, subject, sizes, headers))
        client.sendall(b"PING\r\n")
        lines = iter(answers.readline, b"")
        assert next(line for line in lines if not line.startswith(b"INFO")) == b"PONG\r\n"


async def test_the_good_entries_are_read_and_followed_and_the_others_are_told(server: NatsServer) -> None:
    context = context_for_server(server.url)
    async with connect(context) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
    publish(server, dict.fromkeys(SUBJECTS, b""))
    publish(server, {b"H%d" % number: headers for number, headers in enumerate(HEADERS)})
    await put_good(server)
    expected = {"GOOD", *SUBJECTS.values(), *(f"H{number}" for number in range(len(HEADERS)))}
    async with connect(context) as connection:
        bucket = await ConfigurationBucket.open(connection)
        live = await bucket.read()
        assert live.entries.keys() == expected
        assert [name for name, entry in live.entries.items() if not entry.problem] == ["GOOD"]
        # The server tells of both keys that are not UTF-8 by one name.
        listing = await list_subjects(connection, CONFIGURATION_STREAM, f"{SCHEDULE_SUBJECT}*")
        assert f"{SCHEDULE_SUBJECT}GOOD" in listing.subjects
        async with watching(connection) as watch:
            await watch.until(lambda: watch.state().keys() == expected)


async def put_good(server: NatsServer) -> None:
    """Store one schedule as everybody does."""
    import asyncio

    await asyncio.to_thread(put, server.url, [task("GOOD")])
