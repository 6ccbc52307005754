"""The stores of asyncjobs on the server, who leads and which schedulers exist: as tables, and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import tzinfo

from ajsync.asyncjobs.names import SCHEDULER_ELECTION
from ajsync.asyncjobs.presence import Presence, PresenceRole
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.status import NO_STAND_BY
from ajsync.cli.output.table import Cell, Row, table
from ajsync.cli.output.terminal import stdout_width, told
from ajsync.inspect.information import Information, Queue, Storage, Workers
from ajsync.reconcile.render.times import TimeFormat
from ajsync.text import byte_size, counted, one_line, span, visible
from ajsync.timestamp import format_timestamp, parse_timestamp

SCHEDULER_COLUMNS = (
    Column("Scheduler", 1, least=NAME, keep="ends"),
    Column("Role", 2),
    Column("Since", 3, times=True),
    Column("Schedules", 4, right=True),
    Column("Version", 5, least=8),
    Column("Id", 6, least=8),
)
STORE_COLUMNS = (
    Column("Store", 1),
    Column("Entries", 2, right=True),
    Column("Size", 3, right=True),
    Column("Kept", 5),
    Column("Storage", 6),
    Column("Replicas", 7, right=True),
    Column("First entry", 8, times=True),
    Column("Last entry", 4, times=True),
)
ELECTION_COLUMNS = (Column("Election", 1, least=NAME, keep="ends"), Column("Leader", 2, least=NAME, keep="ends"))
QUEUE_COLUMNS = (
    Column("Queue", 1, least=NAME, keep="ends"),
    Column("Waiting", 2, right=True),
    Column("In progress", 3, right=True),
    Column("Again", 5, right=True),
    Column("Size", 8, right=True),
    Column("Max tries", 6, right=True),
    Column("Max run time", 7, right=True),
    Column("Max concurrent", 10, right=True),
    Column("Max entries", 9, right=True),
    Column("When full", 12),
    Column("Kept", 11),
    Column("Storage", 13),
    Column("Replicas", 14, right=True),
    Column("First item", 15, times=True),
    Column("Last item", 4, times=True),
)
_STYLES: dict[PresenceRole, str] = {"leader": "create", "waiting": "update", "starting": "faint"}


def information_lines(found: Information, zone: tzinfo) -> Iterator[str]:
    """Lay out who leads, the schedulers, the stores, the elections and the queues, with times in this zone."""
    times = _times(found, zone)
    yield from _leadership(found)
    yield from _block(SCHEDULER_COLUMNS, _scheduler_rows(found.presence, times), zone)
    stores = (("Tasks", found.tasks), ("Configuration", found.configuration), ("Elections", found.elections))
    yield from _block(STORE_COLUMNS, [_store_row(*each, times) for each in stores], zone)
    leaders = [(visible(election), visible(leader)) for election, leader in found.leaders.items()]
    yield from _block(ELECTION_COLUMNS, leaders, zone)
    yield from _block(QUEUE_COLUMNS, [_queue_row(each, times) for each in found.queues], zone)


def _times(found: Information, zone: tzinfo) -> TimeFormat:
    stores = [found.tasks, found.configuration, found.elections, *(queue.storage for queue in found.queues)]
    texts = [text for store in stores if store is not None for text in (store.first, store.last) if text]
    instants = [*map(parse_timestamp, texts), *(each.since for each in found.presence.schedulers)]
    return TimeFormat(zone, instants, whole=stdout_width() is None)


def _leadership(found: Information) -> Iterator[str]:
    """Say who leads, according to the election's key, and what is wrong with the schedulers."""
    presence = found.presence
    leader = found.leaders.get(SCHEDULER_ELECTION)
    answers = presence.count("leader") > 0
    name = visible(leader or "")
    if leader is None:
        yield from told("No scheduler leads, so nothing fires. To do: ajsync scheduler", "alarm")
    elif found.leader_is_go:
        yield from told(f"The Go scheduler {name} leads. Other Go schedulers cannot be seen.")
    elif answers or presence.trouble:
        yield from told(f"The scheduler {name} leads.")
    else:
        why = "it is of an older release, may not be seen, or has just ended"
        yield from told(f"The scheduler {name} leads according to the election, but does not answer: {why}.", "update")
    if presence.trouble:
        yield from told(f"The other schedulers are not known. {one_line(presence.trouble)}", "update")
    elif presence.lacks_stand_by:
        yield from told(NO_STAND_BY, "update")
    for each in presence.namesakes:
        yield from told(f"Several schedulers are named {visible(each)}. Each needs a name of its own.", "update")
    if presence.more:
        yield from told(f"{counted(presence.more, 'further answer')} came, but are not shown.", "update")


def _block(columns: Sequence[Column], rows: Iterable[Row], zone: tzinfo) -> Iterator[str]:
    if found := [*rows]:
        yield ""
        yield from table(columns, found, zone=str(zone))


def _scheduler_rows(presence: Presence, times: TimeFormat) -> Iterator[Row]:
    for each in presence.schedulers:
        role = Cell(each.role, _STYLES.get(each.role, ""))
        yield visible(each.name), role, times(each.since), f"{each.schedules:,}", visible(each.version), each.id


def _store_row(name: str, storage: Storage | None, times: TimeFormat) -> Row:
    if storage is None:
        return name, Cell("missing", "update"), "", "", "", "", "", ""
    return (
        name,
        f"{storage.entries:,}",
        byte_size(storage.bytes),
        _period(storage),
        _kind(storage),
        str(storage.replicas),
        *_ages(storage, times),
    )


def _queue_row(queue: Queue, times: TimeFormat) -> Row:
    storage, workers = queue.storage, queue.workers
    return (
        visible(queue.name),
        f"{workers.waiting if workers else storage.entries:,}",
        f"{workers.in_progress:,}" if workers else "",
        f"{workers.redelivered:,}" if workers else "",
        byte_size(storage.bytes),
        _limit(workers.max_tries) if workers else "",
        span(workers.max_run_time_seconds) if workers else "",
        _limit(workers.max_concurrent) if workers else "",
        _limit(storage.max_entries),
        "discards" if storage.discard_old else "refuses",
        _period(storage),
        _kind(storage),
        str(storage.replicas),
        *_ages(storage, times),
    )


def _ages(storage: Storage, times: TimeFormat) -> tuple[str, str]:
    first, last = (times(parse_timestamp(text)) if text else "" for text in (storage.first, storage.last))
    return first, last


def _period(storage: Storage) -> str:
    return span(storage.max_age_seconds) if storage.max_age_seconds else "forever"


def _kind(storage: Storage) -> str:
    return "memory" if storage.memory else "file"


def _limit(number: int) -> str:
    return f"{number:,}" if number > 0 else "unlimited"


def information_document(found: Information) -> dict[str, object]:
    """Describe the schedulers and the state of all stores."""
    elections = found.elections and {
        **asdict(found.elections),
        "leaders": dict(found.leaders),
        "leader_is_go": found.leader_is_go,
    }
    return {
        "tasks": found.tasks and asdict(found.tasks),
        "configuration": found.configuration and asdict(found.configuration),
        "elections": elections,
        "presence": _presence_object(found.presence),
        "queues": [_queue_object(queue) for queue in found.queues],
    }


def _presence_object(presence: Presence) -> dict[str, object]:
    schedulers = [{**asdict(each), "since": format_timestamp(each.since)} for each in presence.schedulers]
    return {"schedulers": schedulers, "more": presence.more, "trouble": presence.trouble}


def _queue_object(queue: Queue) -> dict[str, object]:
    workers = asdict(queue.workers) if queue.workers else dict.fromkeys(Workers.__slots__)
    return {"name": queue.name, **asdict(queue.storage), **workers}
