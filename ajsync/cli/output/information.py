"""What asyncjobs keeps on the server: as `ajc info` shows it, and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TypeAlias

from ajsync.cli.output.terminal import stdout_paint
from ajsync.inspect.information import Information, Queue, Storage, Workers
from ajsync.text import byte_size, visible
from ajsync.timestamp import NANOSECONDS, format_ajc, parse_timestamp

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
        yield "Archive Period", _period(storage)
        yield from _ages(storage, now, "First Entry", "Last Update")


def _elections(found: Information) -> Rows:
    yield from _storage(found.elections)
    if found.elections is not None:
        yield "Elections", "" if found.leaders else "no leader"
        yield from (("", f"{visible(election)}: {visible(leader)}") for election, leader in found.leaders.items())


def _queue(queue: Queue, now: int) -> Rows:
    storage, workers = queue.storage, queue.workers
    yield from _storage(storage)
    if workers is not None:
        again = f", {workers.redelivered:,} of them again" if workers.redelivered else ""
        yield "Backlog", f"{workers.waiting:,} waiting, {workers.in_progress:,} in progress{again}"
    yield "Archive Period", _period(storage)
    if workers is not None:
        yield "Max Task Tries", str(workers.max_tries)
        yield "Max Run Time", go_age(workers.max_run_time_seconds)
        yield "Max Concurrent", f"{workers.max_concurrent:,}"
    yield "Max Entries", f"{storage.max_entries:,}" if storage.max_entries > 0 else "unlimited"
    if storage.discard_old:
        yield "Discard Old", "true"
    yield from _ages(storage, now, "First Item", "Last Item")


def _storage(storage: Storage | None) -> Rows:
    if storage is None:
        yield "Missing", "it does not exist yet"
        return
    yield "Entries", f"{storage.entries:,} @ {byte_size(storage.bytes)}"
    yield "Memory Based", str(storage.memory).lower()
    yield "Replicas", str(storage.replicas)


def _ages(storage: Storage, now: int, first: str, last: str) -> Rows:
    for label, text in ((first, storage.first), (last, storage.last)):
        if text is not None:
            instant = parse_timestamp(text)
            yield label, f"{format_ajc(instant)} ({go_age(max(now - instant, 0) / NANOSECONDS)})"


def _period(storage: Storage) -> str:
    return go_age(storage.max_age_seconds) if storage.max_age_seconds else "forever"


def go_age(length: float) -> str:
    """Write a number of seconds as `ajc` does: `0.07s`, `1m0s`, `2d0h0m0s`."""
    seconds = int(length)
    if seconds < _MINUTE:
        return f"{length:.2f}s"
    text = f"{seconds % _HOUR // _MINUTE}m{seconds % _MINUTE}s"
    if seconds >= _HOUR:
        text = f"{seconds % _DAY // _HOUR}h{text}"
    if seconds >= _DAY:
        text = f"{seconds % _YEAR // _DAY}d{text}"
    return f"{seconds // _YEAR}y{text}" if seconds >= _YEAR else text


def information_document(found: Information) -> dict[str, object]:
    """Describe the state of all stores."""
    elections = found.elections and {**asdict(found.elections), "leaders": dict(found.leaders)}
    return {
        "tasks": found.tasks and asdict(found.tasks),
        "configuration": found.configuration and asdict(found.configuration),
        "elections": elections,
        "queues": [_queue_object(queue) for queue in found.queues],
    }


def _queue_object(queue: Queue) -> dict[str, object]:
    workers = asdict(queue.workers) if queue.workers else dict.fromkeys(Workers.__slots__)
    return {"name": queue.name, **asdict(queue.storage), **workers}
