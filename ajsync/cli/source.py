"""The schedules that a command looks at: those of the bucket, or those of the files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import LiveSchedule, ScheduledTask
from ajsync.cli.options.values import Scope
from ajsync.cli.project import load
from ajsync.cli.session import configured_context, on_bucket
from ajsync.errors import AjsyncError, NotFoundError
from ajsync.reconcile.single import find
from ajsync.text import nearest, one_line, visible


@dataclass(frozen=True, slots=True)
class Source:
    """Schedules to look at."""

    place: str
    """Where they are, in words."""
    listing: str
    """The command that lists them."""
    tasks: Sequence[ScheduledTask]
    """Sorted by name; schedules of files have no time of creation, since they have not been stored."""
    unreadable: Mapping[str, str]
    """Name → reason, of the values that are not scheduled tasks."""


def read_source(scope: Scope, *, from_files: bool) -> Source:
    """Read the schedules of the files, or of the bucket."""
    if from_files:
        tasks = load(scope).tasks
        return Source("the files", "ajsync next --files", [tasks[name] for name in sorted(tasks)], {})

    live = on_bucket(scope, configured_context(scope), lambda bucket: bucket.read())
    entries = sorted(live.entries.items())
    return Source(
        "the bucket",
        "ajsync list",
        [entry.task for _, entry in entries if entry.task is not None],
        {name: entry.problem for name, entry in entries if entry.task is None},
    )


def chosen(source: Source, names: Collection[str]) -> Sequence[ScheduledTask]:
    """Return the named schedules, or all. Raises NotFoundError, and AjsyncError for what is not a scheduled task."""
    if not names:
        return source.tasks
    by_name = {task.name: task for task in source.tasks}
    for name in names:
        if name in source.unreadable:
            raise _unreadable(name, source.unreadable[name])
        if name not in by_name:
            raise _missing(name, by_name, source.place, source.listing)
    return [by_name[name] for name in dict.fromkeys(names)]


async def stored_task(bucket: ConfigurationBucket, name: str) -> ScheduledTask:
    """Read one schedule of the bucket. Raises as `chosen` does."""
    entry: LiveSchedule | None = (await find(bucket, name)).entry
    if entry is None:
        raise _missing(name, (await bucket.read()).entries, "the bucket", "ajsync list")
    if entry.task is None:
        raise _unreadable(name, f"{entry.problem} (revision {entry.revision})")
    return entry.task


def _missing(name: str, known: Iterable[str], place: str, listing: str) -> NotFoundError:
    meant = nearest(name, known)
    hint = f"Did you mean {visible(meant)}?" if meant else f"'{listing}' shows what there is."
    return NotFoundError(f"There is no schedule {visible(name)} in {place}. {hint}")


def _unreadable(name: str, problem: str) -> AjsyncError:
    return AjsyncError(
        f"The value of {visible(name)} is not a scheduled task: {one_line(problem)}. "
        "ajsync leaves it alone; 'ajsync delete' removes it."
    )
