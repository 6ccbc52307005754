"""Consumers of the configuration bucket that are not ajsync's, and so may belong to a Go scheduler.

A running Go scheduler keeps the old timer of a schedule that is updated, unless it sees a delete in between
(docs/reference/wire.md, "Defects of the Go scheduler", 1). So an update has to know such watchers, and how far each has
read.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.consumer import CONSUMER_MARK
from ajsync.transport.leader import list_pages
from ajsync.transport.subjects import overlap

_POLL_SECONDS = 0.02
_MAX_POLL_SECONDS = 0.5
_RETURN_SECONDS = 6.0
"""How long to wait for a consumer without a listener: it may belong to a scheduler that is reconnecting. The server
removes that of a Go scheduler after 5 s."""


@dataclass(frozen=True, slots=True)
class Watcher:
    """A consumer that is not ajsync's and takes messages of scheduled tasks."""

    consumer: str
    delivered: int
    """The stream sequence up to which it was sent everything that it asked for."""
    listening: bool = True
    """Whether a client takes what is delivered. Without one, the consumer is soon gone, or its listener is back."""


async def foreign_watchers(connection: Connection) -> tuple[Watcher, ...]:
    """The consumers that watch `scheduled_tasks.*` and are not ajsync's, by name, if one of them has a listener.

    If none of them has a listener, it waits some seconds until they are gone or one has a listener.
    """
    deadline = time.monotonic() + _RETURN_SECONDS
    while True:
        found = await _watchers(connection)
        if any(watcher.listening for watcher in found):
            return found
        if not found or time.monotonic() >= deadline:
            return ()
        await asyncio.sleep(_MAX_POLL_SECONDS)


async def go_watches(connection: Connection) -> bool:
    """Whether one of these consumers has a listener now; a scheduler that is reconnecting is not waited for."""
    return any(watcher.listening for watcher in await _watchers(connection))


async def wait_until_delivered(connection: Connection, sequence: int, timeout: float) -> tuple[Watcher, ...]:
    """Wait until each foreign watcher was sent `sequence` or is gone; returns those that are behind after `timeout`
    seconds."""
    deadline = time.monotonic() + timeout
    pause = _POLL_SECONDS
    while True:
        behind = tuple(each for each in await _watchers(connection) if each.delivered < sequence)
        if not behind or time.monotonic() >= deadline:
            return behind
        await asyncio.sleep(pause)
        pause = min(pause * 2, _MAX_POLL_SECONDS)


async def _watchers(connection: Connection) -> tuple[Watcher, ...]:
    consumers = await list_pages(connection, f"CONSUMER.LIST.{CONFIGURATION_STREAM}", "consumers")
    found = [watcher for each in consumers if (watcher := _watcher(each)) is not None]
    return tuple(sorted(found, key=lambda watcher: watcher.consumer))


def _watcher(info: dict[str, Any]) -> Watcher | None:
    """The watcher, if the consumer may be a Go scheduler's: those are ephemeral, and disappear seconds after their
    listener.

    A durable consumer, or one that stays for long without a listener, does not count: any client may leave one behind.
    """
    config = info["config"]
    if config.get("description", "").startswith(CONSUMER_MARK) or config.get("durable_name"):
        return None
    # A pull consumer has a listener while a client is pulling.
    listening = bool(info.get("push_bound") or info.get("num_waiting"))
    returns = "deliver_subject" in config and config.get("inactive_threshold", 0) <= _RETURN_SECONDS * NANOSECONDS
    if not listening and not returns:
        return None
    filters = config.get("filter_subjects") or [config.get("filter_subject") or ">"]
    if not any(overlap(each, f"{SCHEDULE_SUBJECT}*") for each in filters):
        return None
    return Watcher(info["name"], info["delivered"]["stream_seq"], listening)
