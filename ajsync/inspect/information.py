"""Information: the state of all that asyncjobs keeps on the server, who leads, and which schedulers there are."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.election import Election, Lease, holder_name
from ajsync.asyncjobs.names import (
    CONFIGURATION_STREAM,
    ELECTIONS_STREAM,
    ELECTIONS_SUBJECT,
    QUEUE_STREAM_PREFIX,
    TASKS_STREAM,
    WORK_ITEM_SUBJECT,
)
from ajsync.asyncjobs.presence import Presence, read_presence
from ajsync.asyncjobs.queues import WORKERS
from ajsync.timestamp import NANOSECONDS, format_timestamp, parse_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.errors import ConsumerNotFoundError, StreamNotFoundError
from ajsync.transport.leader import list_pages, list_subjects
from ajsync.transport.messages import last_message


@dataclass(frozen=True, slots=True)
class Storage:
    """A stream of asyncjobs."""

    entries: int
    bytes: int
    memory: bool
    replicas: int
    max_age_seconds: float
    """How long an entry is kept; 0 is for ever."""
    max_entries: int
    """-1 means unlimited."""
    discard_old: bool
    first: str | None
    """When the oldest entry was stored, as an RFC 3339 instant; None if there is none."""
    last: str | None
    """When the newest entry was stored."""


@dataclass(frozen=True, slots=True)
class Workers:
    """The consumer that the workers of a queue share."""

    waiting: int
    """Items that no worker has yet."""
    in_progress: int
    """Items that a worker has not finished."""
    redelivered: int
    """Items in progress that were given out before."""
    max_tries: int
    """-1 means unlimited."""
    max_run_time_seconds: float
    """After this time an item is given to another worker."""
    max_concurrent: int


@dataclass(frozen=True, slots=True)
class Queue:
    """A work queue."""

    name: str
    storage: Storage
    workers: Workers | None
    """None if the consumer does not exist yet."""


@dataclass(frozen=True, slots=True)
class Information:
    """The streams, leaders, schedulers and queues; a stream is None if it does not exist."""

    tasks: Storage | None
    configuration: Storage | None
    elections: Storage | None
    leaders: Mapping[str, str]
    """The current leader of each election."""
    leader_is_go: bool
    """Whether the scheduler that leads is one of Go, or of another program that is not ajsync."""
    presence: Presence
    """The schedulers of ajsync."""
    queues: tuple[Queue, ...]
    """By name."""


async def read_information(connection: Connection) -> Information:
    """Ask the server for everything. Raises the errors of `Connection.jetstream_request`."""
    configuration = await _description(connection, CONFIGURATION_STREAM)
    domain = configuration.get("domain", "") if configuration else ""
    asking = asyncio.create_task(read_presence(connection, domain))  # most of which is waiting for answers
    try:
        tasks = await _description(connection, TASKS_STREAM)
        elections = await _description(connection, ELECTIONS_STREAM)
        lease = await Election(connection, "").read() if elections else Lease(None, 0)
        queues = sorted((await _queues(connection)).items())
        return Information(
            tasks=storage_of(tasks) if tasks else None,
            configuration=storage_of(configuration) if configuration else None,
            elections=storage_of(elections) if elections else None,
            leaders=await _leaders(connection) if elections else {},
            leader_is_go=lease.holder is not None and lease.since is None,
            presence=await asking,
            queues=tuple([Queue(name, storage_of(info), await _workers(connection, name)) for name, info in queues]),
        )
    finally:
        asking.cancel()


async def queue_names(connection: Connection) -> frozenset[str]:
    """The names of the queues that exist."""
    return frozenset(await _queues(connection))


def storage_of(info: Mapping[str, Any]) -> Storage:
    """Read the server's description of a stream."""
    config, state = info["config"], info["state"]
    first, last = (
        format_timestamp(parse_timestamp(state[name])) if state["messages"] else None
        for name in ("first_ts", "last_ts")
    )
    return Storage(
        entries=state["messages"],
        bytes=state["bytes"],
        memory=config["storage"] == "memory",
        replicas=config["num_replicas"],
        max_age_seconds=config.get("max_age", 0) / NANOSECONDS,
        max_entries=config["max_msgs"],
        discard_old=config["discard"] == "old",
        first=first,
        last=last,
    )


def workers_of(info: Mapping[str, Any]) -> Workers:
    """Read the server's description of a consumer."""
    config = info["config"]
    return Workers(
        waiting=info["num_pending"],
        in_progress=info["num_ack_pending"],
        redelivered=info["num_redelivered"],
        max_tries=config.get("max_deliver", -1),
        max_run_time_seconds=config.get("ack_wait", 0) / NANOSECONDS,
        max_concurrent=config.get("max_ack_pending", 0),
    )


async def _description(connection: Connection, stream: str) -> dict[str, Any] | None:
    try:
        return await connection.jetstream_request(f"STREAM.INFO.{stream}")
    except StreamNotFoundError:
        return None


async def _leaders(connection: Connection) -> dict[str, str]:
    listing = await list_subjects(connection, ELECTIONS_STREAM, f"{ELECTIONS_SUBJECT}>")
    leaders: dict[str, str] = {}
    for subject in sorted(listing.subjects):
        message = await last_message(connection, ELECTIONS_STREAM, subject)
        if message is not None and not message.deleted:
            leaders[subject.removeprefix(ELECTIONS_SUBJECT)] = holder_name(message.data)
    return leaders


async def _queues(connection: Connection) -> dict[str, dict[str, Any]]:
    """The server's description of each queue, by its name."""
    infos = await list_pages(connection, "STREAM.LIST", "streams", {"subject": f"{WORK_ITEM_SUBJECT}>"})
    streams = {info["config"]["name"]: info for info in infos}
    prefix = QUEUE_STREAM_PREFIX
    return {name.removeprefix(prefix): info for name, info in streams.items() if name.startswith(prefix)}


async def _workers(connection: Connection, queue: str) -> Workers | None:
    try:
        info = await connection.jetstream_request(f"CONSUMER.INFO.{QUEUE_STREAM_PREFIX}{queue}.{WORKERS}")
    except ConsumerNotFoundError:
        return None
    return workers_of(info)
