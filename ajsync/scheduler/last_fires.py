"""The outcomes of schedules: looks up by computed ids, without asking a scheduler, what became of the last fires.

The cost depends on the trouble: if the last task of a schedule is complete, only that task is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import islice

from ajsync.asyncjobs.due import Times
from ajsync.asyncjobs.history import LOOK_BACK, PastFire, past_fire, previous_dues, with_skipped
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.outcome import COMPLETE, LEAST_WAIT, MISSED, SKIPPED, UNKNOWN, WorkOutcome
from ajsync.asyncjobs.tasks import UNFINISHED, task_subject
from ajsync.scheduler.election.duty import Duty
from ajsync.transport.connection import Connection
from ajsync.transport.errors import StreamNotFoundError
from ajsync.transport.leader import last_messages
from ajsync.transport.messages import LastMessage

_STEPS = (1, 1, 2, 12, LOOK_BACK - 16)
"""How many fires of one schedule are looked at in each step, the newest first."""
_FOR_ALL = 2
"""Steps for each schedule whose last task has not ended, because only earlier fires show whether it is late now.

A schedule whose last task has failed is failing, whatever came before.
"""
_MOST_FURTHER = 5_000
"""How many looks follow these steps, for all schedules together: about half a second.

They share these evenly. If there are too few for one look each, none shows since when schedules fail.
"""
_AT_ONCE = 50
"""How many looks are made between two rests, for callers with other work that must not wait."""
Rest = Callable[[], Awaitable[None]]
_NONE_FOUND = 16
"""After this many fires without a task, earlier ones are looked at only for `overlap: skip`."""


@dataclass(frozen=True, slots=True)
class LastFires:
    """The last fires of one schedule."""

    found: tuple[WorkOutcome, ...]
    """Newest first, up to the last success, as far as that was looked for."""
    open_since: int = 0
    """The first due instant whose fire has made no task but still may; 0 if there is none. It is not in `found`."""
    is_whole: bool = True
    """Whether these are all fires, or a success is among them."""
    has_more: bool = False
    """Whether earlier fires, which were not looked at, may show more."""
    waiting_since: int = 0
    """An earlier due instant whose task has not ended but should have succeeded by now; 0 if none was found."""


NEVER_DUE = LastFires(())
"""The last fires of a schedule that has not been due yet."""


@dataclass(slots=True)
class _Search:
    """The search for the last success of one schedule."""

    task: ScheduledTask
    times: Times
    dues: Iterator[int]
    """The due instants that were not looked at, newest first."""
    messages: dict[int, LastMessage | None] = field(default_factory=dict)
    """The messages of the tasks by the due instants that were looked at, newest first."""
    fires: list[PastFire] = field(default_factory=list)
    is_over: bool = False
    waiting_since: int = 0
    """As in `LastFires`."""

    def take(self, most: int) -> list[int]:
        """The next instants to look at."""
        dues = [*islice(self.dues, most)]
        self.is_over = len(dues) < most
        return dues

    def add(self, fire: PastFire, message: LastMessage | None) -> None:
        """Add what was found at an instant: the fire and the message of its task."""
        self.messages[fire.due] = message
        self.fires.append(fire)

    @property
    def is_failing(self) -> bool:
        """Whether the last task that was looked at has failed; earlier ones only show since when."""
        return self.fires[0].state not in ("", *UNFINISHED)

    @property
    def succeeded(self) -> bool:
        """Whether a task that was looked at is complete."""
        return any(fire.state == COMPLETE for fire in self.fires)

    def decisive(self, now: int) -> int:
        """The last fire that should have succeeded by now, if work waits and the fire was not looked at; 0 if there is
        none.

        Where fires follow one another faster than a success is due, all fires that were looked at may be too recent.
        """
        tasks = [fire for fire in self.fires if fire.state]
        until = now - max(self.task.deadline, LEAST_WAIT)
        if self.is_over or self.fires[-1].due <= until or not tasks or any(f.state not in UNFINISHED for f in tasks):
            return 0
        return next(previous_dues(self.times, until + 1, self.task.created_at, self.task.pauses), 0)

    def goes_on(self, duty: Duty) -> bool:
        """Whether earlier fires may show more: when it last succeeded, or why no task was made."""
        if self.is_over or self.succeeded:
            return False
        if any(self.messages.values()) or self.task.settings.overlap == "skip":
            return True
        return len(self.fires) < _NONE_FOUND and duty.is_ours(next(iter(self.messages)))


async def read_outcomes(
    connection: Connection,
    schedules: Sequence[tuple[ScheduledTask, Times]],
    duty: Duty,
    *,
    stored: Mapping[str, int] | None = None,
    rest: Rest | None = None,
    further: int | None = None,
) -> dict[str, LastFires]:
    """The last fires of each schedule, by name, up to the moment of `duty`; during its pauses a schedule was not due.

    `stored` says since when each has had its value, if that is known already. With `rest`, it is awaited after every
    few looks. `further` says how many looks at earlier fires follow those that tell how each schedule does now, for
    all schedules together. Raises as `Connection.jetstream_request`.
    """
    previous = cache(Times.previous)  # of thousands of schedules many are due together
    searches = [
        _Search(task, times, previous_dues(times, duty.now + 1, task.created_at, task.pauses, previous))
        for task, times in schedules
    ]
    going, left = searches, _MOST_FURTHER if further is None else further
    for number, longest in enumerate(_STEPS):
        step = longest
        if number:
            going = [each for each in going if each.goes_on(duty)]
            for_all = [each for each in going if number < _FOR_ALL and not each.is_failing]
            others = [each for each in going if number >= _FOR_ALL or each.is_failing]
            if left < len(others):
                others = [each for each in others if not each.is_failing][:left]
            step = min(longest, left // max(1, len(others))) or 1
            left -= len(others) * step
            going = [*for_all, *others]
        asked: list[tuple[_Search, int]] = []
        for each in going:
            asked += [(each, due) for due in each.take(step)]
            if rest is not None:
                await asyncio.sleep(0)
        async for each, fire, message in _look_up(connection, asked, rest):
            each.add(fire, message)
    asked = [(each, due) for each in searches if each.fires and (due := each.decisive(duty.now))]
    async for each, fire, _ in _look_up(connection, asked, rest):
        if fire.state in UNFINISHED:
            each.waiting_since = fire.due
    if stored is None:
        without = [each.task.name for each in searches if not all(each.messages.values())]
        keys = await _messages(connection, CONFIGURATION_STREAM, [SCHEDULE_SUBJECT + name for name in without])
        entries = {name: keys.get(SCHEDULE_SUBJECT + name) for name in without}
        stored = {name: each.stored_at for name, each in entries.items() if each is not None and not each.deleted}
    return {each.task.name: _outcomes(each, duty, stored.get(each.task.name, duty.now)) for each in searches}


def _outcomes(search: _Search, duty: Duty, stored_at: int) -> LastFires:
    """What was found. The schedule has had its value since `stored_at`, which matters if a fire has no task."""
    task, messages = search.task, search.messages
    fires = with_skipped(search.fires, messages) if task.settings.overlap == "skip" else search.fires
    found: list[WorkOutcome] = []
    open_since = 0
    # Some workers delete tasks that succeed. Where a success is kept, a task that does not exist was not made.
    kept = min((fire.due for fire in fires if fire.state == COMPLETE), default=duty.now)
    for fire in fires:
        message = messages[fire.due]
        if message is not None:
            found.append(
                WorkOutcome(
                    fire.due, fire.task_id, fire.state, message.stored_at, fire.tries, fire.last_error, fire.lateness
                )
            )
        elif fire.skipped_for:
            found.append(WorkOutcome(fire.due, "", SKIPPED, fire.due))
        elif fire.due <= stored_at:
            pass  # the schedule got its value later, so it may not have been due then
        elif duty.may_come(task.name, fire.due):
            open_since = fire.due
        else:
            sure = fire.due > kept and duty.is_ours(fire.due)
            found.append(WorkOutcome(fire.due, "", MISSED if sure else UNKNOWN, fire.due))
    is_whole = search.is_over or search.succeeded
    return LastFires(tuple(found), open_since, is_whole, search.goes_on(duty), search.waiting_since)


async def _look_up(
    connection: Connection, asked: list[tuple[_Search, int]], rest: Rest | None
) -> AsyncIterator[tuple[_Search, PastFire, LastMessage | None]]:
    """The fire at each instant that is asked for, with the message of its task."""
    for some in _parts(asked, rest):
        ids = [fire_task_id(each.task.name, due) for each, due in some]
        subjects = [*map(task_subject, ids)]
        found = await _messages(connection, TASKS_STREAM, subjects)
        for (each, due), task_id, subject in zip(some, ids, subjects, strict=True):
            message = found.get(subject)
            yield each, past_fire(task_id, due, message, 0), message
        if rest is not None:
            await rest()


def _parts(asked: list[tuple[_Search, int]], rest: Rest | None) -> Iterator[list[tuple[_Search, int]]]:
    """All of `asked`, or with a rest, a few at a time."""
    most = len(asked) if rest is None else _AT_ONCE
    return (asked[start : start + most] for start in range(0, len(asked), most or 1))


async def _messages(connection: Connection, stream: str, subjects: Sequence[str]) -> Mapping[str, LastMessage]:
    """The last message of each subject; empty if there is no such stream."""
    try:
        return await last_messages(connection, stream, subjects) if subjects else {}
    except StreamNotFoundError:
        return {}
