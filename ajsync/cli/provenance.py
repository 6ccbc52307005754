"""What git and the build machine know about the files of a command: who applies them, and from which commit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ajsync.cli.output.terminal import warn
from ajsync.errors import AjsyncError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ajsync.asyncjobs.applied import Origin, RecordedAction, RecordedApply
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.config import Configuration
    from ajsync.reconcile.apply.result import Result
    from ajsync.reconcile.plan import Lineage, Plan


class FilesProvenance:
    """Asks git in the folder of the project, anew each time, because files that are followed change their commit."""

    def __init__(self, configuration: Configuration) -> None:
        self._folder = configuration.project.parent
        self._sources = configuration.sources

    def origin(self) -> Origin:
        """Return who applies the files, and from which commit."""
        from ajsync.git.checkout import Checkout
        from ajsync.git.origin import origin_of

        return origin_of(Checkout(self._folder), self._sources)

    def lineage(self, applied: RecordedApply) -> Lineage | None:
        """Return how the commit of the files is related to that of a recorded apply; None if that is not known."""
        from ajsync.git.checkout import Checkout
        from ajsync.git.origin import commit_of
        from ajsync.reconcile.plan import Lineage

        checkout = Checkout(self._folder)
        files = commit_of(checkout)
        if files is None or applied.commit is None:
            return None
        same = files.id == applied.commit.id
        return Lineage(files, applied, None if same else checkout.descends(applied.commit.id, files.id))


async def record_or_warn(bucket: ConfigurationBucket, plan: Plan, result: Result, origin: Origin) -> None:
    """Add an apply to the record; if that fails, print a warning, because the apply itself is done."""
    from ajsync.reconcile.apply.record import not_recorded, record_apply

    try:
        await record_apply(bucket, plan, result, origin, now=time.time_ns())
    except AjsyncError as error:
        warn(not_recorded(error))


async def record_action_or_warn(
    bucket: ConfigurationBucket, action: RecordedAction, tasks: Iterable[ScheduledTask]
) -> None:
    """Add a manual action to the record; if that fails, print a warning, because the action itself is done."""
    from ajsync.reconcile.apply.record import not_recorded, record_action

    try:
        await record_action(bucket, action, tasks)
    except AjsyncError as error:
        warn(not_recorded(error, action.action))
