"""`ajsync lint` as a user and a build machine run it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.commands.inspected import fill
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer

SCHEDULES = """\
schedules:
  NEVER:
    schedule: 0 0 30 2 *
    task_type: report:never
    timezone: Europe/Malta
  SLOW:
    schedule: "@hourly"
    task_type: report:hourly
    deadline: 2h
  FINE:
    schedule: 30 9 * * *
    task_type: report:daily
    timezone: Europe/Malta
"""


@pytest.fixture
def project(project: Path) -> Path:
    """A project with an error, a warning and a schedule that is right."""
    (project / "ajsync.yaml").write_text("owner: team\ndefaults: {queue: REPORTS}\n")
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    return project


def lint(project: Path, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    done = ajsync(project, "lint", *arguments, **environment)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_each_finding_is_a_line_with_its_place_severity_and_rule(project: Path) -> None:
    done = lint(project, code=3)
    first, second = done.stdout.splitlines()
    assert first.startswith('schedules/a.yaml:2:3: error: NEVER: "0 0 30 2 *" never fires; ')
    assert first.endswith(" [never-fires]")
    assert second.startswith("schedules/a.yaml:6:3: warning: SLOW: its deadline of 2h is longer than the 1h")
    assert done.stderr == "1 error, 1 warning in 3 schedules.\n"


def test_what_fails_is_what_the_caller_says(project: Path) -> None:
    lint(project, "--ignore", "never-fires")
    lint(project, "--ignore", "never-fires", "--fail-on", "warning", code=3)
    done = lint(project, "--ignore", "never-fires", "--ignore", "deadline-over-interval", "--fail-on", "warning")
    assert done.stdout == "Nothing found in 3 schedules.\n"
    lint(project, "--rule", "herd", "--rule", "skipped-by-dst")
    assert "1 warning in" in lint(project, "--rule", "herd", "--rule", "deadline-over-interval").stderr


def test_findings_come_by_file_and_line_whatever_their_severity(project: Path) -> None:
    (project / "schedules" / "0.yaml").write_text("schedules: {Z: {schedule: '*/7 * * * *', task_type: z}}\n")
    (project / "schedules" / "b.yaml").write_text("schedules: {B: {schedule: 0 0 30 2 *, task_type: b}}\n")
    places = [line.split(":")[:2] for line in lint(project, code=3).stdout.splitlines()]
    ordered = [
        *(["schedules/0.yaml", "1"],),
        *(["schedules/a.yaml", n] for n in "26"),
        *(["schedules/b.yaml", "1"],) * 2,
    ]
    assert places == ordered
    found = json.loads(lint(project, "--format", "json", code=3).stdout)["findings"]
    assert [[each["location"]["file"], str(each["location"]["line"])] for each in found] == ordered


def test_schedules_that_name_no_queue_are_one_finding_of_their_file(project: Path) -> None:
    (project / "ajsync.yaml").write_text("owner: team\n")
    (project / "schedules" / "b.yaml").write_text(
        "schedules: {B: {schedule: '@hourly', task_type: b, queue: DEFAULT}}\n"
    )
    assert lint(project, "--rule", "no-queue", "--fail-on", "warning", code=3).stdout == (
        "schedules/a.yaml:2:3: warning: NEVER, SLOW, FINE: they name no queue, so their tasks go to DEFAULT; "
        "name the queue here or in defaults, even if it is DEFAULT [no-queue]\n"
    )
    (found,) = json.loads(lint(project, "--rule", "no-queue", "--format", "json").stdout)["findings"]
    assert (found["name"], found["others"]) == ("NEVER", ["SLOW", "FINE"])
    told = lint(project, "--rule", "no-queue", "--format", "github").stdout
    assert "::NEVER, SLOW, FINE: they name no queue" in told


def test_a_rule_that_does_not_exist_is_wrong_usage_and_the_nearest_is_named(project: Path) -> None:
    assert "did you mean never-fires?" in lint(project, "--ignore", "never-fire", code=64).stderr


def test_a_rule_that_has_to_ask_the_server_does_not_find_nothing_without_asking(project: Path) -> None:
    assert "needs --online" in lint(project, "--rule", "unknown-queue", code=64).stderr


def test_json_holds_everything(project: Path) -> None:
    found = json.loads(lint(project, "--format", "json", code=3).stdout)
    assert found["summary"] == {"error": 1, "warning": 1, "notice": 0}
    assert found["schedules"] == 3
    first = found["findings"][0]
    assert (first["rule"], first["severity"], first["name"]) == ("never-fires", "error", "NEVER")
    assert first["location"] == {"file": "schedules/a.yaml", "line": 2, "column": 3}


def test_annotations_name_files_from_the_root_of_the_repository(project: Path) -> None:
    done = lint(project, "--format", "github", code=3, GITHUB_WORKSPACE=str(project.parent))
    first, second = done.stdout.splitlines()
    assert first.startswith("::error file=project/schedules/a.yaml,line=2,title=ajsync%3A never-fires::NEVER: ")
    assert second.startswith("::warning file=project/schedules/a.yaml,line=6,title=ajsync%3A deadline-over-interval::")


def test_invalid_files_are_told_as_validate_tells_them(project: Path) -> None:
    (project / "schedules" / "b.yaml").write_text("schedules: [")
    assert "schedules/b.yaml:" in lint(project, code=3).stderr
    assert lint(project, "--format", "github", code=3).stdout.startswith("::error file=schedules/b.yaml")


def test_many_of_one_rule_are_cut_for_people_unless_they_are_all_there_is(project: Path) -> None:
    lines = "".join(f"  D{index}: {{schedule: '@daily', task_type: 't{index}'}}\n" for index in range(30))
    (project / "schedules" / "a.yaml").write_text(SCHEDULES + lines)
    done = lint(project, code=3)
    assert "notice: … 21 more, see --rule no-timezone" in done.stdout
    assert len(lint(project, "--rule", "no-timezone").stdout.splitlines()) == 30
    assert "31 schedules are due" in lint(project, "--herd", "31", "--rule", "herd").stdout


def test_the_bucket_is_linted_as_it_is_and_unknown_queues_come_to_light_online(
    project: Path, server: NatsServer
) -> None:
    fill(server.url)
    done = lint(project, "--bucket", "--online", "--server", server.url, code=3)
    assert all(char.isprintable() or char == "\n" for char in done.stdout)
    found = {(*line.split(": ")[:2], line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines()}
    assert {
        ("error", "BAD", "[unreadable]"),
        ("error", "BROKEN", "[unreadable]"),
        ("error", "EVIL", "[unknown-queue]"),
        ("error", "LOST", "[unknown-queue]"),
        ("error", "NEVER", "[never-fires]"),
        ("warning", "NIGHTLY", "[skipped-by-dst]"),
    } <= found
    assert "did you mean EMAIL?" in done.stdout
    assert "unknown-queue" not in lint(project, "--bucket", "--server", server.url, code=3).stdout


def test_files_are_linted_without_a_server_and_next_and_timeline_read_them_too(project: Path) -> None:
    done = ajsync(project, "next", "--files", "--json", "--from", "2027-03-27")
    assert done.returncode == 0, done.stderr
    assert {each["name"]: each["next"] for each in json.loads(done.stdout)} == {
        "FINE": ["2027-03-27T09:30:00+01:00"],
        "NEVER": [],
        "SLOW": ["2027-03-27T00:00:00+00:00"],
    }
    done = ajsync(project, "timeline", "--files", "--hours", "48", "--json", "--from", "2027-03-27")
    assert json.loads(done.stdout)["fires"] == 50


def test_the_help_lists_every_rule(project: Path) -> None:
    from ajsync.inspect.rules import RULES

    text = lint(project, "--help").stdout
    assert all(rule.name in text for rule in RULES)
