"""What happens to the work of schedules, as it happens: from the events of tasks and of the election, and the
watermark.

No scheduler has to run, and no consumer is made. An event names a task and its new state, and the id of the task tells
which schedule made it and when it was due (`ajsync.asyncjobs.fire_index`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from ajsync.asyncjobs.events import (
    LEADER_ELECTION_SUBJECT,
    TASK_STATE_SUBJECT,
    TaskStateEvent,
    decode_leader_elected,
    decode_task_state,
)
from ajsync.asyncjobs.fire_index import FireIndex, Guess
from ajsync.asyncjobs.ids import fire_task_id, second_of
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task, unfit
from ajsync.asyncjobs.names import (
    CONFIGURATION_STREAM,
    CONFIGURATION_SUBJECT,
    LONGEST_NAME,
    SCHEDULE_SUBJECT,
    TASKS_STREAM,
)
from ajsync.asyncjobs.pause import PAUSE_SUBJECT, decode_pause
from ajsync.asyncjobs.tasks import task_subject
from ajsync.errors import NotPermittedError, ScheduleError, StoredValueError, UnreachableError
from ajsync.inspect.news import LeaderNews, MissedNews, News, NotHeard, OpenNews, SilentNews, TaskNews
from ajsync.scheduler.election.duty import LATE_AFTER
from ajsync.scheduler.election.watermark import WATERMARK_KEY, NamedFires, Watermark, decode_watermark
from ajsync.text import cut
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection
from ajsync.transport.errors import JetStreamError, StreamNotFoundError
from ajsync.transport.leader import last_messages
from ajsync.transport.messages import last_message
from ajsync.transport.watch import KeyChange, Watch

log = logging.getLogger(__name__)

_FOLLOWED = (f"{TASK_STATE_SUBJECT}*", LEADER_ELECTION_SUBJECT)
_WATERMARK_SUBJECT = CONFIGURATION_SUBJECT + WATERMARK_KEY
_MOST_WAITING = 20_000
"""How many pieces of news may wait to be taken; more are left out, and counted."""
_MOST_UNKNOWN = 1_000
"""How many events are kept for tasks of unknown schedules, which may become known as the bucket is read."""
_UNKNOWN_SECONDS = 5
"""How old such a task may be: a new schedule is read within a second, and its first fire may come earlier."""
_LOOK_SECONDS = 0.25


@asynccontextmanager
async def following(
    connection: Connection, wanted: Callable[[ScheduledTask], bool], *, most: int = _MOST_WAITING
) -> AsyncIterator[Follower]:
    """Follow the schedules for which `wanted` is true, including later ones, while the block runs.

    Raises as `Follower.start`.
    """
    follower = Follower(connection, wanted, most=most)
    try:
        await follower.start()
        yield follower
    finally:
        await follower.end()


class Follower:
    """Hears what happens to the work of schedules, from `start` until `end`."""

    def __init__(
        self, connection: Connection, wanted: Callable[[ScheduledTask], bool], *, most: int = _MOST_WAITING
    ) -> None:
        """Follow the schedules for which `wanted` is true; at most `most` pieces of news wait to be taken."""
        self._ready = asyncio.Event()
        """Set when everything that happens is heard."""
        self._connection = connection
        self._wanted = wanted
        self._most = most
        self._index = FireIndex(wanted)
        self._paused: dict[str, ScheduledTask] = {}
        self._watermark: Watermark | None = None
        self._settled_at = 0.0
        """When the watermark was written last, or anything could be heard again, by this machine's clock."""
        self._watermark_revision = 0
        self._is_silent = False
        self._generation = 0
        """Of the connection on which it listens."""
        self._heard_until = 0
        """Everything that was published up to this instant was heard, in nanoseconds since 1970."""
        self._told_open: NamedFires = frozenset()
        self._settled: list[tuple[str, int]] = []
        """Fires that were reported as open, and are settled now in one way or another."""
        self._unknown: deque[tuple[TaskStateEvent, int]] = deque(maxlen=_MOST_UNKNOWN)
        self._waiting: list[News] = []
        self._left_out: NotHeard | None = None
        self._arrived = asyncio.Event()
        self.job = asyncio.create_task(self._run())
        """The task that follows; cancelling it ends this."""
        self.job.add_done_callback(lambda _job: self._arrived.set())

    def __len__(self) -> int:
        """How many schedules it follows."""
        return len(self._index.wanted)

    async def start(self) -> None:
        """Wait until everything that happens is heard.

        Raises NotPermittedError if the server does not let us listen, and UnreachableError.
        """
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait((self.job, ready), return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self.job.done() and not self.job.cancelled():
            self.job.result()

    async def end(self) -> None:
        """Stop listening."""
        self.job.cancel()
        await asyncio.wait((self.job,))

    async def take(self) -> list[News]:
        """Wait for news, and take all of it; empty once the follower has ended.

        Raises as `start`, once the connection is given up.
        """
        await self._arrived.wait()
        found, self._waiting = self._waiting, []
        if self._left_out is not None:
            found.append(self._left_out)
            self._left_out = None
        if not self.job.done():
            self._arrived.clear()
        elif not found and not self.job.cancelled():
            self.job.result()
        return found

    async def _run(self) -> None:
        """Follow until cancelled."""
        subjects = [f"{SCHEDULE_SUBJECT}*", f"{PAUSE_SUBJECT}*", _WATERMARK_SUBJECT]
        watch = Watch(self._connection, CONFIGURATION_STREAM, subjects, self._see, consumer=False)
        watching, loaded = asyncio.create_task(watch.run()), asyncio.create_task(watch.loaded.wait())
        lost = self._connection.lost
        try:
            await asyncio.wait((loaded, lost), return_when=asyncio.FIRST_COMPLETED)
            if not lost.done():
                await self._listen()
            raise lost.result()
        finally:
            loaded.cancel()
            watching.cancel()
            await asyncio.wait((watching,))

    async def _listen(self) -> None:
        """Listen until the connection is given up."""
        client = self._connection.client
        takers = (self._hear_task, self._hear_leader)
        subscriptions = [await client.subscribe_raw(*each) for each in zip(_FOLLOWED, takers, strict=True)]
        self._generation, self._heard_until = self._connection.generation, time.time_ns()
        self._settled_at = time.monotonic()
        with suppress(UnreachableError):  # the connection was lost in the meantime, and comes back
            # An answer to any question shows that the server has accepted the subscriptions or refused them.
            await self._connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
        keeping_up = asyncio.create_task(self._keep_up())
        try:
            while not self._connection.lost.done():
                self._check_permissions()
                now = time.time_ns()
                if self._connection.generation != self._generation:
                    self._put(NotHeard(self._heard_until, now, None))
                    self._generation, self._heard_until = self._connection.generation, now
                    self._settled_at = time.monotonic()
                if self._connection.is_connected:
                    self._tell_what_is_open(now)
                    await self._tell_if_nothing_is_settled(now)
                    await self._tell_what_was_missed(now)
                self._ready.set()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            keeping_up.cancel()
            await asyncio.wait((keeping_up,))
            if not client.is_closed:
                for each in subscriptions:
                    await each.unsubscribe()

    async def _keep_up(self) -> None:
        """Note up to when everything was heard: in a flood, what comes may wait for seconds before it is heard.

        An answer comes after everything that the server had to tell when it was asked.
        """
        while True:
            asked_at, generation = time.time_ns(), self._generation
            with suppress(UnreachableError):
                await self._connection.jetstream_request(f"STREAM.INFO.{CONFIGURATION_STREAM}")
                if self._connection.generation == generation == self._generation:
                    self._heard_until = asked_at
            await asyncio.sleep(_LOOK_SECONDS)

    def _check_permissions(self) -> None:
        for subject in _FOLLOWED:
            if reason := self._connection.permission_reason(subject):
                raise NotPermittedError(
                    f"The server {self._connection.url} does not let us listen to {subject}: {reason}. The page "
                    "'Permissions' of the documentation lists what a user of ajsync needs."
                )

    def _see(self, seen: KeyChange) -> None:
        """Take in a change of the bucket."""
        if seen.subject == _WATERMARK_SUBJECT:
            self._watermark_revision = seen.revision
            self._see_watermark(seen.data)
            return
        of_pause = seen.subject.startswith(PAUSE_SUBJECT)
        name = seen.subject.removeprefix(PAUSE_SUBJECT if of_pause else SCHEDULE_SUBJECT)
        task: ScheduledTask | None = None
        try:
            if seen.data is not None:
                task = decode_pause(name, seen.data).task if of_pause else decode_scheduled_task(name, seen.data)
        except StoredValueError as error:
            log.info("the value of %r is not a scheduled task: %s", name, error)
        if of_pause:
            self._paused.pop(name, None)
            if task is not None:
                self._paused[name] = task
            if name in self._index:
                return  # its own key counts until that is gone
        elif task is None:
            task = self._paused.get(name)
        self._follow(name, task)
        if not seen.initial:
            self._tell_unknown()

    def _see_watermark(self, data: bytes | None) -> None:
        self._settled_at, self._is_silent = time.monotonic(), False
        try:
            self._watermark = None if data is None else decode_watermark(data)
        except StoredValueError:  # forged
            self._watermark = None

    def _tell_what_is_open(self, now: int) -> None:
        """Tell once of each fire that is open for a while."""
        mark = self._watermark
        fires = frozenset() if mark is None else mark.open
        self._settled += sorted(self._told_open - fires, key=lambda fire: (fire[1], fire[0]))[: self._most]
        self._told_open &= fires
        late = {(name, due) for name, due in fires - self._told_open if 0 < due < now - LATE_AFTER}
        self._told_open |= late
        for name, due in sorted(late, key=lambda fire: (fire[1], fire[0])):
            if name in self._index.wanted and (task := self._index.task(name)) is not None:
                self._put(OpenNews(task, due, now))

    async def _tell_if_nothing_is_settled(self, now: int) -> None:
        """Tell once if nothing is settled for a while, unless only this process is behind with the bucket."""
        settled_at = self._settled_at
        if self._is_silent or time.monotonic() - settled_at <= LATE_AFTER / NANOSECONDS:
            return
        try:
            found = await last_message(self._connection, CONFIGURATION_STREAM, _WATERMARK_SUBJECT)
        except (NotPermittedError, JetStreamError):  # without a bucket nothing is settled either
            found = None
        except UnreachableError:
            return  # the next look asks again
        if self._settled_at != settled_at:
            return  # the answer took so long that the watch has brought a watermark since
        if found is not None and found.revision != self._watermark_revision:
            self._settled_at = time.monotonic()
            return
        self._is_silent = True
        self._put(SilentNews(0 if self._watermark is None else self._watermark.instant, now))

    async def _tell_what_was_missed(self, now: int) -> None:
        """Report each open fire that is now settled without a task. If there is a task, its events have reported it."""
        schedules = {name: task for name, _ in self._settled if (task := self._index.task(name)) is not None}
        fires = [(schedules[name], due) for name, due in self._settled if name in schedules]
        subjects = [task_subject(fire_task_id(task.name, due)) for task, due in fires]
        try:
            found = await last_messages(self._connection, TASKS_STREAM, subjects) if subjects else {}
        except StreamNotFoundError:
            found = {}
        except (NotPermittedError, JetStreamError) as error:
            log.info("cannot see whether fires were missed: %s", error)
            self._settled = []
            return
        except UnreachableError:
            return  # the next look asks again
        self._settled = []
        for (task, due), subject in zip(fires, subjects, strict=True):
            if subject not in found:
                self._put(MissedNews(task, due, now))

    def _follow(self, name: str, task: ScheduledTask | None) -> None:
        self._index.remove(name)
        if task is None or unfit(task):
            return
        try:
            self._index.put(task)
        except ScheduleError as error:
            log.info("the schedule %r is never due: %s", name, error)

    def _hear_task(self, _subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        try:
            event = decode_task_state(data)
        except StoredValueError as error:
            log.info("left out an event: %s", error)
            return
        now = time.time_ns()
        if self._tell(event, now):
            return
        second = second_of(event.task_id)
        if second is not None and second >= now // NANOSECONDS - _UNKNOWN_SECONDS:
            self._unknown.append((event, now))

    def _hear_leader(self, _subject: bytes, _reply: bytes, _headers: bytes, data: bytes) -> None:
        try:
            self._put(LeaderNews(cut(decode_leader_elected(data), LONGEST_NAME), time.time_ns()))
        except StoredValueError as error:
            log.info("left out an event: %s", error)

    def _tell_unknown(self) -> None:
        """Report the tasks of schedules that have become known only now."""
        for _ in range(len(self._unknown)):
            event, heard_at = self._unknown.popleft()
            if not self._tell(event, heard_at):
                self._unknown.append((event, heard_at))

    def _tell(self, event: TaskStateEvent, now: int) -> bool:
        """Report an event if a wanted schedule has made its task, or may have; False if no schedule has."""
        of = event.task_id, event.queue, event.task_type
        fire = self._index.find(*of)
        if fire is not None:
            if self._wanted(fire.task):
                outcome = event.outcome(fire.due, now)
                self._put(TaskNews(fire.task, Guess(), event.queue, event.task_type, outcome))
            return True
        guess = self._index.guess(*of)
        if guess.count and guess.names[0] in self._index.wanted:
            outcome = event.outcome(0, now)._replace(at=now, lateness=None)
            self._put(TaskNews(None, guess, event.queue, event.task_type, outcome))
        return guess.count > 0

    def _put(self, news: News) -> None:
        if len(self._waiting) < self._most:
            self._waiting.append(news)
        else:
            now, before = time.time_ns(), self._left_out
            self._left_out = NotHeard(before.since if before else now, now, ((before and before.count) or 0) + 1)
        self._arrived.set()
