"""--all-environments: one run, one result for each environment, and the worst exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ajsync.cli.environments import worst
from ajsync.config import schema_file
from tests.cli.places import SCHEDULES, Place
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer

PROJECT = """\
owner: team
environments:
  prod: {context: nats-prod, variables: {stage: PROD, hour: 3}}
  dev: {owner: team-dev, variables: {stage: DEV}}
  test: {variables: {stage: TEST, hour: 61}}
"""
SOME = "schedules: {'A_${stage}': {schedule: '0 ${hour} * * *', task_type: t, timezone: UTC, suspend: false}}\n"
CODES = st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7])


@given(st.lists(CODES, min_size=1))
def test_the_worst_code_is_that_of_a_failure_and_of_changes_only_without_one(codes: list[int]) -> None:
    failures = {*codes} - {0, 2}
    assert worst(codes) == (max(failures) if failures else max(codes))
    assert (worst(codes) == 0) == (not any(codes))


def write(folder: Path, schedules: str, project: str = PROJECT) -> None:
    (folder / "ajsync.yaml").write_text(project)
    (folder / "schedules" / "a.yaml").write_text(schedules)


def test_a_variable_that_one_environment_lacks_does_not_pass(project: Path) -> None:
    write(project, SOME)
    done = ajsync(project, "validate", "--all-environments")
    assert done.returncode == 3
    assert done.stdout == "Environment prod is valid: 1 schedule of team.\n"
    assert done.stderr.splitlines() == [
        'schedules/a.yaml:1:38: the variable "hour" is not defined; known are stage, or write $${ for a literal ${',
        "Error: Environment dev: 1 problem in 1 file.",
        'schedules/a.yaml:1:38: schedule: hour: 61 is above the maximum, 23 (in "0 61 * * *")',
        "Error: Environment test: 1 problem in 1 file.",
    ]
    done = ajsync(project, "validate", "--all-environments", "--var", "hour=5")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Environment prod is valid: 1 schedule of team.",
        "Environment dev is valid: 1 schedule of team-dev.",
        "Environment test is valid: 1 schedule of team.",
    ]


def test_what_is_wrong_in_all_of_them_is_shown_once(project: Path) -> None:
    write(project, SOME.replace("suspend: false", "max_tries: 0"))
    (project / "other.yaml").write_text("schedules: {}")
    done = ajsync(project, "validate", "--all-environments", "--var", "hour=5")
    problem, *others = done.stderr.splitlines()
    assert problem.startswith("schedules/a.yaml:1:")
    assert others == [
        "Error: Environment prod: 1 problem in 1 file.",
        "Error: Environment dev: 1 problem in 1 file, 1 of them is shown above.",
        "Error: Environment test: 1 problem in 1 file, 1 of them is shown above.",
    ]
    annotated = ajsync(project, "validate", "--all-environments", "--var", "hour=5", "--format", "github")
    assert annotated.stdout.count("::error ") == 1
    write(project, SOME)
    done = ajsync(project, "validate", "--all-environments", "--var", "hour=5")
    assert done.stderr.count("looks like a schedules file") == 1


@pytest.mark.parametrize(
    ("project_file", "arguments", "code", "error"),
    [
        (PROJECT, ["-e", "prod"], 64, "--all-environments cannot be combined with --environment."),
        ("owner: team\n", [], 64, "The project file has no environments: leave --all-environments out."),
        ("owner: [\n", [], 3, "ajsync.yaml:2:1: "),
        (PROJECT, ["--var", "nope=1", "--var", "hour=1"], 64, "--var gives the variable nope, which no file uses"),
    ],
)
def test_it_needs_environments(project: Path, project_file: str, arguments: list[str], code: int, error: str) -> None:
    write(project, SOME, project_file)
    done = ajsync(project, "validate", "--all-environments", *arguments)
    assert done.returncode == code
    assert error in done.stderr


def test_it_wins_over_the_variable_of_the_shell(project: Path) -> None:
    write(project, SOME)
    done = ajsync(project, "validate", "--all-environments", "--var", "hour=5", AJSYNC_ENVIRONMENT="dev")
    assert (done.returncode, done.stdout.count("is valid")) == (0, 3)


def test_validate_has_a_document_for_programs(project: Path) -> None:
    write(project, SOME)
    done = ajsync(project, "validate", "-e", "prod", "-o", "json")
    valid = {"valid": True, "owner": "team", "schedules": 1, "suspended": 0, "problems": []}
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, valid, "")
    done = ajsync(project, "validate", "-e", "test", "-o", "yaml")
    found = yaml.safe_load(done.stdout)
    assert (done.returncode, found["valid"], found["owner"]) == (3, False, None)
    assert found["problems"][0]["location"] == {"file": "schedules/a.yaml", "line": 1, "column": 38}
    assert done.stderr.endswith("Error: 1 problem in 1 file.\n")
    done = ajsync(project, "validate", "--all-environments", "-o", "json")
    runs = json.loads(done.stdout)["environments"]
    assert [(run["environment"], run["exit_code"], run["result"]["valid"], run["error"]) for run in runs] == [
        ("prod", 0, True, None),
        ("dev", 3, False, None),
        ("test", 3, False, None),
    ]
    assert done.returncode == 3


def test_lint_looks_at_each(project: Path) -> None:
    write(project, SOME.replace("timezone: UTC, ", ""), PROJECT.replace("61", "4"))
    done = ajsync(project, "lint", "--all-environments", "--var", "hour=5")
    assert done.returncode == 0
    headings = [line for line in done.stdout.splitlines() if line.startswith("Environment ")]
    assert headings == ["Environment prod", "Environment dev", "Environment test"]
    assert all(f"notice: A_{stage}: " in done.stdout for stage in ("PROD", "DEV", "TEST"))
    done = ajsync(project, "lint", "--all-environments", "-o", "json")
    runs = json.loads(done.stdout)["environments"]
    assert [run["exit_code"] for run in runs] == [0, 3, 0]
    assert [run["result"] and run["result"]["schedules"] for run in runs] == [1, None, 1]
    assert '"hour" is not defined' in runs[1]["error"]


def test_each_environment_has_its_plan_and_one_that_fails_stops_no_other(place: Place) -> None:
    place.write(SCHEDULES)
    assert place.run("apply", "--yes", "-e", "prod").returncode == 0
    place.stage.stop()
    done = place.run("plan", "--all-environments", "--detailed-exitcode", "--timeout", "1s")
    assert done.returncode == 7
    assert done.stdout.startswith(f"Environment prod, context nats-prod, server {place.prod.url}\n")
    assert "No changes: 1 schedule is up to date." in done.stdout
    assert done.stderr.startswith("Error: Environment stage: Cannot connect with the context nats-stage: ")
    place.stage.start()
    done = place.run("plan", "--all-environments", "--detailed-exitcode")
    assert (done.returncode, done.stderr) == (2, "")
    assert f"\n\nEnvironment stage, context nats-stage, server {place.stage.url}\n" in done.stdout
    assert place.names("stage") == ""


def test_a_gate_of_one_environment_is_the_exit_code_of_all(place: Place) -> None:
    for environment in ("prod", "stage"):
        assert place.run("apply", "--yes", "-e", environment).returncode == 0
    project = (place.folder / "ajsync.yaml").read_text()
    place.write(
        "schedules: {A: {schedule: '@daily', task_type: t, queue: 'Q_${stage}', suspend: '${off}'}}\n",
        project.replace("stage: PROD", "stage: PROD, off: false").replace("STAGE}", "STAGE, off: true}"),
    )
    done = place.run("plan", "--all-environments", "--format", "markdown")
    assert done.returncode == 4
    assert done.stdout.count("### ajsync plan for `team`") == 2
    assert done.stderr.startswith("Warning: Environment stage: ")


def test_two_environments_share_a_bucket_and_leave_each_other_alone(project: Path, server: NatsServer) -> None:
    matrix = Path(__file__).parents[2] / "examples" / "matrix"
    shutil.copytree(matrix, project, dirs_exist_ok=True)
    at = ("--server", server.url)
    assert ajsync(project, "init", "--bucket", "-e", "prod", *at).returncode == 0
    for environment in ("staging", "prod"):
        done = ajsync(project, "apply", "--yes", "-e", environment, *at)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Applied: 8 created." in done.stdout
    done = ajsync(project, "plan", "--all-environments", "--detailed-exitcode", *at)
    assert (done.returncode, done.stdout.count("No changes: 8 schedules are up to date.")) == (0, 2)
    assert done.stdout.count("Left alone: 8 of other owners.") == 2
    reports = project / "reports" / "reports.yaml"
    reports.write_text(reports.read_text().replace("region: [EU, US, APAC]", "region: [EU, US]"))
    done = ajsync(project, "apply", "--yes", "-e", "staging", *at)
    assert "Applied: 2 deleted." in done.stdout
    names = ajsync(project, "list", "--names", "-e", "prod", *at).stdout.splitlines()
    assert len(names) == 14
    assert "REPORT_SALES_APAC_PROD" in names


def test_the_plans_for_programs_are_one_document(place: Place) -> None:
    done = place.run("plan", "--all-environments", "-o", "json")
    assert done.returncode == 0
    validator = Draft202012Validator(json.loads(schema_file("plan.schema.json").read_text()))
    runs = json.loads(done.stdout)["environments"]
    for run in runs:
        validator.validate(run["result"])
        assert run["result"]["destination"]["environment"] == run["environment"]
    assert [run["environment"] for run in runs] == ["prod", "stage"]
    assert place.run("plan", "--all-environments", "--out", "x").returncode == 64
