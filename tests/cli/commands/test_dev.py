"""`ajsync dev`: a server, a bucket and a context that come and go together, and nobody else's context touched."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.dev.server import is_in_use
from ajsync.transport.connection import connect
from ajsync.transport.context import context_folder, load_context
from tests.cli.forked import Running
from tests.cli.processes import DEADLINE_SECONDS, ajsync, background, wait_until


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


def context_file(name: str = "ajsync-dev") -> Path:
    return context_folder() / f"{name}.json"


@contextmanager
def dev(folder: Path, *options: str, name: str = "ajsync-dev") -> Iterator[Running]:
    """A dev server that has said that it is ready, by its context."""
    with background(folder, "dev", *options) as process:
        try:
            wait_until(lambda: _wrote(name, folder), process)
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)


def _wrote(name: str, folder: Path) -> bool:
    with suppress(FileNotFoundError):
        return str(folder) in context_file(name).read_text()
    return False


def server_pid(folder: Path) -> int:
    (ports,) = (folder / ".ajsync" / "dev" / "ports").glob("*.ports")
    return int(ports.stem.rpartition("_")[2])


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _open_bucket(context: str) -> str:
    async with connect(load_context(context)) as connection:
        return (await ConfigurationBucket.open(connection)).target.created


def bucket_created(context: str = "ajsync-dev") -> str:
    """When the bucket behind a context was made; fails where there is no bucket."""
    return asyncio.run(_open_bucket(context))


def test_its_context_leads_to_a_server_with_the_bucket(project: Path) -> None:
    with dev(project):
        assert bucket_created()


def test_it_says_where_it_runs_and_how_to_use_it(project: Path) -> None:
    with dev(project) as process:
        url = json.loads(context_file().read_text())["url"]
        process.terminate()
        output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert url in output
    assert "ajsync plan --context ajsync-dev" in output
    assert "The bucket CHORIA_AJ_CONFIGURATION was made now." in output
    assert errors == ""


def test_it_makes_the_queues_that_variables_name(project: Path) -> None:
    (project / "ajsync.yaml").write_text(
        "owner: x\nqueues: {'Q_${stage}_${more}': }\nenvironments: {e: {variables: {stage: DEV}}}\n"
    )
    with dev(project, "-e", "e", "--var", "more=1") as process:
        process.terminate()
        output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert "It has the queues DEFAULT, Q_DEV_1." in output
    assert errors == ""


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_it_and_leaves_no_server_and_no_context(project: Path, sig: signal.Signals) -> None:
    with dev(project) as process:
        pid = server_pid(project)
        process.send_signal(sig)
        assert process.wait(DEADLINE_SECONDS) == 0
        wait_until(lambda: not is_alive(pid))  # until it is reaped
        assert not context_file().exists()


def test_signals_in_a_row_leave_nothing_behind_either(project: Path) -> None:
    with dev(project) as process:
        pid = server_pid(project)
        os.kill(pid, signal.SIGSTOP)  # so that stopping it takes long enough for more signals
        process.send_signal(signal.SIGINT)
        wait_until(lambda: not context_file().exists(), process)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_SECONDS) == 0
        wait_until(lambda: not is_alive(pid))  # until it is reaped


def test_its_data_is_kept_unless_fresh_is_wanted(project: Path) -> None:
    with dev(project):
        first = bucket_created()
    with dev(project):
        assert bucket_created() == first
    with dev(project, "--fresh"):
        assert bucket_created() != first


def test_it_listens_where_it_did_before_unless_somebody_else_does_now(project: Path) -> None:
    with dev(project):
        first = load_context("ajsync-dev").servers
    with dev(project):
        assert load_context("ajsync-dev").servers == first
    port = int(first[0].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)), dev(project):
        assert load_context("ajsync-dev").servers != first
    (project / ".ajsync" / "dev" / "port").write_text("99999999999")
    with dev(project):
        pass


def test_its_data_is_kept_beside_the_project_file(project: Path) -> None:
    (project / "ajsync.yaml").write_text("owner: me\n")
    below = project / "schedules" / "deep"
    below.mkdir(parents=True)
    with background(below, "dev") as process:
        wait_until(context_file().exists, process)
        assert (project / ".ajsync" / "dev" / "jetstream").is_dir()
        assert [*below.iterdir()] == []
        process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)


def test_the_context_can_have_another_name(project: Path) -> None:
    with dev(project, "--context-name", "other", name="other"):
        assert bucket_created("other")
        assert not context_file().exists()
    assert not context_file("other").exists()


def test_a_context_of_somebody_else_is_never_overwritten(project: Path) -> None:
    context_file().parent.mkdir(parents=True)
    context_file().write_text('{"description": "production", "url": "nats://prod.example.net"}')
    result = ajsync(project, "dev")
    assert result.returncode == 5
    assert "The NATS context ajsync-dev exists and was not written by ajsync dev" in result.stderr
    assert "--context-name" in result.stderr
    assert "prod.example.net" in context_file().read_text()


def test_a_context_that_was_changed_meanwhile_is_not_removed(project: Path) -> None:
    with dev(project):
        context_file().write_text('{"url": "nats://prod.example.net"}')
    assert "prod.example.net" in context_file().read_text()


def test_the_context_of_another_dev_server_is_left_alone_while_that_runs(project: Path, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    with dev(project):
        result = ajsync(second, "dev")
        assert result.returncode == 5
        assert f"is running with its data in {project}/.ajsync/dev" in result.stderr
        with dev(second, "--context-name", "second", name="second"):
            assert bucket_created() != bucket_created("second")


def test_a_context_that_cannot_be_written_ends_it_as_any_failed_write_does(project: Path, home: Path) -> None:
    (home / ".config").write_text("a file")
    result = ajsync(project, "dev")
    assert result.returncode == 1
    assert "The NATS context ajsync-dev cannot be written to " in result.stderr
    assert "Not a directory" in result.stderr


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\\b"])
def test_a_context_needs_a_name_that_a_file_can_have(project: Path, name: str) -> None:
    result = ajsync(project, "dev", "--context-name", name)
    assert result.returncode == 64
    assert "cannot be the name of a NATS context" in result.stderr


def test_a_second_one_in_the_same_project_is_refused(project: Path) -> None:
    with dev(project) as process:
        result = ajsync(project, "dev")
        assert result.returncode == 7
        assert f"Another dev server (process {process.pid}) is running" in result.stderr
        assert bucket_created()


def test_a_server_that_survived_a_kill_is_found_and_can_be_stopped_as_told(project: Path) -> None:
    with dev(project) as process:
        pid, stale = server_pid(project), context_file().stat().st_mtime_ns
        process.kill()
        process.wait(DEADLINE_SECONDS)
    try:
        result = ajsync(project, "dev")
        assert result.returncode == 7
        assert f"Stop it with 'kill {pid}', then try again." in result.stderr
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_in_use(project / ".ajsync" / "dev"))
    with background(project, "dev") as process:
        wait_until(lambda: context_file().stat().st_mtime_ns != stale, process)
        assert bucket_created()
        process.terminate()
        assert process.wait(DEADLINE_SECONDS) == 0


def test_it_ends_with_the_reason_when_its_server_does(project: Path) -> None:
    with dev(project) as process:
        os.kill(server_pid(project), signal.SIGKILL)
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode == 7
        assert "nats-server ended" in errors
        assert not context_file().exists()


def test_a_taken_port_is_an_error_with_the_servers_reason(project: Path) -> None:
    with dev(project):
        port = json.loads(context_file().read_text())["url"].rpartition(":")[2]
        folder = project / "other"
        folder.mkdir()
        result = ajsync(folder, "dev", "--port", port, "--context-name", "other")
    assert result.returncode == 7
    assert "address already in use" in result.stderr
    assert not context_file("other").exists()
