"""Troubles: what is wrong with scheduling and work, since when, how often, and which command to begin with.

Pure. The worst come first, and troubles of schedulers come before those of schedules, which they may cause.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ajsync.asyncjobs.outcome import ScheduleOutcome, is_failure, words_of
from ajsync.asyncjobs.remedy import BACKLOG, explained, making, remedy
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.election.watermark import WATERMARK_KEY
from ajsync.scheduler.monitor.view import View
from ajsync.text import counted, span
from ajsync.timestamp import NANOSECONDS

_MOST_SKEW_SECONDS = 1.0
_MOST_WATERMARK_SECONDS = 10.0
"""A leader writes the watermark five times a second, and a change of leaders takes less than this."""
_RECENT_MOVES = 900 * NANOSECONDS
_MANY_MOVES = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong."""

    tone: Literal["bad", "warn"]
    what: str
    """A sentence, which may contain text of others."""
    remedy: str
    """The command to begin with."""
    schedule: str = ""
    """The name of the schedule that it is about; empty if it is about something else."""
    since: int = 0
    """Nanoseconds since 1970; 0 if that is not known."""
    count: int = 0
    """How often it happened; 0 if that cannot be counted."""
    about: str = "This scheduler"
    """What it is about, if it is about no schedule."""
    at_least: bool = False
    """Whether it may have begun earlier, and happened more often."""

    @property
    def or_earlier(self) -> str:
        """What to say after the time since when."""
        return " or earlier" if self.at_least else ""

    @property
    def times(self) -> str:
        """How often it happened, as HTML; empty if that was once or is not known."""
        return f"{self.count:,} &times;{' or more' if self.at_least else ''}" if self.count > 1 else ""


def troubles(view: View) -> tuple[Trouble, ...]:
    """The troubles that are listed; `trouble_count` also counts those that are not."""
    found = [*_of_schedulers(view), *_of_queues(view), *_of_schedules(view)]
    return tuple(sorted(found, key=lambda each: (each.tone != "bad", bool(each.schedule))))


def trouble_count(view: View, listed: tuple[Trouble, ...]) -> int:
    """How many troubles there are, listed or not."""
    work, named = view.work, {each.schedule for each in listed}
    troubled: frozenset[str] = frozenset() if work is None else work.all_failing | work.all_overdue
    return len(listed) + len((troubled & view.tasks.keys()) - named)


def _of_schedulers(view: View) -> Iterator[Trouble]:
    status = view.status
    if not status.connected:
        yield Trouble("bad", f"There is no connection to {status.server}.", BACKLOG, since=status.since)
    elif status.leader is None and status.role is not RoleState.STARTING:
        yield Trouble("bad", "No scheduler leads, so nothing is fired.", "ajsync scheduler", about="Leadership")
    if status.connected and status.reason and status.role is not RoleState.STARTING:
        yield Trouble("bad", _sentence(f"This scheduler could not lead: {status.reason}"), BACKLOG)
    elif WATERMARK_KEY in view.problems:
        found = view.problems[WATERMARK_KEY]
        text = _sentence(found.problem)
        yield Trouble("bad", text, found.remedy, since=found.since, count=found.count, about="Watermark")
    age = status.watermark_age
    if status.leader is not None and not status.leader_is_go and age is not None and age > _MOST_WATERMARK_SECONDS:
        text = f"It is not certain that what was due in the last {span(age)} was fired."
        yield Trouble("bad", text, BACKLOG, since=status.watermark or 0, about="Leadership")
    skew = status.clock_skew
    if skew is not None and abs(skew) > _MOST_SKEW_SECONDS:
        where, when = ("ahead of", "early") if skew > 0 else ("behind", "late")
        text = f"The clock of this scheduler is {span(abs(skew))} {where} the server's, so tasks are fired {when}."
        yield Trouble("warn", text, "timedatectl")
    if status.presence.lacks_stand_by:
        text = "No scheduler stands by. If the leader ends, nothing is fired until another one begins."
        yield Trouble("warn", text, "ajsync scheduler", about="Leadership")
    for name in status.presence.namesakes:
        text = f"Several schedulers are called {name}, so that neither the election nor the logs tell them apart."
        yield Trouble("warn", text, BACKLOG, about="Leadership")
    recent = [each for each in status.moves if status.now - each < _RECENT_MOVES]
    if len(recent) > _MANY_MOVES:
        text = "The leadership moves often: the log of each scheduler says why its terms ended."
        yield Trouble("warn", text, BACKLOG, since=recent[-1], count=len(recent), about="Leadership")


def _of_queues(view: View) -> Iterator[Trouble]:
    missing = {queue.name for queue in view.queues if queue.missing}
    users = Counter(task.queue for task in view.tasks.values() if task.queue in missing) if missing else Counter()
    for queue in view.queues:
        if users[queue.name]:
            text = f"It does not exist, so no worker gets the tasks of {counted(users[queue.name], 'schedule')}."
            yield Trouble("bad", text, making(queue.name, view.ajc), about=f"Queue {queue.name}")
        elif queue.is_full:
            text = f"It is full: {counted(queue.items, 'work item')} wait or are being handled."
            yield Trouble("bad", text, BACKLOG, since=queue.oldest, about=f"Queue {queue.name}")


def _of_schedules(view: View) -> Iterator[Trouble]:
    for name, problem in view.problems.items():
        if name != WATERMARK_KEY:
            yield Trouble("bad", _sentence(problem.problem), problem.remedy, name, problem.since, problem.count)
    work = view.work
    if work is None:
        return
    if work.trouble:
        text = _sentence(f"What becomes of the tasks may be out of date: {work.trouble}")
        yield Trouble("warn", text, BACKLOG)
    for name, outcome in work.failing.items():
        if name not in view.problems and name in view.tasks:
            yield failure(view, name, outcome)
    for name in work.overdue:
        if name not in view.problems and name not in work.all_failing and name in view.tasks:
            yield overdue(view, name)


def failure(view: View, name: str, outcome: ScheduleOutcome) -> Trouble:
    """The trouble that the work of a schedule fails."""
    last = outcome.last
    tone: Literal["bad", "warn"] = "warn" if outcome.tone == "warn" else "bad"
    task = view.tasks[name]
    text = explained(last, task.queue)
    if not is_failure(last):  # what failed is an earlier fire, whose error is not kept
        text = f"It has failed, and has not succeeded since. Its last fire: {text}"
    return Trouble(
        tone,
        text,
        remedy(task, outcome, view.ajc),
        name,
        outcome.failing_since or last.due,
        outcome.failures,
        at_least=not outcome.is_whole,
    )


def overdue(view: View, name: str) -> Trouble:
    """The trouble that a schedule should have succeeded by now."""
    assert view.work is not None
    by, outcome = view.work.overdue[name]
    text = f"It should have succeeded by now. {words_of(outcome.last.state).meaning}"
    return Trouble("bad", text, remedy(view.tasks[name], outcome, view.ajc), name, by)


def _sentence(problem: str) -> str:
    """Begin with a capital and end with one full stop; errors of the server have their own."""
    return f"{problem[:1].upper()}{problem[1:].removesuffix('.')}."
