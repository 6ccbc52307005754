"""Where a plan goes is said before anything is done, and a saved plan goes nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ajsync.reconcile.saved import load_plan, save_plan
from tests.cli.launcher import launcher
from tests.cli.places import SCHEDULES, Place
from tests.cli.processes import ajsync
from tests.cli.terminals import Terminal

Arguments = Callable[[Place], list[str]]
PLACES: list[tuple[Arguments, str, str]] = [
    (lambda _: ["-e", "prod"], "Environment prod, context nats-prod, server {prod}\n", ""),
    (
        lambda _: ["-e", "prod", "--context", "nats-stage"],
        "Environment prod, context nats-stage instead of nats-prod, server {stage}\n",
        "Warning: The environment prod names the context nats-prod, but --context uses nats-stage. "
        "Leave the option out if that is not intended.\n",
    ),
    (
        lambda place: ["-e", "prod", "--server", place.stage.url.replace("://", "://me:hunter2@")],
        "Environment prod, server {stage} instead of nats-prod\n",
        "Warning: The environment prod names the context nats-prod, but --server uses another one. "
        "Leave the option out if that is not intended.\n",
    ),
    (lambda place: ["-e", "prod", "--server", place.prod.url], "Environment prod, server {prod}\n", ""),
]


@pytest.mark.parametrize(("arguments", "header", "warning"), PLACES)
def test_a_plan_says_where_it_goes_and_warns_where_the_environment_says_something_else(
    place: Place, arguments: Arguments, header: str, warning: str
) -> None:
    for command in ("plan", "apply"):
        done = place.run(command, *arguments(place), *(["--yes"] if command == "apply" else []))
        assert done.returncode == 0, done.stderr
        expected = header.format(prod=place.prod.url, stage=place.stage.url)
        assert done.stdout.startswith(f"{expected}Bucket CHORIA_AJ_CONFIGURATION, owner team\n")
        assert done.stderr == warning
        assert "hunter2" not in done.stdout + done.stderr


def test_without_an_environment_no_option_leads_away_from_one(place: Place) -> None:
    (place.folder / "ajsync.yaml").write_text("owner: team\ncontext: nats-prod\n")
    (place.folder / "schedules" / "a.yaml").write_text(SCHEDULES.replace("_${stage}", ""))
    for arguments, header in (
        ((), f"Context nats-prod, server {place.prod.url}\n"),
        (("--context", "nats-stage"), f"Context nats-stage, server {place.stage.url}\n"),
        (("--server", place.stage.url), f"Server {place.stage.url}\n"),
    ):
        done = place.run("plan", *arguments)
        assert (done.stdout.startswith(header), done.stderr) == (True, "")


@pytest.mark.parametrize("command", [["list"], ["next"], ["view", "A"], ["run", "A"], ["export"]], ids=" ".join)
def test_what_only_looks_at_a_bucket_warns_too(place: Place, command: list[str]) -> None:
    assert place.run("apply", "--yes", "-e", "stage").returncode == 0
    done = place.run(*command, "-e", "prod", "--context", "nats-stage")
    assert "The environment prod names the context nats-prod, but --context uses nats-stage." in done.stderr


@pytest.mark.parametrize(
    ("arguments", "question"),
    [
        (["-e", "prod"], "Apply to prod (nats-prod): 1 to create, \x1b[1m1 to delete\x1b[0m? [y/N]: "),
        (["-e", "prod", "--server", "{prod}"], "Apply to prod ({prod}): 1 to create, \x1b[1m1 to delete"),
    ],
)
def test_the_question_says_where_and_how_much(place: Place, arguments: list[str], question: str) -> None:
    assert place.run("apply", "--yes", "-e", "prod").returncode == 0
    (place.folder / "schedules" / "a.yaml").write_text(SCHEDULES.replace("A:", "B:").replace("@daily", "@hourly"))
    given = [each.format(prod=place.prod.url) for each in arguments]
    terminal = Terminal(launcher(), "apply", *given, folder=place.folder)
    terminal.wait_for(question.format(prod=place.prod.url))
    assert terminal.end("n\n") == 1
    assert place.run("list", "--names", "-e", "prod").stdout == "A\n"


def test_a_saved_plan_goes_to_its_environment_without_being_told(place: Place) -> None:
    assert place.run("plan", "-e", "prod", "--out", "change.plan").returncode == 0
    done = place.run("apply", "change.plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Environment prod, context nats-prod, server {place.prod.url}" in done.stdout
    assert place.run("list", "--names", "-e", "prod").stdout == "A\n"
    assert place.run("list", "--names", "-e", "stage").stdout == ""


def test_a_saved_plan_goes_to_its_project_without_being_told(place: Place) -> None:
    above = place.folder.parent
    assert ajsync(above, "plan", "-c", "project/ajsync.yaml", "-e", "prod", "--out", "change.plan").returncode == 0
    assert ajsync(above, "apply", "change.plan").returncode == 0
    assert place.run("apply", str(above / "change.plan")).returncode == 0


def test_a_saved_plan_for_another_environment_or_server_says_just_that(place: Place) -> None:
    assert place.run("plan", "-e", "prod", "--out", "change.plan").returncode == 0
    done = place.run("apply", "change.plan", "-e", "stage")
    assert done.returncode == 5
    assert done.stderr.startswith(
        "Error: The saved plan was made for the environment prod, and --environment says stage."
    )
    done = place.run("apply", "change.plan", "--context", "nats-stage")
    assert done.returncode == 5
    assert (
        f"it was made for the bucket of the context nats-prod at {place.prod.url}, "
        f"and this is the bucket of the context nats-stage at {place.stage.url}. Make it again"
    ) in done.stderr
    for environment in ("prod", "stage"):
        assert place.run("list", "--names", "-e", environment).stdout == ""


def test_a_plan_file_that_is_missing_is_told_before_anything_else(place: Place) -> None:
    done = place.run("apply", "change.plan")
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr == (
        "Error: The plan change.plan cannot be read: No such file or directory. "
        "'ajsync plan --out change.plan' makes one.\n"
    )


def test_a_plan_that_somebody_has_edited_is_not_applied_though_its_checksum_fits(place: Place) -> None:
    path = place.folder / "change.plan"
    assert place.run("plan", "-e", "prod", "--out", "change.plan").returncode == 0
    saved = load_plan(path)
    (create,) = saved.plan.changes
    assert create.after is not None
    evil = replace(create, after=replace(create.after, payload=b"evil"))
    save_plan(replace(saved, plan=replace(saved.plan, changes=(evil,))), path)
    done = place.run("apply", "change.plan")
    assert done.returncode == 5
    assert "its changes of these are not those of the files and the bucket: A." in done.stderr
    assert place.run("list", "--names", "-e", "prod").stdout == ""


def test_a_plan_without_an_environment_warns_if_one_has_a_context_or_an_owner_of_its_own(place: Place) -> None:
    (place.folder / "schedules" / "a.yaml").write_text("schedules: {A: {schedule: '@daily', task_type: x}}\n")
    told = "No environment is chosen, so this is the project without one. If that is not intended, choose"
    done = place.run("plan", "--context", "nats-stage")
    assert f"{told} prod or stage with --environment." in done.stderr
    assert told not in place.run("plan", "-e", "stage").stderr
