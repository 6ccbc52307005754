"""docs/pause.md: its commands print what it shows, and its table names the writes in their order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.cli.processes import ajsync
from tests.docs.pages import DOCS, blocks, rows
from tests.nats_server import NatsServer

PAGE = DOCS / "pause.md"
SCHEDULES = """\
schedules:
  REPORT_DAILY: {schedule: "@daily", queue: REPORTS, task_type: report}
  REPORT_WEEKLY: {schedule: "@weekly", queue: REPORTS, task_type: report}
  EMAIL_MONTHLY: {schedule: "@monthly", queue: EMAIL, task_type: email}
"""
NOW = re.compile(r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)? UTC")


@pytest.fixture
def project(project: Path, server: NatsServer, home: Path) -> Path:
    """A project whose schedules are in the bucket, in a repository that says who works in it."""
    (project / "schedules" / "a.yaml").write_text(SCHEDULES)
    (home / ".gitconfig").write_text("[user]\n\temail = ann@example.net\n")
    context = home / ".config" / "nats" / "context"
    context.mkdir(parents=True)
    (context / "AJC.json").write_text(f'{{"url": "{server.url}"}}')
    done = ajsync(project, "apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    return project


def test_the_commands_print_what_the_page_shows(project: Path) -> None:
    (shown,) = blocks(PAGE, "console")
    examples = re.findall(r"^\$ ajsync (.*)\n((?:(?!\$).*\n)*)", shown.text, re.MULTILINE)
    assert len(examples) == 4
    for command, expected in examples:
        done = ajsync(project, *shlex.split(command))
        assert NOW.sub("{now}", done.stdout + done.stderr) == NOW.sub("{now}", expected), command


def test_the_page_has_a_row_for_each_change_of_a_paused_schedule() -> None:
    found = [row[0] for row in rows(PAGE, "What is written, and in which order")]
    assert found == [
        "pause",
        "pause again",
        "resume",
        "an apply changes it",
        "an apply or `delete` deletes it",
        "a delete while both are there",
    ]
