"""Lint: find schedules that are valid but probably not what was meant, by rules with a name and a severity."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice, pairwise
from typing import Literal, TypeAlias

from ajsync.asyncjobs.due import Times, times_of
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.queues import QueueSettings
from ajsync.errors import ScheduleError
from ajsync.inspect.clock_changes import ClockEffect, effects_of_clocks
from ajsync.schedule.fields import CronFields
from ajsync.text import listed
from ajsync.timestamp import NANOSECONDS, to_datetime, to_nanoseconds

Severity = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")
"""The most severe first."""
HERD = 50
"""This many schedules in one minute are a herd."""
_YEAR = timedelta(days=365)
_LOOKED_AT = 25
"""How many fires the shortest interval is searched in: a day of an hourly schedule, and one more."""
_LOOKED_AT_ONCE_A_DAY = 8
"""The same for a schedule with one time of day: a week, and one more, because each fire takes a search."""
_LEAP_DAY = (2, 29)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about a schedule, or about several."""

    rule: str
    severity: Severity
    name: str
    """The schedule, or the first of several."""
    others: tuple[str, ...]
    """The other schedules, if one remedy applies to all."""
    message: str
    hint: str
    """What to write instead."""

    @property
    def shown_names(self) -> str:
        """The names of the schedules; the first ones if there are many."""
        return listed((self.name, *self.others), most=3)


class Facts:
    """What rules need to know about the times of a schedule. Computed once for all with the same text and season."""

    def __init__(self, times: Times, now: int) -> None:
        """`times` without jitter; `now` in nanoseconds since 1970."""
        self.timetable = times.timetable
        self._times = times
        self._start = now

    @property
    def fields(self) -> CronFields | None:
        """The five fields; None for an `@every`."""
        return self.timetable.walls.fields if self.timetable.walls else None

    @property
    def effects(self) -> tuple[ClockEffect, ...]:
        """What the next clock changes do to it."""
        start = to_datetime(self._start)
        return effects_of_clocks(self.timetable, start, start + _YEAR, self._times.season)

    @cached_property
    def first(self) -> datetime | None:
        """The next fire, in the zone of the schedule; None if it never fires."""
        return self._after(self._start)

    @cached_property
    def today(self) -> date:
        """The day in the zone of the schedule."""
        return to_datetime(self._start, self.timetable.zone_info).date()

    @cached_property
    def is_over(self) -> bool:
        """Whether its season has ended: it was due before, and will not be again."""
        return self._times.is_over(self._start + 1)

    @cached_property
    def shortest_interval(self) -> int | None:
        """The nanoseconds between the closest two of the next fires; None if there are fewer than two."""
        fields = self.fields
        once_a_day = fields is not None and len(fields.hour.values) == len(fields.minute.values) == 1
        fires = islice(self._times.after(self._start), _LOOKED_AT_ONCE_A_DAY if once_a_day else _LOOKED_AT)
        return min((second - first for first, second in pairwise(fires)), default=None)

    @cached_property
    def only_leap_day(self) -> datetime | None:
        """The next fire of a schedule that fires only on 29 February; None for any other."""
        if self.first is None or (self.first.month, self.first.day) != _LEAP_DAY:
            return None
        following = self._after(to_nanoseconds(self.first.replace(hour=23, minute=59, second=59)))
        return self.first if following is None or (following.month, following.day) == _LEAP_DAY else None

    @property
    def follows_zone(self) -> bool:
        """Whether the zone makes a difference, because hours or days are restricted."""
        fields = self.fields
        if fields is None:
            return False
        everything = ((fields.hour, 24), (fields.day, 31), (fields.month, 12), (fields.weekday, 7))
        return any(len(field.values) < size for field, size in everything)

    def _after(self, instant: int) -> datetime | None:
        due = self._times.next(instant)
        return None if due is None else to_datetime(due, self.timetable.zone_info)


@dataclass(frozen=True, slots=True)
class Subject:
    """One schedule and the facts about its times."""

    task: ScheduledTask
    facts: Facts


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that rules look at."""

    subjects: Sequence[Subject]
    unreadable: Mapping[str, str]
    """Name → reason, for the entries that are not valid schedules."""
    queues: Collection[str] | None
    """The queues that exist; None if the server was not asked."""
    now: int
    """Nanoseconds since 1970."""
    herd: int
    without_queue: Collection[str] = ()
    """The names of schedules in files for which no queue is set."""
    declared: Mapping[str, QueueSettings] = field(default_factory=dict)
    """The queues that the files declare, by name."""


Words: TypeAlias = tuple[str, str]
"""A message about one schedule, and the hint."""
Remark: TypeAlias = tuple[Sequence[str], str, str]
"""The names of the schedules that a message is about, the message, and the hint."""
Check: TypeAlias = Callable[[Material], Iterable[Remark]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of mistake."""

    name: str
    severity: Severity
    summary: str
    """A few words on what it finds."""
    check: Check


def material(
    tasks: Iterable[ScheduledTask],
    now: int,
    *,
    unreadable: Mapping[str, str] | None = None,
    queues: Collection[str] | None = None,
    herd: int = HERD,
    without_queue: Collection[str] = (),
    declared: Iterable[QueueSettings] = (),
) -> Material:
    """Collect what rules look at. Tasks whose schedule is not valid count as unreadable."""
    start = now // NANOSECONDS * NANOSECONDS
    facts: dict[Times, Facts] = {}
    subjects: list[Subject] = []
    reasons = dict(unreadable or {})
    for task in tasks:
        try:
            times = replace(times_of(task), phase=0, offset=0, created=0)
        except ScheduleError as error:
            reasons[task.name] = str(error)
            continue
        subjects.append(Subject(task, facts.setdefault(times, Facts(times, start))))
    return Material(subjects, reasons, queues, now, herd, without_queue, {queue.name: queue for queue in declared})


def lint(found: Material, rules: Iterable[Rule]) -> list[Finding]:
    """The findings of `rules`, sorted by severity, name and rule."""
    findings = [
        Finding(rule.name, rule.severity, name, tuple(others), message, hint)
        for rule in rules
        for (name, *others), message, hint in rule.check(found)
    ]
    return sorted(findings, key=lambda each: (SEVERITIES.index(each.severity), each.name, each.rule))


def each(check: Callable[[Subject], Iterable[Words]]) -> Check:
    """Make a check of all schedules from a check of one."""

    def check_all(found: Material) -> Iterator[Remark]:
        for subject in found.subjects:
            for message, hint in check(subject):
                yield [subject.task.name], message, hint

    return check_all
