"""Lists in pages are whole, though what they list comes and goes between two pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from ajsync.transport.connection import Connection
from ajsync.transport.pages import list_pages

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
