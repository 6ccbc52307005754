"""Who else watches the scheduled tasks: consumers of the configuration bucket that are not ours.

A running Go scheduler keeps the old timer of a schedule that changes under it, unless it sees a delete in between
(wire format, "Defects of the Go scheduler", 1). So whoever updates must know of such watchers, and how far each has
read.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.connection import Connection
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, CONSUMER_MARK, SCHEDULE_SUBJECT

_POLL_SECONDS = 0.02
_MAX_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Watcher:
    """A consumer that is not ours and takes messages of scheduled tasks."""

    consumer: str
    delivered: int
    """The stream sequence up to which it was sent everything that it asked for."""


async def foreign_watchers(connection: Connection) -> tuple[Watcher, ...]:
    """The consumers that watch `scheduled_tasks.*` and are not ours, by name."""
    found: list[Watcher] = []
    offset = 0
    while True:
        page = await connection.jetstream_request(f"CONSUMER.LIST.{CONFIGURATION_STREAM}", {"offset": offset})
        consumers = page.get("consumers") or []
        found += [Watcher(each["name"], each["delivered"]["stream_seq"]) for each in consumers if _is_watcher(each)]
        offset += len(consumers)
        if not consumers or offset >= page["total"]:
            return tuple(sorted(found, key=lambda watcher: watcher.consumer))


async def wait_until_delivered(connection: Connection, sequence: int, timeout: float) -> tuple[Watcher, ...]:
    """Wait until each foreign watcher was sent `sequence` or is gone; those that were not after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = _POLL_SECONDS
    while True:
        behind = tuple(each for each in await foreign_watchers(connection) if each.delivered < sequence)
        if not behind or time.monotonic() >= deadline:
            return behind
        await asyncio.sleep(pause)
        pause = min(pause * 2, _MAX_POLL_SECONDS)


def _is_watcher(info: dict[str, Any]) -> bool:
    config = info["config"]
    if config.get("description", "").startswith(CONSUMER_MARK):
        return False
    # A push consumer may belong to a scheduler that is reconnecting; a pull consumer counts while somebody pulls.
    if "deliver_subject" not in config and not info.get("num_waiting"):
        return False
    filters = config.get("filter_subjects") or [config.get("filter_subject") or ">"]
    return any(_overlaps(each.split("."), f"{SCHEDULE_SUBJECT}*".split(".")) for each in filters)


def _overlaps(one: list[str], other: list[str]) -> bool:
    """True if some subject matches both filters, which are given as tokens."""
    for first, second in zip(one, other, strict=False):
        if ">" in (first, second):
            return True
        if first != second and "*" not in (first, second):
            return False
    return len(one) == len(other)
