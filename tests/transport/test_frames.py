"""Messages made beforehand arrive as nats-py's own would, and are not kept for later when there is no server."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.frames import FrameWriter, header_block, publish_frame, store_frame
from tests.nats_server import NatsServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("data", [b"", b"x", b"line\r\nline", "ä€".encode(), b"\x00" * 100_000])
async def test_frames_arrive_as_messages_in_their_order(server: NatsServer, data: bytes) -> None:
    async with connect(context_for_server(server.url)) as connection:
        inbox = await connection.client.subscribe("x.>")
        headers = header_block({"Nats-Msg-Id": "7", "Nats-Expected-Last-Subject-Sequence": "0"})
        frames = [store_frame("x.a", "reply.1", headers, data), publish_frame("x.b", data)]
        frames += [publish_frame("x.c", data, "reply.2"), publish_frame("x.d", b"4")]
        assert await connection.client.write(b"".join(frames))
        first, second, third, fourth = [await inbox.next_msg(5) for _ in range(4)]
        assert (first.subject, first.reply, first.data) == ("x.a", "reply.1", data)
        assert first.headers == {"Nats-Msg-Id": "7", "Nats-Expected-Last-Subject-Sequence": "0"}
        assert (second.subject, second.reply, second.data, second.headers) == ("x.b", "", data, None)
        assert (third.subject, third.reply, third.data, third.headers) == ("x.c", "reply.2", data, None)
        assert fourth.data == b"4"


async def test_what_is_written_beside_nats_py_does_not_mix_with_its_own(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        inbox = await connection.client.subscribe("x.>")
        await connection.client.publish("x.1", b"1")
        await connection.client.write(publish_frame("x.2", b"2" * 3_000_000)[:0] + publish_frame("x.2", b"2"))
        await connection.client.publish("x.3", b"3")
        assert [(await inbox.next_msg(5)).subject for _ in range(3)] == ["x.1", "x.2", "x.3"]


async def test_nothing_is_written_and_nothing_kept_while_there_is_no_server(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        inbox = await connection.client.subscribe("x.>")
        await connection.client.flush()
        await asyncio.to_thread(server.stop)
        async with asyncio.timeout(30):
            while connection.client.is_connected:
                await asyncio.sleep(0.01)
        assert not await connection.client.write(publish_frame("x.lost", b""))
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(30):
            while not await connection.client.write(publish_frame("x.back", b"")):
                await asyncio.sleep(0.01)
        assert (await inbox.next_msg(5)).subject == "x.back"
        assert inbox.pending_msgs == 0


async def test_nothing_is_written_to_a_connection_that_is_closed(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        pass
    assert not await connection.client.write(publish_frame("x", b""))


async def test_a_writer_writes_everything_in_its_order_however_much_it_is(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        inbox = await connection.client.subscribe("x.>", pending_msgs_limit=-1, pending_bytes_limit=-1)
        writer = FrameWriter(connection)
        writing = asyncio.create_task(writer.run())
        for number in range(2000):
            writer.add(publish_frame(f"x.{number}", b"x" * 1000))
        assert [(await inbox.next_msg(5)).subject for _ in range(2000)] == [f"x.{number}" for number in range(2000)]
        writer.add(publish_frame("x.forgotten", b""))
        writer.clear()
        writer.add(publish_frame("x.last", b""))
        assert (await inbox.next_msg(5)).subject == "x.last"
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
