"""Lists that the JetStream API answers in pages: all of them, though streams and consumers come and go meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ajsync.transport.connection import Connection

_LISTINGS = 5


async def list_pages(
    connection: Connection, api_subject: str, member: str, request: Mapping[str, object] | None = None
) -> list[dict[str, Any]]:
    """What `member` holds in all pages of the answer to `api_subject`. Raises as `Connection.jetstream_request`.

    Where one goes between two pages, the first of the next page is the last of the page that was read, and would be
    missing: so all is listed again when the total changes. Where that is so each time, each listing adds its own.
    """
    found: dict[str, dict[str, Any]] = {}
    for _ in range(_LISTINGS):
        offset, total, same = 0, -1, True
        while True:
            page = await connection.jetstream_request(api_subject, {**(request or {}), "offset": offset})
            entries = page.get(member) or []
            same = same and total in (-1, page["total"])
            total = page["total"]
            if offset == 0 and len(entries) >= total:
                return entries
            found.update((each.get("name") or each["config"]["name"], each) for each in entries)
            offset += len(entries)
            if not entries or offset >= total:
                break
        if same:
            break
    return list(found.values())
