"""The client: the schedules and tasks of one NATS account, for a program."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ajsync.asyncjobs.applied import RecordedAction, RecordedApply
from ajsync.asyncjobs.backfill import Backfilled, find_missing, make_missing, past_dues
from ajsync.asyncjobs.bucket import ConfigurationBucket, decode_entry
from ajsync.asyncjobs.go_json import encode_json
from ajsync.asyncjobs.ids import new_id
from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES, Pause, ScheduledTask
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, QUEUE_NAME, SCHEDULE_SUBJECT, TASK_TYPE, TASKS_STREAM
from ajsync.asyncjobs.signing import Signer
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import enqueue, load_task
from ajsync.asyncjobs.tasks import StoredTask
from ajsync.errors import AjsyncError, InvalidError, NotFoundError, StoredValueError, UnreachableError, UsageError
from ajsync.git.origin import user_and_host
from ajsync.inspect.live import Follower
from ajsync.inspect.news import News
from ajsync.inspect.status import BucketStatus, status_now
from ajsync.reconcile.apply.record import not_recorded, read_record, record_action
from ajsync.reconcile.pause import Owners, failure, pause, resume
from ajsync.reconcile.single import add, find, find_removable, new_schedule, remove
from ajsync.selection import EVERYTHING, Selection
from ajsync.timestamp import NANOSECONDS, to_nanoseconds
from ajsync.transport.connection import CONNECT_SECONDS, RECONNECT_SECONDS, Connection
from ajsync.transport.connection import connect as connect_to
from ajsync.transport.context import context_for_server, load_context
from ajsync.transport.watch import KeyChange, Watch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Task:
    """The work of one task that is enqueued, or of each task that a schedule makes."""

    type: str
    """Selects the handler, such as `email:monthly`."""
    payload: object = None
    """`bytes` are stored as they are, everything else as JSON, as in the Go API; None means no payload."""
    _: KW_ONLY
    deadline: timedelta | None = None
    """How long after its creation a worker may still start it; for a schedule at least 30 s, in whole seconds."""
    max_tries: int = DEFAULT_MAX_TRIES


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """One schedule of the bucket in its new state."""

    name: str
    task: ScheduledTask | None
    """None if it was deleted or is not a scheduled task."""
    problem: str = ""
    """Why the value is not a scheduled task."""
    initial: bool = False
    """Whether it existed before the watch began."""


@asynccontextmanager
async def connect(
    context: str | None = None,
    *,
    server: str | None = None,
    name: str = "ajsync",
    timeout: float = CONNECT_SECONDS,
    reconnect_timeout: float | None = RECONNECT_SECONDS,
    signer: Signer | None = None,
) -> AsyncIterator[Client]:
    """A client, connected within `timeout` seconds to the NATS context `context`, or to the URL `server`.

    Without either, the context is the one that `$CONTEXT` names, or else `AJC`. `name` is the client's name on the
    server. A lost connection is restored, or given up after `reconnect_timeout` seconds; None never gives up. `signer`
    signs the enqueued tasks. Raises InvalidError for an invalid context or URL, UnreachableError, NotPermittedError.
    """
    if server is not None and context is not None:
        raise UsageError("server and context exclude each other: a context names its own server.")
    chosen = load_context(context) if server is None else context_for_server(server)
    async with connect_to(chosen, name=name, timeout=timeout, reconnect_timeout=reconnect_timeout) as connection:
        client = Client(connection, signer)
        try:
            yield client
        finally:
            await client.end_watches()


class Client:
    """The schedules and tasks of one account; made by `connect`, and safe to share between coroutines.

    Every method raises UnreachableError if the server, the bucket or a stream is missing, and NotPermittedError if the
    server refuses.
    """

    def __init__(self, connection: Connection, signer: Signer | None = None) -> None:
        self.connection = connection
        """For `ajsync.Scheduler`; its `client` is the client of nats-py."""
        self._signer = signer
        self._bucket: ConfigurationBucket | None = None
        self._watches: set[asyncio.Task[None]] = set()
        self._ended = False

    async def prepare(self, *, replicas: int = 1, memory: bool = False) -> None:
        """Make the bucket of schedules and the stream of tasks if they are missing; no other method makes them."""
        for stream in (CONFIGURATION_STREAM, TASKS_STREAM):
            await make_stream(self.connection, stream, replicas=replicas, memory=memory)

    async def bucket(self) -> ConfigurationBucket:
        """The bucket of schedules. Raises BucketNotFoundError if it does not exist."""
        if self._bucket is None:
            self._bucket = await ConfigurationBucket.open(self.connection)
        return self._bucket

    async def new_scheduled_task(
        self, name: str, schedule: str, queue: str, task: Task, *, timezone: str = "", owner: str | None = None
    ) -> ScheduledTask:
        """Add a schedule that makes `task` in `queue` whenever it is due, and return it as stored.

        `schedule` is five fields, a name such as `@daily`, or `@every 10m`, in `timezone`, an IANA name. With `owner`
        the next apply of that owner deletes it unless the files name it. Raises AlreadyExistsError, ScheduleError,
        InvalidError.
        """
        scheduled = new_schedule(
            name,
            schedule,
            queue,
            task.type,
            payload=_payload_bytes(task),
            deadline=_deadline_nanoseconds(task),
            max_tries=task.max_tries,
            timezone=timezone,
            owner=owner,
        )
        return await add(await self.bucket(), scheduled, now=time.time_ns())

    async def load_scheduled_task_by_name(self, name: str) -> ScheduledTask:
        """The schedule of that name, paused or not. Raises NotFoundError, and StoredValueError for a value that is not
        a schedule."""
        entry = (await find(await self.bucket(), name)).entry
        if entry is None:
            raise NotFoundError(f"There is no schedule {name!r} in the bucket.")
        if entry.task is None:
            raise StoredValueError(f"The value of {name!r} is not a scheduled task: {entry.problem}.")
        return entry.task

    async def remove_scheduled_task(self, name: str, *, owner: str | None = None) -> None:
        """Delete a schedule that has no owner, or one of `owner`.

        Raises NotFoundError, and ConflictError if it belongs to another owner or changes in the meantime.
        """
        bucket = await self.bucket()
        await remove(bucket, await find_removable(bucket, name, owner=owner))

    async def pause(
        self,
        *names: str,
        reason: str,
        until: datetime | timedelta | None = None,
        owner: str | None = None,
        by: str = "",
    ) -> dict[str, Pause]:
        """Stop schedules from firing, until an aware instant, for some time, or until `resume`.

        They must have no owner, or belong to `owner`. `by` says who pauses them, for people who wonder in the meantime.
        Returns the pauses by name. If only some can be paused, they are, and it raises PartiallyAppliedError. If none
        can be, it raises their common error: NotFoundError or ConflictError; InvalidError for an invalid reason or end.
        """
        last = until // timedelta(microseconds=1) * 1000 if isinstance(until, timedelta) else 0
        ends = to_nanoseconds(until) if isinstance(until, datetime) else 0
        if isinstance(until, timedelta) and last <= 0:
            raise InvalidError(f"The pause cannot last {until}: that must be greater than zero.")
        bucket = await self.bucket()
        settled = await pause(
            bucket,
            names,
            Owners((owner,)),
            by=by,
            reason=reason,
            until=ends,
            last=last,
        )
        paused = [each.task for each in settled if each.error is None and each.task is not None]
        lasts = next((each.pause.until for each in settled if each.error is None and each.pause is not None), 0)
        await self._record("pause", paused, by, reason=reason, until=lasts)
        if error := failure(settled, "paused"):
            raise error
        return {each.name: each.pause for each in settled if each.pause is not None}

    async def resume(self, *names: str, owner: str | None = None, by: str = "") -> frozenset[str]:
        """Let paused schedules fire again, from now on, and return the names of those that were paused.

        The owners that they may have, and the errors, are those of `pause`.
        """
        settled = await resume(await self.bucket(), names, Owners((owner,)))
        resumed = [each.task for each in settled if each.error is None and each.changed and each.task is not None]
        await self._record("resume", resumed, by)
        if error := failure(settled, "resumed"):
            raise error
        return frozenset(each.name for each in settled if each.changed)

    async def paused_schedules(self) -> dict[str, Pause]:
        """The pauses of all schedules that are paused, by name."""
        live = await (await self.bucket()).read()
        return {name: entry.pause for name, entry in sorted(live.entries.items()) if entry.pause is not None}

    async def scheduled_tasks(self, selection: Selection = EVERYTHING) -> tuple[ScheduledTask, ...]:
        """The schedules, all or the selected ones, by name, including paused ones; other values are logged and left
        out."""
        live = await (await self.bucket()).read()
        for name, entry in sorted(live.entries.items()):
            if entry.task is None:
                log.warning("The value of %r is not a scheduled task: %s", name, entry.problem)
        tasks = (entry.task for _, entry in sorted(live.entries.items()) if entry.task is not None)
        return tuple(filter(selection.matches, tasks))

    async def status(self, selection: Selection = EVERYTHING) -> BucketStatus:
        """The status of the schedules, all or the selected ones, and who fires them, as `ajsync status` shows it."""
        bucket = await self.bucket()
        live = await bucket.read()
        tasks = [entry.task for entry in live.entries.values() if selection.matches(entry.task) and entry.task]
        pauses = {name: entry.pause for name, entry in live.entries.items() if entry.pause is not None}
        return await status_now(bucket, tasks, pauses)

    async def applies(self, owner: str) -> tuple[RecordedApply, ...]:
        """The last applies of an owner, the newest first. Raises InvalidError if the record cannot be understood."""
        return (await read_record(await self.bucket(), owner)).applies

    async def actions(self, owner: str) -> tuple[RecordedAction, ...]:
        """The last pauses, resumes and backfills of an owner, the newest first. Raises as `applies`."""
        return (await read_record(await self.bucket(), owner)).actions

    async def _record(
        self,
        action: str,
        tasks: Sequence[ScheduledTask],
        by: str,
        *,
        reason: str = "",
        until: int = 0,
        made: int = 0,
    ) -> None:
        """Add an action to the record; if that fails, log a warning, because the action itself is done."""
        by = by or user_and_host()
        line = RecordedAction(time.time_ns(), by, action, reason=reason, until=until, tasks=made)
        try:
            await record_action(await self.bucket(), line, tasks)
        except AjsyncError as error:
            log.warning("%s", not_recorded(error, action))

    async def watch(self) -> AsyncGenerator[ScheduleChange, None]:
        """Follow the schedules: yields each existing one first, then each change, also across lost connections.

        It ends with the client. Raises UnreachableError when the connection is given up, or if the client has ended.
        """
        await self.bucket()
        if self._ended:
            raise UnreachableError("The client has ended, so it follows nothing. Connect again.")
        changes: asyncio.Queue[KeyChange | None] = asyncio.Queue()
        following = Watch(self.connection, CONFIGURATION_STREAM, [f"{SCHEDULE_SUBJECT}*"], changes.put_nowait)
        running = asyncio.create_task(following.run())
        self._watches.add(running)
        lost = self.connection.lost

        def wake(_done: asyncio.Future[Any]) -> None:
            changes.put_nowait(None)

        running.add_done_callback(wake)
        lost.add_done_callback(wake)
        try:
            while (seen := await changes.get()) is not None:
                yield _change(seen)
            if lost.done():
                raise lost.result()
            if not running.cancelled():
                running.result()
        finally:
            lost.remove_done_callback(wake)
            running.cancel()
            await asyncio.wait((running,))
            self._watches.discard(running)

    async def tail(self, selection: Selection = EVERYTHING) -> AsyncGenerator[News, None]:
        """What happens to the work of the schedules, all or the selected ones, as `ajsync tail` shows it.

        It ends with the client. Raises UnreachableError when the connection is given up, or if the client has ended,
        and NotPermittedError if the server does not let it listen.
        """
        await self.bucket()
        if self._ended:
            raise UnreachableError("The client has ended, so it follows nothing. Connect again.")
        follower = Follower(self.connection, selection.matches)
        self._watches.add(follower.job)
        try:
            await follower.start()
            while news := await follower.take():
                for each in news:
                    yield each
        finally:
            await follower.end()
            self._watches.discard(follower.job)

    async def end_watches(self) -> None:
        """End every `watch` and `tail`, and let no other begin; `connect` calls this when its block ends."""
        self._ended = True
        for running in self._watches:
            running.cancel()
        if self._watches:
            await asyncio.wait(self._watches)

    async def enqueue_task(self, queue: str, task: Task) -> StoredTask:
        """Make one task in `queue` now, and return it as stored, with its id.

        Raises EnqueueError if the task was stored but the queue refused its work item, for example because there is no
        such queue, and InvalidError for an invalid task.
        """
        # Queue and type become parts of subjects.
        if not QUEUE_NAME.fullmatch(queue):
            raise InvalidError(f"The queue {queue!r} is not valid: it may hold only letters, digits, _ and -.")
        if not TASK_TYPE.fullmatch(task.type):
            allowed = "it may hold only letters, digits, _, - and :"
            raise InvalidError(f"The task type {task.type!r} is not valid: {allowed}.")
        if task.max_tries < 1:
            raise InvalidError(f"The task must be tried at least once, not {task.max_tries} times.")
        now, deadline = time.time_ns(), _deadline_nanoseconds(task)
        stored = StoredTask(
            id=new_id(now // NANOSECONDS),
            type=task.type,
            queue=queue,
            created=now,
            payload=_payload_bytes(task),
            deadline=now + deadline if deadline else 0,
            max_tries=task.max_tries,
        )
        if self._signer is not None:
            stored = replace(stored, signature=self._signer.sign(stored))
        await enqueue(self.connection, stored)
        return stored

    async def backfill(self, name: str, start: datetime, end: datetime | None = None, *, by: str = "") -> Backfilled:
        """Make the missing tasks that a schedule should have made from `start` to `end`, both aware.

        Without `end`, it goes up to now. Their deadlines count from now; a task that exists is not made again. If the
        result says that tasks are left, call it again to go on. Raises as `load_scheduled_task_by_name`, ScheduleError,
        NotFoundError if its queue does not exist, and UsageError for too many instants or a `start` before May 2014.
        """
        task = await self.load_scheduled_task_by_name(name)
        last = min(to_nanoseconds(end), time.time_ns()) if end else time.time_ns()
        missing = await find_missing(self.connection, past_dues(task, to_nanoseconds(start), last))
        result = await make_missing(self.connection, missing, sign=self._signer.sign if self._signer else None)
        if result.made:
            await self._record("backfill", [task], by, made=result.made)
        return result

    async def load_task_by_id(self, task_id: str) -> StoredTask:
        """The task as it is now. Raises NotFoundError, and StoredValueError if the message is not a task."""
        found = None
        if TASK_TYPE.fullmatch(task_id):  # ids have the same characters
            found = await load_task(self.connection, task_id)
        if found is None:
            raise NotFoundError(f"There is no task {task_id!r}.")
        return found


def _change(seen: KeyChange) -> ScheduleChange:
    name = seen.subject.removeprefix(SCHEDULE_SUBJECT)
    if seen.data is None:
        return ScheduleChange(name, None, initial=seen.initial)
    entry = decode_entry(name, seen.revision, seen.data)
    return ScheduleChange(name, entry.task, entry.problem, seen.initial)


def _payload_bytes(task: Task) -> bytes | None:
    """The payload as stored. Raises InvalidError for a payload that JSON cannot hold."""
    if task.payload is None or isinstance(task.payload, bytes):
        return task.payload
    try:
        return encode_json(task.payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidError(f"The payload of the task cannot be written as JSON: {error}.") from None


def _deadline_nanoseconds(task: Task) -> int:
    """The deadline in nanoseconds, 0 for none. Raises InvalidError unless it is greater than zero."""
    if task.deadline is None:
        return 0
    nanoseconds = task.deadline // timedelta(microseconds=1) * 1000
    if nanoseconds <= 0:
        raise InvalidError(f"The deadline {task.deadline} is not valid: it must be greater than zero.")
    return nanoseconds
