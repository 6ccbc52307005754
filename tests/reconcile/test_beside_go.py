"""While a Go scheduler watches the bucket, a plan names what it does not know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Managed, member_name
from ajsync.reconcile.apply.watch_loop import WatchLoop
from ajsync.reconcile.fields import ignored_by_go
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.selection import Selection
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.conftest import StartServer
from tests.docs.test_members import MANAGED
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.tasks import OWNER, desired, task
from tests.waiting import until

EXCEPT = {"except_": ("2026-12-25",)}
NOT_ABOUT_FIRES = {"owner", "source", "description", "labels", "applied"}


def goal(**settings: dict[str, Any]) -> Goal:
    """What files want with a schedule of each name, and what is set for it."""
    return Goal(OWNER, desired(task(name, managed=Managed(OWNER, **members)) for name, members in settings.items()))


@pytest.mark.parametrize("name", [field.name for field in fields(Managed) if field.name not in NOT_ABOUT_FIRES])
def test_each_member_about_fires_is_one_that_go_does_not_know(name: str) -> None:
    assert ignored_by_go(task("A", managed=Managed(OWNER, **{name: MANAGED[name]}))) == (member_name(name),)


def test_what_go_does_anyway_or_what_is_about_no_fire_is_not_named() -> None:
    managed = Managed(OWNER, "a.yaml", "text", catchup="none", labels=(("a", "b"),))
    assert [ignored_by_go(each) for each in (task("A", managed=managed), task("B", owner=None))] == [(), ()]


@pytest.mark.anyio
async def test_a_plan_names_what_a_go_scheduler_ignores_while_one_watches(server: NatsServer) -> None:
    wanted = goal(B={"overlap": "skip", "until": "2026-12-25"}, A=EXCEPT, PLAIN={})
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        assert (await propose(bucket, wanted)).plan.ignored == ()
        async with go_watcher(connection):
            found = (await propose(bucket, wanted)).plan
            assert found.ignored == (("A", ("except",)), ("B", ("overlap", "until")))
            selected = replace(wanted, selection=Selection.of(names=["B"]))
            assert [name for name, _ in (await propose(bucket, selected)).plan.ignored] == ["B"]
            assert (await propose(bucket, goal(PLAIN={}))).plan.ignored == ()


@pytest.mark.anyio
async def test_a_server_that_does_not_tell_who_watches_costs_only_the_warning(start_server: StartServer) -> None:
    denied = 'permissions: { publish: { deny: "$JS.API.CONSUMER.LIST.>" } }'
    users = f"{{ user: a, password: b }}, {{ user: c, password: d, {denied} }}"
    server = start_server(f"authorization {{ users: [ {users} ] }}")
    a, c = (context_for_server(server.url.replace("://", f"://{user}@")) for user in ("a:b", "c:d"))
    async with connect(a) as admin, connect(c) as connection, go_watcher_of(admin):
        found = await propose(await ConfigurationBucket.open(connection), goal(A=EXCEPT))
    assert (found.plan.ignored, len(found.plan.changes)) == ((), 1)


@pytest.mark.anyio
async def test_a_follower_warns_once_of_what_a_go_scheduler_ignores_and_again_of_more(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    goals, changed, stop = [goal(A=EXCEPT)], asyncio.Event(), asyncio.Event()
    async with connect(context_for_server(server.url)) as connection, go_watcher_of(connection):

        async def open_bucket() -> ConfigurationBucket:
            return await ConfigurationBucket.open(connection)

        follower = WatchLoop(goals[0], lambda _: goals[0], connection, open_bucket, stop)
        running = asyncio.create_task(follower.run(changed, 0.05))
        steps: list[dict[str, dict[str, Any]]] = [{}, {"B": {"jitter": 1}}, {"C": {}}]
        for more in steps:
            goals[0] = goal(A=EXCEPT, **more)
            changed.set()
            await until(lambda: not changed.is_set())
            live = await (await open_bucket()).read()
            while not live.entries.keys() >= goals[0].tasks.keys():
                live = await (await open_bucket()).read()
        stop.set()
        await running
    warned = [message for message in caplog.messages if "A Go scheduler watches" in message]
    assert [message.rpartition("does not know ")[2] for message in warned] == [
        "except of 1 schedule: A",
        "except, jitter of 2 schedules: A, B",
    ]


@asynccontextmanager
async def go_watcher_of(connection: Connection) -> AsyncIterator[None]:
    """A bucket, and a Go scheduler that watches it."""
    await ConfigurationBucket.create(connection)
    async with go_watcher(connection):
        yield
