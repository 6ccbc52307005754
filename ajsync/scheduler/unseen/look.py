"""The look at unseen spans: finds out from the tasks stream which of their fires have made a task.

A span is unseen if a Go scheduler, or a leader that left no word, may have led in it. The look only reads and decides;
the term or the stand-by that asked for it fires what is missing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain

from ajsync.asyncjobs.go_json import encode_bytes
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.past_tasks import NEVER, PastTasks, TaskKind, task_kind
from ajsync.asyncjobs.task_walk import read_past_tasks
from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.scheduler.agenda.agenda import Agenda, Fire
from ajsync.scheduler.election.watermark import Span
from ajsync.scheduler.unseen.traces import EARLY_AT_MOST, Trace, UnseenFire, judge
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection

log = logging.getLogger(__name__)

_EARLIER = 10 * NANOSECONDS
"""Reading begins this long before a span, because the clock of a Go scheduler may be ahead."""
_LEARNS_WITHIN = 10 * NANOSECONDS
"""So long after a change of a schedule a Go scheduler may still fire what it was before."""
_READ_SECONDS = 30.0
"""For how long to try again: a cluster that elects a leader refuses at once, for some seconds."""
_ATTEMPT_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_SLICE = 200
"""How many fires are prepared before other tasks of the loop get a turn."""
_ZONED = ("CRON_TZ=", "TZ=")


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look has found out."""

    missing: list[Fire]
    """Fires that no scheduler has made."""
    begun: list[Fire]
    """Fires whose task a scheduler of ajsync has made, perhaps without its work item."""
    left: dict[str, list[Fire]]
    """Fires that may or may not have made a task, by reason."""
    fired: int
    """How many fires have made their task."""


class UnseenLook:
    """Looks at the fires that fell due in some spans."""

    def __init__(
        self, connection: Connection, agenda: Agenda, spans: tuple[Span, ...], *, go_led: bool, skew: Callable[[], int]
    ) -> None:
        """`go_led` says that a Go scheduler has led in them. `skew` gives the nanoseconds by which this clock is ahead
        of the server's."""
        self._connection = connection
        self._agenda = agenda
        self._spans = spans
        self._go_led = go_led
        self._skew = skew

    async def run(self) -> Findings:
        """Look, and log what was found."""
        fires = await self._fires()
        after = min((after for after, _ in self._spans), default=0) - EARLY_AT_MOST
        traces = await self._judge(fires, after) if fires else []
        missing: list[Fire] = []
        begun: list[Fire] = []
        left: dict[str, list[Fire]] = {}
        fired = 0
        for fire, trace in zip(fires, traces, strict=True):
            if not any(after < fire.due <= until for after, until in self._spans):
                continue
            if trace is Trace.MISSING:
                missing.append(fire)
            elif trace.is_doubt:
                left.setdefault(trace.value, []).append(fire)
            else:
                fired += 1
                if trace is Trace.BEGUN:
                    begun.append(fire)
        seen = Findings(missing, begun, left, fired)
        _tell(seen)
        return seen

    async def _fires(self) -> list[Fire]:
        """All fires of the spans, and those of the moment before, whose tasks may look like theirs."""
        found: list[Fire] = []
        for after, until in self._spans:
            for fire in self._agenda.between(after - EARLY_AT_MOST, until):
                if fire is None or len(found) % _SLICE == 0:
                    await asyncio.sleep(0)
                if fire is not None:
                    found.append(fire)
            found += _ended(self._agenda, after, until)
        return list({(fire.task.name, fire.due): fire for fire in found}.values())

    async def _judge(self, fires: list[Fire], after: int) -> list[Trace]:
        past = await self._read(after)
        if past is None:
            return [Trace.UNREAD] * len(fires)
        unseen: list[UnseenFire] = []
        for number, fire in enumerate(fires):
            if number % _SLICE == 0:
                await asyncio.sleep(0)
            unseen.append(_unseen(fire, after))
        besides = await self._besides(unseen, past, after)
        # In a thread, because a hundred thousand fires take a fraction of a second.
        return await asyncio.to_thread(judge, unseen, past, after=after, go_led=self._go_led, besides=besides)

    async def _besides(self, fires: list[UnseenFire], past: PastTasks, after: int) -> set[str]:
        """The ids of the tasks of other fires since `after` that may look like tasks of Go schedulers.

        With --ajc-payloads ajsync's own tasks do, which leaders made between the spans and since then.
        """
        known, kinds = {fire.task_id for fire in fires}, {fire.kind for fire in fires}
        alike = [task for task in past.tasks if task.kind in kinds and task.id not in known]
        if not alike:
            return set()
        kinds = {task.kind for task in alike}
        until = max(task.stored_at for task in alike) + self._skew() + EARLY_AT_MOST
        names = {entry.task.name for entry in self._agenda.entries_until(until) if go_kind(entry.task) in kinds}
        found: set[str] = set()
        fires_since = chain(self._agenda.between(after, until), _ended(self._agenda, after, until))
        for number, fire in enumerate(fires_since):
            if fire is None or number % _SLICE == 0:
                await asyncio.sleep(0)
            if fire is not None and fire.task.name in names:
                found.add(fire.task_id)
        return found - known

    async def _read(self, after: int) -> PastTasks | None:
        """The tasks of the time, with this clock's word for since when they are intact; None if they cannot be read."""
        skew, until = self._skew(), time.monotonic() + _READ_SECONDS
        while True:
            try:
                async with asyncio.timeout(_ATTEMPT_SECONDS):
                    past = await read_past_tasks(self._connection, after - _EARLIER - skew)
                return replace(past, intact_since=min(past.intact_since, NEVER - abs(skew)) + skew)
            except TimeoutError:
                reason = f"it takes longer than {_ATTEMPT_SECONDS:.0f} s"
            except NotPermittedError as error:
                reason = str(error)
                break
            except (UnreachableError, LookupError, TypeError, ValueError) as error:
                reason = str(error)  # a server may say other things than it should
            if time.monotonic() > until:
                break
            await asyncio.sleep(_RETRY_SECONDS)
        text = "The tasks of the last leader cannot be read, so nothing of its time is made good: %s"
        log.error(text, reason, extra={"reason": reason})
        return None


def go_kind(task: ScheduledTask) -> TaskKind:
    """The kind of the tasks that a Go scheduler makes (docs/reference/wire.md, "Defects of the Go scheduler", 3)."""
    return task_kind(task.queue, task.task_type, encode_bytes(task.payload).encode())


def _unseen(fire: Fire, after: int) -> UnseenFire:
    task = fire.task
    return UnseenFire(
        fire.due,
        fire.task_id,
        go_kind(task),
        _peculiar(fire),
        changed=fire.entry.ended or fire.entry.since > after - _LEARNS_WITHIN,
    )


def _peculiar(fire: Fire) -> Trace | None:
    """Why a Go scheduler fires the schedule at other instants; None if it fires it at the same ones.

    It also fires what `from`, `until` and `except` leave out, but no fire here belongs to those instants.
    """
    times, task = fire.entry.times, fire.task
    if times.timetable.is_every:
        return Trace.EVERY
    if not task.schedule.startswith(_ZONED):
        return Trace.ZONE
    if times.offset:
        return Trace.JITTER
    return Trace.OVERLAP if task.settings.overlap == "skip" else None


def _ended(agenda: Agenda, after: int, until: int) -> Iterator[Fire]:
    """The fires of values that were replaced or deleted since."""
    for entry in agenda.entries_until(until):
        if entry.ended:
            for due in entry.times.between(max(after, entry.since), min(until, entry.until)):
                yield Fire(due, entry)


def _tell(seen: Findings) -> None:
    left = sum(map(len, seen.left.values()))
    if not (seen.fired or seen.missing or left):
        return
    fields = {"fired": seen.fired, "made_good": len(seen.missing), "left": left}
    text = (
        "Of the fires that fell due while no scheduler of ajsync led, %d were made, %d are made good, %d are in doubt"
    )
    log.info(text, seen.fired, len(seen.missing), left, extra=fields)
    for reason, fires in sorted(seen.left.items()):
        log.info("%d are left in doubt: %s", len(fires), reason, extra={"count": len(fires), "reason": reason})
