"""What is given beside the files: variables with --var, and the environment variables that stand in for options."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ajsync.reconcile.saved import load_plan
from tests.cli.places import Place
from tests.cli.processes import ajsync, background, wait_until

PROJECT = """\
owner: team
environments:
  prod: {context: nats-prod, owner: team-prod, variables: {stage: PROD}}
  stage: {context: nats-stage, variables: {stage: STAGE}}
"""
SCHEDULES = "schedules: {'A_${stage}': {schedule: '@daily', task_type: t, max_tries: '${tries}'}}\n"


@pytest.fixture
def place(place: Place) -> Place:
    """The project, with an owner for `prod` and a variable that no environment has."""
    place.write(SCHEDULES, PROJECT)
    return place


def test_variables_go_from_the_command_line_to_the_bucket(place: Place) -> None:
    done = place.run("apply", "--yes", "-e", "prod", "--var", "tries=3", "--var", "stage=BLUE")
    assert (done.returncode, done.stderr) == (0, "")
    assert "owner team-prod" in done.stdout
    shown = json.loads(place.run("view", "A_BLUE", "-e", "prod", "--json").stdout)
    assert (shown["max_tries"], shown["ajsync"]["owner"]) == (3, "team-prod")
    assert "No changes" in place.run("plan", "-e", "prod", "--var", "tries=3", "--var", "stage=BLUE").stdout


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["tries"], "'tries' has no value: write NAME=VALUE"),
        (["=3"], "'' is not a valid name of a variable; use letters, digits, _ and -"),
        (["a b=3"], "'a b' is not a valid name of a variable; use letters, digits, _ and -"),
        (["stage=A\udcff"], "the value of 'stage' is not UTF-8 text"),
        (["tries=3", "tries=4"], "the variable 'tries' is given twice"),
        (["tries=3", "stgae=X"], "--var gives the variable stgae, which no file uses and no environment declares."),
    ],
)
def test_a_variable_that_cannot_be_meant_is_wrong_usage(project: Path, arguments: list[str], error: str) -> None:
    (project / "ajsync.yaml").write_text(PROJECT)
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    done = ajsync(project, "validate", "-e", "prod", *[part for each in arguments for part in ("--var", each)])
    assert done.returncode == 64
    assert error in done.stderr


@pytest.mark.parametrize("command", ["validate", "lint", "next --files", "timeline --files --hours 48"])
def test_each_command_that_reads_files_takes_variables(project: Path, command: str) -> None:
    (project / "ajsync.yaml").write_text(PROJECT)
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    assert ajsync(project, *command.split(), "-e", "prod").returncode == 3
    done = ajsync(project, *command.split(), "-e", "prod", "--var", "tries=3")
    assert done.returncode == 0, done.stderr


def test_a_saved_plan_remembers_variables_and_environment(place: Place) -> None:
    planned = place.run("plan", "-e", "prod", "--var", "tries=3", "--var", "stage=BLUE=GREEN=", "--out", "no.plan")
    assert planned.returncode == 3  # the first `=` ends the name, and that value makes no valid name of a schedule
    given = ["-e", "prod", "--var", "tries=3", "--var", "stage=BLUE"]
    assert place.run("plan", *given, "--out", "change.plan").returncode == 0
    assert load_plan(place.folder / "change.plan").variables == {"tries": "3", "stage": "BLUE"}
    done = place.run("apply", "change.plan", "--var", "tries=4", "--var", "stage=BLUE", "--var", "secret=hunter2")
    assert done.returncode == 5
    assert done.stderr.startswith(
        "Error: The saved plan was made with other variables, and --var gives secret, tries now. Leave the option out"
    )
    assert "hunter2" not in done.stderr
    done = place.run("apply", "change.plan", "--var", "tries=3")
    assert (done.returncode, done.stderr) == (0, "")
    assert (place.names("prod"), place.names("stage")) == ("A_BLUE\n", "")


def test_a_plan_without_variables_is_saved_as_before(place: Place) -> None:
    (place.folder / "schedules" / "a.yaml").write_text(SCHEDULES.replace("${tries}", "3").replace("'3'", "3"))
    assert place.run("plan", "-e", "prod", "--out", "change.plan").returncode == 0
    assert "variables" not in json.loads((place.folder / "change.plan").read_text())["plan"]


def test_what_is_exported_plans_as_unchanged_beside_for_each(place: Place) -> None:
    schedules = place.folder / "schedules" / "a.yaml"
    schedules.write_text("schedules: {'J_${r}': {for_each: {r: [EU, US]}, schedule: '@daily', task_type: 't:${r}'}}")
    assert place.run("apply", "--yes", "-e", "prod").returncode == 0
    assert place.run("export", "-e", "prod", "-o", "schedules/more.yaml").stderr.startswith("Wrote 0 schedules")
    (place.folder / "schedules" / "more.yaml").unlink()
    exported = place.run("export", "-e", "prod").stdout
    schedules.write_text(exported)
    assert "No changes" in place.run("plan", "-e", "prod").stdout


def test_environment_variables_stand_in_for_options(place: Place) -> None:
    elsewhere, named = place.folder.parent, str(place.folder / "ajsync.yaml")
    done = ajsync(elsewhere, "apply", "--yes", "--var", "tries=3", AJSYNC_CONFIG=named, AJSYNC_ENVIRONMENT="prod")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Environment prod, context nats-prod, server {place.prod.url}\n")
    assert place.run("list", "--names", AJSYNC_CONTEXT="nats-prod").stdout == "A_PROD\n"
    assert ajsync(elsewhere, "list", "--names", AJSYNC_SERVER=place.prod.url).stdout == "A_PROD\n"


Variables = Callable[[Place], dict[str, str]]


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["-e", "stage"], lambda _: {"AJSYNC_ENVIRONMENT": "prod"}),
        (["--context", "nats-stage"], lambda _: {"AJSYNC_CONTEXT": "nats-prod"}),
        (["--context", "nats-stage"], lambda place: {"AJSYNC_SERVER": place.prod.url}),
        (["--server", "STAGE"], lambda _: {"AJSYNC_CONTEXT": "nats-prod"}),
        (["--server", "STAGE"], lambda place: {"AJSYNC_SERVER": place.prod.url}),
        (["-c", "ajsync.yaml", "-e", "stage"], lambda _: {"AJSYNC_CONFIG": "none.yaml"}),
        (["-e", "stage"], lambda _: {"AJSYNC_CONTEXT": "", "AJSYNC_SERVER": "", "AJSYNC_CONFIG": ""}),
    ],
)
def test_an_option_wins_over_its_variable(place: Place, arguments: list[str], variables: Variables) -> None:
    assert place.run("apply", "--yes", "-e", "stage", "--var", "tries=3").returncode == 0
    given = [place.stage.url if each == "STAGE" else each for each in arguments]
    done = place.run("list", "--names", *given, **variables(place))
    assert (done.stdout, done.stderr) == ("A_STAGE\n", "")


@pytest.mark.parametrize("variable", ["AJSYNC_CONTEXT", "AJSYNC_SERVER"])
def test_a_context_before_the_command_wins_too(place: Place, variable: str) -> None:
    assert place.run("apply", "--yes", "-e", "stage", "--var", "tries=3").returncode == 0
    value = place.prod.url if variable == "AJSYNC_SERVER" else "nats-prod"
    done = place.run("--context", "nats-stage", "list", "--names", **{variable: value})
    assert (done.stdout, done.stderr) == ("A_STAGE\n", "")


@pytest.mark.parametrize(
    ("variable", "used"),
    [("AJSYNC_CONTEXT", "AJSYNC_CONTEXT uses nats-stage"), ("AJSYNC_SERVER", "AJSYNC_SERVER uses another one")],
)
def test_a_variable_that_leads_away_from_the_environment_is_named(place: Place, variable: str, used: str) -> None:
    value = place.stage.url.replace("://", "://me:hunter2@") if variable == "AJSYNC_SERVER" else "nats-stage"
    done = place.run("plan", "-e", "prod", "--var", "tries=3", **{variable: value})
    assert done.returncode == 0
    assert done.stderr == (
        f"Warning: The environment prod names the context nats-prod, but {used}. Unset it if that is not intended.\n"
    )
    assert "instead of nats-prod" in done.stdout
    assert "hunter2" not in done.stdout


def test_variables_that_contradict_each_other_are_wrong_usage(place: Place) -> None:
    done = place.run("list", AJSYNC_CONTEXT="nats-prod", AJSYNC_SERVER=place.prod.url)
    assert done.returncode == 64
    assert "AJSYNC_SERVER cannot be combined with AJSYNC_CONTEXT, which names its own server." in done.stderr
    done = place.run("list", AJSYNC_SERVER=" ")
    assert done.returncode == 64
    assert "AJSYNC_SERVER is empty" in done.stderr


def test_a_saved_plan_does_not_go_where_a_variable_says_something_else(place: Place) -> None:
    assert place.run("plan", "-e", "prod", "--var", "tries=3", "--out", "change.plan").returncode == 0
    done = place.run("apply", "change.plan", AJSYNC_ENVIRONMENT="stage")
    assert done.returncode == 5
    assert "The saved plan was made for the environment prod, and AJSYNC_ENVIRONMENT says stage." in done.stderr
    assert place.run("apply", "change.plan", AJSYNC_ENVIRONMENT="prod").returncode == 0


def test_init_is_not_kept_from_its_work_by_a_variable(tmp_path: Path) -> None:
    done = ajsync(tmp_path, "init", "--owner", "team", AJSYNC_SERVER="nats://127.0.0.1:1")
    assert (done.returncode, done.stderr) == (0, "")


def test_files_that_are_followed_keep_the_variables(place: Place) -> None:
    given = ["apply", "--yes", "--watch", "-e", "prod", "--var", "tries=3"]
    schedules = place.folder / "schedules" / "a.yaml"
    with background(place.folder, *given) as process:
        wait_until(lambda: place.names("prod") == "A_PROD\n", process)
        schedules.write_text(SCHEDULES.replace("A_", "B_").replace("'${tries}'", "4"))  # which uses it no more
        wait_until(lambda: "B_PROD" in place.names("prod"), process)
        schedules.write_text(SCHEDULES.replace("A_", "C_"))
        wait_until(lambda: "C_PROD" in place.names("prod"), process)
    assert json.loads(place.run("view", "C_PROD", "-e", "prod", "--json").stdout)["max_tries"] == 3


def test_the_owner_of_an_environment_is_whose_log_and_schedules_are_shown(place: Place) -> None:
    given = ["-e", "prod", "--var", "tries=3"]
    assert place.run("apply", "--yes", *given).returncode == 0
    assert [each["owner"] for each in json.loads(place.run("log", *given, "--json").stdout)] == ["team-prod"]
    assert place.run("list", "--names", "--mine", *given).stdout == "A_PROD\n"
    assert place.run("list", "--names", "--mine", "--context", "nats-prod").stdout == ""  # those of `team`


def test_a_variable_that_schedules_need_is_not_needed_by_commands_that_only_look(place: Place) -> None:
    place.write(SCHEDULES, PROJECT + "defaults: {queue: 'Q_${more}'}\n")
    for command in (["list"], ["info"], ["log"], ["list", "--mine"]):
        assert place.run(*command, "-e", "prod").returncode == 0
        assert place.run(*command, "-e", "prod", "--var", "more=1").returncode == 0
