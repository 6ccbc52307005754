"""docs/troubleshooting.md quotes what ajsync really says: most of it is provoked, the rest is at least in the code."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from docs.draw.steady import steady
from tests.cli.processes import ajsync
from tests.conftest import StartServer
from tests.docs.pages import DOCS, ROOT, blocks
from tests.docs.users import PASSWORD, authorization
from tests.tasks import task
from tests.values import put

PAGE = DOCS / "troubleshooting.md"
QUOTED = [line for block in blocks(PAGE, "text") for line in block.text.splitlines()]
MOMENT = re.compile(r"\w{3} \d{4}-\d\d-\d\d \d\d:\d\d(?: UTC)?")
NAME = "EMAIL_MONTHLY"
NOT_YAML = """\
schedules:
  {name}:
    schedule: {schedule}
    task_type: email:monthly
"""
NOT_MEANT = """\
schedules:
  EMAIL_MONTHLY:
    schedule: "@monthly"
    task_type: email:monthly
    deadline: 30
    queue: EMAIL
    max_tries: 3
    suspend: yes
    task_typ: email
"""


def stable(text: str) -> str:
    """A text without times, hosts, folders and what stands before a message."""
    text = re.sub(r"nats://(\S+@)?[\w.:]+\d", "{server}", re.sub(r"\S+(?=/nats/context/)", "{folder}", text))
    text = re.sub(r"^(Error: |Warning: |  • |ERROR\[.*\] |INFO\[.*\] |    )", "", text, flags=re.MULTILINE)
    text = re.sub(r"\d\d \w{3} \d\d \d\d:\d\d:\d\d UTC", "{time}", re.sub(r"(?<=by )\S+@\S+(?= \()", "{user}", text))
    return steady(text)


def provoked(project: Path, url: str) -> Iterator[str]:
    """What ajsync says in all kinds of trouble."""

    admin = url.replace("://", f"://admin:{PASSWORD}@")

    def run(*arguments: str) -> str:
        done = ajsync(project, *arguments, "--server", admin)
        return done.stdout + done.stderr

    def write(*names: str, more: str = "") -> None:
        lines = [f"  {name}: {{schedule: '@monthly', task_type: email:monthly{more}}}\n" for name in names]
        (project / "schedules" / "email.yaml").write_text(
            "".join(["schedules:\n", *lines]) if lines else "schedules: {}\n"
        )

    names = [f"EMAIL_{number}" for number in range(11)]
    write(NAME, *names)
    yield ajsync(project, "plan", "--context", "ajsync-dev").stderr
    yield ajsync(project, "plan", "--server", "nats://127.0.0.1:1").stderr
    yield ajsync(project, "plan", "--server", url.replace("://", "://admin:wrong@")).stderr
    yield run("plan")
    run("init", "--bucket")
    yield ajsync(project, "apply", "--yes", "--context", "ajsync-plan").stderr
    yield run("next", NAME)
    run("apply", "--yes")
    other = project / "schedules" / "other.yml"
    other.write_text((project / "schedules" / "email.yaml").read_text())
    yield run("plan") + run("status") + run("lint", "--rule", "no-timezone")
    other.unlink()
    run("pause", NAME, "--reason", "new disks")
    yield run("next", NAME)
    run("resume", NAME)
    write(*names[:4])
    yield run("plan")
    write()
    yield run("plan")
    write(NAME, *names[1:])
    run("plan", "--out", "change.plan")
    write(*names[1:])
    yield run("apply", "change.plan")
    run("apply", "--yes", "--allow-deletes", "3")
    write(NAME, more=", suspend: true")
    yield run("history", NAME)
    put(admin, [task(NAME, owner="billing")])
    write(NAME)
    yield run("plan")
    put(admin, [task(NAME, owner=None)])
    yield run("plan")
    for schedule in ("@daily", "* * * * *"):
        (project / "schedules" / "email.yaml").write_text(NOT_YAML.format(name=NAME, schedule=schedule))
        yield ajsync(project, "validate").stderr
    (project / "schedules" / "email.yaml").write_text(NOT_MEANT)
    yield ajsync(project, "validate").stderr
    with (project / "ajsync.yaml").open("a") as file:
        file.write("environments: {dev: {owner: dev}, prod: {owner: prod}}\n")
    yield ajsync(project, "validate").stderr


@pytest.fixture
def said(project: Path, home: Path, passwords: None, start_server: StartServer) -> str:
    """Everything that ajsync says when it is provoked."""
    url = start_server(authorization()).url
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    login = {"user": "ajsync-plan", "password": PASSWORD, "inbox_prefix": "_INBOX_ajsync_plan"}
    (contexts / "ajsync-plan.json").write_text(json.dumps({"url": url, **login}))
    return stable("\n".join(provoked(project, url)))


def test_every_quoted_message_is_one_that_ajsync_says(said: str) -> None:
    lines = said.splitlines()
    others = [each for each in QUOTED if not any(stable(each) in line for line in lines)]
    assert [(each, words) for each in others for words in strange_words(MOMENT.sub("then", each))] == []
    assert len(QUOTED) - len(others) >= 24, others


TAKES_A_VALUE = re.compile(r"%(?:\.\d+)?[sdfg]|\{[^{}]*\}")
"""Where a text that is not an f-string takes one."""
LEAST = 10
"""Letters that a text of the code has to have; shorter ones would fit everything."""


@cache
def texts() -> tuple[re.Pattern[str], ...]:
    """Every text of the code with some words in it, with anything where a value is put in."""
    found = set()
    for file in (ROOT / "ajsync").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            parts = pieces(node)
            if sum(map(str.isalpha, "".join(parts))) >= LEAST:
                found.add(".+?".join(map(re.escape, parts)))
    return tuple(map(re.compile, found))


def pieces(node: ast.AST) -> list[str]:
    """What a text in the code has between its values; nothing of what is not a text."""
    if isinstance(node, ast.JoinedStr):
        values = [each.value if isinstance(each, ast.Constant) else None for each in node.values]
        return "".join("\0" if each is None else str(each) for each in values).split("\0")
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return TAKES_A_VALUE.split(node.value)
    return []


def strange_words(line: str) -> Iterator[str]:
    """Three or more words in a row that are in no text of the code."""
    unknown = line
    for text in texts():
        for match in text.finditer(line):
            unknown = unknown[: match.start()] + "\0" * len(match[0]) + unknown[match.end() :]
    yield from (each.strip() for each in unknown.split("\0") if len(each.split()) > 2)


def test_a_message_that_ajsync_does_not_say_is_noticed() -> None:
    assert [*strange_words("No scheduler leads, so everything burns down at once.")]
    assert [*strange_words("It is quite broken")] == ["It is quite broken"]
