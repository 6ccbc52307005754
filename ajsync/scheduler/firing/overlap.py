"""Overlap: a schedule that says `overlap: skip` makes no task while its previous task is not finished.

The previous task is found by its id, which follows from the name and the instant of the previous fire. The fires of one
schedule take turns, because the next one depends on what becomes of this one.

A finished task stays finished. So most are looked at some seconds before the fire is due, and then nothing has to be
asked. Only a task that was not finished by then is looked at again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import NamedTuple

from ajsync.asyncjobs.due import Times
from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.tasks import UNFINISHED, StoredTask
from ajsync.scheduler.agenda.agenda import Fire
from ajsync.scheduler.firing.in_flight import InFlightFire
from ajsync.scheduler.firing.known_tasks import TOO_MANY, KnownTasks, list_tasks
from ajsync.scheduler.firing.ledger import Ledger
from ajsync.scheduler.firing.lifecycle import MADE, Event, State
from ajsync.scheduler.firing.looks import Look, Looks
from ajsync.scheduler.monitor.records import Records
from ajsync.scheduler.throttled_log import ThrottledLog, fire_fields
from ajsync.text import escape
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

_LOOK_BACK = 64
"""How many fires to look back over if it is not remembered which one made the last task: later ones were skipped."""
_GIVE_UP_AFTER = 3600 * NANOSECONDS
_WORTH = 1000
"""How many tasks can be listed in the time that one schedule takes whose last fire is not remembered."""
_SLICE_SECONDS = 0.005
_MOST_LISTS = 1000
"""How many lists of previous instants are kept; schedules that are due together share one."""


class _Turn(NamedTuple):
    """A fire that waits for the fires before it."""

    fire: InFlightFire
    start: Callable[[InFlightFire], None]
    since: int
    """When it began to wait."""


@dataclass(slots=True, eq=False)
class _Line:
    """The fires of one schedule that take turns."""

    fire: Fire
    """The fire whose turn it is, or whose previous task is looked at ahead of time."""
    turn: _Turn | None = None
    """The current turn; None during a look ahead of time."""
    dues: Iterator[int] = field(default_factory=lambda: iter(()))
    """The instants when the previous fire may have been due, newest first."""
    look: Look | None = None
    silent_since: int = 0
    """Since when no look was answered, for any fire of the line; 0 if nothing was asked since the last answer."""
    waiting: deque[_Turn] = field(default_factory=deque)

    def gives_up(self, turn: _Turn) -> int:
        """When to give up a fire; the time that it waits for another fire does not count."""
        give_up_at = max(turn.since, self.silent_since) + _GIVE_UP_AFTER
        return min(turn.fire.prepared.task.deadline or give_up_at, give_up_at)

    @property
    def is_checked(self) -> bool:
        """Whether a fire has its turn and waits for a look."""
        return self.turn is not None and self.turn.fire.state is State.CHECKED


class Overlap:
    """Looks at previous tasks, for one term: between two terms other schedulers fire."""

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        looks: Looks,
        records: Records,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._connection = connection
        self._ledger = ledger
        self._records = records
        self._clock = clock
        self._lines: dict[str, _Line] = {}
        self._made: dict[str, int] = {}
        """Name → due instant of the fire that made the last task; catch-up may make an older fire after a newer one."""
        self._finished: set[str] = set()
        """The schedules whose last task is finished or gone."""
        self._looks = looks
        looks.on_tick = self._give_up
        self._errors = ThrottledLog(log)
        self._listing: asyncio.Task[KnownTasks | int] | None = None
        self._for_listing: deque[_Line] = deque()
        self._searches = 0
        """How many searches there were since the last listing for schedules whose last fire is not remembered."""
        self._turns: list[_Line] = []
        """The lines in which the next fire has its turn."""
        self._previous: dict[tuple[Times, int], tuple[int, ...]] = {}

    def concerns(self, fire: Fire) -> bool:
        """Whether a fire depends on the previous task."""
        return fire.task.settings.overlap == "skip"

    def look_ahead(self, fire: Fire) -> None:
        """Look at the previous task of a fire that will be due soon."""
        name = fire.task.name
        if name not in self._finished and name not in self._lines:
            line = self._lines[name] = _Line(fire)
            self._guarded(self._search, line)

    def check(self, fire: InFlightFire, start: Callable[[InFlightFire], None]) -> None:
        """Look at the previous task of a fire that is due, and `start` the fire if that task is finished."""
        self._ledger.apply(fire, Event.DUE_IN_TURN)
        turn = _Turn(fire, start, self._clock())
        line = self._lines.get(fire.name)
        if line is None:
            line = self._lines[fire.name] = _Line(fire.fire)
            self._take_turn(line, turn)
        else:
            line.waiting.append(turn)

    def stop(self) -> None:
        """Stop looking; the ledger has handed back the fires that waited for it."""
        self._lines.clear()
        self._for_listing.clear()
        if self._listing is not None:
            self._listing.cancel()

    def _take_turn(self, line: _Line, turn: _Turn) -> None:
        line.fire, line.turn = turn.fire.fire, turn
        turn.fire.on_settled = partial(self._settled, line)
        if turn.fire.name in self._finished:
            self._begin(line, turn)
        else:
            self._guarded(self._search, line)

    def _guarded(self, step: Callable[[_Line], None], line: _Line) -> None:
        """Go on with a line. If a mistake of ours makes that fail, the next fires must not wait for ever."""
        try:
            step(line)
        except Exception as error:  # whatever it is, it is logged, and the fire counts as missed
            if line.turn is not None and not line.is_checked:
                raise
            name, fields = escape(line.fire.task.name), fire_fields(line.fire)
            log.error("Cannot see whether the previous task of %s is finished", name, exc_info=error, extra=fields)
            self._end(line, Event.UNSEEN, repr(error))

    def _search(self, line: _Line) -> None:
        """Look at the previous task, or at each one that may be it."""
        made = self._made.get(line.fire.task.name)
        if made is not None:
            # The last task began only when the one before it was finished. So only that one may still run, even if it
            # is newer than this fire, or older than another one that was made earlier.
            line.dues = iter((made,))
            self._look_at_next(line)
            return
        if self._is_listed():
            line.dues = self._dues_before(line.fire)
            self._look_at_next(line)
        else:
            self._for_listing.append(line)

    def _is_listed(self) -> bool:
        """Whether the tasks are listed, or are too many to list; if that is not known, ask the server."""
        self._searches += 1
        if self._listing is not None:
            if not self._listing.done():
                return False
            there = self._listing.result()
            if isinstance(there, KnownTasks) or there >= TOO_MANY or there > self._worth():
                return True
        self._listing = asyncio.create_task(list_tasks(self._connection, self._worth))
        self._listing.add_done_callback(self._listed)
        return False

    def _worth(self) -> int:
        """How many tasks are worth listing, because each schedule may have to look at 64."""
        return _WORTH * self._searches

    def _listed(self, listing: asyncio.Task[KnownTasks | int]) -> None:
        if not listing.cancelled():
            self._previous.clear()
            self._go_on_searching()

    def _go_on_searching(self) -> None:
        """Search for the lines that waited for the listing, a few at a time."""
        began = time.monotonic()
        while self._for_listing and time.monotonic() - began < _SLICE_SECONDS:
            line = self._for_listing.popleft()
            if self._lines.get(line.fire.task.name) is line:
                line.dues = self._dues_before(line.fire)
                self._guarded(self._look_at_next, line)
        if self._for_listing:
            asyncio.get_running_loop().call_soon(self._go_on_searching)

    def _known(self) -> KnownTasks | None:
        listing = self._listing
        if listing is None or not listing.done() or listing.cancelled():
            return None
        found = listing.result()
        return found if isinstance(found, KnownTasks) else None

    def _dues_before(self, fire: Fire) -> Iterator[int]:
        """The instants when the previous fire may have been due, as far as is known."""
        known, key = self._known(), (fire.entry.times, fire.due)
        if known is None:
            return islice(previous_dues(fire.entry.times, fire.due, fire.task.created_at, fire.task.pauses), _LOOK_BACK)
        if not known:
            return iter(())
        dues = self._previous.get(key)
        if dues is None:
            if len(self._previous) >= _MOST_LISTS:
                self._previous.clear()
            found = islice(previous_dues(fire.entry.times, fire.due), _LOOK_BACK)
            dues = self._previous[key] = tuple(due for due in found if known.may_hold_any(due))
        return iter(dues)

    def _look_at_next(self, line: _Line) -> None:
        """Look at the next task that may be the previous one; if none is left, nothing is in the way."""
        name, known = line.fire.task.name, None if line.fire.task.name in self._made else self._known()
        for due in line.dues:
            task_id = fire_task_id(name, due)
            if known is None or task_id in known:
                then = partial(self._looked, line, due)
                line.silent_since = line.silent_since or self._clock()
                line.look = self._looks.look(line.fire, task_id, then, self._complain, ahead=line.turn is None)
                return
        self._is_finished(line)

    def _looked(self, line: _Line, due: int, task: StoredTask | None, readable: bool) -> None:
        line.look, line.silent_since = None, 0
        name = line.fire.task.name
        if task is None and readable:
            self._guarded(self._look_at_next, line)
        elif task is None or task.state not in UNFINISHED or (task.deadline and task.deadline < self._clock()):
            self._is_finished(line)  # no worker starts a task whose deadline has passed
        else:
            self._made[name] = due
            self._end(line, Event.OVERLAPS, f"the task {task.id} is not finished")

    def _is_finished(self, line: _Line) -> None:
        self._finished.add(line.fire.task.name)
        if line.turn is None:
            self._next_turn(line)
        else:
            self._begin(line, line.turn)

    def _begin(self, line: _Line, turn: _Turn) -> None:
        line.silent_since = 0
        self._ledger.apply(turn.fire, Event.CLEAR)
        turn.start(turn.fire)

    def _end(self, line: _Line, event: Event, detail: str) -> None:
        """End the turn of a fire that makes no task."""
        if line.turn is None:
            self._next_turn(line)
            return
        fire = line.turn.fire
        self._miss([fire], event, detail)
        self._settled(line, fire.state)

    def _miss(self, fires: list[InFlightFire], event: Event, detail: str) -> None:
        for fire in fires:
            self._ledger.apply(fire, event)
        told = [fire.fire for fire in fires]
        if event is Event.OVERLAPS:
            self._records.missed(told, "skipped", "overlap", detail)
        else:
            self._records.missed(told, "missed", "unstored", detail)

    def _settled(self, line: _Line, state: State) -> None:
        """Take in that a fire has its outcome; the next one gets its turn in a moment."""
        name = line.fire.task.name
        if state in MADE:
            self._made[name] = line.fire.due
            self._finished.discard(name)
        if not line.waiting:
            self._next_turn(line)
            return
        if not self._turns:
            asyncio.get_running_loop().call_soon(self._take_turns)
        self._turns.append(line)

    def _take_turns(self) -> None:
        turns, self._turns = self._turns, []
        for line in turns:
            if self._lines.get(line.fire.task.name) is line:
                self._next_turn(line)

    def _next_turn(self, line: _Line) -> None:
        if line.waiting:
            self._take_turn(line, line.waiting.popleft())
        elif self._lines.get(line.fire.task.name) is line:
            del self._lines[line.fire.task.name]
            line.turn = None  # ends a reference cycle

    def _give_up(self) -> None:
        """End the fires whose previous task could not be seen in time, and those that waited too long behind them."""
        now = self._clock()
        detail = "it could not be seen in time whether its previous task is finished"
        for line in [each for each in self._lines.values() if each.look is not None]:
            if line.turn is None and line.waiting:
                # A look ahead of time comes after all others and has no time limit. Now a fire is due.
                self._cancel_look(line)
                self._next_turn(line)
            late = [turn.fire for turn in line.waiting if now > line.gives_up(turn)]
            if late:
                line.waiting = deque(turn for turn in line.waiting if now <= line.gives_up(turn))
                self._miss(late, Event.UNSEEN, detail)
            if line.look is not None and line.turn is not None and now > line.gives_up(line.turn):
                self._cancel_look(line)
                self._end(line, Event.UNSEEN, detail)

    def _cancel_look(self, line: _Line) -> None:
        """Drop the look of a line."""
        if line.look is not None:
            line.look.cancelled = True
            line.look = None

    def _complain(self, fire: Fire, reason: str) -> None:
        text = f"Cannot see whether the previous task of {fire.task.name} is finished: {reason}"
        self._errors.tell(text, fire, "previous task", reason=reason)
