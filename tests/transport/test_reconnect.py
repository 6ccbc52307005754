"""What becomes of a connection whose server goes away, comes back, hangs, or no longer lets us in."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from ajsync.errors import UnreachableError
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.frames import FrameWriter, publish_frame
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.connecting import FOREVER, SECRET, USERS, Listen, answering, context_of
from tests.transport.operator_mode import Operator
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("guard")]


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
async def test_a_restart_is_survived(server: NatsServer, sig: int) -> None:
    async with connect(context_of(server), reconnect_timeout=None) as connection:
        heard = await connection.client.subscribe("news")
        server.stop(sig)
        await until(lambda: not connection.client.is_connected)
        with pytest.raises(UnreachableError, match=r"did not answer \$JS\.API\.INFO within .*; the connection is down"):
            await connection.jetstream_request("INFO", timeout=0.1)
        assert connection.generation == 0
        server.start()
        await until(lambda: connection.generation == 1)
        assert "type" in await connection.jetstream_request("INFO", timeout=FOREVER)
        await connection.client.publish("news", b"again")
        assert (await heard.next_msg(timeout=FOREVER)).data == b"again"
        assert not connection.lost.done()


async def test_a_server_that_stays_away_is_given_up_and_every_request_says_so(server: NatsServer) -> None:
    async with connect(context_of(server), reconnect_timeout=0.2) as connection:
        await connection.client.subscribe("slow")
        waiting = asyncio.ensure_future(connection.request("slow", timeout=FOREVER))
        await until(lambda: connection._waiting)
        server.stop()
        says = rf"The connection to {server.url} was lost and did not come back within 0\.2 s: "
        with pytest.raises(UnreachableError, match=says):
            await waiting
        assert says.replace("\\", "") in str(connection.lost.result())
        with pytest.raises(UnreachableError, match=says):
            await connection.request("more", timeout=FOREVER)


async def test_another_server_of_the_context_takes_over(start_server: StartServer) -> None:
    first, second = start_server(), start_server()
    async with connect(context_of(first, servers=(first.url, second.url))) as connection:
        first.stop()
        await until(lambda: connection.url == second.url)
        assert "type" in await connection.jetstream_request("INFO")


async def test_closing_does_not_wait_for_a_lost_server(server: NatsServer) -> None:
    async with connect(context_of(server), reconnect_timeout=None) as connection:
        server.stop()
        await until(lambda: not connection.client.is_connected)
    assert connection.client.is_closed
    assert not connection.lost.done()


async def test_a_jwt_that_expires_is_replaced_by_the_one_in_its_file_now(
    start_server: StartServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    operator = Operator()
    server = start_server(operator.configuration, jetstream=False)
    file = tmp_path / "user.creds"
    file.write_text(operator.creds(expires=int(time.time()) + 2))
    async with connect(context_of(server, creds=file)) as connection:
        file.write_text("half written")
        await until(lambda: "holds no JWT" in connection._trouble)
        file.write_text(operator.creds())
        await until(lambda: connection.client.is_connected)
        await answering(connection, "echo", b"")
        await connection.request("echo")
    assert "user authentication expired" in caplog.text


async def test_a_user_who_is_no_longer_let_in_is_told_so(start_server: StartServer) -> None:
    server = start_server(USERS)
    async with connect(context_of(server, user="me", password=SECRET), reconnect_timeout=0.3) as connection:
        configuration = server.folder / "server.conf"
        configuration.write_text(configuration.read_text().replace(SECRET, "changed"))
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        says = str(await connection.lost)
    assert "did not come back within 0.3 s: authorization violation. Try again" in says


async def test_a_connection_that_is_never_given_up_comes_back_from_any_error_of_the_server(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        too_much = b"PUB x 2000000\r\n"  # at which the server disconnects a client
        await connection.client.write(too_much)
        await until(lambda: connection.generation)
        await connection.jetstream_request("INFO")
        assert not connection.lost.done()


async def test_a_server_that_hangs_holds_up_no_end_however_much_is_to_be_sent(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        subscription = await connection.client.subscribe("x")
        writer = FrameWriter(connection)
        writing = asyncio.create_task(writer.run())
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        for _ in range(2_000):
            writer.add(publish_frame("x", b"x" * 20_000))
            await asyncio.sleep(0)
        for _ in range(2_000):
            await connection.client.publish("x", b"")
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await subscription.unsubscribe()
    server.process.send_signal(signal.SIGCONT)


async def test_whoever_waits_for_a_hung_server_to_take_much_is_let_go_when_the_client_ends(server: NatsServer) -> None:
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        assert server.process is not None
        server.process.send_signal(signal.SIGSTOP)
        frames = [publish_frame("x", b"x" * 900_000)] * 50
        writing = asyncio.create_task(connection.client.write(b"".join(frames)))
        more = asyncio.create_task(connection.client.write(b"".join(frames)))
        await asyncio.sleep(0)  # for both to begin
        await until(lambda: not connection.client.pending_data_size)  # the socket has it all, and takes no more
        assert not writing.done()
        await connection.client.end(0.5)
        _, waiting = await asyncio.wait((writing, more), timeout=FOREVER)
    server.process.send_signal(signal.SIGCONT)
    assert not waiting


async def test_an_error_that_nats_knows_no_way_back_from_is_told(listen: Listen) -> None:
    info = b'INFO {"server_id":"x","version":"2.11.0","max_payload":1}\r\n'
    url, _ = await listen(info + b"PONG\r\n-ERR 'Unknown Protocol Operation'\r\n")
    async with connect(context_for_server(url), reconnect_timeout=0) as connection:
        says = str(await connection.lost)
    assert says.startswith(f"The server {url} closed the connection: unknown protocol operation. Try again")
