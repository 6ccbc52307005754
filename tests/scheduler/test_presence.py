"""Schedulers that know of one another: two, one that is killed, two of one name, and what a server does to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.msg import Msg

from ajsync.asyncjobs.presence import ASKED, ROLES, Presence, SchedulerPresence, read_presence
from ajsync.scheduler import presence as presence_module
from ajsync.scheduler.overview import status_of
from ajsync.scheduler.scheduler import Scheduler
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.version import __version__
from tests.cli.processes import background
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.scheduler.running import leading, put, running, running_on, wait_for_tasks
from tests.transport.connecting import SECRET, context_of
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_module, "LOOK_SECONDS", 0.1)


def seen(scheduler: Scheduler) -> dict[str, str]:
    """The roles of the schedulers that this one sees, by their names; none while it does not know."""
    presence = scheduler.presence.presence
    return {} if presence.trouble else {each.name: each.role for each in presence.schedulers}


def counted(scheduler: Scheduler) -> dict[str, str]:
    """What its metric says, by role."""
    lines = scheduler.metrics.exposition().decode().splitlines()
    found = [line.split('"') for line in lines if line.startswith("ajsync_schedulers{")]
    return {role: value.strip("} ") for _, role, value in found}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name == presence_module.__name__]


async def test_a_leader_and_a_stand_by_see_each_other(server: NatsServer) -> None:
    async with leading(server.url, "one") as one, running(server.url, "two") as two:
        both = {"one": "leader", "two": "stand-by"}
        await until(lambda: seen(one) == seen(two) == both, lambda: (seen(one), seen(two)))
        await until(lambda: counted(one) == {**dict.fromkeys(ROLES, "0"), "leader": "1", "stand-by": "1"})
        assert counted(two) == counted(one)
        assert [each.name for each in status_of(two).presence.schedulers] == ["one", "two"]
        assert not one.presence.presence.lacks_stand_by
        async with connect(context_for_server(server.url)) as connection:
            await put(connection, "TICK")
            await wait_for_tasks(connection, 1)
            leader, stand_by = (await read_presence(connection, "")).schedulers
            assert leader == SchedulerPresence(leader.id, "one", "leader", one.role.since, __version__, 1)
            assert (stand_by.name, stand_by.role, stand_by.since) == ("two", "stand-by", two.role.since)
            assert leader.id != stand_by.id


async def test_one_that_stops_is_gone_and_its_stand_by_is_missing(server: NatsServer) -> None:
    async with running(server.url, "two") as two:
        async with running(server.url, "one"):
            await until(lambda: len(seen(two)) == 2)
        await until(lambda: seen(two) == {"two": "leader"})
        assert two.presence.presence.lacks_stand_by
        await until(lambda: counted(two)["stand-by"] == "0")


async def test_one_that_is_killed_is_gone_and_the_other_is_shown_to_lead(server: NatsServer, tmp_path: Path) -> None:
    with background(tmp_path, "scheduler", "one", "--server", server.url) as one:
        async with connect(context_for_server(server.url)) as connection:
            async with asyncio.timeout(30):
                while [each.role for each in (await read_presence(connection, "")).schedulers] != ["leader"]:
                    await asyncio.sleep(0.05)
            async with running(server.url, "two") as two:
                await until(lambda: seen(two) == {"one": "leader", "two": "stand-by"})
                one.kill()
                await until(lambda: seen(two) == {"two": "leader"}, lambda: seen(two))
                assert (await read_presence(connection, "")).schedulers == two.presence.presence.schedulers


async def test_two_of_one_name_warn_once_each_and_go_on(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    async with leading(server.url, "same") as one, running(server.url, "same") as two:
        await until(lambda: one.presence.presence.namesakes == two.presence.presence.namesakes == ("same",))
        async with connect(context_for_server(server.url)) as connection:
            await put(connection, "TICK")
            assert len(await wait_for_tasks(connection, 2)) >= 2
        told = "Another scheduler with the name same "
        await until(lambda: sum(told in each for each in caplog.messages) == 2)
        (by_leader,) = warnings(caplog)
        assert by_leader.startswith(f"{told}runs. ")
        assert f"{told}leads. " in caplog.text  # which the stand-by has from the election
        assert (one.role.leads, two.role.leads) == (True, False)


async def test_two_stand_bys_of_one_name_warn_too(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    async with leading(server.url, "one"), running(server.url, "same") as two, running(server.url, "same") as three:
        await until(lambda: len(seen(two)) == len(seen(three)) == 2)
        await until(lambda: len(warnings(caplog)) == 2)
        assert two.presence.presence.count("stand-by") == 2


async def test_it_is_found_again_after_the_server_was_away(server: NatsServer) -> None:
    async with leading(server.url, "one") as one, running(server.url, "two") as two:
        await until(lambda: len(seen(one)) == 2)
        server.stop()
        await until(lambda: "no connection" in one.presence.presence.trouble)
        assert [each.name for each in one.presence.presence.schedulers] == ["one"]
        assert counted(one) == {}
        server.start()
        await until(lambda: len(seen(one)) == len(seen(two)) == 2, lambda: (seen(one), seen(two)))


def user(*, subscribe: str = "", publish: str = "", responses: str = "") -> str:
    """A server whose user `me` may do everything but what presence needs, and what is given here."""
    everything = '"$JS.>", "$KV.>", "CHORIA_AJ.>"'
    permissions = f'publish: [{everything}{publish}], subscribe: ["_INBOX.>"{subscribe}]{responses}'
    me = f"{{ user: me, password: {SECRET}, permissions: {{ {permissions} }} }}"
    return f"authorization {{ users: [ {me}, {{ user: admin, password: {SECRET} }} ] }}"


SEEN = {"subscribe": ', "$SRV.>"', "responses": ", allow_responses: true"}
SEES = {"publish": ', "$SRV.>"'}


@asynccontextmanager
async def as_user(server: NatsServer, name: str = "one") -> AsyncIterator[Scheduler]:
    context = context_of(server, user="me", password=SECRET)
    async with connect(context, reconnect_timeout=None) as connection, running_on(connection, name) as scheduler:
        yield scheduler


@pytest.mark.parametrize(
    ("allowed", "told"),
    [
        ({}, ["Cannot see which", "Others cannot see"]),
        (SEEN, ["Cannot see which"]),
        (SEES, ["Others cannot see"]),
        ({**SEES, "subscribe": SEEN["subscribe"]}, ["Others cannot see"]),
        ({**SEES, **SEEN}, []),
    ],
)
async def test_without_the_permission_it_fires_and_says_so_once(
    start_server: StartServer, caplog: pytest.LogCaptureFixture, allowed: dict[str, str], told: list[str]
) -> None:
    server = start_server(user(**allowed))
    async with as_user(server) as one, connect(context_of(server, user="admin", password=SECRET)) as admin:
        await until(lambda: one.leads)
        await put(admin, "TICK")
        await wait_for_tasks(admin, 1)
        looks = 0

        def look(_presence: Presence) -> None:
            nonlocal looks
            looks += 1

        one.presence._on_seen = look
        await until(lambda: looks > 5 and len(warnings(caplog)) >= len(told), lambda: warnings(caplog))
        assert sorted(each[:16] for each in warnings(caplog)) == sorted(each[:16] for each in told)
        assert bool(one.presence.presence.trouble) == ("publish" not in allowed)
        is_seen = allowed.get("subscribe") is not None and "responses" in allowed
        assert len((await read_presence(admin, "")).schedulers) == int(is_seen)
        refusals = server.log.count("Violation")
        await until(lambda: looks > 10)
        assert server.log.count("Violation") == refusals  # it does not go on asking for what it may not


async def test_hostile_answers_hold_nothing_up_and_stop_nothing(server: NatsServer) -> None:
    garbage = [b"", b"\xff\xfe", b"[" * 4000, b"{}", bytes(50_000), b'{"name":"ajsync-scheduler","endpoints":[7]}']
    forged: dict[str, Any] = {
        "name": "ajsync-scheduler",
        "id": "evil",
        "version": "1",
        "metadata": {"scheduler": "\x1b[2Jevil"},
        "endpoints": [{"data": {"role": "stand-by", "since": "2026-01-01T00:00:00Z", "schedules": 1}}],
    }
    async with connect(context_for_server(server.url)) as other:

        async def respond(message: Msg) -> None:
            for number in range(60):
                for each in (*garbage, json.dumps({**forged, "id": f"evil{number}"}).encode()):
                    await message.respond(each)

        await other.client.subscribe(ASKED, cb=respond)
        async with leading(server.url, "one") as one:
            await put(other, "TICK")
            assert len(await wait_for_tasks(other, 3)) >= 3
            await until(lambda: one.presence.presence.more > 0)
            presence = one.presence.presence
            assert presence.schedulers[0].name == "one"
            assert len(presence.schedulers) <= 50
            assert one.leads


async def test_only_the_schedulers_of_its_own_domain_are_seen(start_server: StartServer, tmp_path: Path) -> None:
    """A leaf node with a domain of its own shares the account, and so the service, but not the bucket."""
    store = json.dumps(str(tmp_path / "data"))
    server = start_server(f"jetstream {{ store_dir: {store}, domain: hub }}", jetstream=False)
    async with leading(server.url, "one") as one, running(server.url, "two"):
        await until(lambda: len(seen(one)) == 2)
        async with connect(context_for_server(server.url)) as connection:
            assert len((await read_presence(connection, "hub")).schedulers) == 2
            assert (await read_presence(connection, "leaf")).schedulers == ()


async def test_a_release_that_knows_nothing_of_it_is_not_seen_and_takes_part(server: NatsServer) -> None:
    async def never(domain: str) -> None:
        await asyncio.Event().wait()

    async with running(server.url, "old") as old:
        old.presence.run = never  # type: ignore[method-assign]  # before its first look, since it has to connect first
        await until(lambda: old.leads)
        async with running(server.url, "new") as new:
            await until(lambda: status_of(new).leader == "old" and seen(new) == {"new": "stand-by"})
        assert new.role.leads is False
