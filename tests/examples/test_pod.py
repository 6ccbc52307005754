"""The pods of the chart as processes: its very command, in folders like its mounts, against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.cli.processes import wait_until
from tests.examples.bucket import make_bucket, stored
from tests.examples.chart import render, values
from tests.examples.chart_values import EXAMPLE, FILES, GIT_SYNC
from tests.examples.mounts import Pod, context_file, mount, read_only, running
from tests.nats_server import NatsServer

Start = Callable[[str], Any]
READABLE = {"logFormat": "text", "extraArgs": ["--timeout=2s"]}
"""The logs are for people, and a server that is away is not waited for long."""


@pytest.fixture
def chosen() -> Mapping[str, Any]:
    """The values of the chart."""
    return FILES


@pytest.fixture
def objects(chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the chart makes, by kind."""
    return {each["kind"]: each for each in render(values(**chosen, **READABLE))}


@pytest.fixture
def files(tmp_path: Path, objects: dict[str, dict[str, Any]]) -> Path:
    """Where the ConfigMap is mounted, if there is one."""
    folder = tmp_path / "etc-ajsync"
    mount(folder, objects.get("ConfigMap", {}).get("data", {}))
    return folder


@pytest.fixture
def start(tmp_path: Path, objects: dict[str, dict[str, Any]], files: Path, server: NatsServer) -> Start:
    """Start a pod of a name, with the Secret mounted too."""
    mount(tmp_path / "config" / "nats" / "context", {"AJC.json": context_file(server.url)})
    spec = objects["Deployment"]["spec"]["template"]["spec"]

    def start(name: str) -> Any:
        mounts = {"/etc/ajsync": files, "/config": tmp_path / "config", "/git/current": tmp_path / "git" / "current"}
        return running(spec, name, mounts, tmp_path / f"{name}.log")

    return start


def test_two_pods_apply_the_files_take_a_swap_hand_over_and_end_in_time(
    start: Start, files: Path, objects: dict[str, dict[str, Any]], server: NatsServer
) -> None:
    make_bucket(server.url)
    one: Pod
    two: Pod
    with start("ajsync-1") as one, start("ajsync-2") as two:
        for pod in (one, two):
            pod.wait_for_probes()
        wait_until(lambda: one.leads() or two.leads())
        leader, other = (one, two) if one.leads() else (two, one)
        wait_until(lambda: [*stored(server.url)] == ["EXAMPLE_REPORT"], leader.process)

        data = objects["ConfigMap"]["data"]
        mount(files, {**data, "example.yaml": data["example.yaml"].replace("0 6 * * mon-fri", "0 7 * * *")})
        wait_until(lambda: stored(server.url)["EXAMPLE_REPORT"]["schedule"] == "CRON_TZ=UTC 0 7 * * *", leader.process)
        assert not other.leads()

        assert leader.terminate() == 0
        wait_until(other.leads, other.process)
        assert other.terminate() == 0
    for pod in (one, two):
        assert "to write" not in pod.log.read_text()


@pytest.mark.parametrize("chosen", [{}], ids=["without files"])
def test_a_pod_without_files_fires_what_is_in_the_bucket(start: Start, server: NatsServer) -> None:
    pod: Pod
    with start("ajsync-1") as pod:
        pod.wait_for_probes()
        wait_until(pod.leads, pod.process)
        assert pod.terminate() == 0


@pytest.mark.parametrize("chosen", [GIT_SYNC], ids=["git-sync"])
def test_a_pod_follows_the_link_that_git_sync_swaps(start: Start, tmp_path: Path, server: NatsServer) -> None:
    def publish(commit: str, schedule: str) -> None:
        """Put a checkout beside the others and let the link point to it, as git-sync does."""
        checkout = tmp_path / "git" / ".worktrees" / commit
        (checkout / "schedules").mkdir(parents=True)
        (checkout / "ajsync.yaml").write_text("owner: my-team\ndefaults: {timezone: UTC}\n")
        (checkout / "schedules" / "example.yaml").write_text(EXAMPLE.replace("0 6 * * mon-fri", schedule))
        (tmp_path / "git" / "new").symlink_to(Path(".worktrees") / commit)
        (tmp_path / "git" / "new").rename(tmp_path / "git" / "current")

    make_bucket(server.url)
    publish("0a1b", "0 6 * * *")
    pod: Pod
    with start("ajsync-1") as pod:
        wait_until(lambda: [*stored(server.url)] == ["EXAMPLE_REPORT"], pod.process)
        publish("2c3d", "0 7 * * *")
        wait_until(lambda: stored(server.url)["EXAMPLE_REPORT"]["schedule"] == "CRON_TZ=UTC 0 7 * * *", pod.process)
        assert pod.terminate() == 0


def test_helm_test_passes_once_a_pod_could_fire_and_says_why_it_could_not(
    start: Start, objects: dict[str, dict[str, Any]], server: NatsServer
) -> None:
    def helm_test(url: str) -> subprocess.CompletedProcess[str]:
        """What the pod of `helm test` runs, with the address of a monitor."""
        python, *arguments, address = objects["Pod"]["spec"]["containers"][0]["command"]
        assert python == "python"
        return subprocess.run(
            [sys.executable, *arguments, url + urlsplit(address).path], capture_output=True, text=True
        )

    make_bucket(server.url)
    pod: Pod
    with start("ajsync-1") as pod:
        pod.wait_for_probes()
        passed = helm_test(pod.url)
        assert (passed.returncode, json.loads(passed.stdout)) == (0, {"ready": True, "reason": ""})
        server.stop()
        wait_until(lambda: pod.answers("/readyz") == 503, pod.process)
        failed = helm_test(pod.url)
        assert (failed.returncode, json.loads(failed.stderr)["ready"]) == (1, False)
        assert json.loads(failed.stderr)["reason"]
        assert pod.terminate() == 0
    gone = helm_test(pod.url)
    assert gone.returncode == 1
    assert "Connection refused" in gone.stderr


def test_what_stands_in_for_a_read_only_file_system_ends_who_writes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(read_only(tmp_path / "read-only"))}
    script = "import sys; open(sys.argv[1], 'w')"
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "file"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 98
    assert "to write" in done.stderr


def test_a_pod_without_a_server_ends_and_is_started_again(start: Start, server: NatsServer) -> None:
    server.stop()
    pod: Pod
    with start("ajsync-1") as pod:
        assert pod.process.wait(30) == 7


def test_a_pod_stays_well_and_is_not_ready_while_the_server_is_away(start: Start, server: NatsServer) -> None:
    make_bucket(server.url)
    pod: Pod
    with start("ajsync-1") as pod:
        pod.wait_for_probes()
        server.stop()
        wait_until(lambda: pod.answers("/readyz") == 503, pod.process)
        assert pod.answers("/healthz") == 200
        assert pod.terminate() == 0
