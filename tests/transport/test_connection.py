"""What becomes of requests: answered, refused with the server's reason, or not answered; also over domains."""

from __future__ import annotations

import asyncio
import contextlib
import json
from itertools import pairwise
from pathlib import Path

import pytest
from nats.aio.transport import TcpTransport

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.frames import publish_frame
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.connecting import FOREVER, SECRET, answering, context_of
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("guard")]

RESTRICTED = f"""authorization {{ users: [
    {{
        user: me, password: {SECRET}, permissions: {{
            publish: {{ deny: ["$JS.API.STREAM.>", "Mixed.Case", "authorization"] }}, subscribe: {{ deny: "News.>" }}
        }}
    }}
    {{ user: deaf, password: {SECRET}, permissions: {{ subscribe: {{ deny: "_INBOX.>" }} }} }}
] }}"""


async def test_a_refused_request_fails_at_once_with_the_servers_reason(start_server: StartServer) -> None:
    server = start_server(RESTRICTED)
    async with connect(context_of(server, user="me", password=SECRET)) as connection:
        assert connection.permission_reason("Mixed.Case") is None
        reason = 'Permissions Violation for Publish to "Mixed.Case"'
        with pytest.raises(NotPermittedError) as caught:
            await connection.request("Mixed.Case", timeout=FOREVER)
        says = f"The server {server.url} does not let us ask Mixed.Case: {reason}. The page 'Permissions' "
        assert str(caught.value).startswith(says)
        assert connection.permission_reason("Mixed.Case") == reason
        assert connection.permission_reason("Other") is None

        with pytest.raises(NotPermittedError, match=r'Violation for Publish to "\$JS\.API\.STREAM\.INFO\.X"'):
            await connection.jetstream_request("STREAM.INFO.X", timeout=FOREVER)
        assert "type" in await connection.jetstream_request("INFO")


async def test_a_refused_subscription_to_answers_fails_every_request(start_server: StartServer) -> None:
    server = start_server(RESTRICTED)
    async with connect(context_of(server, user="deaf", password=SECRET)) as connection:
        for _ in range(2):
            with pytest.raises(NotPermittedError, match=r'for Subscription to "_INBOX\.>".*"inbox_prefix"'):
                await connection.jetstream_request("INFO", timeout=FOREVER)


async def test_what_was_refused_apart_from_requests_is_known_afterwards(start_server: StartServer) -> None:
    server = start_server(RESTRICTED)
    async with connect(context_of(server, user="me", password=SECRET)) as connection:
        await connection.client.publish("authorization")
        await until(lambda: connection.permission_reason("authorization"))
        await connection.client.subscribe("News.*")
        await until(lambda: connection.permission_reason("News.today"))
        assert connection.permission_reason("News.today") == 'Permissions Violation for Subscription to "news.*"'
        assert connection.permission_reason("News.today.late") is None
        assert connection.client.is_connected
        assert "type" in await connection.jetstream_request("INFO")


async def test_what_was_refused_is_known_of_thousands_of_subjects(start_server: StartServer) -> None:
    server = start_server('authorization { users: [{user: u, password: p, permissions: {publish: {deny: ["T.*"]}}}] }')
    async with connect(context_for_server(server.url.replace("://", "://u:p@"))) as connection:
        subjects = [f"T.{number}" for number in range(2_000)]
        assert await connection.client.write(b"".join([publish_frame(each, b"") for each in subjects]))
        await until(lambda: connection.permission_reason(subjects[-1]) is not None)
        reasons = [connection.permission_reason(each) for each in subjects]
        assert reasons == [f'Permissions Violation for Publish to "{each}"' for each in subjects]


async def test_nothing_answers(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection:
        with pytest.raises(UnreachableError, match=f"Nothing answers nowhere at {server.url}"):
            await connection.request("nowhere", timeout=FOREVER)


async def test_no_answer_in_time(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection:
        await connection.client.subscribe("slow")
        with pytest.raises(UnreachableError, match=r"did not answer slow within 0\.1 s\. Try again"):
            await connection.request("slow", timeout=0.1)


async def test_too_much(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection:
        with pytest.raises(UnreachableError, match=r"echo could not be sent to .*: maximum payload exceeded"):
            await connection.request("echo", b"x" * (connection.max_payload + 1))


async def test_a_request_that_is_cancelled_leaves_nothing_behind(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection:
        await connection.client.subscribe("slow")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await connection.request("slow", timeout=FOREVER)
        assert "type" in await connection.jetstream_request("INFO")


async def test_connecting_is_cancelled_even_as_the_server_lets_us_in(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    readline = TcpTransport.readline
    went_on = False

    async def cancel_with_the_last_line(transport: TcpTransport) -> bytes:
        line: bytes = await readline(transport)  # type: ignore[no-untyped-call]  # nats-py leaves it without types
        if line.startswith(b"PONG"):
            connecting.cancel()
        return line

    async def connect_and_go_on() -> None:
        nonlocal went_on
        async with connect(context_of(server)):
            went_on = True

    monkeypatch.setattr(TcpTransport, "readline", cancel_with_the_last_line)
    connecting = asyncio.create_task(connect_and_go_on())
    await asyncio.wait((connecting,))
    assert connecting.cancelled()
    assert not went_on


async def test_an_error_of_jetstream_carries_its_numbers(server: NatsServer) -> None:
    async with connect(context_of(server)) as connection:
        with pytest.raises(StreamNotFoundError) as caught:
            await connection.jetstream_request("STREAM.INFO.NONE")
    assert (caught.value.code, caught.value.err_code, caught.value.description) == (404, 10059, "stream not found")
    assert str(caught.value) == "JetStream refused STREAM.INFO.NONE: stream not found (error 10059)."


async def test_no_jetstream_on_the_server_or_for_the_account(start_server: StartServer) -> None:
    accounts = "accounts { A: { users: [ { user: me, password: x } ] } }"
    for server in (start_server(accounts, jetstream=False), start_server(accounts)):
        async with connect(context_of(server, user="me", password="x")) as connection:
            with pytest.raises(UnreachableError, match=r"JetStream is not enabled at nats://.* for this account"):
                await connection.jetstream_request("INFO", timeout=FOREVER)


async def test_something_else_answers_for_jetstream(start_server: StartServer) -> None:
    server = start_server(jetstream=False)
    async with connect(context_of(server, jetstream_api_prefix="JS.other")) as connection:
        await answering(connection, "JS.other.INFO", b"[]")
        with pytest.raises(UnreachableError, match=r"Something other than JetStream answers JS\.other\.INFO at"):
            await connection.jetstream_request("INFO")


async def test_many_messages_that_come_at_once_leave_others_their_turn(server: NatsServer) -> None:
    taken: list[bytes] = []
    seen = [0]

    async def look() -> None:
        while len(taken) < 1000:
            seen.append(len(taken))
            await asyncio.sleep(0)

    async with connect(context_of(server)) as connection:
        await connection.client.subscribe_raw("x", lambda _subject, _reply, _headers, data: taken.append(data))
        looking = asyncio.create_task(look())
        await connection.client.write(b"".join([publish_frame("x", b"%d" % number) for number in range(1000)]))
        await looking
    assert taken == [b"%d" % number for number in range(1000)]
    assert max(after - before for before, after in pairwise([*seen, 1000])) <= 100


async def test_a_bucket_is_written_from_a_leaf_node_under_the_prefix(
    start_server: StartServer, tmp_path: Path, unused_port: int
) -> None:
    listening = f"leafnodes {{ listen: 127.0.0.1:{unused_port} }}"
    hub = start_server(domain("hub", tmp_path, listening), jetstream=False)
    remote = f'leafnodes {{ remotes: [ {{ url: "nats://127.0.0.1:{unused_port}" }} ] }}'
    leaf = start_server(domain("leaf", tmp_path, remote), jetstream=False)
    bucket = {"name": "KV_B", "subjects": ["$KV.B.>"], "max_msgs_per_subject": 1}

    async with connect(context_of(leaf, jetstream_domain="hub")) as connection:
        assert (connection.api_prefix, connection.publish_prefix) == ("$JS.hub.API.", "$JS.hub.API.")
        await until_answered(connection)
        assert (await connection.jetstream_request("INFO"))["domain"] == "hub"
        await connection.jetstream_request("STREAM.CREATE.KV_B", bucket)
        acknowledged = await connection.request(f"{connection.publish_prefix}$KV.B.key", b"value")
        assert json.loads(acknowledged.data) == {"stream": "KV_B", "domain": "hub", "seq": 1}

    async with connect(context_of(hub)) as connection:
        assert (connection.api_prefix, connection.publish_prefix) == ("$JS.API.", "")
        stored = await connection.jetstream_request("STREAM.MSG.GET.KV_B", {"last_by_subj": "$KV.B.key"})
        assert stored["message"]["subject"] == "$KV.B.key"


async def test_a_server_with_a_domain_answers_to_it_and_to_no_other(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(domain("hub", tmp_path), jetstream=False)
    async with connect(context_of(server, jetstream_domain="hub")) as connection:
        assert (await connection.jetstream_request("INFO"))["domain"] == "hub"
    async with connect(context_of(server, jetstream_domain="other")) as connection:
        with pytest.raises(UnreachableError, match=r'\$JS\.other\.API\.> .*"jetstream_domain" in the context'):
            await connection.jetstream_request("INFO", timeout=FOREVER)


def domain(name: str, folder: Path, more: str = "") -> str:
    return f'server_name: {name}\njetstream {{ domain: {name}, store_dir: "{folder / name}" }}\n{more}'


async def until_answered(connection: Connection) -> None:
    """Wait for the leaf node to have joined its hub."""
    while True:
        with contextlib.suppress(UnreachableError):
            await connection.jetstream_request("INFO", timeout=0.1)
            return
        await asyncio.sleep(0.01)
