"""`cd current && ajsync apply --watch --scheduler`, while releases come and go behind the link `current`."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import ajsync, background, wait_until
from tests.nats_server import NatsServer

SCHEDULES = "schedules:\n  TICK: {{schedule: '{0}', task_type: t}}\n"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """Where the command logs to; shown where a test fails."""
    path = tmp_path / "log"
    yield path
    print(path.read_text())


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Three releases, a link to the first, and another project in the folder above them."""
    folder = tmp_path / "srv"
    for number, schedule in enumerate(("@daily", "@weekly", "@monthly"), 1):
        (folder / str(number) / "schedules").mkdir(parents=True)
        (folder / str(number) / "ajsync.yaml").write_text("owner: team\n")
        (folder / str(number) / "schedules" / "a.yaml").write_text(SCHEDULES.format(schedule))
    (folder / "schedules").mkdir()
    (folder / "ajsync.yaml").write_text("owner: above\n")
    (folder / "schedules" / "a.yaml").write_text(SCHEDULES.format("@yearly").replace("TICK", "ABOVE"))
    (folder / "current").symlink_to("1")
    return folder


def release(releases: Path, number: int) -> None:
    """Let `current` lead to another release, in one step."""
    (releases / "new").symlink_to(str(number))
    (releases / "new").rename(releases / "current")


@pytest.mark.parametrize("options", [(), ("--config", "schedules/../ajsync.yaml")], ids=["found", "named"])
def test_a_release_that_is_swapped_and_removed_ends_nothing_and_the_new_one_is_found(
    releases: Path, server: NatsServer, log: Path, options: tuple[str, ...]
) -> None:
    current = releases / "current"

    def schedules() -> dict[str, str]:
        listed = ajsync(releases, "list", "--json", "--server", server.url)
        return {task["name"]: task["schedule"] for task in json.loads(listed.stdout or "[]")}

    follow = ("apply", "--watch", "--yes", "--scheduler", "one", "--create-bucket", "--server", server.url, *options)
    with log.open("wb") as stream, background(current, *follow, stderr=stream, PWD=str(current)) as process:
        wait_until(lambda: schedules() == {"TICK": "@daily"}, process)
        release(releases, 2)
        shutil.rmtree(releases / "1")
        wait_until(lambda: schedules() == {"TICK": "@weekly"}, process)
        current.unlink()
        shutil.rmtree(releases / "2")
        wait_until(lambda: "the last good configuration stays in force" in log.read_text(), process)
        assert schedules() == {"TICK": "@weekly"}
        release(releases, 3)
        wait_until(lambda: schedules() == {"TICK": "@monthly"}, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert "Traceback" not in log.read_text()


def test_without_the_shells_word_the_last_good_configuration_stays_in_force(
    releases: Path, server: NatsServer, log: Path
) -> None:
    follow = ("apply", "--watch", "--yes", "--scheduler", "one", "--create-bucket", "--server", server.url)
    with log.open("wb") as stream, background(releases / "current", *follow, stderr=stream, PWD="/") as process:
        wait_until(lambda: "Up to date" in log.read_text() or "Applied" in log.read_text(), process)
        shutil.rmtree(releases / "1")
        wait_until(lambda: "the last good configuration stays in force" in log.read_text(), process)
        listed = ajsync(releases, "list", "--names", "--server", server.url)
        assert listed.stdout == "TICK\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
