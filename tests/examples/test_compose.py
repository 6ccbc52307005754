"""The compose file: its services hang together, its schedulers run with what it mounts, and each compose reads it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
import yaml

from ajsync.config import load_configuration
from ajsync.transport.context import load_context
from tests.examples.commands import EXAMPLES, ROOT, parse

FOLDER = EXAMPLES / "compose"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
TOOLS = ("docker compose", "docker-compose", "podman-compose")
SCHEDULERS = [name for name in SERVICES if name != "nats"]


def mounts(name: str) -> dict[str, str]:
    """What is mounted from this folder, by where to."""
    volumes = [volume.split(":") for volume in SERVICES[name]["volumes"]]
    assert all(options == ["ro"] for _, _, *options in volumes)
    return {target: source for source, target, *_ in volumes}


def test_there_are_two_schedulers_and_a_server_that_keeps_its_data() -> None:
    assert len(SCHEDULERS) == 2
    assert "--jetstream" in SERVICES["nats"]["command"]
    assert SERVICES["nats"]["command"][SERVICES["nats"]["command"].index("--store_dir") + 1] == "/data"
    assert SERVICES["nats"]["volumes"] == ["nats:/data"]
    assert ":" in SERVICES["nats"]["image"]
    assert not SERVICES["nats"]["image"].endswith(":latest")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_follows_the_files_under_its_own_name(name: str) -> None:
    options = parse(SERVICES[name]["command"])
    assert (options["watch"], options["yes"], options["scheduler"]) == (True, True, name)
    assert options["create_bucket"]
    port = options["monitor"].rpartition(":")[2]
    assert [published.rpartition(":")[2] for published in SERVICES[name]["ports"]] == [port]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_is_the_image_of_the_dockerfile_and_cannot_write(name: str) -> None:
    assert (FOLDER / SERVICES[name]["build"]).resolve() == ROOT
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["depends_on"] == {"nats": {"condition": "service_healthy"}}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_what_is_mounted_is_valid_and_leads_to_the_server(name: str) -> None:
    project = load_configuration(FOLDER / mounts(name)["/etc/ajsync"])
    assert [*project.tasks] == ["EXAMPLE_TICK", "EXAMPLE_REPORT"]
    contexts = {"XDG_CONFIG_HOME": str((FOLDER / mounts(name)["/config/nats"]).parent)}
    assert load_context(project.context, environ=contexts).servers == ("nats://nats:4222",)


def test_nothing_listens_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(published) == 3
    assert all(port.startswith("127.0.0.1:") for port in published)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_compose_reads_the_file_as_we_do(tool: str) -> None:
    program, *more = tool.split()
    path = shutil.which(program)
    if path is None or subprocess.run([path, *more, "version"], capture_output=True).returncode:
        pytest.skip(f"there is no {tool} on this machine")
    done = subprocess.run(
        [path, *more, "-f", FOLDER / "compose.yaml", "config"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)
    assert {*read["services"]} == {*SERVICES}
    assert {*read["volumes"]} == {"nats"}
    for name in SCHEDULERS:
        service = read["services"][name]
        build = service["build"]
        context = build if isinstance(build, str) else build["context"]
        assert (FOLDER / context).resolve() == ROOT
        assert service["command"] == SERVICES[name]["command"]
        assert service["depends_on"]["nats"]["condition"] == "service_healthy"
        assert service["read_only"] is True
