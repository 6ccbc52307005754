"""The options that select schedules: the same in each command that lists or changes some."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands.inspected import fill
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put, put_values

SCHEDULES = """\
defaults: {queue: EMAIL, task_type: t, timezone: UTC, labels: {team: mail}}
schedules:
  EMAIL_A: {schedule: 0 1 * * *, labels: {tier: gold}}
  EMAIL_B: {schedule: 0 2 * * *}
  REPORT: {schedule: 0 3 * * *, queue: REPORTS}
"""
COMMANDS = ("list", "view", "next", "timeline", "history", "lint --bucket", "plan", "apply --yes")
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync beside the server, whose bucket holds the project's schedules and those of others."""
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    fill(server.url)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = ajsync(project, *arguments, "--server", server.url)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    put(server.url, [task("EMAIL_X", owner="others"), task("FREE", owner=None)])
    run("apply", "--yes", "--allow-deletes", "99")
    return run


def document(run: Run, *arguments: str) -> Any:
    return json.loads(run(*arguments, "-o", "json").stdout)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--mine"], ["EMAIL_A", "EMAIL_B", "REPORT"]),
        (["--owner", "others"], ["EMAIL_X"]),
        (["--name", "EMAIL_*"], ["EMAIL_A", "EMAIL_B", "EMAIL_X"]),
        (["--name", "EMAIL_A", "--name", "FREE"], ["EMAIL_A", "FREE"]),
        (["--name", "EMAIL_*", "-l", "team=mail", "--label", "tier!=gold"], ["EMAIL_B"]),
        (["--queue", "REPORTS"], ["REPORT"]),
        (["-l", "tier"], ["EMAIL_A"]),
    ],
)
def test_what_is_selected_is_the_same_everywhere(run: Run, options: list[str], names: list[str]) -> None:
    assert document(run, "list", "--names", *options) == names
    assert [each["name"] for each in document(run, "list", *options)] == names
    assert [each["name"] for each in document(run, "view", *options)] == names
    assert [each["name"] for each in document(run, "next", *options)] == names
    assert [each["name"] for each in document(run, "history", *options)] == names
    assert document(run, "timeline", *options)["schedules"] == len(names)


def test_what_is_selected_is_shown_one_below_the_other(run: Run) -> None:
    shown = run("view", "-l", "team=mail").stdout
    heads = [line.split(" created at ")[0] for line in shown.splitlines() if " created at " in line]
    assert heads == [f"Scheduled Task {name}" for name in ("EMAIL_A", "EMAIL_B", "REPORT")]
    assert run("history", "-l", "team=mail").stdout.count("It has not been due yet.") == 3
    assert "EMAIL_A" in run("next", "-l", "tier=gold").stdout


def test_a_value_that_is_no_schedule_is_selected_by_its_name_only(run: Run, server: NatsServer) -> None:
    put_values(server.url, {"EMAIL_ODD": b"not JSON"})
    assert "EMAIL_ODD: not JSON" in run("list", "--name", "EMAIL_*").stderr
    assert "EMAIL_ODD: not JSON" in run("view", "--name", "EMAIL_*").stderr
    assert "EMAIL_ODD" not in run("list", "--mine").stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_selection_of_nothing_says_what_was_probably_meant(run: Run, command: str) -> None:
    done = run(*command.split(), "--name", "EMIAL_*")
    assert "matches --name 'EMIAL_*'. Did you mean --name 'EMAIL_*'?" in done.stderr
    assert "Did you mean -l team=mail?" in run(*command.split(), "-l", "team=meil").stderr


def test_in_the_files_it_is_the_same(run: Run) -> None:
    assert [each["name"] for each in document(run, "next", "--files", "-l", "tier")] == ["EMAIL_A"]
    assert [each["name"] for each in document(run, "next", "--files", "--mine", "--queue", "REPORTS")] == ["REPORT"]
    assert "No schedule in the files matches" in run("next", "--files", "--owner", "others").stderr


def test_lint_shows_what_concerns_the_selected_schedules_and_still_sees_the_others(
    run: Run, project: Path, server: NatsServer
) -> None:
    def found(*options: str) -> list[tuple[str, str]]:
        value = document(run, "lint", *options)
        return [(each["rule"], each["name"]) for each in value["findings"]]

    same = SCHEDULES.replace("0 2 *", "0 1 *").replace("0 3 * * *", "0 3 30 2 *")
    (project / "schedules" / "a.yaml").write_text(same)
    assert found("--name", "EMAIL_B") == [("same-task", "EMAIL_B")]  # the same as EMAIL_A
    assert found("--name", "EMAIL_A") == []
    run("lint", "--name", "EMAIL_*", "--fail-on", "error")
    run("lint", "--fail-on", "error", code=3)
    assert {name for _, name in found("--bucket", "--owner", "others")} == {"EMAIL_X"}
    assert run("lint", "--owner", "others", code=3).stderr.startswith("ajsync.yaml:1:8: the files belong to")


def test_a_plan_leaves_out_what_is_not_selected_and_counts_it(run: Run, project: Path) -> None:
    changed = SCHEDULES.replace("tier: gold", "tier: silver").replace("0 2 *", "0 4 *")
    changed = changed.replace("  REPORT: {schedule: 0 3", "  NEW: {schedule: 0 5")
    (project / "schedules" / "a.yaml").write_text(changed)
    assert "1 to create, 2 to update, 0 to adopt, 1 to delete" in run("plan").stdout
    for options, names in (
        (["-l", "tier=gold"], ["EMAIL_A"]),
        (["-l", "tier=silver"], ["EMAIL_A"]),
        (["--queue", "REPORTS"], ["NEW", "REPORT"]),
        (["--mine"], ["EMAIL_A", "EMAIL_B", "NEW", "REPORT"]),
    ):
        value = document(run, "plan", *options)
        assert [change["name"] for change in value["changes"]] == names
        assert value["summary"]["not_selected"] == 4 - len(names)
    done = run("apply", "--yes", "--name", "EMAIL_*", "-l", "tier!=silver")
    assert (
        "Plan: 0 to create, 2 to update, 0 to adopt, 0 to delete; 0 unchanged; 2 changes not selected." in done.stdout
    )
    assert "Applied: 2 updated." in done.stdout
    assert "1 to create, 0 to update, 0 to adopt, 1 to delete" in run("plan").stdout
    again = run("apply", "--yes", "--name", "EMAIL_*")
    assert "No changes: 2 schedules are up to date; 2 changes not selected." in again.stdout
    assert again.stderr == ""


def test_a_conflict_that_is_not_selected_does_not_stop_the_others(run: Run, project: Path) -> None:
    (project / "schedules" / "a.yaml").write_text(
        f"{SCHEDULES}  FREE: {{schedule: 0 3 * * *}}\n  NEW: {{schedule: daily}}\n"
    )
    run("apply", "--yes", code=5)
    done = run("apply", "--yes", "--name", "NEW")
    assert "Applied: 1 created." in done.stdout
    assert "1 change not selected" in done.stdout


def test_a_saved_plan_remembers_what_was_selected(run: Run, project: Path) -> None:
    (project / "schedules" / "a.yaml").write_text(
        f"{SCHEDULES}  NEW: {{schedule: daily}}\n  OTHER: {{schedule: daily}}\n"
    )
    run("plan", "--out", "change.plan", "--name", "N*")
    refused = run("apply", "change.plan", "--name", "OTHER", code=64)
    assert "A saved plan holds what was selected for it" in refused.stderr
    done = run("apply", "change.plan")
    assert "Selected by --name 'N*'" in done.stdout
    assert "Applied: 1 created." in done.stdout
    assert "1 change not selected" in run("apply", "change.plan").stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("apply --yes --watch --mine", "--watch follows all schedules of the files"),
        ("view", "Name a schedule, or select some with options"),
        ("history", "Name a schedule, or select some with options"),
        ("view A --mine", "Name the schedules, or select them with options, but not both."),
        ("history A --queue Q", "Name the schedules, or select them with options, but not both."),
        ("next A -l x", "Name the schedules, or select them with options, but not both."),
        ("list --mine --owner x", "--mine cannot be combined with --owner"),
        ("list -l a,b", "give each by itself: -l a -l b"),
        ("list -l a=", "write NAME=VALUE, NAME!=VALUE or NAME"),
        ("list --queue=", "it is empty. Is a variable unset?"),
        ("list --name=", "it is empty. Is a variable unset?"),
        ("list --owner=", "it is empty. Is a variable unset?"),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything_is_read(
    project: Path, command: str, told: str
) -> None:
    done = ajsync(project, *command.split(), "--server", "nats://127.0.0.1:1")
    assert done.returncode == 64
    assert told in done.stderr


def test_without_a_project_there_is_nobody_to_be(tmp_path: Path) -> None:
    done = ajsync(tmp_path, "list", "--mine", "--server", "nats://127.0.0.1:1")
    assert done.returncode == 3
    assert "ajsync.yaml: not found" in done.stderr
