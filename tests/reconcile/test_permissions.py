"""The permissions in docs/permissions.md, on a server that has exactly these: enough for each user, and no more."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from nats.aio.client import Client

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Live
from ajsync.errors import UnreachableError
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.transport.connection import Connection, connect
from tests.cli.processes import ajsync, wait_until
from tests.conftest import StartServer
from tests.docs.users import (
    ALTERED,
    API,
    CREATE,
    KEYS,
    MISSING,
    OWNER,
    PASSWORD,
    STREAM,
    WITHOUT,
    authorization,
    client_of,
    context,
    write_all_contexts,
    write_contexts,
)
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("passwords")]

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def secured(start_server: StartServer, home: Path) -> NatsServer:
    """A server that knows the users of the page and an administrator, each with a NATS context of its name."""
    server = start_server(authorization())
    write_all_contexts(home, server)
    return server


@pytest.fixture
def run(project: Path) -> Run:
    """Run a command of ajsync in the project, as a user."""

    def run(user: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return ajsync(project, *arguments, "--context", user, NATS_PASSWORD=PASSWORD)

    return run


def want(project: Path, **schedules: str) -> None:
    """Let the files hold these schedules."""
    members = {name: {"schedule": schedule, "task_type": "x"} for name, schedule in schedules.items()}
    (project / "schedules" / "a.yaml").write_text(json.dumps({"schedules": members}))


def held(run: Run) -> dict[str, str]:
    """Name → schedule of what the bucket holds."""
    return {task["name"]: task["schedule"] for task in json.loads(run("admin", "list", "--json").stdout)}


@pytest.fixture
def filled(secured: NatsServer, project: Path) -> NatsServer:
    """The bucket holds the schedules A and B of the project, and the files another A, no B, and C."""
    asyncio.run(fill())
    want(project, A="@hourly", C="@weekly")
    return secured


async def fill() -> None:
    async with connect(context("admin")) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        tasks = [task(name, owner=OWNER, queue="DEFAULT", task_type="x") for name in ("A", "B")]
        await write_keys(bucket, [KeyWrite(each.name, 0, each) for each in tasks])


def test_the_plan_user_sees_what_is_pending(filled: NatsServer, run: Run) -> None:
    done = run("ajsync-plan", "plan", "--detailed-exitcode")
    assert (done.returncode, done.stderr) == (2, "")
    assert "1 to create, 1 to update, 0 to adopt, 1 to delete" in done.stdout
    assert run("ajsync-plan", "list", "--names").stdout == "A\nB\n"
    assert run("ajsync-plan", "view", "A").returncode == 0
    assert "@daily" in run("ajsync-plan", "export", "B").stdout


@pytest.mark.parametrize(
    ("schedules", "refused"),
    [
        ({"A": "@daily", "B": "@daily", "C": "@daily"}, f"{KEYS}scheduled_tasks.C"),
        ({"A": "@hourly", "B": "@daily"}, f"{API}CONSUMER.LIST.{STREAM}"),
        ({"A": "@daily"}, f"{KEYS}scheduled_tasks.B"),
    ],
    ids=["create", "update", "delete"],
)
def test_the_server_refuses_an_apply_of_the_plan_user(
    filled: NatsServer, project: Path, run: Run, schedules: dict[str, str], refused: str
) -> None:
    want(project, **schedules)
    done = run("ajsync-plan", "apply", "--yes")
    assert done.returncode == 7
    assert f'Permissions Violation for Publish to "{refused}"' in done.stderr
    assert held(run) == {"A": "@daily", "B": "@daily"}


def test_the_apply_user_creates_updates_and_deletes(filled: NatsServer, run: Run) -> None:
    done = run("ajsync-apply", "apply", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Applied: 1 created, 1 updated, 1 deleted." in done.stdout
    assert held(run) == {"A": "@hourly", "C": "@weekly"}
    assert run("ajsync-apply", "plan", "--detailed-exitcode").returncode == 0


async def test_the_apply_user_updates_beside_a_go_scheduler(filled: NatsServer, project: Path, run: Run) -> None:
    async with connect(context("admin")) as connection, go_watcher(connection) as watcher:
        await watcher.until("A", ["@daily"])
        want(project, A="@hourly", B="@daily")
        for user in ("apply-without-list", "apply-without-journal"):
            refused = await asyncio.to_thread(run, user, "apply", "--yes")
            assert refused.returncode == 7
            assert "Permissions Violation" in refused.stderr
        want(project, A="@hourly")
        done = await asyncio.to_thread(run, "ajsync-apply", "apply", "--yes")
        assert (done.returncode, done.stderr) == (0, "")
        await watcher.until("A", ["@hourly"])
        await watcher.until("B", [])


@pytest.mark.parametrize("user", WITHOUT)
async def test_each_permission_of_the_plan_user_is_needed(filled: NatsServer, user: str) -> None:
    async with connect(context(user)) as connection:
        surveyed = asyncio.ensure_future(look(connection))
        await asyncio.wait((surveyed,))
        if "DIRECT.GET" in MISSING[user]:  # which saves time, as the page says
            assert (await surveyed).entries.keys() == {"A", "B"}
        else:
            with pytest.raises(UnreachableError):
                await surveyed
    assert f'user:{user}" - Publish Violation' in filled.log


async def look(connection: Connection) -> Live:
    """Do what `plan` does with the bucket."""
    bucket = await ConfigurationBucket.open(connection)
    await propose(bucket, Goal(OWNER, {}))
    return await bucket.read()


def test_without_the_keys_an_apply_is_refused(filled: NatsServer, run: Run) -> None:
    assert run("apply-without-keys", "apply", "--yes").returncode == 7


def test_without_the_key_of_the_record_an_apply_counts_and_warns_once(filled: NatsServer, run: Run) -> None:
    done = run("apply-without-record", "apply", "--yes")
    assert done.returncode == 0
    assert held(run) == {"A": "@hourly", "C": "@weekly"}
    assert done.stderr.count("Warning:") == 1
    assert "The apply is missing in the record" in done.stderr
    assert f'Publish to "{KEYS}ajsync.applied.{OWNER}"' in done.stderr
    assert run("ajsync-plan", "log").stdout == "No apply of team is recorded\n"


def test_only_who_may_make_the_bucket_makes_it(secured: NatsServer, project: Path, run: Run) -> None:
    want(project, A="@daily")
    for user, *command in (("ajsync-plan", "init", "--bucket"), ("ajsync-apply", "apply", "--yes", "--create-bucket")):
        refused = run(user, *command)
        assert refused.returncode == 7
        assert f"Permissions Violation for Publish to {CREATE}" in refused.stderr
    assert "Made the bucket" in run("ajsync-init", "init", "--bucket").stdout
    assert run("ajsync-init", "plan").returncode == 7


def test_with_one_permission_more_the_apply_user_makes_the_bucket(secured: NatsServer, project: Path, run: Run) -> None:
    want(project, A="@daily")
    done = run("apply-and-create", "apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    assert held(run) == {"A": "@daily"}


def test_on_a_leaf_node_the_subjects_have_the_prefix_of_the_domain(
    start_server: StartServer, tmp_path: Path, home: Path, project: Path, run: Run
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    direct = ALTERED["apply-and-create"]
    prefixed = direct.replace(f'"{API}', '"$JS.hub.API.').replace('"$KV.', '"$JS.hub.API.$KV.')
    joint = f"users: [ {{ user: leaf, password: {PASSWORD} }}, {direct} ]"
    hub = start_server(
        f"{domain('hub', tmp_path)}\nauthorization {{ {joint} }}\nleafnodes {{ listen: 127.0.0.1:{port} }}",
        jetstream=False,
    )
    remote = f'leafnodes {{ remotes: [ {{ url: "nats://leaf:{PASSWORD}@127.0.0.1:{port}" }} ] }}'
    leaf = start_server(
        f"{domain('leaf', tmp_path)}\nauthorization {{ users: [ {prefixed} ] }}\n{remote}", jetstream=False
    )
    write_contexts(home, hub, {"hub": direct}, user="ajsync-apply", jetstream_domain="hub")
    write_contexts(home, leaf, {"leaf": prefixed}, user="ajsync-apply", jetstream_domain="hub")
    want(project, A="@daily", B="@daily")
    done = run("hub", "apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    want(project, A="@hourly", C="@daily")
    wait_until(lambda: run("leaf", "plan").returncode == 0)  # until the leaf node has joined the hub
    done = run("leaf", "apply", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("hub", "plan", "--detailed-exitcode").returncode == 0


def domain(name: str, folder: Path) -> str:
    return f"server_name: {name}\njetstream {{ domain: {name}, store_dir: {json.dumps(str(folder / name))} }}"


FORBIDDEN = [
    "$KV.OTHER.key",
    f"{API}STREAM.INFO.KV_OTHER",
    f"{API}STREAM.MSG.GET.KV_OTHER",
    f"{API}DIRECT.GET.KV_OTHER.$KV.OTHER.key",
    f"{API}CONSUMER.CREATE.KV_OTHER.x.$KV.OTHER.key",
    f"{API}CONSUMER.CREATE.{STREAM}.x.{KEYS}>",
    f"{API}CONSUMER.CREATE.{STREAM}.x.{KEYS}scheduled_tasks.*",
    f"{API}CONSUMER.CREATE.{STREAM}.x",
    f"{API}CONSUMER.MSG.NEXT.{STREAM}.x",
    f"{API}CONSUMER.DELETE.{STREAM}.x",
    f"{API}DIRECT.GET.{STREAM}.{KEYS}scheduled_tasks.A",
    f"{API}DIRECT.GET.CHORIA_AJ_TASKS",
    f"{API}CONSUMER.CREATE.{STREAM}",
    f"{API}CONSUMER.DURABLE.CREATE.{STREAM}.x",
    f"{API}STREAM.DELETE.{STREAM}",
    f"{API}STREAM.PURGE.{STREAM}",
    f"{API}STREAM.UPDATE.{STREAM}",
    f"{API}STREAM.MSG.DELETE.{STREAM}",
    f"{API}STREAM.CREATE.KV_NEW",
    f"{KEYS}other",
    f"{KEYS}ajsync.journal.another",
    f"{KEYS}ajsync.applied.another",
    "$KV.CHORIA_AJ_ELECTIONS.task_scheduler",
    "CHORIA_AJ.T.x",
    "CHORIA_AJ.Q.EMAIL.x",
]
UNSEEN = [">", "_INBOX.>", "_INBOX_another.>", f"{KEYS}>", "CHORIA_AJ.>"]


@pytest.mark.parametrize("user", ["ajsync-plan", "ajsync-apply", "ajsync-init"])
async def test_neither_user_touches_anything_else(filled: NatsServer, user: str, run: Run) -> None:
    before = held(run)
    async with client_of(filled, "admin") as admin:
        await admin.jetstream(timeout=PATIENCE).create_key_value(bucket="OTHER")
    refusals: list[str] = []
    async with client_of(filled, user, refusals) as connection:
        for subject in FORBIDDEN:
            await connection.publish(subject, b"{}")
        for subject in UNSEEN:
            await connection.subscribe(subject)
        async with asyncio.timeout(60):
            while len(refusals) < len(FORBIDDEN) + len(UNSEEN):
                await asyncio.sleep(0.01)
    for kind, subjects in (("publish", FORBIDDEN), ("subscription", UNSEEN)):
        for subject in subjects:
            assert any(f'violation for {kind} to "{subject.lower()}"' in refusal for refusal in refusals), subject
    assert held(run) == before


async def ask(connection: Client, subject: str, body: object) -> dict[str, object]:
    answer: dict[str, object] = json.loads(
        (await connection.request(API + subject, json.dumps(body).encode(), timeout=PATIENCE)).data
    )
    return answer


async def test_the_page_is_honest_about_what_the_plan_user_can_read(filled: NatsServer) -> None:
    async with client_of(filled, "admin") as admin, client_of(filled, "ajsync-plan") as connection:
        await admin.request(f"{KEYS}ajsync.journal.another", b"journal", timeout=PATIENCE)  # answered once it is stored
        found = await ask(connection, f"STREAM.MSG.GET.{STREAM}", {"last_by_subj": f"{KEYS}ajsync.journal.another"})
        message = found["message"]
        assert isinstance(message, dict)
        assert base64.b64decode(message["data"]) == b"journal"


async def test_the_page_is_honest_about_what_the_apply_user_can_destroy(filled: NatsServer, run: Run) -> None:
    async with client_of(filled, "ajsync-apply") as connection:
        await connection.request(f"{KEYS}scheduled_tasks.X", b"", headers={"Nats-Rollup": "all"})
    assert held(run) == {}


async def test_the_page_is_honest_about_who_may_make_the_bucket(secured: NatsServer) -> None:
    copying = {"name": STREAM, "sources": [{"name": "KV_OTHER"}]}
    async with client_of(secured, "admin") as admin, client_of(secured, "ajsync-init") as connection:
        await admin.jetstream(timeout=PATIENCE).create_key_value(bucket="OTHER")
        assert "error" not in await ask(connection, f"STREAM.CREATE.{STREAM}", copying)
