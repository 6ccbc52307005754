"""The image: what its Dockerfile is made of, and that its health check tells a scheduler that is well from none."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.monitor import monitor
from ajsync.scheduler.monitor.status import Status
from tests.examples.chart import render, values
from tests.examples.commands import EXAMPLES, ROOT, parse
from tests.scheduler.monitor.views import FixedSource, view_of

LOCKS = {".ci/requirements.txt", ".ci/requirements-build.txt"}


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, each with its arguments on one line."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], " ".join(line.split()[1:])) for line in text.splitlines() if line.strip()]


def last(instruction: str) -> str:
    """The arguments of the last instruction of a name, which are those that the image has."""
    return [arguments for name, arguments in instructions() if name == instruction][-1]


def copied() -> Iterator[str]:
    """What the build takes from the repository."""
    for name, arguments in instructions():
        if name == "COPY" and not arguments.startswith("--from"):
            yield from arguments.split()[:-1]


def test_the_base_is_one_slim_image_with_its_version_and_no_digest() -> None:
    base = re.fullmatch(r"BASE=(python:3\.(\d+)-slim-\w+)", last("ARG"))
    assert base
    assert "@" not in base[1]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: 3.{base[2]}" in project["classifiers"]
    assert {arguments.split()[0] for name, arguments in instructions() if name == "FROM"} == {"${BASE}"}


def test_only_the_finished_environment_reaches_the_image() -> None:
    stages = [number for number, (name, _) in enumerate(instructions()) if name == "FROM"]
    assert len(stages) == 2
    final = [each for each in instructions()[stages[-1] :] if each[0] in ("COPY", "ADD", "RUN")]
    assert final == [("COPY", "--from=build /opt/ajsync /opt/ajsync")]


def test_the_image_runs_as_the_user_of_the_chart_who_is_not_root() -> None:
    user = last("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    spec = next(each for each in render(values()) if each["kind"] == "Deployment")["spec"]["template"]["spec"]
    assert user == f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}"


def test_nothing_is_fetched_but_what_a_lock_file_names_with_its_hash() -> None:
    calls = [call for name, arguments in instructions() if name == "RUN" for call in arguments.split(" && ")]
    pip = [shlex.split(call) for call in calls if re.match(r"\S*pip ", call)]
    assert {lock for call in pip if "--require-hashes" in call for lock in call if lock.endswith(".txt")} == LOCKS
    for call in pip:
        assert "--require-hashes" in call or "--no-deps" in call
        assert "--no-index" in call or "--no-build-isolation" in call or ".ci/requirements-build.txt" in call
    for _, arguments in instructions():
        assert not re.search(r"\b(curl|wget|apt-get|apk|https?:(?!//127\.0\.0\.1))", arguments)
    assert "ADD" not in {name for name, _ in instructions()}


def test_what_the_wheel_is_made_of_is_copied_and_not_ignored() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    (page,) = project["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]["fragments"]
    needed = {"pyproject.toml", page["path"], *project["project"]["license-files"]}
    needed |= {*wheel["packages"], *wheel["force-include"], *LOCKS}
    assert {*copied()} == needed
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == needed
    assert all((ROOT / name).exists() for name in needed)


def test_the_image_starts_a_scheduler_with_the_monitor_that_its_health_check_asks() -> None:
    assert json.loads(last("ENTRYPOINT")) == ["ajsync"]
    host, _, port = parse(json.loads(last("CMD")))["monitor"].rpartition(":")
    assert host == "*"
    assert last("EXPOSE") == port
    assert f"http://127.0.0.1:{port}/healthz" in health_check(int(port))[-1]


def health_check(port: int) -> list[str]:
    """The command of the health check, for a monitor at another port."""
    words: list[str] = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert words[:2] == ["python", "-c"]
    return [sys.executable, *(word.replace(":8080/", f":{port}/") for word in words[1:])]


@pytest.mark.anyio
@pytest.mark.parametrize(("reason", "status"), [(None, 0), ("the loop has stood still for 20 s", 1)])
async def test_the_health_check_fails_once_the_loop_stands_still(reason: str | None, status: int) -> None:
    def nobody() -> Status:
        raise AssertionError("health needs no status")

    options: dict[str, Any] = {"source": FixedSource(view_of()), "ready": lambda: None}
    async with monitor(("127.0.0.1", 0), Metrics("one"), nobody, lambda: reason, **options) as url:
        command = health_check(int(url.rstrip("/").rpartition(":")[2]))
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        assert await process.wait() == status


def test_the_health_check_fails_where_nothing_listens() -> None:
    assert subprocess.run(health_check(1), stderr=subprocess.DEVNULL).returncode == 1


def test_the_environments_of_the_examples_are_those_of_the_image() -> None:
    environment = dict(part.split("=", 1) for part in last("ENV").split())
    assert environment["XDG_CONFIG_HOME"] == "/config"
    assert environment["PATH"].startswith("/opt/ajsync/bin:")
    assert f"{environment['XDG_CONFIG_HOME']}/nats" in (EXAMPLES / "compose" / "compose.yaml").read_text()
    assert last("WORKDIR") == "/etc/ajsync"
