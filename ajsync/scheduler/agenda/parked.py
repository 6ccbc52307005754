"""Parked values: the old values of schedules that an update has deleted and not yet created again. Pure.

Beside a Go scheduler, an update is a delete and a create, up to 15 s apart, or more if the apply was interrupted. The
journal of that apply holds the old value, which counts until the new one is there.
"""

from __future__ import annotations

from ajsync.asyncjobs.journal import decode_journal
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import StoredValueError


class Parked:
    """The journals of a bucket, and which of their schedules are deleted at the moment."""

    def __init__(self) -> None:
        self._journals: dict[str, dict[str, ScheduledTask]] = {}
        """Owner → name → the value before the update."""
        self._away: set[str] = set()

    def see(self, owner: str, data: bytes | None) -> list[str]:
        """Take in the journal of `owner` as it is now; None if it is gone.

        Returns the deleted schedules that are no longer in any journal, so will not come back. A journal that cannot be
        read parks nothing; the next apply says what is wrong with it.
        """
        try:
            steps = () if data is None else decode_journal(owner, data)
        except StoredValueError:
            steps = ()
        self._journals[owner] = {step.name: step.before for step in steps}
        if not steps:
            del self._journals[owner]
        gone = [name for name in sorted(self._away) if self.value(name) is None]
        self._away.difference_update(gone)
        return gone

    def value(self, name: str) -> ScheduledTask | None:
        """The value that counts while the schedule is deleted; None if no update is under way."""
        for values in self._journals.values():
            if name in values:
                return values[name]
        return None

    def values(self) -> list[ScheduledTask]:
        """Every value that a journal holds."""
        return [value for values in self._journals.values() for value in values.values()]

    def leave(self, name: str) -> None:
        """Take in that the update has deleted the schedule."""
        self._away.add(name)

    def is_away(self, name: str) -> bool:
        """Whether the update has deleted the schedule, so that its old value counts."""
        return name in self._away

    def come_back(self, name: str) -> None:
        """Take in that the schedule exists again, or was deleted for good."""
        self._away.discard(name)
