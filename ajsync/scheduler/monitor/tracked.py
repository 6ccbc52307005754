"""The fires of one schedule that are tracked: the newest, those whose work has not ended, and what the rest comes to.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ajsync.asyncjobs.outcome import ACTIVE, COMPLETE, ScheduleOutcome, WorkOutcome, is_failure, newer, schedule_outcome
from ajsync.asyncjobs.tasks import NEW

MOST_OPEN = 8
"""Fires of one schedule whose work has not ended, besides the newest and the first since the last success.

The first says whether a success is overdue. Those in between count as they are then.
"""
MOST_EXPECTED = 8
"""Fires of one schedule of which nothing is known yet."""
_UNDER_WAY = frozenset((NEW, ACTIVE))
_NOT_KEPT = WorkOutcome(0, "", "", 0)


class Waiting(NamedTuple):
    """The first fire since the last success of a schedule whose work has not succeeded."""

    name: str
    last_success: int
    """Its due instant, in nanoseconds since 1970; 0 if none is known."""
    due: int
    active: bool
    """Whether a worker has it."""


@dataclass(slots=True, eq=False)
class TrackedSchedule:
    """What is kept of one schedule."""

    name: str
    queue: str
    fires: list[WorkOutcome] = field(default_factory=list)
    """By due instant: those whose work has not ended, and the newest."""
    expected: tuple[int, ...] = ()
    """The due instants of fires of which nothing is known yet."""
    before: ScheduleOutcome | None = None
    """What all earlier fires come to; the last of them is not kept."""
    is_looked_up: bool = False
    """Whether its last fires were looked for, and not only heard of."""

    @property
    def newest(self) -> WorkOutcome | None:
        """Of the last fire; None if nothing is known of any."""
        return self.fires[-1] if self.fires else None

    def state_of(self, due: int) -> str:
        """The state of the fire that was due at an instant; empty if nothing is known of it."""
        return next((each.state for each in reversed(self.fires) if each.due == due), "")

    def outcome(self) -> ScheduleOutcome | None:
        """What became of the last fires; None if nothing is known of any."""
        return schedule_outcome(self.fires, self.before)

    def failing(self) -> tuple[bool, int] | None:
        """Whether it is only a warning that its work fails, and since when, in nanoseconds since 1970.

        None if its work does not fail.
        """
        if not (self.before is not None and self.before.failures) and not any(map(is_failure, self.fires)):
            return None  # mostly
        known = self.outcome()
        return (known.tone == "warn", known.failing_since) if known is not None and known.failures else None

    def is_uncertain(self, before: int, *, unfinished: bool) -> bool:
        """Whether its fires have to be looked up: they never were, or nothing was heard of one due before an instant.

        With `unfinished` also if the work of one that was due before had not ended when it was heard of last.
        """
        if not self.is_looked_up or (self.expected and min(self.expected) < before):
            return True
        return unfinished and any(each.is_unfinished and each.due < before for each in self.fires)

    def waiting(self) -> Waiting | None:
        """What it waits for; None if its last fire has succeeded, or nothing is known to be under way or failed."""
        if not self.fires or self.fires[-1].state == COMPLETE:
            return None
        known = self.outcome()
        assert known is not None
        found = next((each for each in self.fires if each.due > known.last_success and each.is_unfinished), None)
        if known.failures and (found is None or found.due >= known.failing_since):
            return Waiting(self.name, known.last_success, known.failing_since, active=False)
        if found is None:
            return None
        return Waiting(self.name, known.last_success, found.due, found.state == ACTIVE)

    def carry_on(self, outcome: WorkOutcome) -> bool:
        """Take in what mostly happens: the newest fire, which no worker had finished, has come further.

        The outcome is of that fire, and no fire may fail. False, with nothing changed, if it is something else.
        """
        fires = self.fires
        if len(fires) > MOST_OPEN or fires[-1].state not in _UNDER_WAY:
            return False
        fires[-1] = newer(fires[-1], outcome)
        return True

    def begin(self, outcome: WorkOutcome) -> bool:
        """Take in the other thing that mostly happens: a fire after the only one that is kept, which has succeeded.

        It must not fail. False, with nothing changed, if it is something else.
        """
        former = self.fires[0]
        if len(self.fires) > 1 or former.state != COMPLETE or former.due >= outcome.due:
            return False
        success = former.due if self.before is None else max(former.due, self.before.last_success)
        self.before = ScheduleOutcome(_NOT_KEPT, success)
        self.fires[0] = outcome
        return True

    def merge(self, found: Sequence[WorkOutcome], *, is_whole: bool) -> Sequence[WorkOutcome]:
        """Put fires that were found in place of those that are tracked; returns those that are not tracked any more.

        What was heard of them meanwhile is kept, and so is what came after the first of them, and what waits since
        before it if they do not reach back to a success.
        """
        known = self.outcome()
        latest = {each.due: each for each in found}
        oldest = min(latest)
        dropped = []
        for each in self.fires:
            if each.due in latest:
                latest[each.due] = newer(latest[each.due], each)
            elif each.due > oldest or (not is_whole and each.is_unfinished and not is_failure(each)):
                latest[each.due] = each
            else:
                dropped.append(each)
        self.fires = [latest[due] for due in sorted(latest)]
        self.before = None if known is None else _earlier(known, self.fires, oldest, is_whole)
        return dropped

    def fold(self) -> Sequence[WorkOutcome]:
        """Keep of earlier fires only those whose work has not ended; returns those that are not tracked any more."""
        if len(self.fires) < 2:
            return ()
        *earlier, newest = self.fires
        still_open = [each for each in earlier if each.is_unfinished]
        if len(still_open) > MOST_OPEN:
            first = self._first_waiting(still_open)
            still_open = [*([first] if first.due < still_open[-MOST_OPEN].due else ()), *still_open[-MOST_OPEN:]]
        if len(still_open) == len(earlier):
            return ()
        kept = {each.due for each in still_open}
        folded = [each for each in earlier if each.due not in kept]
        if (found := schedule_outcome(folded, self.before)) is not None:
            self.before = ScheduleOutcome(
                _NOT_KEPT, found.last_success, found.last_failure, found.failing_since, found.failures
            )
        self.fires = [*still_open, newest]
        return folded

    def _first_waiting(self, still_open: Sequence[WorkOutcome]) -> WorkOutcome:
        """The first of these fires since the last success; the first of all if none is."""
        known = self.outcome()
        success = 0 if known is None else known.last_success
        return next((each for each in still_open if each.due > success), still_open[0])


def _earlier(known: ScheduleOutcome, tracked: Sequence[WorkOutcome], oldest: int, is_whole: bool) -> ScheduleOutcome:
    """What the fires before `oldest`, the first that was found, come to, if all together came to what is known.

    Some workers delete a task that has succeeded, so a success that was heard of counts although it is not found.
    """
    since, success = known.failing_since, known.last_success
    if is_whole or not 0 < since < oldest:
        return ScheduleOutcome(_NOT_KEPT, success)
    more = known.failures - sum(map(is_failure, tracked))
    return ScheduleOutcome(_NOT_KEPT, success, since, since, max(more, 1))
