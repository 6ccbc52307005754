"""How ajsync logs in, by what a context has, with and without TLS."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import nkeys
import pytest

from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.certificates import Certificates
from tests.transport.connecting import FOREVER, SECRET, USERS, context_of, failure, works
from tests.transport.operator_mode import Key, Operator
from tests.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("guard")]


async def test_login_without_users(server: NatsServer) -> None:
    assert await works(context_of(server))


async def test_login_by_user_and_password(start_server: StartServer) -> None:
    server = start_server(USERS)
    assert await works(context_of(server, user="me", password=SECRET))


async def test_login_by_user_and_password_of_the_url(start_server: StartServer) -> None:
    server = start_server('authorization { users: [ { user: me, password: "p@ss/:" } ] }')
    assert await works(context_for_server(server.url.replace("//", "//me:p%40ss%2F%3A@")))


async def test_login_by_token(start_server: StartServer) -> None:
    server = start_server(f"authorization {{ token: {SECRET} }}")
    assert await works(context_of(server, token=SECRET))
    assert await works(context_for_server(server.url.replace("//", f"//{SECRET}@")))


async def test_login_by_nkey(start_server: StartServer, tmp_path: Path) -> None:
    key = Key(nkeys.PREFIX_BYTE_USER)
    server = start_server(f"authorization {{ users: [ {{ nkey: {key.public} }} ] }}")
    file = tmp_path / "user.nk"
    file.write_text(f"# for tests\n{key.seed}\n")
    assert await works(context_of(server, nkey=file))
    assert await works(context_of(server, user_seed=key.seed))


async def test_login_by_credentials_file(start_server: StartServer, tmp_path: Path) -> None:
    operator = Operator()
    server = start_server(operator.configuration, jetstream=False)
    file = tmp_path / "user.creds"
    file.write_text(operator.creds())
    assert await works(context_of(server, creds=file))


async def test_login_by_jwt_and_seed_or_by_the_jwt_of_a_bearer(start_server: StartServer) -> None:
    operator = Operator()
    server = start_server(operator.configuration, jetstream=False)
    assert await works(context_of(server, user_jwt=operator.jwt(), user_seed=operator.user.seed))
    assert await works(context_of(server, user_jwt=operator.jwt(bearer=True)))


async def test_login_over_tls(start_server: StartServer, certificates: Certificates) -> None:
    server = start_server(certificates.tls())
    assert await works(context_of(server, ca=certificates.ca))


@pytest.mark.parametrize("first", [False, True])
async def test_a_reconnect_over_tls_makes_asyncio_log_nothing(
    start_server: StartServer, certificates: Certificates, caplog: pytest.LogCaptureFixture, first: bool
) -> None:
    server = start_server(certificates.tls(f"handshake_first: {str(first).lower()}"))
    async with connect(context_of(server, ca=certificates.ca, tls_first=first), reconnect_timeout=None) as ours:
        server.restart()
        await until(lambda: ours.generation == 1)
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []


async def test_login_over_tls_with_a_certificate_of_the_client(
    start_server: StartServer, certificates: Certificates
) -> None:
    server = start_server(certificates.tls(f'ca_file: "{certificates.ca}", verify: true'))
    ours = context_of(server, ca=certificates.ca, cert=certificates.client, key=certificates.client_key)
    assert await works(ours)
    says = await failure(replace(ours, cert=None, key=None))
    assert f"a certificate of the client is required at {server.url}. Name a certificate" in says


async def test_login_over_tls_that_starts_first(start_server: StartServer, certificates: Certificates) -> None:
    server = start_server(certificates.tls("handshake_first: true"))
    ours = context_of(server, ca=certificates.ca, tls_first=True)
    assert await works(ours)
    says = await failure(replace(ours, tls_first=False), timeout=0.3)
    assert "no answer within 0.3 s" in says
    assert '"tls_first" if the server starts with TLS' in says


async def test_tls_is_used_if_only_the_context_asks_for_it(
    start_server: StartServer, certificates: Certificates
) -> None:
    server = start_server(certificates.tls() + "\nallow_non_tls: true")
    async with connect(context_of(server, ca=certificates.ca)) as connection:
        assert connection.client._transport._io_writer.get_extra_info("ssl_object")  # type: ignore[union-attr]  # nats-py has no other way to ask


async def test_answers_arrive_on_the_only_prefix_that_is_allowed(start_server: StartServer) -> None:
    server = start_server(
        'authorization { users: [ { user: me, password: x, permissions: { subscribe: ["_ME.>", "echo"] } } ] }'
    )
    assert await works(context_of(server, user="me", password="x", inbox_prefix="_ME"))


async def test_the_first_server_that_answers_is_taken(server: NatsServer, unused_port: int) -> None:
    context = context_of(server, servers=(f"nats://127.0.0.1:{unused_port}", server.url))
    async with connect(context, timeout=FOREVER) as connection:
        assert connection.url == server.url


async def test_a_connection_knows_what_the_server_says_about_itself(server: NatsServer) -> None:
    async with connect(context_of(server), name="a name") as connection:
        assert connection.max_payload == 1024 * 1024
        assert f"Version:  {connection.server_version}" in server.log
