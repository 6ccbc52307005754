"""How ajsync connects to NATS, what it says when it cannot, and what becomes of its requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nkeys
import pytest
from nats.aio.msg import Msg

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import Context, context_for_server
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.frames import FrameWriter, publish_frame, write_frames
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.certificates import Certificates, make_certificates
from tests.transport.operator_mode import Key, Operator

pytestmark = pytest.mark.anyio

SECRET = "s3cret"
USERS = f"authorization {{ users: [ {{ user: me, password: {SECRET} }} ] }}"
FOREVER = 60.0
"""A time-out that no test may reach; each one ends by another cause, or by the guard of this module."""


@pytest.fixture(autouse=True)
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
async def listen() -> AsyncIterator[Callable[[bytes], Awaitable[tuple[str, bytearray]]]]:
    """Start TCP servers that say something and then only hear: their url and what they have heard."""
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


async def failure(context: Context, kind: type[UnreachableError] = UnreachableError, timeout: float = FOREVER) -> str:
    """What connecting says where it must fail; no secret may be in it."""
    with pytest.raises(UnreachableError) as caught:
        async with connect(context, timeout=timeout):
            pass
    assert type(caught.value) is kind
    assert SECRET not in str(caught.value)
    return str(caught.value)


async def until(condition: Callable[[], object]) -> None:
    """Wait for `condition`; the guard ends a wait in vain."""
    while not condition():  # the conditions are those of nats-py and of logs, which tell nobody
        await asyncio.sleep(0.01)


class TestLettingIn:
    async def test_without_users(self, server: NatsServer) -> None:
        assert await works(context_of(server))

    async def test_by_user_and_password(self, start_server: StartServer) -> None:
        server = start_server(USERS)
        assert await works(context_of(server, user="me", password=SECRET))

    async def test_by_user_and_password_of_the_url(self, start_server: StartServer) -> None:
        server = start_server('authorization { users: [ { user: me, password: "p@ss/:" } ] }')
        assert await works(context_for_server(server.url.replace("//", "//me:p%40ss%2F%3A@")))

    async def test_by_token(self, start_server: StartServer) -> None:
        server = start_server(f"authorization {{ token: {SECRET} }}")
        assert await works(context_of(server, token=SECRET))
        assert await works(context_for_server(server.url.replace("//", f"//{SECRET}@")))

    async def test_by_nkey(self, start_server: StartServer, tmp_path: Path) -> None:
        key = Key(nkeys.PREFIX_BYTE_USER)
        server = start_server(f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
        file = tmp_path / "user.nk"
        file.write_text(f"# for tests\n{key.seed}\n")
        assert await works(context_of(server, nkey=file))
        assert await works(context_of(server, user_seed=key.seed))

    async def test_by_credentials_file(self, start_server: StartServer, tmp_path: Path) -> None:
        operator = Operator()
        server = start_server(operator.configuration, jetstream=False)
        file = tmp_path / "user.creds"
        file.write_text(operator.creds())
        assert await works(context_of(server, creds=file))

    async def test_by_jwt_and_seed_or_by_the_jwt_of_a_bearer(self, start_server: StartServer) -> None:
        operator = Operator()
        server = start_server(operator.configuration, jetstream=False)
        assert await works(context_of(server, user_jwt=operator.jwt(), user_seed=operator.user.seed))
        assert await works(context_of(server, user_jwt=operator.jwt(bearer=True)))

    async def test_over_tls(self, start_server: StartServer, certificates: Certificates) -> None:
        server = start_server(certificates.tls())
        assert await works(context_of(server, ca=certificates.ca))

    @pytest.mark.parametrize("first", [False, True])
    async def test_over_tls_without_a_word_of_asyncio_whoever_ends_it(
        self, start_server: StartServer, certificates: Certificates, caplog: pytest.LogCaptureFixture, first: bool
    ) -> None:
        server = start_server(certificates.tls(f"handshake_first: {str(first).lower()}"))
        async with connect(context_of(server, ca=certificates.ca, tls_first=first), reconnect_timeout=None) as ours:
            server.restart()
            await until(lambda: ours.client.stats["reconnects"] == 1)
        assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []

    async def test_over_tls_with_a_certificate_of_the_client(
        self, start_server: StartServer, certificates: Certificates
    ) -> None:
        server = start_server(certificates.tls(f'ca_file: "{certificates.ca}", verify: true'))
        ours = context_of(server, ca=certificates.ca, cert=certificates.client, key=certificates.client_key)
        assert await works(ours)
        says = await failure(replace(ours, cert=None, key=None))
        assert f"a certificate of the client is required at {server.url}. Name a certificate" in says

    async def test_over_tls_that_begins_before_anything_is_said(
        self, start_server: StartServer, certificates: Certificates
    ) -> None:
        server = start_server(certificates.tls("handshake_first: true"))
        ours = context_of(server, ca=certificates.ca, tls_first=True)
        assert await works(ours)
        says = await failure(replace(ours, tls_first=False), timeout=0.3)
        assert "no answer within 0.3 s" in says
        assert '"tls_first" if the server starts with TLS' in says

    async def test_over_tls_where_the_server_leaves_the_choice_and_the_context_does_not(
        self, start_server: StartServer, certificates: Certificates
    ) -> None:
        server = start_server(certificates.tls() + "\nallow_non_tls: true")
        async with connect(context_of(server, ca=certificates.ca)) as connection:
            assert connection.client._transport._io_writer.get_extra_info("ssl_object")  # type: ignore[union-attr]  # nats-py has no other way to ask

    async def test_with_answers_on_the_only_prefix_that_is_allowed(self, start_server: StartServer) -> None:
        server = start_server(
            'authorization { users: [ { user: me, password: x, permissions: { subscribe: ["_ME.>", "echo"] } } ] }'
        )
        assert await works(context_of(server, user="me", password="x", inbox_prefix="_ME"))

    async def test_by_the_first_server_of_several_that_answers(self, server: NatsServer, unused_port: int) -> None:
        context = context_of(server, servers=(f"nats://127.0.0.1:{unused_port}", server.url))
        async with connect(context, timeout=FOREVER) as connection:
            assert connection.url == server.url

    async def test_shows_what_the_server_says_of_itself(self, server: NatsServer) -> None:
        async with connect(context_of(server), name="a name") as connection:
            assert connection.max_payload == 1024 * 1024
            assert f"Version:  {connection.server_version}" in server.log


class TestFailingToConnect:
    async def test_when_no_server_runs(self, unused_port: int) -> None:
        url = f"nats://127.0.0.1:{unused_port}"
        says = await failure(context_for_server(f"nats://me:{SECRET}@127.0.0.1:{unused_port}"))
        advice = "Start the server, or correct the address."
        assert says == f"Cannot connect: connection refused at {url}. {advice}"

    async def test_when_no_address_of_the_name_has_a_server(self, unused_port: int) -> None:
        says = await failure(context_for_server(f"localhost:{unused_port}"))
        assert f"connection refused at nats://localhost:{unused_port}" in says

    async def test_when_no_host_has_the_name(self) -> None:
        says = await failure(Context(("nats://nowhere.invalid:4222",), name="AJC"))
        assert says.startswith("Cannot connect with the context AJC: unknown host (")
        assert "at nats://nowhere.invalid:4222. Correct the host" in says

    @pytest.mark.parametrize(
        "login", [{"user": "me", "password": SECRET + "x"}, {"user": "you", "password": SECRET}, {"token": SECRET}, {}]
    )
    async def test_when_the_user_is_not_let_in(self, start_server: StartServer, login: dict[str, str]) -> None:
        server = start_server(USERS)
        says = await failure(context_of(server, path=Path("/contexts/AJC.json"), **login), NotPermittedError)
        assert says.startswith(f"Cannot connect with the context AJC: Authorization Violation at {server.url}. ")
        assert says.endswith("in /contexts/AJC.json.")

    async def test_when_the_credentials_have_expired(self, start_server: StartServer, tmp_path: Path) -> None:
        operator = Operator()
        server = start_server(operator.configuration, jetstream=False)
        file = tmp_path / "user.creds"
        file.write_text(operator.creds(expires=1_000_000_000))
        says = await failure(context_of(server, creds=file), NotPermittedError)
        assert f"The JWT in {file} expired at 2001-09-09T01:46:40+00:00: get a new one." in says

    async def test_when_the_server_does_not_know_the_operator(self, start_server: StartServer, tmp_path: Path) -> None:
        server = start_server(Operator().configuration, jetstream=False)
        file = tmp_path / "user.creds"
        file.write_text(Operator().creds())
        says = await failure(context_of(server, creds=file), NotPermittedError)
        assert f"whether the credentials {file} are still valid" in says

    async def test_when_the_certificate_is_signed_by_another_authority(
        self, start_server: StartServer, certificates: Certificates
    ) -> None:
        server = start_server(certificates.tls())
        for ca in (
            certificates.other_ca,
            None,
        ):  # None: a server that requires TLS of a context that says nothing of it
            says = await failure(context_of(server, ca=ca))
            assert says.startswith("Cannot connect with the context AJC: certificate verify failed (")
            assert 'Name the authority that signed the certificate as "ca"' in says

    async def test_when_the_certificate_is_for_another_host(
        self, start_server: StartServer, certificates: Certificates
    ) -> None:
        server = start_server(certificates.tls().replace("server", "elsewhere"))
        says = await failure(context_of(server, ca=certificates.ca))
        assert "certificate verify failed (IP address mismatch, certificate is not valid for '127.0.0.1'" in says

    async def test_when_tls_is_wanted_and_not_offered_and_then_no_password_is_sent(
        self, listen: Callable[[bytes], Awaitable[tuple[str, bytearray]]]
    ) -> None:
        url, heard = await listen(b'INFO {"server_id":"x","version":"2.11.0","max_payload":1}\r\n')
        context = context_for_server(url.replace("nats://", f"tls://me:{SECRET}@"))
        assert "the server offers no TLS" in await failure(context)
        assert b"CONNECT" not in heard

    async def test_within_the_timeout_when_a_server_accepts_and_says_nothing(
        self, listen: Callable[[bytes], Awaitable[tuple[str, bytearray]]]
    ) -> None:
        url, _ = await listen(b"")
        assert f"no answer within 0.3 s at {url}" in await failure(context_for_server(url), timeout=0.3)

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what does not fit into the queue")
    async def test_within_the_timeout_when_packets_are_swallowed(self, full_port: int) -> None:
        url = f"nats://127.0.0.1:{full_port}"
        assert f"no answer within 0.3 s at {url}" in await failure(context_for_server(url), timeout=0.3)

    async def test_with_the_timeout_shared_by_all_servers(
        self, listen: Callable[[bytes], Awaitable[tuple[str, bytearray]]], unused_port: int
    ) -> None:
        silent, _ = await listen(b"")
        dead = f"nats://127.0.0.1:{unused_port}"
        says = await failure(context_for_server(f"{silent},{dead}"), timeout=0.6)
        assert f"no answer within 0.3 s at {silent}; connection refused at {dead}. " in says

    @pytest.mark.parametrize("greeting", [b"SSH-2.0-server\r\n", b"x" * 100_000])
    async def test_when_something_else_listens(
        self, listen: Callable[[bytes], Awaitable[tuple[str, bytearray]]], greeting: bytes
    ) -> None:
        url, _ = await listen(greeting)
        assert f"not a NATS server at {url}. Correct the address" in await failure(context_for_server(url))

    @pytest.mark.parametrize("member", ["creds", "nkey", "ca", "cert", "key"])
    async def test_when_a_file_does_not_exist(self, server: NatsServer, tmp_path: Path, member: str) -> None:
        files = {"cert": server.folder / "server.conf", "key": server.folder / "server.conf"}
        files = files if member in files else {}
        says = await failure(context_of(server, **(files | {member: tmp_path / "none"})))
        assert f'the file {tmp_path / "none"} of "{member}" cannot be read: No such file or directory' in says

    async def test_when_a_file_is_not_what_it_should_be(self, server: NatsServer, tmp_path: Path) -> None:
        file = tmp_path / "file"
        file.write_text("-----BEGIN NATS USER JWT-----\na.b.c\n------END NATS USER JWT------\n")
        assert f"creds {file} holds no nkey seed" in await failure(context_of(server, creds=file))
        assert '"ca" must be PEM' in await failure(context_of(server, ca=file))
        seed = Key(nkeys.PREFIX_BYTE_USER).seed
        file.write_text(f"{seed[:30]}{'A' if seed[30] != 'A' else 'B'}{seed[31:]}")
        assert f"nkey {file} holds no nkey seed" in await failure(context_of(server, nkey=file))
        assert f"{file} holds no JWT" in await failure(context_of(server, creds=file))
        file.write_bytes(b"\xff\xfe")
        assert 'of "creds" cannot be read: not a text' in await failure(context_of(server, creds=file))

    async def test_when_the_key_has_a_passphrase_which_is_not_asked_for(
        self, server: NatsServer, certificates: Certificates
    ) -> None:
        says = await failure(context_of(server, cert=certificates.client, key=certificates.locked_key))
        assert '"cert" and "key" must belong together, and be PEM without a passphrase' in says


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


RESTRICTED = f"""authorization {{ users: [
    {{
        user: me, password: {SECRET}, permissions: {{
            publish: {{ deny: ["$JS.API.STREAM.>", "Mixed.Case", "authorization"] }}, subscribe: {{ deny: "News.>" }}
        }}
    }}
    {{ user: deaf, password: {SECRET}, permissions: {{ subscribe: {{ deny: "_INBOX.>" }} }} }}
] }}"""


class TestAsking:
    async def test_a_refused_request_fails_at_once_with_the_servers_reason(self, start_server: StartServer) -> None:
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

    async def test_a_refused_subscription_to_answers_fails_every_request(self, start_server: StartServer) -> None:
        server = start_server(RESTRICTED)
        async with connect(context_of(server, user="deaf", password=SECRET)) as connection:
            for _ in range(2):
                with pytest.raises(NotPermittedError, match=r'for Subscription to "_INBOX\.>".*"inbox_prefix"'):
                    await connection.jetstream_request("INFO", timeout=FOREVER)

    async def test_what_was_refused_apart_from_requests_is_known_afterwards(self, start_server: StartServer) -> None:
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

    async def test_what_was_refused_is_known_of_thousands_of_subjects(self, start_server: StartServer) -> None:
        server = start_server(
            'authorization { users: [{user: u, password: p, permissions: {publish: {deny: ["T.*"]}}}] }'
        )
        async with connect(context_for_server(server.url.replace("://", "://u:p@"))) as connection:
            subjects = [f"T.{number}" for number in range(2_000)]
            assert await write_frames(connection, [publish_frame(each, b"") for each in subjects])
            await until(lambda: connection.permission_reason(subjects[-1]) is not None)
            reasons = [connection.permission_reason(each) for each in subjects]
            assert reasons == [f'Permissions Violation for Publish to "{each}"' for each in subjects]

    async def test_nobody_answers(self, server: NatsServer) -> None:
        async with connect(context_of(server)) as connection:
            with pytest.raises(UnreachableError, match=f"Nobody answers nothing at {server.url}"):
                await connection.request("nothing", timeout=FOREVER)

    async def test_no_answer_in_time(self, server: NatsServer) -> None:
        async with connect(context_of(server)) as connection:
            await connection.client.subscribe("slow")
            with pytest.raises(UnreachableError, match=r"did not answer slow within 0\.1 s\. Try again"):
                await connection.request("slow", timeout=0.1)

    async def test_too_much(self, server: NatsServer) -> None:
        async with connect(context_of(server)) as connection:
            with pytest.raises(UnreachableError, match=r"echo could not be sent to .*: maximum payload exceeded"):
                await connection.request("echo", b"x" * (connection.max_payload + 1))

    async def test_a_request_that_is_cancelled_leaves_nothing_behind(self, server: NatsServer) -> None:
        async with connect(context_of(server)) as connection:
            await connection.client.subscribe("slow")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await connection.request("slow", timeout=FOREVER)
            assert "type" in await connection.jetstream_request("INFO")

    async def test_an_error_of_jetstream_carries_its_numbers(self, server: NatsServer) -> None:
        async with connect(context_of(server)) as connection:
            with pytest.raises(StreamNotFoundError) as caught:
                await connection.jetstream_request("STREAM.INFO.NONE")
        assert (caught.value.code, caught.value.err_code, caught.value.description) == (404, 10059, "stream not found")
        assert str(caught.value) == "JetStream refused STREAM.INFO.NONE: stream not found (error 10059)."

    async def test_no_jetstream_on_the_server_or_for_the_account(self, start_server: StartServer) -> None:
        accounts = "accounts { A: { users: [ { user: me, password: x } ] } }"
        for server in (start_server(accounts, jetstream=False), start_server(accounts)):
            async with connect(context_of(server, user="me", password="x")) as connection:
                with pytest.raises(UnreachableError, match=r"JetStream is not enabled at nats://.* for this account"):
                    await connection.jetstream_request("INFO", timeout=FOREVER)

    async def test_something_else_answers_for_jetstream(self, start_server: StartServer) -> None:
        server = start_server(jetstream=False)
        async with connect(context_of(server, jetstream_api_prefix="JS.other")) as connection:
            await answering(connection, "JS.other.INFO", b"[]")
            with pytest.raises(UnreachableError, match=r"Something other than JetStream answers JS\.other\.INFO at"):
                await connection.jetstream_request("INFO")


class TestDomains:
    async def test_a_bucket_is_written_from_a_leaf_node_under_the_prefix(
        self, start_server: StartServer, tmp_path: Path, unused_port: int
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

    async def test_a_server_with_a_domain_answers_to_it_and_to_no_other(
        self, start_server: StartServer, tmp_path: Path
    ) -> None:
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


class TestLosingTheServer:
    @pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGTERM])
    async def test_a_restart_is_survived(self, server: NatsServer, sig: int) -> None:
        async with connect(context_of(server), reconnect_timeout=None) as connection:
            heard = await connection.client.subscribe("news")
            server.stop(sig)
            await until(lambda: not connection.client.is_connected)
            with pytest.raises(
                UnreachableError, match=r"did not answer \$JS\.API\.INFO within .*; the connection is down"
            ):
                await connection.jetstream_request("INFO", timeout=0.1)
            server.start()
            assert "type" in await connection.jetstream_request("INFO", timeout=FOREVER)
            await connection.client.publish("news", b"again")
            assert (await heard.next_msg(timeout=FOREVER)).data == b"again"
            assert not connection.lost.done()

    async def test_a_server_that_stays_away_is_given_up_and_every_request_says_so(self, server: NatsServer) -> None:
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

    async def test_another_server_of_the_context_takes_over(self, start_server: StartServer) -> None:
        first, second = start_server(), start_server()
        async with connect(context_of(first, servers=(first.url, second.url))) as connection:
            first.stop()
            await until(lambda: connection.url == second.url)
            assert "type" in await connection.jetstream_request("INFO")

    async def test_closing_does_not_wait_for_a_lost_server(self, server: NatsServer) -> None:
        async with connect(context_of(server), reconnect_timeout=None) as connection:
            server.stop()
            await until(lambda: not connection.client.is_connected)
        assert connection.client.is_closed
        assert not connection.lost.done()

    async def test_a_jwt_that_expires_is_replaced_by_the_one_in_its_file_now(
        self, start_server: StartServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
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

    async def test_a_user_who_is_no_longer_let_in_is_told_so(self, start_server: StartServer) -> None:
        server = start_server(USERS)
        async with connect(context_of(server, user="me", password=SECRET), reconnect_timeout=0.3) as connection:
            configuration = server.folder / "server.conf"
            configuration.write_text(configuration.read_text().replace(SECRET, "changed"))
            assert server.process is not None
            server.process.send_signal(signal.SIGHUP)
            says = str(await connection.lost)
        assert "did not come back within 0.3 s: authorization violation. Try again" in says

    async def test_a_connection_that_is_never_given_up_comes_back_from_any_error_of_the_server(
        self, server: NatsServer
    ) -> None:
        async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
            too_much = b"PUB x 2000000\r\n"  # the server throws out who says so
            await write_frames(connection, [too_much])
            async with asyncio.timeout(FOREVER):
                while not connection.client.stats["reconnects"]:
                    await asyncio.sleep(0.01)
            await connection.jetstream_request("INFO")
            assert not connection.lost.done()

    async def test_a_server_that_hangs_holds_up_no_end_however_much_is_to_be_sent(self, server: NatsServer) -> None:
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

    async def test_whoever_waits_for_a_hung_server_to_take_much_is_let_go_when_the_client_ends(
        self, server: NatsServer
    ) -> None:
        async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
            assert server.process is not None
            server.process.send_signal(signal.SIGSTOP)
            frames = [publish_frame("x", b"x" * 900_000)] * 50
            writing = asyncio.create_task(write_frames(connection, frames))
            more = asyncio.create_task(write_frames(connection, frames))
            await asyncio.sleep(0.2)
            assert not writing.done()
            await connection.client.end(0.5)
            _, waiting = await asyncio.wait((writing, more), timeout=FOREVER)
        server.process.send_signal(signal.SIGCONT)
        assert not waiting

    async def test_an_error_that_nats_knows_no_way_back_from_is_told(
        self, listen: Callable[[bytes], Awaitable[tuple[str, bytearray]]]
    ) -> None:
        info = b'INFO {"server_id":"x","version":"2.11.0","max_payload":1}\r\n'
        url, _ = await listen(info + b"PONG\r\n-ERR 'Unknown Protocol Operation'\r\n")
        async with connect(context_for_server(url), reconnect_timeout=0) as connection:
            says = str(await connection.lost)
        assert says.startswith(f"The server {url} closed the connection: unknown protocol operation. Try again")
