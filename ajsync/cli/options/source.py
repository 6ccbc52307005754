"""Where the schedules come from that a command looks at: the bucket, or the files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.cli.commands.view import readable
from ajsync.cli.options.options import Files, Server
from ajsync.cli.options.session import configured_context, load, opened_bucket, run
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
    """By name; those of files have never been stored, so they have no time of creation."""
    unreadable: Mapping[str, str]
    """Name → reason, of the values that are not scheduled tasks."""


def read_source(files: Files, server: Server, *, from_files: bool) -> Source:
    """The schedules of the files, or of the bucket."""
    if from_files:
        tasks = load(files).tasks
        return Source("the files", "ajsync next --files", [tasks[name] for name in sorted(tasks)], {})

    async def read() -> Source:
        async with opened_bucket(server, configured_context(files, server)) as bucket:
            entries = sorted((await bucket.read()).entries.items())
        return Source(
            "the bucket",
            "ajsync list",
            [entry.task for _, entry in entries if entry.task is not None],
            {name: entry.problem for name, entry in entries if entry.task is None},
        )

    return run(read())


def chosen(source: Source, names: Collection[str]) -> Sequence[ScheduledTask]:
    """The schedules that are named, or all; raises NotFoundError, and AjsyncError for what cannot be read."""
    if not names:
        return source.tasks
    by_name = {task.name: task for task in source.tasks}
    for name in names:
        if name in source.unreadable:
            raise AjsyncError(
                f"The value of {visible(name)} is not a scheduled task: {one_line(source.unreadable[name])}. "
                f"'ajsync delete' removes it, if it is of no use."
            )
        if name not in by_name:
            meant = nearest(name, by_name)
            hint = f"Did you mean {visible(meant)}?" if meant else f"'{source.listing}' shows what there is."
            raise NotFoundError(f"There is no schedule {visible(name)} in {source.place}. {hint}")
    return [by_name[name] for name in dict.fromkeys(names)]


async def stored_task(bucket: ConfigurationBucket, name: str) -> ScheduledTask:
    """One schedule of the bucket. Raises as `view.readable`."""
    found = await find(bucket, name)
    return readable(name, found, () if found.entry else (await bucket.read()).entries)
