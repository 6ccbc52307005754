"""When schedules fire next, for people; schedules that are due together share one search and one text."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from ajsync.asyncjobs.due import Upcoming, timing
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.reconcile.render.times import in_zone
from ajsync.schedule import Timetable
from ajsync.text import moment, one_line, span
from ajsync.timestamp import to_datetime, to_nanoseconds

_COUNT = 3
"""How many fires of a schedule are shown."""


@dataclass(frozen=True, slots=True)
class Fires:
    """The next fires of one schedule."""

    times: tuple[datetime, ...]
    """In the schedule's zone; empty if it never fires or the times are unknown."""
    lines: tuple[str, ...]
    """The same for people, in the zone of the output, with the time until each; or why there are none."""
    amiss: bool = False
    """Whether it has no fires although it should."""


PAUSED = Fires((), ("paused",))
"""What is shown instead of the fires of a paused schedule."""


class FireTimes:
    """The next fires after an instant, for many schedules, with lines in one zone."""

    def __init__(self, now: datetime, zone: tzinfo = UTC) -> None:
        self._zone = zone
        # In UTC, because Python subtracts two instants of one zone by their wall clocks.
        self._now = now.astimezone(UTC)
        self._upcoming = Upcoming(to_nanoseconds(self._now) + 1, _COUNT)
        self._known: dict[tuple[Timetable, tuple[int, ...]], Fires] = {}
        self._by_timing: dict[Hashable, Fires] = {}

    def of(self, task: ScheduledTask) -> Fires:
        """The next fires of `task`; an `@every` has them only once it is stored, which gives it its phase."""
        known = timing(task)
        if known not in self._by_timing:
            self._by_timing[known] = self._find(task)
        return self._by_timing[known]

    def _find(self, task: ScheduledTask) -> Fires:
        found = self._upcoming.of(task)
        if found.timetable is None:
            return Fires((), (one_line(f"cannot be computed: {found.reason}"),), amiss=True)
        if not found.dues:
            return Fires((), (found.reason,), found.amiss)
        key = found.timetable, found.dues
        if key not in self._known:
            times = tuple(to_datetime(due, found.timetable.zone_info) for due in found.dues)
            shown = [in_zone(due, self._zone) for due in found.dues]
            seconds = any(time.second or time.microsecond for time in shown)
            self._known[key] = Fires(times, tuple(self._line(time, seconds) for time in shown))
        return self._known[key]

    def _line(self, time: datetime, seconds: bool) -> str:
        return f"{moment(time, seconds=seconds)}  in {span((time - self._now).total_seconds())}"
