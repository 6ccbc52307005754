"""Contexts for the servers of a test, and whether connecting with them works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.errors import UnreachableError
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import Context
from tests.nats_server import NatsServer
from tests.waiting import until

SECRET = "s3cret"
USERS = f"authorization {{ users: [ {{ user: me, password: {SECRET} }} ] }}"
FOREVER = 60.0
"""A time-out that no test may reach: each one ends by another cause, or by the guard."""

Listen = Callable[[bytes], Awaitable[tuple[str, bytearray]]]
"""Starts a TCP server that sends a greeting and then only reads: its url, and what it has read."""


def context_of(server: NatsServer, **members: Any) -> Context:
    return replace(Context(servers=(server.url,), name="AJC"), **members)


async def works(context: Context) -> bool:
    """Whether a message that is sent over the connection comes back."""
    async with connect(context) as connection:
        await answering(connection, "echo", b"hello")
        return (await connection.request("echo")).data == b"hello"


async def answering(connection: Connection, subject: str, answer: bytes) -> None:
    """Answer all requests on `subject` from now on."""

    async def respond(message: Msg) -> None:
        await message.respond(answer)

    await connection.client.subscribe(subject, cb=respond)


async def sent(client: Client) -> None:
    """Wait until the server knows what was sent, subscriptions too: nats-py's flush overtakes what is pending."""
    await until(lambda: not client._pending)
    await client.flush()


async def failure(context: Context, kind: type[UnreachableError] = UnreachableError, timeout: float = FOREVER) -> str:
    """What connecting says where it must fail; no secret may be in it."""
    with pytest.raises(UnreachableError) as caught:
        async with connect(context, timeout=timeout):
            pass
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    return str(caught.value)
