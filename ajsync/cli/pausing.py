"""The schedules that `pause` and `resume` are about: named or selected ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import LiveSchedule, ScheduledTask
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output import terminal
from ajsync.cli.output.streams import working_folder_is_gone
from ajsync.cli.project import owner_of, selection_of
from ajsync.cli.source import named_or_selected
from ajsync.config.project import find_project
from ajsync.errors import UsageError
from ajsync.git.checkout import Checkout
from ajsync.git.origin import person, user_and_host
from ajsync.reconcile.pause import Owners
from ajsync.selection import Selection, nothing_selected
from ajsync.text import counted


def check_named(names: Collection[str], selectors: Selectors) -> None:
    """Raise UsageError unless schedules are either named or selected; --owner may be given with names."""
    named_or_selected(names, replace(selectors, of_owner=None))
    if not names and not selectors.given:
        raise UsageError("Name the schedules, or select some with options, such as --name 'EMAIL_*'.")


def allowed_owners(scope: Scope, selectors: Selectors) -> Owners:
    """Return whose schedules may be changed: those of --owner, or else the project's and those without an owner."""
    if selectors.of_owner is not None:
        return Owners((selectors.of_owner,))
    here = scope.config is None and scope.environment is None
    if here and (working_folder_is_gone() or find_project(Path.cwd()) is None):
        return Owners((None,))
    return Owners((owner_of(scope), None))


def who() -> str:
    """Return who pauses, for people who wonder in the meantime."""
    return user_and_host() if working_folder_is_gone() else person(Checkout(Path.cwd()))


async def chosen_names(
    bucket: ConfigurationBucket,
    names: Sequence[str],
    scope: Scope,
    selectors: Selectors,
    owners: Owners,
    *,
    paused: bool = False,
) -> Sequence[str]:
    """Return the names, or else the selected schedules of these owners; with `paused` only the paused ones."""
    if names:
        return names
    selection: Selection = selection_of(scope, selectors)
    live = await bucket.read()
    found = [entry for _, entry in sorted(live.entries.items()) if selection.matches(entry.task)]
    ours = [entry for entry in found if entry.task is not None and entry.task.owner in owners.names]
    if not found:
        terminal.say(nothing_selected(selection, _tasks(live.entries.values()), "the bucket"))
    if others := len(found) - len(ours):
        terminal.say(f"Left alone: {counted(others, 'schedule')} of other owners; --owner selects those of one.")
    chosen = [entry.name for entry in ours if entry.pause is not None or not paused]
    if ours and not chosen:
        terminal.say("None of the selected schedules is paused.")
    return chosen


def _tasks(entries: Iterable[LiveSchedule]) -> list[ScheduledTask]:
    return [entry.task for entry in entries if entry.task is not None]
