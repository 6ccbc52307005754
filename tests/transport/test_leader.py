"""What leaders list is whole, though it comes and goes between two pages, and many last messages are read at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONFIGURATION_SUBJECT, SCHEDULE_SUBJECT
from ajsync.errors import UnreachableError
from ajsync.transport import leader
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.leader import last_messages, list_pages, list_subjects, list_subjects_from
from tests.nats_server import NatsServer
from tests.transport.watched import put

pytestmark = pytest.mark.anyio


class Pages:
    """Answers of a server, one after the other."""

    def __init__(self, *pages: tuple[int, str]) -> None:
        self.pages: Iterator[tuple[int, str]] = iter(pages)
        self.offsets: list[int] = []

    async def jetstream_request(self, _subject: str, body: dict[str, int]) -> dict[str, Any]:
        """The next one: a total, and names of one letter each."""
        self.offsets.append(body["offset"])
        total, names = next(self.pages)
        return {"total": total, "consumers": [{"name": name} for name in names] or None}


async def listed(pages: Pages) -> str:
    """The names that come out."""
    found = await list_pages(cast("Connection", pages), "CONSUMER.LIST.S", "consumers")
    return "".join(sorted(each["name"] for each in found))


async def test_one_page_is_all() -> None:
    assert await listed(Pages((2, "ab"))) == "ab"
    assert await listed(Pages((0, ""))) == ""


async def test_pages_of_one_total_are_put_together() -> None:
    pages = Pages((3, "ab"), (3, "c"))
    assert await listed(pages) == "abc"
    assert pages.offsets == [0, 2]


async def test_where_one_goes_between_two_pages_none_is_missing() -> None:
    assert await listed(Pages((4, "ab"), (3, "d"), (3, "bc"), (3, "d"))) == "abcd"  # c was at the place of b


async def test_where_the_total_never_stays_the_same_all_that_was_met_counts() -> None:
    assert await listed(Pages(*[(4, "ab"), (5, "cde")] * 5)) == "abcde"


async def test_a_listing_whose_pages_do_not_fit_each_other_is_asked_for_again(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        created = (await connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}"))["created"]

        def page(total: int, *names: str) -> dict[str, object]:
            return {"created": created, "total": total, "state": {"last_seq": 3, "subjects": dict.fromkeys(names, 1)}}

        async def answer(_subject: str, _body: object = None) -> dict[str, object]:
            return next(pages)

        monkeypatch.setattr(connection, "jetstream_request", answer)
        # B was purged after the first page, so that D begins no page.
        pages = iter([page(4, "A", "B"), page(3, "E"), page(3, "A", "D"), page(3, "E")])
        assert {*(await list_subjects(connection, CONFIGURATION_STREAM, ">")).subjects} == {"A", "D", "E"}
        pages = iter([page(4, "A"), page(3, "B")] * 10)
        with pytest.raises(UnreachableError, match="change faster than they can be listed"):
            await list_subjects(connection, CONFIGURATION_STREAM, ">")


async def test_subjects_are_listed_from_the_end_as_far_as_they_are_wanted(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader, "_SUBJECTS", 2)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, dict.fromkeys("GFEDCBA", b""))

        async def listed(first: str) -> str:
            found = await list_subjects_from(connection, CONFIGURATION_STREAM, ">", SCHEDULE_SUBJECT + first)
            return "".join(sorted(subject[-1] for subject in found))

        assert await listed("F") == "DEFG"
        assert await listed("E") == "DEFG"
        assert await listed("D") == "BCDEFG"
        assert await listed("") == "ABCDEFG"
        assert await list_subjects_from(connection, CONFIGURATION_STREAM, "other.>", "") == set()


async def test_many_last_messages_are_had_at_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        names = [f"N{number}" for number in range(400)]
        await put(connection, {name: name.encode() for name in names})
        wanted = [f"{SCHEDULE_SUBJECT}{name}" for name in (*names, "ABSENT")]
        found = await last_messages(connection, CONFIGURATION_STREAM, wanted)
        assert {subject: message.data for subject, message in found.items()} == {
            f"{SCHEDULE_SUBJECT}{name}": name.encode() for name in names
        }
        with pytest.raises(UnreachableError, match="stream not found"):
            await last_messages(connection, "NONE", [f"{CONFIGURATION_SUBJECT}x"])


async def test_of_small_values_many_are_asked_for_at_once(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = 0
    ask = leader._Gets._ask

    async def counted(gets: leader._Gets, number: int, body: bytes) -> None:
        nonlocal at_once
        await ask(gets, number, body)
        at_once = max(at_once, len(gets._open))

    monkeypatch.setattr(leader._Gets, "_ask", counted)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        await put(connection, {f"S{number}": b"1" for number in range(1000)})
        subjects = [f"{SCHEDULE_SUBJECT}S{number}" for number in range(1000)]
        assert len(await last_messages(connection, CONFIGURATION_STREAM, subjects)) == 1000
    assert at_once == leader._WINDOW
