"""The tracked fires of one schedule: the newest, those whose work has not ended, and a summary of the rest.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ajsync.asyncjobs.outcome import ACTIVE, COMPLETE, ScheduleOutcome, WorkOutcome, is_failure, newer, schedule_outcome
from ajsync.asyncjobs.tasks import NEW

MOST_OPEN = 8
"""How many unfinished fires of one schedule are kept, besides the newest and the first since the last success.

The first is kept because it says whether a success is overdue. Those in between count in the state that they have when
they are dropped.
"""
MOST_EXPECTED = 8
"""How many fires of one schedule are kept of which nothing is known yet."""
_UNDER_WAY = frozenset((NEW, ACTIVE))
_NOT_KEPT = WorkOutcome(0, "", "", 0)


class Waiting(NamedTuple):
    """The first fire since the last success, of a schedule that waits for its next success."""

    name: str
    last_success: int
    """The due instant of the last success, in nanoseconds since 1970; 0 if none is known."""
    due: int
    active: bool
    """Whether a worker has it."""


@dataclass(slots=True, eq=False)
class TrackedSchedule:
    """What is known of the fires of one schedule."""

    name: str
    queue: str
    fires: list[WorkOutcome] = field(default_factory=list)
    """The fires whose work has not ended and the newest one, in the order of their due instants."""
    expected: tuple[int, ...] = ()
    """The due instants of fires of which nothing is known yet."""
    before: ScheduleOutcome | None = None
    """The summary of all earlier fires, without its last fire."""
    is_looked_up: bool = False
    """Whether its last fires were looked up, and not only heard of."""

    def state_of(self, due: int) -> str:
        """The state of the fire that was due at an instant; empty if nothing is known of it."""
        if self.fires and self.fires[-1].due == due:  # mostly
            return self.fires[-1].state
        return next((each.state for each in self.fires if each.due == due), "")

    def outcome(self) -> ScheduleOutcome | None:
        """What became of the last fires; None if nothing is known of any."""
        return schedule_outcome(self.fires, self.before)

    def failing(self) -> tuple[bool, int] | None:
        """Whether the failure is only a warning, and since when its work fails, in nanoseconds since 1970.

        None if its work does not fail.
        """
        if not (self.before is not None and self.before.failures) and not any(map(is_failure, self.fires)):
            return None  # mostly
        known = self.outcome()
        return (known.tone == "warn", known.failing_since) if known is not None and known.failures else None

    def is_uncertain(self, before: int, *, unfinished: bool) -> bool:
        """Whether its fires have to be looked up: they never were, or nothing is known of a fire due before an instant.

        With `unfinished` also if the work of a fire due before that instant has not ended, as far as is known.
        """
        if not self.is_looked_up or (self.expected and min(self.expected) < before):
            return True
        return unfinished and any(each.is_unfinished and each.due < before for each in self.fires)

    def waiting(self) -> Waiting | None:
        """What it waits for; None if its last fire has succeeded, or if no known fire is under way or failed."""
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

    def go_on(self, due: int, state: str, at: int, tries: int) -> bool:
        """Take in the usual news: the work of the newest fire, which was under way, has come further.

        No fire may fail. Returns False and changes nothing if it is other news.
        """
        fires = self.fires
        newest = fires[-1] if fires else _NOT_KEPT
        if newest.due != due or newest.state not in _UNDER_WAY or len(fires) > MOST_OPEN:
            return False
        if state == ACTIVE and newest.state == NEW:
            if tries < newest.tries:
                return False
        elif state != COMPLETE or tries <= newest.tries:
            return False
        fires[-1] = WorkOutcome(due, newest.task_id, state, at, tries, "", newest.lateness)
        return True

    def begin(self, outcome: WorkOutcome) -> bool:
        """Take in other usual news: a fire that follows the only one that is kept, which has succeeded.

        `outcome` must not be a failure. Returns False and changes nothing if it is other news.
        """
        former = self.fires[0]
        if len(self.fires) > 1 or former.state != COMPLETE or former.due >= outcome.due:
            return False
        self.before = ScheduleOutcome(_NOT_KEPT, former.due)
        self.fires[0] = outcome
        return True

    def merge(self, found: Sequence[WorkOutcome], *, is_whole: bool) -> Sequence[WorkOutcome]:
        """Replace the tracked fires by those that were found; returns those that are no longer tracked.

        What was heard of them in the meantime is kept, and so are later fires than the first that was found. If the
        found fires do not reach back to a success (`is_whole` is false), earlier unfinished fires are kept, too.
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
        self.before = _earlier(known, self.fires, oldest, is_whole)
        return dropped

    def fold(self) -> Sequence[WorkOutcome]:
        """Add earlier fires whose work has ended to the summary; returns the fires that are no longer tracked."""
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
                _NOT_KEPT, found.last_success, found.last_failure, found.failing_since, found.failures, found.is_whole
            )
        self.fires = [*still_open, newest]
        return folded

    def _first_waiting(self, still_open: Sequence[WorkOutcome]) -> WorkOutcome:
        """The first of these fires since the last success; the first of all if there is none."""
        known = self.outcome()
        success = 0 if known is None else known.last_success
        return next((each for each in still_open if each.due > success), still_open[0])


def _earlier(
    known: ScheduleOutcome | None, tracked: Sequence[WorkOutcome], oldest: int, is_whole: bool
) -> ScheduleOutcome | None:
    """The summary of the fires before `oldest`, the first that was found, given the summary of all that were known.

    Some workers delete a task that has succeeded, so a success that was heard of counts even if it is not found.
    """
    if known is None:
        return None if is_whole else ScheduleOutcome(_NOT_KEPT, is_whole=False)
    since, success = known.failing_since, known.last_success
    if is_whole or not 0 < since < oldest:
        return ScheduleOutcome(_NOT_KEPT, success, is_whole=is_whole or success >= oldest)
    more = known.failures - sum(map(is_failure, tracked))
    return ScheduleOutcome(_NOT_KEPT, success, since, since, max(more, 1), known.is_whole)
