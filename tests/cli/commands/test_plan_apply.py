"""`ajsync plan` and `ajsync apply` as a user runs them: real processes, real files, a real server."""

from __future__ import annotations

import json
import os
import pty
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from jsonschema import Draft202012Validator

from ajsync.cli.commands import apply, plan
from ajsync.config import schema_file
from ajsync.reconcile.render import RENDERERS, RESULT_RENDERERS
from tests.cli.launcher import launcher
from tests.cli.processes import ajsync, background, wait_until
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.values import put_values

SCHEDULES = """\
schedules:
  DAILY:
    schedule: "@daily"
    task_type: report:daily
    payload: {a: 1}
  HOURLY:
    schedule: 5 * * * *
    task_type: report:hourly
    timezone: Europe/Malta
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(project: Path) -> Path:
    """A project of two schedules."""
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    return project


def test_a_plan_is_shown_in_the_format_of_each_renderer_and_in_yaml() -> None:
    (formats,) = [option.type for option in plan.command.params if option.name == "style"]
    assert isinstance(formats, click.Choice)
    assert sorted(formats.choices) == sorted([*RENDERERS, "yaml"])


def test_an_apply_is_shown_in_the_format_of_each_renderer() -> None:
    (formats,) = [option.type for option in apply.command.params if option.name == "style"]
    assert isinstance(formats, click.Choice)
    assert sorted(formats.choices) == sorted([*RESULT_RENDERERS, "text", "json", "yaml"])


@pytest.fixture
def run(project: Path, server: NatsServer) -> Run:
    """Run a command of ajsync in the project, against the server."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return ajsync(project, *arguments, "--server", server.url)

    return run


@pytest.fixture
def applied(run: Run) -> None:
    """The project's schedules are in the bucket."""
    done = run("apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr


def write(project: Path, text: str) -> None:
    (project / "schedules" / "a.yaml").write_text(text)


def test_a_missing_bucket_is_never_made_silently(run: Run) -> None:
    for command in (["plan"], ["apply", "--yes"], ["list"]):
        done = run(*command)
        assert done.returncode == 7
        assert "does not exist" in done.stderr
        assert "--create-bucket" in done.stderr


def test_plan_apply_plan_ends_with_nothing_to_do(run: Run) -> None:
    made = run("apply", "--yes", "--create-bucket")
    assert "Made the bucket CHORIA_AJ_CONFIGURATION." in made.stderr
    assert "Applied: 2 created." in made.stdout
    again = run("plan", "--detailed-exitcode")
    assert (again.returncode, again.stderr) == (0, "")
    assert "No changes:" in again.stdout


@pytest.mark.usefixtures("applied")
def test_changes_pending_end_with_2_only_when_asked_for(run: Run, project: Path) -> None:
    write(project, SCHEDULES.replace("@daily", "@weekly"))
    assert run("plan").returncode == 0
    done = run("plan", "--detailed-exitcode")
    assert done.returncode == 2
    assert "@daily" in done.stdout
    assert "@weekly" in done.stdout


def test_invalid_files_end_with_3_and_every_problem_with_its_place(run: Run, project: Path) -> None:
    write(project, SCHEDULES.replace("5 * * * *", "61 * * * *"))
    (project / "schedules" / "b.yaml").write_text("schedules: [")
    for command in (["validate"], ["plan"], ["apply", "--yes"]):
        done = ajsync(project, *command)
        assert done.returncode == 3
        assert "schedules/a.yaml:7:" in done.stderr
        assert "schedules/b.yaml:2:" in done.stderr
        assert "2 problems" in done.stderr


def test_invalid_files_become_annotations_from_the_root_of_the_repository(project: Path) -> None:
    write(project, SCHEDULES.replace("5 * * * *", "61 * * * *"))
    for command in ("plan", "validate"):
        done = ajsync(project, command, "--format", "github", GITHUB_WORKSPACE=str(project.parent))
        assert done.returncode == 3
        assert done.stdout.startswith("::error file=project/schedules/a.yaml,line=7,title=ajsync%3A invalid::schedule")
        assert "61 is above the maximum" in done.stderr


def test_the_plan_for_programs_fits_its_schema_which_needs_no_other(run: Run, project: Path) -> None:
    assert run("apply", "--yes", "--create-bucket").returncode == 0
    write(project, SCHEDULES.replace("@daily", "@weekly").replace("HOURLY", "OTHER"))
    schema = json.loads(schema_file("plan.schema.json").read_bytes())
    plan = json.loads(run("plan", "--format", "json").stdout)
    assert [change["action"] for change in plan["changes"]] == ["update", "delete", "create"]
    Draft202012Validator(schema).validate(plan)
    plan["changes"][0]["after"]["max_tries"] = "3"
    assert not Draft202012Validator(schema).is_valid(plan)


def test_changes_become_annotations_from_the_root_of_the_repository(project: Path, server: NatsServer) -> None:
    ajsync(project, "init", "--bucket", "--server", server.url)
    plan = ("plan", "--format", "github", "--server", server.url)
    done = ajsync(project, *plan, GITHUB_WORKSPACE=str(project.parent))
    assert "::notice file=project/schedules/a.yaml,line=2,title=ajsync%3A create DAILY::" in done.stdout


def test_one_look_at_the_bucket_gives_a_plan_in_several_formats(run: Run, project: Path) -> None:
    assert run("apply", "--yes", "--create-bucket").returncode == 0
    write(project, SCHEDULES.replace("@daily", "@weekly"))
    reports = [word for style in RENDERERS for word in ("--report", f"{style}=plan.{style}")]
    done = run("plan", *reports, "--show-payload")
    assert done.returncode == 0, done.stderr
    assert (project / "plan.markdown").read_text().startswith("<!-- ajsync plan team -->\n")
    assert json.loads((project / "plan.json").read_text())["summary"]["update"] == 1
    assert "::notice file=" in (project / "plan.github").read_text()
    assert (project / "plan.text").read_text() == done.stdout
    assert stat.S_IMODE((project / "plan.json").stat().st_mode) == 0o600


def test_an_apply_reports_what_became_of_it_also_when_a_gate_refuses_it(run: Run, project: Path) -> None:
    reports = ("--report", "markdown=result.md", "--report", "json=result.json", "--report", "github=result.txt")
    assert run("apply", "--yes", "--create-bucket", *reports).returncode == 0
    assert "Applied: 2 created." in (project / "result.md").read_text()
    assert json.loads((project / "result.json").read_text())["applied"] == {"create": 2}
    assert (project / "result.txt").read_text().startswith("::notice title=ajsync apply::")
    write(project, "schedules: {}\n")
    shown = run("apply", "--yes", "--format", "github", *reports)
    assert shown.returncode == 4
    assert shown.stdout == (project / "result.txt").read_text()
    assert "This plan will not be applied" in (project / "result.md").read_text()
    assert json.loads((project / "result.json").read_text())["plan"]["applicable"] is False


def test_a_report_without_a_place_is_told_before_anything_is_done(run: Run, project: Path) -> None:
    (project / "folder").mkdir()
    (project / "link").symlink_to("plan.md")
    os.mkfifo(project / "pipe")
    for file, told in (
        ("none/plan.md", "no such folder"),
        ("ajsync.yaml/plan.md", "Not a directory"),
        ("folder", "not a regular file"),
        ("pipe", "not a regular file"),
        ("/dev/null", "not a regular file"),
        ("link", "a symbolic link"),
        ("/dev/stdout", "a symbolic link"),
        *([] if os.geteuid() == 0 else [("/proc/plan.md", "no file can be made")]),  # root may write anywhere
        ("a" * 300, "File name too long"),
    ):
        for command in (("plan",), ("apply", "--yes", "--create-bucket")):
            done = run(*command, "--report", f"markdown={file}")
            assert done.returncode == 64
            assert told in done.stderr
    assert run("list").returncode == 7
    same = ("--report", "markdown=plan.md", "--report", f"json={project}/plan.md")
    out = ("--out", "plan.md", "--report", "markdown=./plan.md")
    for call in (("plan", *same), ("apply", "--yes", *same), ("plan", *out), ("apply", "plan.md", *out[2:])):
        done = run(*call)
        assert (done.returncode, "it is also named for something else" in done.stderr) == (64, True)
    assert not (project / "plan.md").exists()
    for report in ("html=plan.html", "markdown", "markdown="):
        assert run("plan", "--report", report).returncode == 64


def test_a_wrong_call_ends_with_64(project: Path) -> None:
    for command in (
        ["plan", "--no-such-option"],
        ["no-such-command"],
        ["apply", "--watch"],
        ["apply", "x.plan", "--watch", "--yes"],
        ["plan", "--server", "nats://127.0.0.1:1", "--context", "X"],
    ):
        done = ajsync(project, *command)
        assert done.returncode == 64, done


def test_no_server_ends_with_7_and_says_why(project: Path) -> None:
    done = ajsync(project, "plan", "--server", "nats://127.0.0.1:1")
    assert done.returncode == 7
    assert "refused" in done.stderr.lower()
    assert "Traceback" not in done.stderr


def test_a_wrong_password_ends_with_7_and_does_not_show_it(start_server: StartServer, project: Path) -> None:
    server = start_server("authorization { user: u, password: right }")
    done = ajsync(project, "plan", "--server", server.url.replace("://", "://u:wrongsecret@"))
    assert done.returncode == 7
    assert "Authorization Violation" in done.stderr
    assert "wrongsecret" not in done.stderr


@pytest.mark.usefixtures("applied")
def test_a_gate_ends_with_4_and_names_its_option(run: Run, project: Path) -> None:
    write(project, "schedules: {}\n")
    refused = run("apply", "--yes")
    assert refused.returncode == 4
    assert "--allow-empty" in refused.stdout + refused.stderr
    assert run("plan").returncode == 4
    done = run("apply", "--yes", "--allow-empty")
    assert "Applied: 2 deleted." in done.stdout


def put_value(server: NatsServer, name: str, value: str) -> None:
    put_values(server.url, {name: value.encode()})


UNMANAGED = json.dumps(
    {
        "name": "DAILY",
        "schedule": "@daily",
        "queue": "DEFAULT",
        "task_type": "report:daily",
        "payload": None,
        "max_tries": 10,
        "created_at": "2026-11-23T14:09:53.885345525Z",
    }
)


def test_what_nobody_manages_is_a_conflict_until_it_is_adopted(run: Run, server: NatsServer) -> None:
    run("init", "--bucket")
    put_value(server, "DAILY", UNMANAGED)
    refused = run("apply", "--yes")
    assert refused.returncode == 5
    assert "--adopt" in refused.stdout
    assert run("plan").returncode == 5
    assert "Applied: 1 created, 1 adopted." in run("apply", "--yes", "--adopt").stdout
    assert json.loads(run("view", "DAILY", "--json").stdout)["created_at"] == "2026-11-23T14:09:53.885345525Z"
    assert run("plan", "--detailed-exitcode").returncode == 0


@pytest.mark.usefixtures("applied")
def test_values_that_are_no_schedules_are_listed_and_left_alone(run: Run, server: NatsServer) -> None:
    put_value(server, "BROKEN", "{not json \x1b[31m")
    assert "BROKEN" in run("list").stderr
    plan = run("plan", "--detailed-exitcode")
    assert plan.returncode == 0
    assert "BROKEN" in plan.stdout
    assert "\x1b" not in plan.stdout + run("list").stderr
    assert run("view", "BROKEN").returncode == 1


@pytest.mark.usefixtures("applied")
def test_a_saved_plan_is_private_and_applies_once(run: Run, project: Path) -> None:
    write(project, SCHEDULES.replace("@daily", "@weekly"))
    assert run("plan", "--out", "change.plan").returncode == 0
    assert stat.S_IMODE((project / "change.plan").stat().st_mode) == 0o600
    assert "Applied: 1 updated." in run("apply", "change.plan").stdout
    again = run("apply", "change.plan")
    assert again.returncode == 0
    assert "No changes:" in again.stdout


@pytest.mark.usefixtures("applied")
def test_the_gates_that_a_saved_plan_was_made_with_stay_open(run: Run, project: Path) -> None:
    write(project, "schedules: {}\n")
    assert run("plan", "--out", "refused.plan").returncode == 4
    assert run("apply", "refused.plan").returncode == 4
    assert run("plan", "--out", "change.plan", "--allow-empty", "--allow-deletes", "9").returncode == 0
    assert run("apply", "change.plan").returncode == 0
    assert run("list", "--names").stdout == ""


@pytest.mark.usefixtures("applied")
def test_a_saved_plan_is_stale_once_files_or_keys_have_changed(run: Run, project: Path, server: NatsServer) -> None:
    write(project, SCHEDULES.replace("@daily", "@weekly"))
    run("plan", "--out", "change.plan")
    write(project, SCHEDULES.replace("@daily", "@monthly"))
    stale = run("apply", "change.plan")
    assert stale.returncode == 5
    write(project, SCHEDULES.replace("@daily", "@weekly"))
    changed = json.loads(run("view", "DAILY", "--json").stdout)
    put_value(server, "DAILY", json.dumps({**changed, "max_tries": 4}))
    stale = run("apply", "change.plan")
    assert stale.returncode == 5
    assert json.loads(run("view", "DAILY", "--json").stdout)["max_tries"] == 4


def test_without_a_terminal_apply_wants_yes(run: Run) -> None:
    run("init", "--bucket")
    done = run("apply")
    assert done.returncode == 64
    assert "--yes" in done.stderr


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1)])
def test_on_a_terminal_apply_asks(project: Path, run: Run, server: NatsServer, answer: str, code: int) -> None:
    run("init", "--bucket")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [launcher(), "apply", "--server", server.url],
        cwd=project,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while f"Apply to {server.url}: 2 to create?".encode() not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, answer.encode())
    try:
        while data := os.read(ours, 4096):
            shown += data
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == code
    assert (b"2 created" in shown) == (code == 0)
    assert b"\x1b[" in shown  # colour


@pytest.mark.usefixtures("applied")
def test_list_and_view_show_what_is_stored(run: Run) -> None:
    table = run("list").stdout
    assert "2 Scheduled Task(s)" in table
    assert "CRON_TZ=Europe/Malta 5 * * * *" in table
    assert run("list", "--names").stdout == "DAILY\nHOURLY\n"
    stored = json.loads(run("list", "--json").stdout)
    assert [task["ajsync"]["owner"] for task in stored] == ["team", "team"]
    view = run("view", "DAILY", "--show-payload").stdout
    assert "Task Type: report:daily" in view
    assert '{"a":1}' in view
    missing = run("view", "DALY")
    assert missing.returncode == 1
    assert "Did you mean DAILY?" in missing.stderr


def schedules(run: Run) -> dict[str, str]:
    return {task["name"]: task["schedule"] for task in json.loads(run("list", "--json").stdout)}


def test_watch_applies_edits_keeps_the_last_good_files_and_stops_cleanly(
    project: Path, run: Run, server: NatsServer
) -> None:
    arguments = ("apply", "--watch", "--yes", "--create-bucket", "--server", server.url)
    with background(project, *arguments) as process:
        wait_until(lambda: run("list").returncode == 0, process)
        wait_until(lambda: schedules(run).get("DAILY") == "@daily", process)
        # As an editor saves: a new file renamed over the old one.
        (project / "schedules" / ".a.yaml.swp").write_text(SCHEDULES.replace("@daily", "@weekly"))
        (project / "schedules" / ".a.yaml.swp").rename(project / "schedules" / "a.yaml")
        wait_until(lambda: schedules(run).get("DAILY") == "@weekly", process)
        write(project, "schedules: [")
        (project / "schedules" / "b.yaml").write_text(SCHEDULES.replace("DAILY", "B").replace("HOURLY", "C"))
        write(project, "schedules: [broken")
        # The files are read again for this one, and still invalid; then they are mended.
        write(project, SCHEDULES.replace("@daily", "@monthly"))
        wait_until(lambda: schedules(run).get("DAILY") == "@monthly", process)
        wait_until(lambda: "B" in schedules(run), process)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert process.wait(60) == 0
        assert time.monotonic() - began < 5
        assert "Stopped" in (process.stderr.read() if process.stderr else "")


def test_watch_says_that_an_invalid_edit_changes_nothing(project: Path, run: Run, server: NatsServer) -> None:
    arguments = ("apply", "--watch", "--yes", "--create-bucket", "--resync", "1s", "--server", server.url)
    with background(project, *arguments) as process:
        wait_until(lambda: run("list").returncode == 0 and "DAILY" in schedules(run), process)
        write(project, "schedules: [")
        assert process.stderr is not None
        seen = ""
        while "last good configuration stays in force" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        assert schedules(run) == {"DAILY": "@daily", "HOURLY": "CRON_TZ=Europe/Malta 5 * * * *"}
        (project / "schedules" / "notes.txt").write_text("a change that mends nothing")
        for _ in range(2):  # between two resyncs, each of which makes good a drift, the files are read again
            assert run("delete", "DAILY", "--owner", "team", "--force").returncode == 0
            wait_until(lambda: "DAILY" in schedules(run), process)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert "last good configuration" not in process.stderr.read()


def test_watch_follows_the_swap_of_a_config_map(tmp_path: Path, run: Run, server: NatsServer) -> None:
    mount = tmp_path / "mount"
    for version, text in (("..1", SCHEDULES), ("..2", SCHEDULES.replace("@daily", "@weekly"))):
        (mount / version).mkdir(parents=True)
        (mount / version / "ajsync.yaml").write_text("owner: team\nfiles: ['*.schedules.yaml']\n")
        (mount / version / "a.schedules.yaml").write_text(text)
    (mount / "..data").symlink_to("..1")
    for name in ("ajsync.yaml", "a.schedules.yaml"):
        (mount / name).symlink_to(f"..data/{name}")
    with background(mount, "apply", "--watch", "--yes", "--create-bucket", "--server", server.url) as process:
        wait_until(lambda: run("list").returncode == 0 and schedules(run).get("DAILY") == "@daily", process)
        (mount / "..data_tmp").symlink_to("..2")
        (mount / "..data_tmp").rename(mount / "..data")
        wait_until(lambda: schedules(run).get("DAILY") == "@weekly", process)


def test_watch_mends_drift(project: Path, run: Run, server: NatsServer) -> None:
    arguments = ("apply", "--watch", "--yes", "--create-bucket", "--resync", "200ms", "--server", server.url)
    with background(project, *arguments) as process:
        wait_until(lambda: run("list").returncode == 0 and "DAILY" in schedules(run), process)
        changed = json.loads(run("view", "DAILY", "--json").stdout)
        put_value(server, "DAILY", json.dumps({**changed, "schedule": "@yearly"}))
        wait_until(lambda: schedules(run).get("DAILY") == "@daily", process)


def test_watch_goes_on_when_the_server_comes_back(project: Path, run: Run, server: NatsServer) -> None:
    arguments = ("apply", "--watch", "--yes", "--create-bucket", "--resync", "500ms", "--server", server.url)
    with background(project, *arguments) as process:
        wait_until(lambda: run("list").returncode == 0 and "DAILY" in schedules(run), process)
        server.stop()
        write(project, SCHEDULES.replace("@daily", "@weekly"))
        server.start()
        wait_until(lambda: schedules(run).get("DAILY") == "@weekly", process)


@pytest.mark.usefixtures("applied")
def test_output_that_cannot_be_written_says_why(project: Path, server: NatsServer) -> None:
    command = [str(launcher()), "plan", "--format", "json", "--server", server.url]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=project, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "Error: Standard output cannot be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("server", "said"),
    [("", "--server is empty"), (" ", "--server is empty"), ("http://x", "The server cannot be used")],
)
def test_a_server_that_is_none_is_wrong_usage(project: Path, server: str, said: str) -> None:
    for command in ("plan", "list", "scheduler"):
        done = ajsync(project, command, "--server", server)
        assert (done.returncode, done.stdout) == (64, "")
        assert said in done.stderr


@pytest.mark.usefixtures("applied")
def test_a_plan_and_an_apply_say_what_the_changes_do_to_the_queues(run: Run, project: Path) -> None:
    head = "Fires in the next 24 h, of all schedules in the bucket:\n"
    assert head not in run("plan").stdout
    write(project, SCHEDULES.replace("5 * * * *", "5,35 * * * *").replace("a: 1", "a: 2"))
    impact = json.loads(run("plan", "--format", "json").stdout)["impact"]
    assert impact["queues"] == [{"queue": "DEFAULT", "before": 25, "after": 49}]
    shown = run("plan").stdout
    assert f"To see how payloads differ, pass --show-payload.\n\n{head}    DEFAULT  25 → 49\n" in shown
    assert f"{head}\n- `DEFAULT`: 25 → 49" in run("plan", "--format", "markdown").stdout
    assert head in run("apply", "--yes").stdout
    assert head not in run("apply", "--yes").stdout


def test_a_dry_run_shows_the_plan_and_changes_nothing(run: Run, project: Path) -> None:
    assert run("init", "--bucket").returncode == 0
    dry = run("apply", "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "Plan: 2 to create" in dry.stdout
    assert "Plan: 2 to create" in run("plan").stdout
    assert "No apply of team is recorded" in run("log").stdout + run("log").stderr
    assert run("plan", "--out", "saved").returncode == 0
    (project / "schedules" / "a.yaml").write_text(SCHEDULES.replace("@daily", "@weekly"))
    stale = run("apply", "saved", "--dry-run")
    assert (stale.returncode, "is stale" in stale.stderr) == (5, True)
    for option in ("--watch", "--create-bucket"):
        assert run("apply", "--dry-run", "--yes", option).returncode == 64


def test_an_apply_tells_programs_its_plan_and_what_became_of_it(run: Run, project: Path) -> None:
    assert run("init", "--bucket").returncode == 0
    dry = json.loads(run("apply", "--dry-run", "-o", "json").stdout)
    assert dry["plan"] | {"now": ""} == json.loads(run("plan", "--json").stdout) | {"now": ""}
    assert (dry["applied"], dry["failed"], dry["not_attempted"]) == ({}, [], 0)
    done = run("apply", "--yes", "--json")
    assert (done.returncode, json.loads(done.stdout)["applied"]) == (0, {"create": 2})
    again = json.loads(run("apply", "--yes", "--json").stdout)
    assert (again["plan"]["summary"]["unchanged"], again["applied"]) == (2, {})
    write(project, "schedules: {}\n")
    refused = run("apply", "--yes", "--json")
    assert (refused.returncode, json.loads(refused.stdout)["plan"]["refusals"] != []) == (4, True)
    for line in (("apply", "--json"), ("apply", "--yes", "--watch", "-o", "yaml"), ("plan", "--json", "-o", "text")):
        assert run(*line).returncode == 64
