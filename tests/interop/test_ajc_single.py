"""Beside the real `ajc`: the same command line stores the same schedule, and each shows what the other added."""

from __future__ import annotations

import json

import pytest

from tests.interop.conftest import Run

LINES = [
    ["EMAIL_MONTHLY_UPDATE", "0 0 1 * *", "email:monthly", "--queue", "EMAIL", "--deadline", "12h"],
    ["FULL", "CRON_TZ=Europe/Malta */5 * * * *", "email:new", "--payload", '{"to":"<x>&\u2028ü"}', "--tries", "3"],
    ["EDGE", "every 10m", "a", "--payload", "", "--tries", "0", "--deadline", "1d"],
    ["ROUNDED", "midnight", "a", "--deadline=90.7s", "-q", "OTHER"],
]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_a_command_line_of_ajc_stores_the_same_schedule(ajc: Run, run: Run, line: list[str]) -> None:
    theirs_shown = ajc("tasks", "cron", "add", *line)
    theirs = json.loads(run("task", "cron", "view", line[0], "--json"))
    ajc("tasks", "cron", "delete", line[0], "-f")
    ours_shown = run("task", "cron", "add", *line)
    ours = json.loads(ajc("tasks", "cron", "view", line[0], "--json"))
    assert {**ours, "created_at": ""} == {**theirs, "created_at": ""}
    same = [row for row in theirs_shown.splitlines()[1:] if "Deadline" not in row or "h" not in row]
    assert [row for row in same if row not in ours_shown.splitlines()] == []


def test_what_one_added_the_other_lists_and_deletes(ajc: Run, run: Run) -> None:
    run("task", "cron", "add", "OURS", "@daily", "a")
    ajc("tasks", "cron", "add", "THEIRS", "daily", "a")
    listed = ajc("tasks", "cron", "list", "--names")
    assert sorted(listed.split()) == ["OURS", "THEIRS"] == run("task", "cron", "list", "--names").split()
    removed = "Removed Scheduled Task"
    assert ajc("tasks", "cron", "delete", "OURS", "-f") == f"{removed} OURS\n"
    assert run("task", "cron", "delete", "THEIRS", "-f") == f"{removed} THEIRS\n"
    assert run("list", "--names") == ""
