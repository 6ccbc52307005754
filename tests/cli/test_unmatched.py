"""Files that no pattern matches and that look as if one should are told: a plan would delete what they held."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.processes import ajsync, background, wait_until
from tests.nats_server import NatsServer

SCHEDULES = "schedules:\n  {0}: {{schedule: '@daily', task_type: t}}\n"


@pytest.fixture
def project(project: Path, server: NatsServer) -> Path:
    """A project of two files, applied; then one was renamed."""
    for name in ("a", "b"):
        (project / "schedules" / f"{name}.yaml").write_text(SCHEDULES.format(name))
    done = ajsync(project, "apply", "--yes", "--create-bucket", "--server", server.url)
    assert (done.returncode, "Warning" in done.stderr) == (0, False)
    (project / "schedules" / "b.yaml").rename(project / "schedules" / "b.yml")
    return project


@pytest.mark.parametrize("command", [["validate"], ["lint"], ["plan"], ["apply", "--yes"]], ids=" ".join)
def test_a_file_that_was_renamed_is_told_once(project: Path, server: NatsServer, command: list[str]) -> None:
    server_option = [] if command == ["validate"] else ["--server", server.url]
    done = ajsync(project, *command, *server_option)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Warning:") == 1
    assert (
        "Warning: schedules/b.yml looks like a schedules file and is not read, because no pattern of 'files' matches "
        "it. Add it to 'files' in ajsync.yaml, or rename it to fit: schedules/**/*.yaml.\n"
    ) in done.stderr
    assert "b.yml" not in done.stdout


def test_it_is_told_from_where_the_command_was_started(project: Path) -> None:
    (project / "schedules" / "c.yml").write_text(SCHEDULES.format("c"))
    told = ajsync(project / "schedules", "validate", "--format", "github").stderr
    assert "Warning: b.yml, c.yml look like schedules files and are not read" in told
    assert ajsync(project, "validate", "--quiet").stderr == ""


def test_whoever_follows_the_files_reads_it_in_the_log_when_it_happens(project: Path, server: NatsServer) -> None:
    (project / "schedules" / "b.yml").rename(project / "schedules" / "b.yaml")
    log = project.parent / "log"
    follow = ("apply", "--yes", "--watch", "--server", server.url)

    def noticed() -> bool:
        (project / "schedules" / "b.yml").touch()  # whoever begins to watch only now must see a change too
        return "schedules/b.yml looks like a schedules file" in log.read_text()

    with log.open("wb") as stream, background(project, *follow, stderr=stream) as process:
        wait_until(lambda: "Following" in log.read_text(), process)
        assert "b.yml" not in log.read_text()
        (project / "schedules" / "b.yaml").rename(project / "schedules" / "b.yml")
        wait_until(noticed, process)


def test_whoever_follows_the_files_keeps_what_a_pattern_held_that_matches_none_any_more(
    project: Path, server: NatsServer
) -> None:
    (project / "schedules" / "b.yml").rename(project / "schedules" / "b.yaml")
    (project / "ajsync.yaml").write_text("owner: team\nfiles: [schedules/a.yaml, schedules/b*.yaml]\n")
    log = project.parent / "log"
    follow = ("apply", "--yes", "--watch", "--resync", "1s", "--server", server.url)

    def said(text: str) -> bool:
        return text in log.read_text()

    with log.open("wb") as stream, background(project, *follow, stderr=stream) as process:
        wait_until(lambda: said("Up to date: 2 schedules"), process)
        (project / "schedules" / "b.yaml").rename(project / "b.kept")
        wait_until(lambda: said('the pattern "schedules/b*.yaml" matches no file'), process)
        assert said("the last good configuration stays in force")
        (project / "b.kept").rename(project / "schedules" / "b2.yaml")
        wait_until(lambda: said("Read the files: 2 schedules"), process)
    assert "Delete" not in log.read_text()
    assert "schedules/b2.yaml" not in log.read_text().split("Read the files")[0]
