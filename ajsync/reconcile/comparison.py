"""Compare the files with the bucket repeatedly, and look only at what has changed since the last time. Pure.

A schedule is settled if there is nothing to do and nothing to say about it. Then it is only counted until its value
changes in the files or in the bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import replace
from typing import Literal

from ajsync.asyncjobs.model import Live, LiveSchedule, ScheduledTask
from ajsync.reconcile.fields import ignored_by_go
from ajsync.reconcile.plan import UNKNOWN, Destination, Plan, plan
from ajsync.selection import EVERYTHING, Selection

_Count = Literal["unchanged", "unmanaged", "foreign"]
"""What a settled schedule counts as in a plan."""


class Comparison:
    """Compares what the files of one owner define with what the bucket holds.

    With a selection everything is compared each time, because only selected schedules are counted.
    """

    def __init__(self, owner: str, *, adopt: bool = False, selection: Selection = EVERYTHING) -> None:
        self._owner = owner
        self._adopt = adopt
        self._selection = selection
        self._desired: Mapping[str, ScheduledTask] = {}
        self._live: Live | None = None
        self._open: set[str] = set()
        """The names of the schedules that are not settled."""
        self._settled: dict[str, _Count] = {}
        self._counts: Counter[_Count] = Counter()
        self._ignored: dict[str, tuple[str, ...]] = {}
        self._compared: Plan | None = None
        """The plan for the open schedules, until it is known which ones it has settled."""

    @property
    def ignored(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The selected schedules of the files with members that a Go scheduler does not know, and those members.

        Sorted by name.
        """
        found = sorted(self._ignored.items())
        return tuple(each for each in found if self._selection.matches(self._desired[each[0]]))

    def update(self, desired: Mapping[str, ScheduledTask], live: Live, changed: Set[str] | None) -> None:
        """Take what the files define now and what the bucket holds now; at most these names have changed.

        Without `changed` everything may have changed.
        """
        known = self._desired
        self._settle()
        if changed is None or self._live is None:
            self._settled, self._counts = {}, Counter()
            self._open = {*desired, *live.entries}
            anew: Iterable[str] = desired
            self._ignored = {}
        else:
            anew = [] if desired is known else _differing(known, desired)
            for name in (*anew, *changed):
                self._reopen(name)
        for name in anew:
            self._ignored.pop(name, None)
            if name in desired and (members := ignored_by_go(desired[name])):
                self._ignored[name] = members
        self._desired, self._live = desired, live

    def unsettled(self) -> Iterator[ScheduledTask]:
        """The desired schedules that may differ from what the bucket holds."""
        if not self._settled:
            yield from self._desired.values()
        else:
            yield from (self._desired[name] for name in self._open if name in self._desired)

    def is_for(self, owner: str, *, adopt: bool, selection: Selection) -> bool:
        """Whether it makes plans for this owner and this selection."""
        return (self._owner, self._adopt, self._selection) == (owner, adopt, selection)

    def plan(self, to_come: Mapping[str, LiveSchedule], *, digest: str, destination: Destination = UNKNOWN) -> Plan:
        """The plan of the last update. Entries `to_come`, which are not in the bucket yet, count as if they were."""
        if self._live is None:
            raise ValueError("there is nothing to compare")
        desired, live = self._desired, self._live
        if self._settled:
            desired = {name: desired[name] for name in self._open if name in desired}
            entries = {name: live.entries[name] for name in self._open if name in live.entries}
            deleted = {name: live.deleted[name] for name in self._open if name in live.deleted}
            live = Live(live.target, entries, deleted)
        found = plan(
            desired,
            replace(live, entries={**live.entries, **to_come}) if to_come else live,
            owner=self._owner,
            digest=digest,
            adopt=self._adopt,
            destination=destination,
            selection=self._selection,
        )
        self._compared = None if to_come or self._selection else found  # entries to come do not exist yet
        counts = self._counts
        return replace(
            found,
            desired=len(self._desired),
            owned=found.owned + counts["unchanged"],
            unchanged=found.unchanged + counts["unchanged"],
            unmanaged=found.unmanaged + counts["unmanaged"],
            foreign=found.foreign + counts["foreign"],
        )

    def _reopen(self, name: str) -> None:
        self._open.add(name)
        if name in self._settled:
            self._counts[self._settled.pop(name)] -= 1

    def _settle(self) -> None:
        """Settle the schedules about which the last plan had nothing to do and nothing to say."""
        found, live = self._compared, self._live
        if found is None or live is None:
            return
        self._compared = None
        told = {each.name for each in (*found.changes, *found.conflicts)}
        told |= {name for name, _ in (*found.unreadable, *found.paused)}
        for name in self._open - told:
            if name in self._desired:
                count: _Count = "unchanged"
            elif (entry := live.entries.get(name)) is None or entry.task is None:
                continue
            else:
                count = "unmanaged" if entry.task.owner is None else "foreign"
            self._settled[name] = count
            self._counts[count] += 1
        self._open &= told


def _differing(known: Mapping[str, ScheduledTask], desired: Mapping[str, ScheduledTask]) -> list[str]:
    """The names whose values are not identical in both; values that were read again may be equal, and are compared
    later."""
    differing = [name for name, task in desired.items() if known.get(name) is not task]
    return [*differing, *(known.keys() - desired.keys())]
