"""What asyncjobs keeps on the server: as `ajc info` shows it, and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ajsync.cli.output.terminal import stdout_paint
from ajsync.inspect.information import Information, Queue, Storage
from ajsync.text import byte_size, visible
from ajsync.timestamp import format_ajc, format_timestamp

_LABEL = 16
"""Columns for the labels, as `ajc info` has them."""
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3_600, 86_400, 31_536_000

Rows: TypeAlias = Iterator[tuple[str, str]]
"""Labels and texts; a text without a label continues the one above."""


def information_lines(found: Information, now: int) -> Iterator[str]:
    """Lay out the state of all stores at the instant `now`, in nanoseconds since 1970."""
    blocks = [
        ("Tasks Storage", _tasks(found.tasks, now)),
        ("Configuration Storage", _storage(found.configuration)),
        ("Leader Elections", _elections(found)),
        *((f"{visible(queue.name)} Work Queue", _queue(queue, now)) for queue in found.queues),
    ]
    paint = stdout_paint()
    for number, (title, rows) in enumerate(blocks):
        yield from [""] if number else []
        yield paint("strong", f"{title}:")
        yield ""
        yield from (f"{label:>{_LABEL}}{':' if label else ' '} {text}".rstrip() for label, text in rows)


def _tasks(storage: Storage | None, now: int) -> Rows:
    yield from _storage(storage)
    if storage is not None:
        yield "Archive Period", _period(storage.max_age)
        yield from _ages(storage, now, "First Entry", "Last Update")


def _elections(found: Information) -> Rows:
    yield from _storage(found.elections)
    if found.elections is not None:
        yield "Elections", "" if found.leaders else "nobody leads"
        yield from (("", f"{visible(election)}: {visible(leader)}") for election, leader in found.leaders.items())


def _queue(queue: Queue, now: int) -> Rows:
    storage, workers = queue.storage, queue.workers
    yield from _storage(storage)
    if workers is not None:
        again = f", {workers.redelivered:,} of them again" if workers.redelivered else ""
        yield "Backlog", f"{workers.waiting:,} waiting, {workers.in_progress:,} in progress{again}"
    yield "Archive Period", _period(storage.max_age)
    if workers is not None:
        yield "Max Task Tries", str(workers.max_tries)
        yield "Max Run Time", go_age(workers.run_time)
        yield "Max Concurrent", f"{workers.max_concurrent:,}"
    yield "Max Entries", f"{storage.max_entries:,}" if storage.max_entries > 0 else "unlimited"
    if storage.discard_old:
        yield "Discard Old", "true"
    yield from _ages(storage, now, "First Item", "Last Item")


def _storage(storage: Storage | None) -> Rows:
    if storage is None:
        yield "Missing", "it does not exist yet"
        return
    yield "Entries", f"{storage.entries:,} @ {byte_size(storage.size)}"
    yield "Memory Based", str(storage.memory).lower()
    yield "Replicas", str(storage.replicas)


def _ages(storage: Storage, now: int, first: str, last: str) -> Rows:
    for label, instant in ((first, storage.first_at), (last, storage.last_at)):
        if instant:
            yield label, f"{format_ajc(instant)} ({go_age(max(now - instant, 0))})"


def _period(nanoseconds: int) -> str:
    return go_age(nanoseconds) if nanoseconds else "forever"


def go_age(nanoseconds: int) -> str:
    """Write a length of time as `ajc` does: `0.07s`, `1m0s`, `2d0h0m0s`."""
    seconds = nanoseconds // 1_000_000_000
    if seconds < _MINUTE:
        return f"{nanoseconds / 1e9:.2f}s"
    text = f"{seconds % _HOUR // _MINUTE}m{seconds % _MINUTE}s"
    if seconds >= _HOUR:
        text = f"{seconds % _DAY // _HOUR}h{text}"
    if seconds >= _DAY:
        text = f"{seconds % _YEAR // _DAY}d{text}"
    return f"{seconds // _YEAR}y{text}" if seconds >= _YEAR else text


def information_document(found: Information) -> dict[str, object]:
    """Describe the state of all stores."""
    elections = _storage_object(found.elections)
    return {
        "tasks": _storage_object(found.tasks),
        "configuration": _storage_object(found.configuration),
        "elections": elections and {**elections, "leaders": dict(found.leaders)},
        "queues": [_queue_object(queue) for queue in found.queues],
    }


def _storage_object(storage: Storage | None) -> dict[str, object] | None:
    if storage is None:
        return None
    return {
        "entries": storage.entries,
        "bytes": storage.size,
        "memory": storage.memory,
        "replicas": storage.replicas,
        "max_age_seconds": storage.max_age / 1e9,
        "max_entries": storage.max_entries,
        "discard_old": storage.discard_old,
        "first": format_timestamp(storage.first_at) if storage.first_at else None,
        "last": format_timestamp(storage.last_at) if storage.last_at else None,
    }


def _queue_object(queue: Queue) -> dict[str, object]:
    workers = queue.workers
    return {
        "name": queue.name,
        **(_storage_object(queue.storage) or {}),
        "waiting": workers.waiting if workers else None,
        "in_progress": workers.in_progress if workers else None,
        "redelivered": workers.redelivered if workers else None,
        "max_tries": workers.max_tries if workers else None,
        "max_run_time_seconds": workers.run_time / 1e9 if workers else None,
        "max_concurrent": workers.max_concurrent if workers else None,
    }
