"""The commands that look at the bucket and at what became of it, as a user runs them: real processes, a real server."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.signing import load_signer
from ajsync.asyncjobs.tasks import decode_task, encode_task, task_for_fire, task_subject
from ajsync.timestamp import parse_timestamp
from tests.cli.commands.inspected import fill, schedules, with_client
from tests.cli.processes import ajsync
from tests.cli.terminals import on_terminal
from tests.nats_server import NatsServer
from tests.tasks import is_signed, task
from tests.values import put
from tests.waiting import PATIENCE

Run = Callable[..., subprocess.CompletedProcess[str]]
SEED = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
PUBLIC = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
"""RFC 8032, test 1."""


@pytest.fixture
def run(tmp_path: Path, server: NatsServer) -> Run:
    """Run a command of ajsync against a server with schedules."""
    fill(server.url)

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = ajsync(tmp_path, *arguments, "--server", server.url)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        for text in (done.stdout, done.stderr):
            assert all(char.isprintable() or char == "\n" for char in text), repr(text)
        return done

    return run


def stored(server: NatsServer, task_id: str) -> bytes:
    """The message of a task."""

    async def get(client: Client) -> bytes:
        message = await client.jetstream(timeout=PATIENCE).get_last_msg("CHORIA_AJ_TASKS", task_subject(task_id))
        return message.data or b""

    found: bytes = with_client(server.url, get)
    return found


def test_next_shows_the_next_fires_in_their_order_and_what_has_none(run: Run) -> None:
    done = run("next")
    head, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert head.split() == ["Due", "(UTC)", "In", "Name", "Schedule", "Zone", "Queue"]
    names = [name for row in rows for name in ("TICK", "NIGHTLY", "LOST", "EVIL") if f" {name} " in row]
    listed = [each for each in json.loads(run("next", "--json").stdout) if each["next"]]
    by_due = sorted(listed, key=lambda each: (datetime.fromisoformat(each["next"][0]), each["name"]))
    assert names == [each["name"] for each in by_due]
    assert sorted(names) == ["EVIL", "LOST", "NIGHTLY", "TICK"]
    assert "NEVER: never fires" in done.stdout
    assert "BAD: not valid: minute: 61 is above the maximum" in done.stdout
    assert "1 value in the bucket is not a scheduled task" in done.stderr

    named = json.loads(
        run("next", "NIGHTLY", "--from", "2027-10-31", "--timezone", "UTC", "--count", "3", "--json").stdout
    )
    assert named == [
        {
            "name": "NIGHTLY",
            "schedule": "CRON_TZ=Europe/Malta 30 2 * * *",
            "timezone": "Europe/Malta",
            "queue": "EMAIL",
            "next": ["2027-10-31T00:30:00+00:00", "2027-10-31T01:30:00+00:00", "2027-11-01T01:30:00+00:00"],
            "reason": None,
        }
    ]
    assert "Did you mean NIGHTLY?" in run("next", "NIGHTLI", code=1).stderr
    assert "BROKEN is not a scheduled task" in run("next", "BROKEN", code=1).stderr
    assert "did you mean Europe/Malta?" in run("next", "--timezone", "Europe/Mata", code=64).stderr


def test_timeline_shows_every_fire_of_the_bucket_in_plain_text(run: Run) -> None:
    text = run("timeline", "--from", "2027-03-28", "--timezone", "Europe/Malta").stdout
    head, histogram, minutes, busiest, never, changes, invalid = text.split("\n\n")
    assert head.endswith(
        "fires of 5 schedules in the bucket, in 24 h from Sun 2027-03-28 00:00:00 +01:00 (Europe/Malta)"
    )
    assert len(histogram.splitlines()) == 25
    assert histogram.split()[:2] == ["From", "Fires"]
    assert "#" in histogram
    assert text.isascii()
    assert minutes.splitlines()[-1] == ":00            :15            :30            :45"
    assert busiest.split()[:4] == ["Busiest", "minutes", "Fires", "Schedules"]
    assert "EVIL, LOST" in busiest.splitlines()[1]  # and TICK, if it was stored at a full hour
    assert never == "Never fire\n  NEVER: 0 0 30 2 *"
    assert "NIGHTLY: on 2027-03-28 02:30 is skipped, in Europe/Malta" in changes
    assert [line.split(":")[0].strip() for line in invalid.splitlines()[1:]] == ["BAD", "BROKEN"]

    found = json.loads(run("timeline", "--from", "2027-03-28", "--json").stdout)
    assert sum(slot["fires"] for slot in found["slots"]) == found["fires"] == sum(found["minutes_of_hour"])
    assert found["busiest"][0]["names"][:2] == ["EVIL", "LOST"]
    assert [(each["name"], each["kind"]) for each in found["clock_changes"]][:2] == [
        ("NIGHTLY", "skipped"),
        ("NIGHTLY", "doubled"),
    ]


def test_run_makes_one_task_and_leaves_the_schedule_as_it_is(run: Run, server: NatsServer) -> None:
    async def watch(client: Client) -> list[tuple[str, dict[str, Any]]]:
        heard = await client.subscribe("CHORIA_AJ.>")
        await client.flush()
        run("run", "TICK", "--json")
        return [(m.subject, json.loads(m.data)) for m in [await heard.next_msg(timeout=20) for _ in range(3)]]

    before = run("view", "TICK", "--json").stdout
    messages = with_client(server.url, watch)
    task_id = messages[0][1]["id"]
    assert [subject.replace(task_id, "ID") for subject, _ in messages] == [
        "CHORIA_AJ.T.ID",
        "CHORIA_AJ.E.task_state.ID",
        "CHORIA_AJ.Q.EMAIL.ID",
    ]
    task = decode_task(stored(server, task_id))
    assert (task.state, task.queue, task.payload, task.signature) == ("new", "EMAIL", b'{"a": 1}', "")
    assert abs(task.created - time.time_ns()) < 60e9
    assert messages[1][1]["task_id"] == task_id
    assert messages[2][1] == {"kind": 0, "job": task_id}
    assert run("view", "TICK", "--json").stdout == before
    (queue,) = json.loads(run("info", "--json").stdout)["queues"]
    assert (queue["waiting"], queue["in_progress"]) == (1, 0)


def test_run_signs_with_the_seed(run: Run, server: NatsServer, tmp_path: Path) -> None:
    seed = tmp_path / "seed.hex"
    seed.write_text(SEED)
    done = run("run", "TICK", "--sign", str(seed), "--ajc-payloads")
    task_id = done.stdout.split()[3]
    task = decode_task(stored(server, task_id))
    assert task.signature == load_signer(seed).sign(task)
    assert is_signed(task, PUBLIC)
    assert task.payload == b'"eyJhIjogMX0="'


def test_run_into_a_queue_that_does_not_exist_is_an_error_and_marks_the_task(run: Run, server: NatsServer) -> None:
    done = run("run", "LOST", code=1)
    assert done.stdout == ""
    task_id = next(word for word in done.stderr.split() if len(word) == 27)
    task = decode_task(stored(server, task_id))
    assert task.state == "queue_error"
    assert task.last_err
    assert "make it with 'ajc queues add EMIAL'" in done.stderr


def test_run_without_the_stream_of_tasks_says_what_makes_it(run: Run, server: NatsServer) -> None:
    async def delete(client: Client) -> None:
        await client.jetstream(timeout=PATIENCE).delete_stream("CHORIA_AJ_TASKS")

    with_client(server.url, delete)
    assert "no stream takes tasks" in run("run", "TICK", code=7).stderr


def test_run_makes_nothing_of_what_is_no_schedule(run: Run) -> None:
    assert "Did you mean TICK?" in run("run", "TIK", code=1).stderr
    assert "is not a scheduled task" in run("run", "BROKEN", code=1).stderr
    assert "not a valid name of a queue" in run("run", "EVIL", code=1).stderr


def test_history_finds_the_tasks_of_our_scheduler_by_their_ids(run: Run, server: NatsServer) -> None:
    tick = next(task for task in schedules() if task.name == "TICK")
    put(server.url, [tick])  # this time at an instant that the test knows
    first, second = (tick.created_at // 10**9 * 10**9 + hours * 3600 * 10**9 for hours in (1, 2))
    fire = task_for_fire(tick, second)
    handled = {**json.loads(encode_task(fire)), "state": "retry", "tries": 2, "last_err": "no \x1b[31mluck"}

    async def store(client: Client) -> None:
        await client.jetstream(timeout=PATIENCE).publish(task_subject(fire.id), json.dumps(handled).encode())

    with_client(server.url, store)
    found = json.loads(run("history", "TICK", "--json").stdout)
    assert [parse_timestamp(each["due"]) for each in found["fires"]] == [second, first]
    newest, oldest = found["fires"]
    assert (newest["task_id"], newest["state"], newest["tries"]) == (fire_task_id("TICK", second), "retry", 2)
    assert newest["lateness_is_bound"]
    assert 0 < newest["lateness_seconds"] < 3600
    assert (oldest["state"], oldest["lateness_seconds"]) == (None, None)
    assert oldest["before_last_change"]

    done = run("history", "TICK", "--last", "2")
    rows = done.stdout.splitlines()[3:]
    assert "retry" in rows[0]
    assert '"no \\x1b[31mluck"' in rows[0]
    assert "no task" in rows[1]
    assert "1 of 2 has no task of an ajsync scheduler" in done.stderr


def test_history_says_what_overlap_has_skipped(run: Run, server: NatsServer) -> None:
    created = time.time_ns() - 7300 * 10**9
    skipping = task("SKIPS", schedule="@every 1h", created_at=created, managed=Managed("team", overlap="skip"))
    put(server.url, [skipping])
    first = created // 10**9 * 10**9 + 3600 * 10**9

    async def store(client: Client) -> None:
        fire = task_for_fire(skipping, first)
        await client.jetstream(timeout=PATIENCE).publish(task_subject(fire.id), encode_task(fire))

    with_client(server.url, store)
    for last in ("1", "20"):
        newest = json.loads(run("history", "SKIPS", "--json", "--last", last).stdout)["fires"][0]
        assert (newest["state"], newest["skipped_for"]) == ("skipped", fire_task_id("SKIPS", first))
    done = run("history", "SKIPS")
    assert "skipped" in done.stdout.splitlines()[3]
    assert "1 of 2 was skipped: overlap is skip, and the previous task was not finished." in done.stderr
    assert "no task" not in done.stdout


def test_history_says_of_what_the_files_suspend_that_it_is_suspended(run: Run, tmp_path: Path) -> None:
    (tmp_path / "ajsync.yaml").write_text("owner: mine\nfiles: [a.yaml]\n")
    schedule = "schedules: {REST: {schedule: '@daily', task_type: t, suspend: %s}}\n"
    for suspended in ("false", "true"):
        (tmp_path / "a.yaml").write_text(schedule % suspended)
        run("apply", "--yes", "--allow-empty", "--allow-deletes", "1")
    told = run("history", "REST", code=1).stderr
    assert "REST is suspended in the files and out of the bucket since " in told
    assert "There is no schedule NOSUCH" in run("history", "NOSUCH", code=1).stderr


def test_history_of_what_was_never_due_and_of_what_does_not_exist(run: Run) -> None:
    assert "It has not been due yet." in run("history", "NEVER").stdout
    assert "There is no schedule NOSUCH" in run("history", "NOSUCH", code=1).stderr
    assert "BAD has a schedule that is not valid" in run("history", "BAD", code=3).stderr


def test_on_a_terminal_there_are_blocks_and_colour_and_no_color_takes_the_colour(run: Run, server: NatsServer) -> None:
    command = ("timeline", "--hours", "3", "--from", "2027-03-28T00:00:00Z", "--server", server.url)
    coloured, plain = on_terminal(*command), on_terminal(*command, NO_COLOR="1")
    assert "\x1b[" in coloured
    assert "\x1b[" not in plain
    assert "█" in coloured
    assert "█" in plain
    assert max(map(len, plain.partition("Clock changes")[0].splitlines())) <= 80
