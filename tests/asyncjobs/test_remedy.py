"""The command that somebody is told to begin with is one that a shell takes as it is meant."""

from __future__ import annotations

import shlex

import pytest

from ajsync.asyncjobs.outcome import STATES, ScheduleOutcome, WorkOutcome
from ajsync.asyncjobs.remedy import BACKLOG, about, explained, remedy
from ajsync.asyncjobs.tasks import NO_RESPONDERS
from tests.tasks import task

HOUR = 3600 * 10**9
DUE = 500_000 * HOUR


def outcome(state: str, failures: int = 0, *, task_id: str = "ID", error: str = "") -> ScheduleOutcome:
    since = DUE - (failures - 1) * HOUR if failures else 0
    return ScheduleOutcome(WorkOutcome(DUE, task_id, state, DUE, 1, error), 0, DUE if failures else 0, since, failures)


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (outcome("expired", 1), "ajc task view ID"),
        (outcome("expired", 2), "ajsync history A"),
        (outcome("retry", 1), "ajc task view ID"),
        (outcome("active"), "ajc task view ID"),
        (outcome("new"), BACKLOG),
        (outcome("new", 1), "ajc task view ID"),
        (outcome("skipped", task_id=""), "ajsync history A"),
        (outcome("missed", 2, task_id=""), "ajsync backfill A --from 2027-01-15T07:00:00Z"),
        (outcome("queue_error", 1, error="maximum messages exceeded"), "ajsync backfill A --from 2027-01-15T08:00:00Z"),
        (
            outcome("queue_error", 1, error=NO_RESPONDERS),
            "ajc queues add EMAIL && ajsync backfill A --from 2027-01-15T08:00:00Z",
        ),
    ],
)
def test_what_to_do_follows_from_what_became_of_the_work(found: ScheduleOutcome, command: str) -> None:
    assert remedy(task("A"), found) == command


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (outcome("expired", 1, error="disk full"), "its deadline has passed. Error: disk full"),
        (outcome("expired", 1), "its deadline has passed."),
        (outcome("queue_error", 1, error=NO_RESPONDERS), "The queue EMAIL does not exist, so no worker gets it."),
        (outcome("queue_error", 1, error="maximum messages exceeded"), "gets it. Error: maximum messages exceeded"),
    ],
)
def test_what_is_wrong_is_told_apart_from_what_a_worker_or_the_server_has_written(
    found: ScheduleOutcome, text: str
) -> None:
    assert explained(found.last, "EMAIL").endswith(text)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["-rf", "--server", "A"])
def test_a_name_is_never_an_option(state: str, name: str) -> None:
    words = shlex.split(remedy(task(name), outcome(state, 2)))
    if name in words:
        before = words[: words.index(name)]
        assert ("--" in before) is name.startswith("-")


def test_a_name_that_others_made_up_is_one_word_and_steers_nothing() -> None:
    command = about("resume", "$(reboot) ;\x1b[2J")
    assert command.isprintable()
    assert len(shlex.split(command)) == 3
    assert about("view", "$(reboot)") == "ajsync view '$(reboot)'"


def test_the_name_of_a_queue_that_others_made_up_is_one_word_and_steers_nothing() -> None:
    command = remedy(task("A", queue="x; rm -rf /\x1b[2J"), outcome("queue_error", 1, error=NO_RESPONDERS))
    assert command.isprintable()
    assert "rm" not in shlex.split(command)
