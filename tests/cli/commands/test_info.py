"""`ajsync info` as a user runs it: which schedulers there are, and the state of what asyncjobs keeps on the server."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.presence import ASKED
from ajsync.cli.output.information import QUEUE_COLUMNS, SCHEDULER_COLUMNS, STORE_COLUMNS
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.commands.inspected import HOSTILE, fill, with_client
from tests.cli.processes import ajsync, background, wait_until
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.scheduler.running import running
from tests.transport.connecting import SECRET, sent
from tests.waiting import PATIENCE, until

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, server: NatsServer) -> Run:
    """Run `ajsync info` or another command against a server with schedules and a queue."""
    fill(server.url)

    def run(*arguments: str, command: str = "info") -> subprocess.CompletedProcess[str]:
        done = ajsync(tmp_path, command, *arguments, "--server", server.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all(char.isprintable() or char == "\n" for char in done.stdout), repr(done.stdout)
        return done

    return run


def blocks(text: str) -> dict[str, list[list[str]]]:
    """The tables by the title of their first column, each as rows of cells."""
    tables = [[re.split("  +", line) for line in block.splitlines()] for block in text.split("\n\n")[1:]]
    return {rows[0][0]: rows for rows in tables}


def told(text: str) -> list[str]:
    """What it says before the first table."""
    return text.split("\n\n")[0].splitlines()


async def lead(client: Client) -> None:
    """As a Go scheduler, whose key has no header."""
    await client.jetstream(timeout=PATIENCE).publish(ELECTION_SUBJECT, b"dev1\x1b[31m")


def test_the_stores_and_the_queues_are_tables(run: Run) -> None:
    tables = blocks(run("--timezone", "Europe/Malta").stdout)
    assert list(tables) == ["Store", "Queue"]
    assert [re.sub(r" \(Europe/Malta\)", "", each) for each in tables["Store"][0]] == [
        column.title for column in STORE_COLUMNS
    ]
    assert [row[:2] for row in tables["Store"][1:]] == [["Tasks", "0"], ["Configuration", "7"], ["Elections", "0"]]
    assert tables["Store"][2][-1].endswith(("+01:00", "+02:00"))
    assert len(tables["Queue"][0]) == len(QUEUE_COLUMNS)
    (queue,) = (dict(zip(tables["Queue"][0], row, strict=True)) for row in tables["Queue"][1:])
    assert queue["Queue"] == "EMAIL"
    assert [queue[name] for name in ("Waiting", "In progress", "Again", "Max tries", "Max entries")] == [
        *("0", "0", "0", "5", "unlimited")
    ]


def test_a_go_scheduler_is_known_by_the_election_alone(run: Run, server: NatsServer) -> None:
    assert told(run().stdout) == ["No scheduler leads, so nothing fires. To do: ajsync scheduler"]
    with_client(server.url, lead)
    text = run().stdout
    assert told(text) == [
        'The Go scheduler "dev1\\x1b[31m" leads. Other Go schedulers cannot be seen.',
    ]
    assert blocks(text)["Election"][1:] == [["task_scheduler", '"dev1\\x1b[31m"']]
    with_client(server.url, lead)  # a key of the election lives for ten seconds
    found = json.loads(run("--json").stdout)
    assert found["elections"]["leaders"] == {"task_scheduler": "dev1\x1b[31m"}
    assert found["elections"]["leader_is_go"] is True
    assert found["presence"] == {"schedulers": [], "more": 0, "trouble": ""}
    assert [(each["name"], each["waiting"]) for each in found["queues"]] == [("EMAIL", 0)]
    assert found["configuration"]["entries"] == 7


def test_an_empty_account_stays_empty(server: NatsServer, tmp_path: Path) -> None:
    for _ in range(2):
        done = ajsync(tmp_path, "info", "--server", server.url)
        assert done.returncode == 0, done.stderr
        assert [row[:2] for row in blocks(done.stdout)["Store"][1:]] == [
            *(["Tasks", "missing"], ["Configuration", "missing"], ["Elections", "missing"])
        ]


def roles(run: Run) -> dict[str, str]:
    return {each["name"]: each["role"] for each in json.loads(run("--json").stdout)["presence"]["schedulers"]}


def test_all_schedulers_are_listed_and_a_missing_stand_by_is_told(run: Run, server: NatsServer, tmp_path: Path) -> None:
    with background(tmp_path, "scheduler", "one", "--server", server.url) as one:
        wait_until(lambda: roles(run) == {"one": "leader"}, one)
        assert told(run().stdout) == [
            "The scheduler one leads.",
            "No scheduler stands by, so nothing fires once the leader ends.",
        ]
        alone = run(command="status").stdout
        assert "No scheduler stands by, so nothing fires once the leader ends. To do: ajsync scheduler" in alone
        assert json.loads(run("--json", command="status").stdout)["scheduler"]["stand_bys"] == 0
        assert "; no scheduler stands by |" in run("TICK", "--check", command="status").stdout
        with background(tmp_path, "scheduler", "two", "--server", server.url) as two:
            wait_until(lambda: roles(run) == {"one": "leader", "two": "stand-by"}, two)
            text = run().stdout
            assert told(text) == ["The scheduler one leads."]
            table = blocks(text)["Scheduler"]
            assert [title.removesuffix(" (UTC)") for title in table[0]] == [each.title for each in SCHEDULER_COLUMNS]
            assert [row[:2] for row in table[1:]] == [["one", "leader"], ["two", "stand-by"]]
            found = json.loads(run("--json").stdout)["presence"]["schedulers"]
            assert [row[5] for row in table[1:]] == [each["id"] for each in found]
            assert all(parse_timestamp(each["since"]) for each in found)
            assert "stands by" not in run(command="status").stdout
            assert json.loads(run("--json", command="status").stdout)["scheduler"]["stand_bys"] == 1
            one.kill()
            wait_until(lambda: roles(run) == {"two": "leader"}, two)


def test_two_of_one_name_are_told(run: Run, server: NatsServer, tmp_path: Path) -> None:
    with background(tmp_path, "scheduler", "same", "--server", server.url) as one:
        wait_until(lambda: roles(run) == {"same": "leader"}, one)
        with background(tmp_path, "scheduler", "same", "--server", server.url) as two:
            wait_until(lambda: len(blocks(run().stdout)["Scheduler"]) == 3, two)
            assert "Several schedulers are named same. Each needs a name of its own." in told(run().stdout)


@pytest.mark.anyio
async def test_a_leader_that_does_not_register_is_told(run: Run, server: NatsServer) -> None:
    async def never(domain: str) -> None:
        await asyncio.Event().wait()

    async with running(server.url, "old") as old:
        old.presence.run = never  # type: ignore[method-assign]  # before its first look, since it has to connect first
        await until(lambda: old.leads)
        assert told((await asyncio.to_thread(run)).stdout) == [
            "The scheduler old leads according to the election, but does not answer: it is of an older release, may "
            "not be seen, or has just ended."
        ]


@asynccontextmanager
async def answering(server: NatsServer, answers: list[bytes]) -> AsyncIterator[None]:
    """Somebody answers for schedulers."""
    async with connect(context_for_server(server.url)) as other:

        async def respond(message: Msg) -> None:
            for each in answers:
                await message.respond(each)

        await other.client.subscribe(ASKED, cb=respond)
        await sent(other.client)
        yield


@pytest.mark.anyio
async def test_hostile_answers_neither_steer_the_terminal_nor_flood_it(run: Run, server: NatsServer) -> None:
    forged: dict[str, Any] = {
        "name": "ajsync-scheduler",
        "version": HOSTILE,
        "metadata": {"scheduler": HOSTILE},
        "endpoints": [{"data": {"role": "stand-by", "since": "2026-01-01T00:00:00Z", "schedules": 1}}],
    }
    many = [json.dumps({**forged, "id": f"evil-{number}"}).encode() for number in range(300)]
    async with answering(server, [b"", b"\xff", bytes(100_000), *many]):
        text = (await asyncio.to_thread(run)).stdout
    assert len(blocks(text)["Scheduler"]) == 51
    assert any(re.fullmatch(r"\d+ further answers came, but are not shown\.", each) for each in told(text))


def user(*publish: str) -> str:
    """A server with a user who may publish to these subjects only."""
    listed = ", ".join(f'"{each}"' for each in publish)
    permissions = f'{{ publish: [{listed}], subscribe: ["_INBOX.>"] }}'
    return f"authorization {{ users: [ {{ user: me, password: {SECRET}, permissions: {permissions} }} ] }}"


@pytest.mark.parametrize("command", ["info", "status"])
def test_without_the_permission_to_ask_it_says_so_or_leaves_it_out(
    start_server: StartServer, tmp_path: Path, command: str
) -> None:
    server = start_server(user("$JS.>"))
    url = server.url.replace("://", f"://me:{SECRET}@")
    made = ajsync(tmp_path, "init", "--bucket", "--server", url)
    assert made.returncode == 0, made.stderr
    done = ajsync(tmp_path, command, "--server", url)
    assert done.returncode == 0, done.stderr
    refused = 'Permissions Violation for Publish to "$SRV.STATS.ajsync-scheduler"'
    assert (f"The other schedulers are not known. The server {server.url} does not let us ask" in done.stdout) == (
        command == "info"
    )
    assert (refused in done.stdout) == (command == "info")
    found = json.loads(ajsync(tmp_path, command, "--json", "--server", url).stdout)
    if command == "info":
        assert refused in found["presence"]["trouble"]
    else:
        assert found["scheduler"]["stand_bys"] is None
