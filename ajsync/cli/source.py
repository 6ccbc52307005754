"""The schedules that a command looks at, from the bucket or from the files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Live, LiveSchedule, Pause, ScheduledTask
from ajsync.cli.options.values import ALL, Creation, Scope, Selectors
from ajsync.cli.output import terminal
from ajsync.cli.project import load, selection_of
from ajsync.cli.session import configured_context, on_bucket
from ajsync.errors import AjsyncError, NotFoundError, UsageError
from ajsync.reconcile.render.wording import pause_told
from ajsync.reconcile.single import find
from ajsync.selection import Selection, nothing_selected
from ajsync.text import nearest, one_line, visible


@dataclass(frozen=True, slots=True)
class Source:
    """Schedules to look at."""

    place: str
    """Where they are, in words."""
    listing: str
    """The command that lists them."""
    tasks: Sequence[ScheduledTask]
    """Sorted by name; schedules of files have no creation time, because they have not been stored."""
    unreadable: Mapping[str, str]
    """Name → reason, for the values that are not scheduled tasks."""
    paused: Mapping[str, Pause] = field(default_factory=dict)
    """The pauses of the paused tasks."""

    @property
    def firing(self) -> Sequence[ScheduledTask]:
        """The tasks that are not paused."""
        return [task for task in self.tasks if task.name not in self.paused] if self.paused else self.tasks


def read_source(
    scope: Scope, selectors: Selectors = ALL, *, from_files: bool = False, creation: Creation | None = None
) -> Source:
    """Read the schedules of the files or of the bucket that the options select."""
    selection = selection_of(scope, selectors)
    return selected(_read_all(scope, from_files, creation), selection)


def selected(source: Source, selection: Selection) -> Source:
    """Return the selected part of a source; if it is empty, say so."""
    if not selection:
        return source
    tasks = [*filter(selection.matches, source.tasks)]
    unreadable = {name: reason for name, reason in source.unreadable.items() if selection.matches_unreadable(name)}
    if not tasks and not unreadable:
        terminal.say(nothing_selected(selection, source.tasks, source.place))
    paused = {task.name: source.paused[task.name] for task in tasks if task.name in source.paused}
    return replace(source, tasks=tasks, unreadable=unreadable, paused=paused)


def named_or_selected(names: Collection[str], selectors: Selectors) -> None:
    """Raise UsageError if schedules are both named and selected."""
    if names and selectors.given:
        raise UsageError("Name the schedules, or select them with options, but not both.")


def one_named_or_selected(name: str | None, selectors: Selectors) -> None:
    """Raise UsageError unless a schedule is named, or some are selected."""
    if name is None and not selectors.given:
        raise UsageError("Name a schedule, or select some with options, such as --name 'EMAIL_*'.")
    named_or_selected([name] if name is not None else [], selectors)


def _read_all(scope: Scope, from_files: bool, creation: Creation | None) -> Source:
    if from_files:
        tasks = load(scope).tasks
        return Source("the files", "ajsync next --files", [tasks[name] for name in sorted(tasks)], {})

    live = on_bucket(scope, configured_context(scope), lambda bucket: bucket.read(), creation)
    return source_of(live)


def source_of(live: Live) -> Source:
    """Return the schedules of a bucket that was read."""
    entries = sorted(live.entries.items())
    return Source(
        "the bucket",
        "ajsync list",
        [entry.task for _, entry in entries if entry.task is not None],
        {name: entry.problem for name, entry in entries if entry.task is None},
        {name: entry.pause for name, entry in entries if entry.task is not None and entry.pause is not None},
    )


def chosen(source: Source, names: Collection[str]) -> Sequence[ScheduledTask]:
    """Return the named schedules, or all that are not paused.

    Raises NotFoundError, also for a paused one, and AjsyncError for a value that is not a scheduled task.
    """
    if not names:
        return source.firing
    by_name = {task.name: task for task in source.tasks}
    for name in names:
        if name in source.unreadable:
            raise _unreadable(name, source.unreadable[name])
        if name in source.paused:
            told = pause_told(source.paused[name])
            raise NotFoundError(f"{visible(name)} does not fire: it is paused {told}. 'ajsync resume' brings it back.")
        if name not in by_name:
            raise _missing(name, by_name, source.place, source.listing)
    return [by_name[name] for name in dict.fromkeys(names)]


def named(source: Source, names: Collection[str]) -> Source:
    """Return the named schedules, paused or not, and nothing else. Raises as `chosen` does."""
    tasks = chosen(replace(source, paused={}), names)
    paused = {task.name: source.paused[task.name] for task in tasks if task.name in source.paused}
    return replace(source, tasks=tasks, unreadable={}, paused=paused)


async def stored_task(bucket: ConfigurationBucket, name: str) -> ScheduledTask:
    """Read one schedule of the bucket, paused or not. Raises as `chosen` does."""
    return (await stored_entry(bucket, name))[0]


async def stored_entry(bucket: ConfigurationBucket, name: str) -> tuple[ScheduledTask, Pause | None]:
    """Read one schedule of the bucket, and its pause if it is paused. Raises as `chosen` does."""
    entry: LiveSchedule | None = (await find(bucket, name)).entry
    if entry is None:
        raise _missing(name, (await bucket.read()).entries, "the bucket", "ajsync list")
    if entry.task is None:
        raise _unreadable(name, f"{entry.problem} (revision {entry.revision})")
    return entry.task, entry.pause


def _missing(name: str, known: Iterable[str], place: str, listing: str) -> NotFoundError:
    meant = nearest(name, known)
    hint = f"Did you mean {visible(meant)}?" if meant else f"'{listing}' shows what there is."
    return NotFoundError(f"There is no schedule {visible(name)} in {place}. {hint}")


def _unreadable(name: str, problem: str) -> AjsyncError:
    return AjsyncError(
        f"The value of {visible(name)} is not a scheduled task: {one_line(problem)}. "
        "ajsync leaves it alone; 'ajsync delete' removes it."
    )
