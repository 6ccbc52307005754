"""What ajsync says when it cannot connect, and what to do about it; never a secret."""

from __future__ import annotations

import sys
from pathlib import Path

import nkeys
import pytest

from ajsync.errors import NotPermittedError
from ajsync.transport.context import Context, context_for_server
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.transport.certificates import Certificates
from tests.transport.connecting import SECRET, USERS, Listen, context_of, failure
from tests.transport.operator_mode import Key, Operator

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("guard")]


async def test_it_fails_when_no_server_runs(unused_port: int) -> None:
    url = f"nats://127.0.0.1:{unused_port}"
    says = await failure(context_for_server(f"nats://me:{SECRET}@127.0.0.1:{unused_port}"))
    advice = "Start the server, or correct the address."
    assert says == f"Cannot connect: connection refused at {url}. {advice}"


async def test_it_fails_when_no_address_of_the_name_has_a_server(unused_port: int) -> None:
    says = await failure(context_for_server(f"localhost:{unused_port}"))
    assert f"connection refused at nats://localhost:{unused_port}" in says


async def test_it_fails_when_no_host_has_the_name() -> None:
    says = await failure(Context(("nats://nowhere.invalid:4222",), name="AJC"))
    assert says.startswith("Cannot connect with the context AJC: unknown host (")
    assert "at nats://nowhere.invalid:4222. Correct the host" in says


@pytest.mark.parametrize(
    "login", [{"user": "me", "password": SECRET + "x"}, {"user": "you", "password": SECRET}, {"token": SECRET}, {}]
)
async def test_it_fails_when_the_user_is_not_let_in(start_server: StartServer, login: dict[str, str]) -> None:
    server = start_server(USERS)
    says = await failure(context_of(server, path=Path("/contexts/AJC.json"), **login), NotPermittedError)
    assert says.startswith(f"Cannot connect with the context AJC: Authorization Violation at {server.url}. ")
    assert says.endswith("in /contexts/AJC.json.")


async def test_it_fails_when_the_credentials_have_expired(start_server: StartServer, tmp_path: Path) -> None:
    operator = Operator()
    server = start_server(operator.configuration, jetstream=False)
    file = tmp_path / "user.creds"
    file.write_text(operator.creds(expires=1_000_000_000))
    says = await failure(context_of(server, creds=file), NotPermittedError)
    assert f"The JWT in {file} expired at 2001-09-09T01:46:40+00:00: get a new one." in says


async def test_it_fails_when_the_server_does_not_know_the_operator(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(Operator().configuration, jetstream=False)
    file = tmp_path / "user.creds"
    file.write_text(Operator().creds())
    says = await failure(context_of(server, creds=file), NotPermittedError)
    assert f"whether the credentials {file} are still valid" in says


async def test_it_fails_when_the_certificate_is_signed_by_another_authority(
    start_server: StartServer, certificates: Certificates
) -> None:
    server = start_server(certificates.tls())
    for ca in (
        certificates.other_ca,
        None,
    ):  # None: a server that requires TLS of a context that says nothing of it
        says = await failure(context_of(server, ca=ca))
        assert says.startswith("Cannot connect with the context AJC: certificate verify failed (")
        assert 'Name the authority that signed the certificate as "ca"' in says


async def test_it_fails_when_the_certificate_is_for_another_host(
    start_server: StartServer, certificates: Certificates
) -> None:
    server = start_server(certificates.tls().replace("server", "elsewhere"))
    says = await failure(context_of(server, ca=certificates.ca))
    assert "certificate verify failed (IP address mismatch, certificate is not valid for '127.0.0.1'" in says


async def test_it_fails_when_tls_is_wanted_and_not_offered_and_then_no_password_is_sent(listen: Listen) -> None:
    url, heard = await listen(b'INFO {"server_id":"x","version":"2.11.0","max_payload":1}\r\n')
    context = context_for_server(url.replace("nats://", f"tls://me:{SECRET}@"))
    assert "the server offers no TLS" in await failure(context)
    assert b"CONNECT" not in heard


async def test_it_fails_within_the_timeout_when_a_server_accepts_and_says_nothing(listen: Listen) -> None:
    url, _ = await listen(b"")
    assert f"no answer within 0.3 s at {url}" in await failure(context_for_server(url), timeout=0.3)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what does not fit into the queue")
async def test_it_fails_within_the_timeout_when_packets_are_swallowed(full_port: int) -> None:
    url = f"nats://127.0.0.1:{full_port}"
    assert f"no answer within 0.3 s at {url}" in await failure(context_for_server(url), timeout=0.3)


async def test_it_fails_with_the_timeout_shared_by_all_servers(listen: Listen, unused_port: int) -> None:
    silent, _ = await listen(b"")
    dead = f"nats://127.0.0.1:{unused_port}"
    says = await failure(context_for_server(f"{silent},{dead}"), timeout=0.6)
    assert f"no answer within 0.3 s at {silent}; connection refused at {dead}. " in says


@pytest.mark.parametrize("greeting", [b"SSH-2.0-server\r\n", b"x" * 100_000])
async def test_it_fails_when_something_else_listens(listen: Listen, greeting: bytes) -> None:
    url, _ = await listen(greeting)
    assert f"not a NATS server at {url}. Correct the address" in await failure(context_for_server(url))


@pytest.mark.parametrize("member", ["creds", "nkey", "ca", "cert", "key"])
async def test_it_fails_when_a_file_does_not_exist(server: NatsServer, tmp_path: Path, member: str) -> None:
    files = {"cert": server.folder / "server.conf", "key": server.folder / "server.conf"}
    files = files if member in files else {}
    says = await failure(context_of(server, **(files | {member: tmp_path / "none"})))
    assert f'the file {tmp_path / "none"} of "{member}" cannot be read: No such file or directory' in says


async def test_it_fails_when_a_file_is_not_what_it_should_be(server: NatsServer, tmp_path: Path) -> None:
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


async def test_it_fails_when_the_key_has_a_passphrase_which_is_not_asked_for(
    server: NatsServer, certificates: Certificates
) -> None:
    says = await failure(context_of(server, cert=certificates.client, key=certificates.locked_key))
    assert '"cert" and "key" must belong together, and be PEM without a passphrase' in says
