"""The systemd unit: systemd takes it, its command is a real one, and its process runs with what the page installs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ajsync.errors import InvalidError, UsageError
from ajsync.transport.context import load_context
from tests.cli.processes import ajsync, background, wait_until
from tests.examples.bucket import make_bucket
from tests.examples.commands import EXAMPLES, all_in_shell, parse, shell_blocks
from tests.nats_server import NatsServer

FOLDER = EXAMPLES / "systemd"
UNIT = FOLDER / "ajsync-scheduler.service"
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze on this machine")


def setting(name: str) -> str:
    """The value of a setting that stands once in the unit."""
    (found,) = re.findall(rf"^{name}=(.*)$", UNIT.read_text(), re.MULTILINE)
    assert isinstance(found, str)
    return found


def environment(*, with_file: bool = False) -> dict[str, str]:
    """The environment of the service, with or without the example's file."""
    words = shlex.split(setting("Environment"))
    if with_file:
        words += [line for line in (FOLDER / "scheduler.env").read_text().splitlines() if line and line[0] != "#"]
    return dict(word.split("=", 1) for word in words)


def command(variables: dict[str, str]) -> list[str]:
    """The arguments of ExecStart as systemd makes them: `${NAME}` is one word, `$NAME` as many as it has."""
    words: list[str] = []
    for word in setting("ExecStart").split()[1:]:
        if word.startswith("${"):
            words.append(variables[word[2:-1]])
        elif word.startswith("$"):
            words += variables[word[1:]].split()
        else:
            words.append(word)
    return words


def serve_context(folder: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch, **members: str) -> None:
    """Sets the environment of the service, with a context for this server and with any free port for the monitor."""
    contexts = folder / "etc" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "AJC.json").write_text(json.dumps({"url": server.url, **members}))
    variables = {**environment(with_file=True), "XDG_CONFIG_HOME": str(folder / "etc"), "AJSYNC_MONITOR": "0"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is on this machine."""
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text().replace("/opt/ajsync/bin/ajsync", sys.executable))
    return file


@needs_systemd
def test_systemd_takes_the_unit(unit: Path) -> None:
    done = subprocess.run([str(ANALYZE), "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_the_service_is_hardly_exposed(unit: Path) -> None:
    arguments = ["security", "--offline=true", "--threshold=15", "--no-pager", str(unit)]
    done = subprocess.run([str(ANALYZE), *arguments], capture_output=True, text=True)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot rate a file")
    assert done.returncode == 0, done.stdout


def test_the_command_is_a_scheduler_with_and_without_the_file_of_variables() -> None:
    options = parse(command(environment()))
    assert (options["monitor"], options["log_format"]) == ("8080", "text")
    assert parse(command(environment(with_file=True)))["log_format"] == "json"


def test_no_restart_where_only_people_can_help() -> None:
    assert setting("Restart") == "always"
    codes = {InvalidError.exit_code, UsageError.exit_code}
    assert {int(code) for code in setting("RestartPreventExitStatus").split()} == codes


def test_the_context_takes_the_credentials_that_systemd_passes_on(tmp_path: Path) -> None:
    name, _, source = setting("LoadCredential").partition(":")
    assert source == "/etc/ajsync/nats.creds"
    contexts = {"XDG_CONFIG_HOME": str(FOLDER), "CREDENTIALS_DIRECTORY": str(tmp_path)}
    context = load_context(environment()["CONTEXT"], environ=contexts)
    assert context.creds == tmp_path / name


def test_the_page_names_the_error_where_the_file_of_the_credentials_is_missing(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, _, stand_in = setting("SetCredential").partition(":")
    assert name == setting("LoadCredential").partition(":")[0]
    (tmp_path / name).write_text(stand_in)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    serve_context(tmp_path, server, monkeypatch, creds=f"$CREDENTIALS_DIRECTORY/{name}")
    done = ajsync(tmp_path, *command({**environment(), "AJSYNC_MONITOR": "0"}))
    assert done.returncode not in {int(code) for code in setting("RestartPreventExitStatus").split()}
    (error,) = re.findall("If the log says `(.+?)`", (FOLDER / "README.md").read_text())
    assert error in done.stderr


def test_the_scheduler_can_read_what_its_metrics_of_the_process_need() -> None:
    assert "\nProtectProc=invisible\n" in UNIT.read_text()
    assert not re.search("^ProcSubset=pid", UNIT.read_text(), re.MULTILINE)


def test_the_page_installs_what_the_unit_reads() -> None:
    page = (FOLDER / "README.md").read_text()
    installed = re.findall(r"^install -D -m 0644 (\S+) (\S+)$", page, re.MULTILINE)
    assert all((FOLDER / source).is_file() for source, _ in installed)
    targets = [target for _, target in installed]
    assert f"{environment()['XDG_CONFIG_HOME']}/nats/context/{environment()['CONTEXT']}.json" in targets
    assert setting("EnvironmentFile").lstrip("-") in targets
    assert setting("ExecStart").split()[0].removesuffix("/ajsync") in page
    assert all_in_shell([shell_blocks(FOLDER / "README.md")]) == []


def test_the_service_starts_and_stops_as_systemd_does_it(
    tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve_context(tmp_path, server, monkeypatch)
    make_bucket(server.url)
    with background(tmp_path, *command({**environment(with_file=True), "AJSYNC_MONITOR": "0"})) as process:
        assert process.stderr is not None
        seen = ""
        while "Became leader" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        process.send_signal(signal.SIGTERM)
        wait_until(lambda: process.poll() is not None, seconds=30)
        assert process.returncode == 0
