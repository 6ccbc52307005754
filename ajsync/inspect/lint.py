"""Lint: schedules that are valid and still not what their author wants, found by rules with a name and a severity."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.inspect.clock_changes import ClockChanges
from ajsync.inspect.facts import Facts
from ajsync.schedule import Timetable, parse
from ajsync.text import listed
from ajsync.timestamp import NANOSECONDS

Severity = Literal["error", "warning", "notice"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "notice")
"""The gravest first."""
HERD = 50
"""So many schedules that are due in one minute are a herd."""
_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule has to say."""

    name: str
    """The schedule; where it is about several, the first of them."""
    message: str
    hint: str = ""
    """What would be right."""
    others: Sequence[str] = ()
    """The other schedules that it is about, where one remedy is for all."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found."""

    rule: str
    severity: Severity
    name: str
    message: str
    hint: str
    others: tuple[str, ...] = ()
    """The other schedules that it is about."""

    @property
    def told(self) -> str:
        """The names of the schedules, and of many the first."""
        return listed((self.name, *self.others), most=3)


@dataclass(frozen=True, slots=True)
class Subject:
    """One schedule and what its times are like."""

    task: ScheduledTask
    facts: Facts


@dataclass(frozen=True, slots=True)
class Material:
    """All that rules look at."""

    subjects: Sequence[Subject]
    unreadable: Mapping[str, str]
    """Name → reason."""
    queues: Collection[str] | None
    """Those that exist; None where nobody has asked the server."""
    now: int
    """Nanoseconds since 1970."""
    herd: int
    without_queue: Collection[str] = ()
    """The names of those in files for which nobody has named a queue."""


Check: TypeAlias = Callable[[Material], Iterable[Said]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong."""

    name: str
    severity: Severity
    told: str
    """What it finds, in a few words."""
    check: Check


def material(
    tasks: Iterable[ScheduledTask],
    now: int,
    *,
    unreadable: Mapping[str, str] | None = None,
    queues: Collection[str] | None = None,
    herd: int = HERD,
    without_queue: Collection[str] = (),
) -> Material:
    """What rules look at, from schedules and an instant; those whose schedule is not valid count as unreadable."""
    moment = datetime.fromtimestamp(now // NANOSECONDS, UTC)
    changes = ClockChanges(moment, moment + _YEAR)
    facts: dict[Timetable, Facts] = {}
    subjects: list[Subject] = []
    reasons = dict(unreadable or {})
    for task in tasks:
        try:
            timetable = parse(task.schedule)
        except ScheduleError as error:
            reasons[task.name] = str(error)
            continue
        known = facts.get(timetable)
        if known is None:
            known = facts[timetable] = Facts(timetable, moment, changes)
        subjects.append(Subject(task, known))
    return Material(subjects, reasons, queues, now, herd, without_queue)


def lint(found: Material, rules: Iterable[Rule]) -> list[Finding]:
    """What `rules` find, by severity, name and rule."""
    findings = [
        Finding(rule.name, rule.severity, said.name, said.message, said.hint, tuple(said.others))
        for rule in rules
        for said in rule.check(found)
    ]
    return sorted(findings, key=lambda each: (SEVERITIES.index(each.severity), each.name, each.rule))


def each(check: Callable[[Subject], Iterator[Said]]) -> Check:
    """A check of all schedules that looks at one after the other."""

    def check_all(found: Material) -> Iterator[Said]:
        for subject in found.subjects:
            yield from check(subject)

    return check_all
