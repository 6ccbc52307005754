"""`ajsync pause` and `resume`, and what the other commands say of a paused schedule."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.processes import ajsync
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.values import put

SCHEDULES = """\
defaults: {queue: EMAIL, task_type: t, timezone: UTC}
schedules:
  EMAIL_A: {schedule: 0 1 * * *, labels: {tier: gold}}
  EMAIL_B: {schedule: 0 2 * * *}
  REPORT: {schedule: 0 3 * * *, queue: REPORTS}
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync beside the server, whose bucket holds the project's schedules and those of others."""
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = ajsync(project, *arguments, "--server", server.url)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    run("apply", "--yes", "--create-bucket")
    put(server.url, [task("THEIRS", owner="others"), task("FREE", owner=None)])
    return run


def paused(run: Run) -> dict[str, str]:
    """Name and reason of each paused schedule."""
    listed = json.loads(run("list", "--json").stdout)
    return {each["name"]: each["paused"]["reason"] for each in listed if "paused" in each}


def test_schedules_are_paused_and_resumed_by_name(run: Run) -> None:
    done = run("pause", "EMAIL_A", "FREE", "--reason", "new disks", "--until", "2100-01-01")
    assert done.stdout.splitlines() == [
        "Paused EMAIL_A until Fri 2100-01-01 00:00 UTC.",
        "Paused FREE until Fri 2100-01-01 00:00 UTC.",
    ]
    assert paused(run) == {"EMAIL_A": "new disks", "FREE": "new disks"}
    done = run("resume", "EMAIL_A", "FREE", "REPORT")
    assert done.stdout.splitlines() == ["Resumed EMAIL_A.", "Resumed FREE."]
    assert done.stderr == "REPORT is not paused.\n"
    assert paused(run) == {}


def test_schedules_are_paused_and_resumed_by_selection(run: Run) -> None:
    done = run("pause", "--name", "*", "-l", "tier!=gold", "--reason", "why")
    assert "Left alone: 1 schedule of other owners; --owner selects those of one." in done.stderr
    assert paused(run) == {"EMAIL_B": "why", "REPORT": "why", "FREE": "why"}
    run("resume", "--queue", "REPORTS")
    assert paused(run) == {"EMAIL_B": "why", "FREE": "why"}
    run("pause", "--owner", "others", "--reason", "theirs")
    assert paused(run)["THEIRS"] == "theirs"
    assert "None of the selected schedules is paused." in run("resume", "-l", "tier=gold").stderr
    run("resume", "--mine")
    assert paused(run) == {"FREE": "why", "THEIRS": "theirs"}
    assert "No schedule in the bucket matches --name 'X*'." in run("resume", "--name", "X*").stderr


def test_the_documents_say_what_became_of_each(run: Run) -> None:
    found = json.loads(run("pause", "EMAIL_A", "NOPE", "--reason", "why", "--for", "2h", "--json", code=6).stdout)
    assert [(each["name"], each["changed"]) for each in found] == [("EMAIL_A", True), ("NOPE", False)]
    assert found[0]["paused"]["reason"] == "why"
    assert found[0]["error"] is None
    assert "no schedule NOPE" in found[1]["error"]
    found = json.loads(run("resume", "EMAIL_A", "EMAIL_B", "--json").stdout)
    assert [(each["paused"], each["changed"]) for each in found] == [(None, True), (None, False)]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["pause", "EMAIL_A"], 64, "Missing option '--reason'"),
        (["pause", "--reason", "x"], 64, "Name the schedules, or select some"),
        (["pause", "EMAIL_A", "--queue", "EMAIL", "--reason", "x"], 64, "but not both"),
        (["pause", "EMAIL_A", "--reason", "x", "--for", "2h", "--until", "2100-01-01"], 64, "cannot be combined"),
        (["pause", "EMAIL_A", "--reason", "x", "--until", "soon"], 64, "write for example"),
        (["pause", "EMAIL_A", "--reason", "x", "--until", "2020-01-01"], 3, "has passed"),
        (["pause", "EMAIL_A", "--reason", ""], 3, "must not be empty"),
        (["pause", "NOPE", "--reason", "x"], 1, "There is no schedule NOPE in the bucket"),
        (["pause", "THEIRS", "--reason", "x"], 5, "belongs to the owner others, not to team: to pause it"),
        (["pause", "FREE", "--owner", "team", "--reason", "x"], 5, "FREE has no owner"),
        (["resume"], 64, "Name the schedules, or select some"),
        (["resume", "NOPE"], 1, "There is no schedule NOPE in the bucket"),
        (["resume", "THEIRS"], 0, "THEIRS is not paused."),
    ],
)
def test_what_cannot_be_is_said(run: Run, arguments: list[str], code: int, told: str) -> None:
    assert told in run(*arguments, code=code).stderr
    assert paused(run) == {}


def test_the_other_commands_show_what_is_paused(run: Run) -> None:
    reason = "\x1b[31mred"
    run("pause", "EMAIL_A", "--reason", reason, "--until", "2100-01-01")
    told = "until Fri 2100-01-01 00:00 UTC by"
    listed = run("list")
    assert "│ paused" in listed.stdout
    assert f"EMAIL_A: {told}" in listed.stderr
    assert "EMAIL_A" in run("list", "--names").stdout
    assert f"Paused: {told}" in run("view", "EMAIL_A").stdout
    assert "Next" not in run("view", "EMAIL_A").stdout
    assert json.loads(run("view", "EMAIL_A", "--json").stdout)["paused"]["reason"] == reason
    assert f"Paused: {told}" in run("view", "--name", "EMAIL_*").stdout
    assert f"‖ EMAIL_A: {told}" in run("plan").stdout
    assert f"EMAIL_A does not fire: it is paused {told}" in run("next", "EMAIL_A", code=1).stderr
    following = run("next")
    assert "EMAIL_A" not in following.stdout
    assert "1 schedule is paused; 'ajsync list' shows why." in following.stderr
    assert "EMAIL_A" not in run("timeline", "--hours", "24", "--json").stdout
    assert "already exists, is paused, and belongs" in run("add", "EMAIL_A", "@daily", "t", code=5).stderr
    for done in (listed, run("view", "EMAIL_A"), run("plan"), run("next", "EMAIL_A", code=1)):
        assert "\x1b" not in done.stdout + done.stderr


def test_files_change_and_delete_a_paused_schedule_and_do_not_resume_it(run: Run, project: Path) -> None:
    run("pause", "EMAIL_A", "EMAIL_B", "--reason", "why")
    assert "No changes" in run("plan", "--detailed-exitcode").stdout
    (project / "schedules" / "a.yaml").write_text(
        SCHEDULES.replace("0 1 * * *", "0 4 * * *").replace("  EMAIL_B: {schedule: 0 2 * * *}\n", "")
    )
    run("plan", "--out", "saved.plan")
    assert "Applied: 1 updated, 1 deleted." in run("apply", "saved.plan").stdout
    assert paused(run) == {"EMAIL_A": "why"}
    run("resume", "EMAIL_A")
    assert json.loads(run("view", "EMAIL_A", "--json").stdout)["schedule"] == "CRON_TZ=UTC 0 4 * * *"
    assert "No changes" in run("plan").stdout


def test_a_plan_that_was_saved_before_a_pause_is_stale(run: Run, project: Path) -> None:
    (project / "schedules" / "a.yaml").write_text(SCHEDULES.replace("0 1 * * *", "0 4 * * *"))
    run("plan", "--out", "saved.plan")
    run("pause", "EMAIL_A", "--reason", "why")
    assert "have changed in the bucket since it was made: EMAIL_A" in run("apply", "saved.plan", code=5).stderr


def test_export_writes_a_paused_schedule_and_plans_as_unchanged(run: Run, project: Path) -> None:
    run("pause", "EMAIL_A", "--reason", "why")
    (project / "schedules" / "a.yaml").write_text(run("export").stdout)
    assert "EMAIL_A" in (project / "schedules" / "a.yaml").read_text()
    assert "1 to create" not in (plan := run("plan", "--adopt").stdout)
    assert "to delete; 3 unchanged" in plan


def test_the_next_apply_resumes_what_has_reached_its_end(run: Run) -> None:
    run("pause", "EMAIL_A", "--reason", "why", "--for", "1ms")
    done = run("apply", "--yes")
    assert "Resumed 1 schedule whose pause had ended." in done.stderr
    assert paused(run) == {}
    run("pause", "EMAIL_A", "--reason", "why", "--for", "1ms")
    assert "the pause has ended, so a scheduler or the next apply resumes it" in run("plan").stdout


def test_history_has_no_fires_in_a_pause(run: Run, server: NatsServer) -> None:
    put(server.url, [task("TICK", owner=None, schedule="@every 1s", created_at=1)])
    run("pause", "TICK", "--reason", "why")
    before = json.loads(run("history", "TICK", "--last", "1", "--json").stdout)["fires"][0]["due"]
    again = json.loads(run("history", "TICK", "--last", "1", "--json").stdout)["fires"][0]["due"]
    assert before == again
    run("resume", "TICK")
    assert json.loads(run("history", "--name", "TICK", "--last", "64", "--json").stdout)[0]["fires"][-1]["due"] < before


def test_a_task_is_made_of_a_paused_schedule_by_hand(run: Run) -> None:
    run("pause", "EMAIL_A", "--reason", "why")
    assert "No task was made, because no stream takes tasks" in run("run", "EMAIL_A", code=7).stderr


def test_many_are_named_up_to_twenty(run: Run, server: NatsServer) -> None:
    put(server.url, [task(f"T{number:02}", owner=None) for number in range(25)])
    done = run("pause", "--name", "T??", "--reason", "why")
    assert len(done.stdout.splitlines()) == 21
    assert done.stdout.endswith("Paused 5 more schedules.\n")
