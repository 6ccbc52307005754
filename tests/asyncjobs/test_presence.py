"""What a scheduler tells of itself, and what is made of the answers of anybody."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.msg import Msg

from ajsync.asyncjobs.names import LONGEST_NAME
from ajsync.asyncjobs.presence import (
    ASKED,
    MOST_SHOWN,
    ROLES,
    SERVICE,
    Presence,
    PresenceRole,
    SchedulerPresence,
    decode_presence,
    instance_of,
    presence_of,
    read_presence,
)
from ajsync.errors import StoredValueError
from ajsync.scheduler.election.role import RoleState
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.service import _stats
from ajsync.version import __version__
from tests.nats_server import NatsServer
from tests.transport.connecting import sent

ME = SchedulerPresence("a1", "dev1", "leader", parse_timestamp("2026-11-24T07:01:33.5Z"), "0.1.0", 12)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=LONGEST_NAME)
schedulers = st.builds(
    SchedulerPresence,
    id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True),
    name=names,
    role=st.sampled_from(ROLES),
    since=st.integers(0, 10**19),
    version=st.just("1.2.3"),
    schedules=st.integers(0, 10**9),
)


def answer(scheduler: SchedulerPresence = ME, domain: str = "") -> bytes:
    return json.dumps(_stats(instance_of(scheduler, domain), 0, 1), ensure_ascii=False).encode()


def changed(*path: str | int, to: Any) -> bytes:
    """An answer with another value at a place in it."""
    whole = json.loads(answer())
    inner = whole
    for each in path[:-1]:
        inner = inner[each]
    inner[path[-1]] = to
    return json.dumps(whole).encode()


def test_the_roles_are_those_of_the_scheduler() -> None:
    assert {*ROLES} == {*get_args(PresenceRole)} == {each.value for each in RoleState}


def test_the_version_is_a_semantic_one_as_services_need() -> None:
    major, minor, patch = __version__.split(".")
    assert all(each.isdecimal() for each in (major, minor, patch))


@given(schedulers, st.sampled_from(["", "hub"]))
def test_what_a_scheduler_tells_is_read_back_and_short_enough(scheduler: SchedulerPresence, domain: str) -> None:
    data = answer(scheduler, domain)
    assert decode_presence(data, domain) == scheduler
    assert decode_presence(data, "leaf") is None
    assert len(data) <= 4096


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"[" * 4000,
        b"{}",
        b'{"name": "other", "endpoints": []}',
        changed("name", to="other"),
        changed("id", to="a b"),
        changed("id", to="a" * 65),
        changed("id", to=7),
        changed("version", to="9" * 65),
        changed("metadata", to=None),
        changed("metadata", "scheduler", to=""),
        changed("metadata", "scheduler", to="x" * 256),
        changed("metadata", "domain", to=7),
        changed("endpoints", to=[]),
        changed("endpoints", to=["state"]),
        changed("endpoints", 0, "data", to="leader"),
        changed("endpoints", 0, "data", "role", to="king"),
        changed("endpoints", 0, "data", "since", to="now"),
        changed("endpoints", 0, "data", "since", to="9999-99-99T00:00:00Z"),
        changed("endpoints", 0, "data", "schedules", to=-1),
        changed("endpoints", 0, "data", "schedules", to=10**30),
        changed("endpoints", 0, "data", "schedules", to=1.5),
    ],
)
def test_an_answer_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(StoredValueError):
        decode_presence(data, "")


@given(st.binary(max_size=20), st.integers(0, 600), st.integers(0, 30))
def test_no_answer_does_any_harm(noise: bytes, start: int, length: int) -> None:
    whole = answer()
    with suppress(StoredValueError):
        found = decode_presence(whole[:start] + noise + whole[start + length :], "")
        assert found is None or isinstance(found, SchedulerPresence)


@given(st.lists(schedulers, max_size=2 * MOST_SHOWN))
def test_the_leader_comes_first_and_each_scheduler_once(found: list[SchedulerPresence]) -> None:
    presence = presence_of(found, 3)
    shown = presence.schedulers
    assert [ROLES.index(each.role) for each in shown] == sorted(ROLES.index(each.role) for each in shown)
    assert len({each.id for each in shown}) == len(shown) <= MOST_SHOWN
    assert len(shown) + presence.more == len({each.id for each in found}) + 3
    assert sum(map(presence.count, ROLES)) == len(shown)


def test_a_stand_by_is_missing_where_one_leads_and_none_could_take_over() -> None:
    stand_by = replace(ME, id="a2", role="stand-by")
    starting = replace(ME, id="a3", role="starting")
    assert presence_of([ME]).lacks_stand_by
    assert presence_of([ME, starting]).lacks_stand_by
    assert not presence_of([ME, stand_by]).lacks_stand_by
    assert not presence_of([stand_by]).lacks_stand_by
    assert not presence_of([ME], trouble="nobody knows").lacks_stand_by


def test_namesakes_are_named_once() -> None:
    others = [replace(ME, id=str(number), role="stand-by") for number in range(3)]
    assert presence_of([ME, *others, replace(ME, id="b", name="dev2")]).namesakes == ("dev1",)
    assert presence_of([ME, replace(ME, id="b", name="dev2")]).namesakes == ()


@asynccontextmanager
async def answered(server: NatsServer, *answers: bytes) -> AsyncIterator[Connection]:
    """A connection on whose account somebody answers for schedulers, in whatever way."""
    async with connect(context_for_server(server.url)) as other, connect(context_for_server(server.url)) as connection:

        async def respond(message: Msg) -> None:
            for each in answers:
                await message.respond(each)

        await other.client.subscribe(ASKED, cb=respond)
        await sent(other.client)
        yield connection


@pytest.mark.anyio
async def test_garbage_among_the_answers_takes_nothing_from_the_others(server: NatsServer) -> None:
    deep, huge = b"[" * 4000, changed("metadata", "more", to="x" * 100_000)
    garbage = [b"", b"\x00\xff", deep, huge, changed("id", to="\x1b[2J"), b'{"name": NaN}'] * 5
    stand_by = replace(ME, id="a2", role="stand-by", since=ME.since + NANOSECONDS)
    async with answered(server, *garbage, answer(stand_by), *garbage, answer(), answer(ME, "hub")) as connection:
        presence = await read_presence(connection, "")
        assert presence.schedulers == (ME, stand_by)
        assert presence.trouble == ""


@pytest.mark.anyio
async def test_thousands_of_schedulers_are_cut_and_counted(server: NatsServer) -> None:
    many = [answer(replace(ME, id=str(number), role="stand-by")) for number in range(1000)]
    async with answered(server, *many) as connection:
        presence = await read_presence(connection, "")
        assert len(presence.schedulers) == MOST_SHOWN
        assert presence.more == 1000 - MOST_SHOWN


@pytest.mark.anyio
async def test_an_account_without_a_scheduler_has_none(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        assert await read_presence(connection, "") == Presence()


def test_the_service_has_a_name_that_services_may_have() -> None:
    assert SERVICE.replace("-", "").isalnum()
