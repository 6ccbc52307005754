"""Values that anybody may store: whatever they are, every command ends as it should and shows what is good."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.cli.main import main
from ajsync.timestamp import NANOSECONDS
from tests.cli.commands.inspected import fill, with_client
from tests.nats_server import NatsServer
from tests.tasks import task

CODES = (0, 1, 2, 3, 4, 5, 6, 7)
KEY = "$KV.CHORIA_AJ_CONFIGURATION."
PROJECT = """\
owner: team
files: [a.yaml]
safety: {max_delete: 1000, max_delete_percent: 100}
"""
FILE = """\
schedules:
  GOOD: {schedule: '@daily', queue: EMAIL, task_type: 'email:new'}
  ODD: {schedule: '@hourly', queue: EMAIL, task_type: 'email:odd', jitter: 30s, payload: {a: [1, {b: 2}]}}
"""
COMMANDS = (
    "list",
    "list --json",
    "list --names",
    "list -o yaml",
    "view ODD --show-payload",
    "view ODD --json",
    "next --count 2",
    "next ODD --count 1000 --json",
    "timeline",
    "timeline --hours 2000 --json",
    "lint --bucket --online",
    "lint --bucket -o json",
    "history ODD",
    "history GOOD --json",
    "info",
    "info --json",
    "export",
    "plan --show-payload",
    "plan -o json --adopt",
    "plan --format markdown --show-payload",
    "plan --format github",
    "plan --out saved.plan --adopt",
    "task cron ls",
    "run ODD",
    "backfill ODD --from 2026-11-01T00:00:00Z --to 2026-11-01T01:00:00Z --yes",
    "pause ODD --reason why",
    "resume ODD --json",
    "view PAUSED",
    "pause PAUSED --reason why --json",
    "resume --name *",
    "apply saved.plan --yes",
    "apply --yes --adopt",
    "delete ODD --force",
    "delete ODD --force --owner team",
)
ANSWER_SECONDS = 60.0
STALLS = 3
"""How often a command that only looks is run again because a busy machine kept the server from answering in the five
seconds that an answer may take. A value that keeps it from answering does so each time."""
GOOD_SHOWN = ("list", "list --json", "list --names", "next --count 2", "history GOOD --json", "export", "task cron ls")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with all stores and one project's schedules."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "ajsync.yaml").write_text(PROJECT)
    (folder / "a.yaml").write_text(FILE)
    server = NatsServer(folder / "nats")
    server.start()
    fill(server.url)
    before = Path.cwd()
    os.chdir(folder)
    yield server
    os.chdir(before)
    server.stop()


def run(server: NatsServer, command: str) -> tuple[int, str, str]:
    """Run a command line in this process; its exit code and what it printed."""
    output, errors = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ajsync", *command.split(), "--server", server.url, "--timeout", "60s"])
        patch.setattr(gc, "disable", lambda: None)  # what a command may do to its process, and not to the tests'
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), output.getvalue(), errors.getvalue()


def store(server: NatsServer, subjects: dict[str, bytes]) -> None:
    """Put values where they belong, after those of the last time were taken away."""

    async def act(client: Client) -> None:
        jetstream = client.jetstream(timeout=ANSWER_SECONDS)
        for stream in ("KV_CHORIA_AJ_CONFIGURATION", "KV_CHORIA_AJ_ELECTIONS", "CHORIA_AJ_TASKS", "CHORIA_AJ_Q_EMAIL"):
            await jetstream.purge_stream(stream)
        for subject, data in subjects.items():
            await jetstream.publish(subject, data, timeout=ANSWER_SECONDS)

    with_client(server.url, act)


def check(server: NatsServer, subjects: dict[str, bytes]) -> None:
    """Run all commands over these values beside a good one."""
    good = encode_scheduled_task(task("GOOD", created_at=NANOSECONDS))
    store(server, {**subjects, f"{KEY}scheduled_tasks.GOOD": good})
    for command in COMMANDS:
        code, output, errors = run(server, command)
        for _ in range(STALLS):
            if command not in GOOD_SHOWN or "did not answer" not in errors:
                break
            code, output, errors = run(server, command)
        told = f"{command}: {code}\n{output[-3000:]}\n{errors[-3000:]}"
        assert "Unexpected" not in errors, told
        assert "Traceback" not in errors, told
        assert code in CODES, told
        # Markdown has a space of no width where GitHub would make a link.
        assert all(char.isprintable() or char in "\n\u200b" for char in output + errors), told
        if command in GOOD_SHOWN:
            assert "GOOD" in output or '"fires"' in output, told
            assert code == 0 or command == "export", told


NUMBERS = st.sampled_from([0, -1, 1, 2**31, 2**53, 2**63 - 1, -(2**63), 2**63, 2**70, 10**400, 1e400, 1.5, -0.0])
TEXTS = st.one_of(
    st.text(max_size=6),
    st.sampled_from(
        [
            "",
            "\ud800",
            "\x1b[2J\u202e",
            "a" * 100_000,
            "é" * 300,
            "::error::x\n::warning::y",
            "##[error]x",
            "../../etc/passwd",
            "0001-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:59-23:59",
            "2026-11-28T00:00:00Z",
            "@every 1s",
            "@every 1ns",
            "@every -1h",
            "@every 2562047h47m16s",
            "@every " + "1h" * 50_000,
            "0 0 30 2 *",
            "* * * * *",
            "0 0 29 2 *",
            "1," * 100_000 + "1 * * * *",
            "CRON_TZ=Asia/Kathmandu 0 0 * * *",
            "CRON_TZ=../x 0 0 * * *",
            "TZ=Local @daily",
            "H * * * *",
        ]
    ),
)
STRANGE = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
PAYLOADS = st.sampled_from(
    [
        "?",
        "AA",
        "//79",  # no UTF-8
        "e30=",
        "WyJcdWQ4MDAiXQ==",  # half a surrogate pair
        "W05hTl0=",  # [NaN]
        "WzFlOTk5XQ==",  # [1e999]
        "Ils=",
        "IiR7eH0i",  # "${x}"
        "W1" * 40_000,
        "W1tb" * 5_000,  # deep
        "OTk5" * 2_000,  # a number of thousands of digits
    ]
)
GO = (
    *("schedule", "queue", "task_type", "deadline", "max_tries", "created_at", "ajsync", "name", "payload"),
    "ajsync_paused",
)
OURS = (
    *("owner", "source", "description", "catchup", "catchup_window", "overlap", "jitter"),
    *("labels", "from", "until", "except"),
)


@st.composite
def stored(draw: st.DrawFn, name: str) -> bytes:
    """A value for the key of `name`: a schedule with strange members, or bytes that are none."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=20) | st.sampled_from([b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000]))
    value: dict[str, Any] = json.loads(encode_scheduled_task(task(name, created_at=NANOSECONDS)))
    value["ajsync"] |= draw(st.dictionaries(st.sampled_from(OURS), STRANGE, max_size=3))
    value |= draw(st.dictionaries(st.sampled_from(GO), STRANGE, max_size=3))
    if draw(st.booleans()):
        value["payload"] = draw(PAYLOADS)
    for gone in draw(st.lists(st.sampled_from(GO), max_size=1)):
        value.pop(gone, None)
    return json.dumps(value).encode()


@st.composite
def paused(draw: st.DrawFn, name: str) -> bytes:
    """What the key of the pause of a schedule holds: one with strange members, or bytes that are none."""
    value: dict[str, Any] = {"format": 1, "since": "2026-11-28T00:00:00Z", "by": "ann", "reason": "why"}
    try:
        value["schedule"] = json.loads(draw(stored(name)))
    except (ValueError, RecursionError):
        return draw(st.binary(max_size=20))
    value |= draw(st.dictionaries(st.sampled_from((*value, "until")), STRANGE, max_size=2))
    return json.dumps(value).encode()


@st.composite
def made(draw: st.DrawFn) -> bytes:
    """The message of a task, or what stands in its place."""
    members = ("id", "type", "queue", "payload", "deadline", "max_tries", "state", "created", "tries", "tried")
    value: dict[str, Any] = {"id": "x", "type": "t", "queue": "Q", "created": "2026-11-28T00:00:00Z", "state": "new"}
    value |= draw(st.dictionaries(st.sampled_from((*members, "last_err", "signature")), STRANGE, max_size=4))
    return json.dumps(value).encode()


TOO_MUCH = json.loads(encode_scheduled_task(task("ODD", created_at=NANOSECONDS)))
TOO_MUCH["ajsync"]["jitter"] = 2**70


# Each example runs a command line for each of the commands; to shrink one would run thousands.
@settings(max_examples=5, suppress_health_check=[*HealthCheck], phases=[Phase.explicit, Phase.generate])
@example({"ODD": json.dumps(TOO_MUCH).encode()}, [b"", b"{}", b"[]"], b"leader", None, b"{}")
@given(
    st.lists(st.sampled_from(["ODD", "B", "C", "DD", "E_E", "f"]), min_size=1, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: stored(name) for name in names})
    ),
    st.lists(made(), min_size=3, max_size=3),
    st.binary(max_size=20) | st.just(b"\x1b[2J" * 100_000),
    st.one_of(st.none(), st.binary(max_size=20), STRANGE.map(lambda value: json.dumps(value).encode())),
    paused("PAUSED"),
)
def test_no_value_breaks_a_command_for_the_others(
    bucket: NatsServer, values: dict[str, bytes], tasks: list[bytes], holder: bytes, kept: bytes | None, pause: bytes
) -> None:
    subjects = {f"{KEY}ajsync.paused.PAUSED": pause, f"{KEY}ajsync.paused.ODD": pause}
    subjects |= {f"{KEY}scheduled_tasks.{name}": value for name, value in values.items()}
    day = 86_400 * NANOSECONDS
    today = time.time_ns() // day * day
    for number, message in enumerate(tasks):
        subjects[f"CHORIA_AJ.T.{fire_task_id('GOOD', today - number * day)}"] = message
    subjects["$KV.CHORIA_AJ_ELECTIONS.task_scheduler"] = holder
    if kept is not None:
        subjects[f"{KEY}ajsync.watermark"] = subjects[f"{KEY}ajsync.journal.other"] = kept
    check(bucket, subjects)
