"""Schedules paused and resumed on a real server: killed between any two writes, and beside all others who write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ajsync.asyncjobs import pause_keys, pausing
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.journal import Step, encode_journal, journal_key
from ajsync.asyncjobs.model import LiveSchedule, Pause, ScheduledTask, encode_scheduled_task, has_drifted
from ajsync.asyncjobs.names import schedule_key
from ajsync.asyncjobs.pause import encode_pause, pause_key, paused_schedule
from ajsync.asyncjobs.pause_keys import look
from ajsync.asyncjobs.pausing import Settled
from ajsync.errors import (
    AjsyncError,
    AlreadyExistsError,
    ConflictError,
    InvalidError,
    NotFoundError,
    PartiallyAppliedError,
)
from ajsync.reconcile.apply import recreate
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.pause import Owners, failure, pause, resume, resume_due
from ajsync.reconcile.plan import Adopt, Create, Delete, Plan, Update
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.reconcile.single import add, find, find_removable, remove
from ajsync.safety import Opened
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.leader import last_messages
from ajsync.transport.messages import LastMessage
from ajsync.transport.publisher import publish_all
from ajsync.transport.window import Answer
from tests.conftest import StartServer
from tests.go_watcher import STUCK, go_watcher
from tests.nats_server import NatsServer
from tests.tasks import OWNER, task

pytestmark = pytest.mark.anyio

SECOND = 10**9
CREATED = 1_795_442_993_885_345_525
BOTH = Owners((OWNER, None))
A = task("A", created_at=CREATED)


@pytest.fixture
async def bucket(server: NatsServer) -> AsyncIterator[ConfigurationBucket]:
    """A bucket with the schedule A."""
    async with connect(context_for_server(server.url)) as connection:
        made, _ = await ConfigurationBucket.create(connection)
        await put(made, A)
        yield made


async def put(bucket: ConfigurationBucket, scheduled: ScheduledTask) -> None:
    """Store a schedule as another tool does, which compares nothing."""
    await bucket.connection.request(bucket.subject(schedule_key(scheduled.name)), encode_scheduled_task(scheduled))


async def strange(bucket: ConfigurationBucket, key: str, value: bytes) -> None:
    await bucket.connection.request(bucket.subject(key), value)


async def ajc_delete(bucket: ConfigurationBucket, name: str = "A") -> None:
    headers = {"KV-Operation": "DEL"}
    await bucket.connection.request(bucket.subject(schedule_key(name)), b"", headers=headers)


async def paused(bucket: ConfigurationBucket, *names: str, **options: Any) -> tuple[Settled, ...]:
    return await pause(bucket, names or ("A",), BOTH, **{"by": "ann@host", "reason": "why", **options})


async def entry(bucket: ConfigurationBucket, name: str = "A") -> LiveSchedule | None:
    """What `find` and a read of all agree on."""
    found, live = (await find(bucket, name)).entry, await bucket.read()
    assert found == live.entries.get(name)
    return found


async def holds(bucket: ConfigurationBucket, name: str = "A") -> tuple[bool, bool]:
    """Whether the schedule's key holds a value, and whether the key of its pause does."""
    found = [await bucket.get(key) for key in (schedule_key(name), pause_key(name))]
    return found[0] is not None and not found[0].deleted, found[1] is not None and not found[1].deleted


async def test_a_paused_schedule_is_at_the_key_of_its_pause_and_comes_back_as_it_was(
    bucket: ConfigurationBucket,
) -> None:
    (settled,) = await paused(bucket)
    assert settled.error is None
    assert await holds(bucket) == (False, True)
    found = await entry(bucket)
    assert found is not None
    assert found.pause is not None
    assert (found.task, found.pause.by, found.pause.reason, found.pause.until) == (A, "ann@host", "why", 0)
    assert abs(found.pause.since - await bucket.server_time()) < 60 * SECOND
    (settled,) = await resume(bucket, ["A"], BOTH)
    assert (settled.error, settled.changed) == (None, True)
    assert await holds(bucket) == (True, False)
    found = await entry(bucket)
    assert found is not None
    assert found.task is not None
    assert replace(found.task, pauses=()) == A
    ((since, until),) = found.task.pauses
    assert since < until


async def test_to_pause_again_changes_reason_and_end_and_not_since_when(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    before = await entry(bucket)
    await paused(bucket, reason="longer", by="bob", last=3600 * SECOND)
    after = await entry(bucket)
    assert before is not None
    assert after is not None
    assert before.pause is not None
    assert after.pause is not None
    assert (after.pause.since, after.pause.reason, after.pause.by) == (before.pause.since, "longer", "bob")
    assert after.pause.until > after.pause.since
    assert after.task == A


async def test_a_resume_that_may_not_remove_the_pause_says_that_the_schedule_is_active(
    start_server: StartServer,
) -> None:
    denied = 'permissions: { publish: { deny: "$KV.CHORIA_AJ_CONFIGURATION.ajsync.paused.>" } }'
    server = start_server(
        f"authorization {{ users: [ {{user: a, password: a}}, {{user: r, password: r, {denied}}} ] }}"
    )
    able, unable = (context_for_server(server.url.replace("://", f"://{user}@")) for user in ("a:a", "r:r"))
    async with connect(able) as first, connect(unable) as second:
        bucket, _ = await ConfigurationBucket.create(first)
        await put(bucket, A)
        await paused(bucket)
        (settled,) = found = await resume(await ConfigurationBucket.open(second), ["A"], BOTH)
        assert isinstance(failure(found, "resumed"), PartiallyAppliedError)
        assert str(settled.error).startswith("A is active again, but its pause could not be removed")
        assert await holds(bucket) == (True, True)
        (settled,) = await resume(bucket, ["A"], BOTH)
        assert settled.error is None
        assert await holds(bucket) == (True, False)


async def test_to_resume_what_is_not_paused_changes_nothing(bucket: ConfigurationBucket) -> None:
    before = await entry(bucket)
    (settled,) = await resume(bucket, ["A"], BOTH)
    assert (settled.error, settled.changed) == (None, False)
    assert await entry(bucket) == before


async def test_names_without_a_schedule_are_errors_of_their_own(bucket: ConfigurationBucket) -> None:
    found = await paused(bucket, "A", "NOPE", "a.b", "*", ">", "", "x" * 300)
    assert [each.error is None for each in found] == [True] + [False] * 6
    assert all(isinstance(each.error, NotFoundError) for each in found[1:])
    assert isinstance(failure(found, "paused"), PartiallyAppliedError)
    assert isinstance(failure(found[1:], "paused"), NotFoundError)
    assert failure(found[1:2], "paused") is found[1].error
    assert failure(found[:1], "paused") is None
    assert isinstance((await resume(bucket, ["NOPE"], BOTH))[0].error, NotFoundError)


@pytest.mark.parametrize(
    ("owners", "allowed"),
    [((OWNER,), {"OURS"}), ((None,), {"NOBODYS"}), ((OWNER, None), {"OURS", "NOBODYS"}), (("other",), {"THEIRS"})],
)
async def test_only_schedules_of_the_owners_that_are_named_are_changed(
    bucket: ConfigurationBucket, owners: Sequence[str | None], allowed: set[str]
) -> None:
    names = ["OURS", "NOBODYS", "THEIRS"]
    for name, owner in zip(names, (OWNER, None, "other"), strict=True):
        await put(bucket, task(name, owner=owner))
    found = await pause(bucket, names, Owners(owners), by="", reason="why")
    assert {each.name for each in found if each.error is None} == allowed
    assert all(isinstance(each.error, ConflictError) for each in found if each.name not in allowed)
    for name in names:
        assert await holds(bucket, name) == (name not in allowed, name in allowed)
    await pause(bucket, names, Owners((OWNER, None, "other")), by="", reason="why")
    found = await resume(bucket, names, Owners(owners))
    assert {each.name for each in found if each.error is None} == allowed
    assert {name for name in names if (await holds(bucket, name))[0]} == allowed


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"reason": " "}, "must not be empty"),
        ({"reason": "x" * 1001}, "at most 1,000"),
        ({"until": CREATED - 10**18}, "has passed"),
        ({"last": 2**63 - 1}, "year 2262"),
    ],
)
async def test_a_pause_that_cannot_be_is_refused(
    bucket: ConfigurationBucket, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidError, match=told):
        await paused(bucket, **options)
    assert await holds(bucket) == (True, False)


async def test_values_that_are_no_schedules_are_left_alone(bucket: ConfigurationBucket) -> None:
    await strange(bucket, schedule_key("BAD"), b"{")
    await strange(bucket, pause_key("WORSE"), b"[]")
    await strange(bucket, pause_key("NEWER"), b'{"format":2}')
    for change in (paused(bucket, "BAD", "WORSE", "NEWER"), resume(bucket, ["WORSE", "NEWER"], BOTH)):
        assert all(isinstance(each.error, ConflictError) for each in await change)
    assert await holds(bucket, "BAD") == (True, False)
    live = await bucket.read()
    assert [live.entries[name].task for name in ("BAD", "WORSE", "NEWER")] == [None] * 3
    plan = (await propose(bucket, Goal(OWNER, {"A": A, "WORSE": task("WORSE")}))).plan
    assert [(each.name, each.kind) for each in plan.conflicts] == [("WORSE", "unreadable")]
    await remove(bucket, await find_removable(bucket, "WORSE"))
    assert await holds(bucket, "WORSE") == (False, False)


async def test_a_thousand_schedules_are_paused_and_resumed_at_once(bucket: ConfigurationBucket) -> None:
    names = [f"T{number}" for number in range(1000)]
    await asyncio.gather(*(put(bucket, task(name)) for name in names))
    assert not [each for each in await paused(bucket, *names) if each.error]
    assert sum(each.pause is not None for each in (await bucket.read()).entries.values()) == 1000
    assert not [each for each in await resume(bucket, names, BOTH) if each.error]
    assert sum(each.pause is not None for each in (await bucket.read()).entries.values()) == 0


async def test_a_paused_schedule_is_found_is_no_free_name_and_can_be_deleted(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    with pytest.raises(AlreadyExistsError, match="is paused"):
        await add(bucket, A, now=1)
    with pytest.raises(ConflictError, match="belongs to the owner"):
        await find_removable(bucket, "A")
    await remove(bucket, await find_removable(bucket, "A", owner=OWNER))
    assert await holds(bucket) == (False, False)


# ---- An apply of the files ----


async def planned(bucket: ConfigurationBucket, *tasks: ScheduledTask, adopt: bool = False) -> Plan:
    return (await propose(bucket, Goal(OWNER, {each.name: each for each in tasks}, opened=Opened(adopt=adopt)))).plan


async def applied(bucket: ConfigurationBucket, plan: Plan) -> Result:
    return await apply(bucket, plan, now=CREATED + 1)


async def test_an_apply_changes_a_paused_schedule_where_it_is(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    plan = await planned(bucket, task("A", queue="OTHER"))
    (change,) = plan.changes
    assert isinstance(change, Update)
    assert change.paused
    assert [name for name, _ in plan.paused] == ["A"]
    assert (await applied(bucket, plan)).error is None
    assert await holds(bucket) == (False, True)
    again = await planned(bucket, task("A", queue="OTHER"))
    assert (again.changes, again.unchanged, len(again.paused)) == ((), 1, 1)
    await resume(bucket, ["A"], BOTH)
    found = await entry(bucket)
    assert found is not None
    assert found.task is not None
    assert (found.task.queue, found.task.created_at) == ("OTHER", CREATED)
    assert found.task.settings.applied
    assert not has_drifted(found.task)


async def test_an_apply_deletes_a_paused_schedule_where_it_is(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    plan = await planned(bucket)
    assert [(type(change), change.paused) for change in plan.changes] == [(Delete, True)]
    assert (await applied(bucket, plan)).error is None
    assert await holds(bucket) == (False, False)
    assert await entry(bucket) is None


@pytest.mark.parametrize("value", [encode_scheduled_task(A), b"no JSON"], ids=["schedule", "unreadable"])
async def test_a_delete_leaves_no_pause_of_what_another_tool_has_put(bucket: ConfigurationBucket, value: bytes) -> None:
    await paused(bucket)
    await strange(bucket, schedule_key("A"), value)
    found = await find(bucket, "A")
    await remove(bucket, found)
    assert await holds(bucket) == (False, False)


async def test_a_pause_that_was_written_after_the_delete_stays(bucket: ConfigurationBucket) -> None:
    await ajc_delete(bucket)
    marker = await bucket.get(schedule_key("A"))
    assert marker is not None
    await put(bucket, A)
    await paused(bucket)
    assert await pausing.drop_leftovers(bucket, {"A": marker.revision, "B": marker.revision}) == {}
    assert await holds(bucket) == (False, True)


async def test_an_apply_adopts_a_paused_schedule_without_resuming_it(bucket: ConfigurationBucket) -> None:
    await put(bucket, task("U", owner=None))
    await paused(bucket, "U")
    assert [each.kind for each in (await planned(bucket, A, task("U"))).conflicts] == ["unmanaged"]
    plan = await planned(bucket, A, task("U"), adopt=True)
    assert [(type(change), change.paused) for change in plan.changes] == [(Adopt, True)]
    assert (await applied(bucket, plan)).error is None
    found = await entry(bucket, "U")
    assert found is not None
    assert found.task is not None
    assert (found.task.owner, found.pause is not None) == (OWNER, True)


async def test_a_paused_schedule_that_gets_a_new_name_stays_paused(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    before = await entry(bucket)
    plan = await planned(bucket, task("NEW"))
    assert [(type(change), change.paused) for change in plan.changes] == [(Delete, True), (Create, True)]
    assert (await applied(bucket, plan)).error is None
    assert await holds(bucket) == (False, False)
    assert await holds(bucket, "NEW") == (False, True)
    after = await entry(bucket, "NEW")
    assert before is not None
    assert after is not None
    assert after.task is not None
    assert (after.pause, after.task.created_at) == (before.pause, CREATED)
    assert (await planned(bucket, task("NEW"))).changes == ()


async def test_a_name_that_somebody_takes_meanwhile_is_left_to_him(bucket: ConfigurationBucket, gate: Gate) -> None:
    for step, name in ((1, "X"), (2, "Y"), (FIRST_WRITE, "Z")):
        await paused(bucket)

        async def take(name: str = name) -> None:
            await put(bucket, task(name, owner="other"))

        plan = await planned(bucket, task(name))
        gate.before(step, take)
        assert isinstance((await applied(bucket, plan)).error, AjsyncError)
        found = await entry(bucket, name)
        assert found is not None
        assert found.task is not None
        assert found.task.owner == "other"
        assert await holds(bucket, name) == (True, False)
        assert await holds(bucket) == (False, True)


async def test_an_update_after_a_pause_keeps_its_memory(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    await resume(bucket, ["A"], BOTH)
    assert (await applied(bucket, await planned(bucket, task("A", queue="OTHER")))).error is None
    found = await entry(bucket)
    assert found is not None
    assert found.task is not None
    assert len(found.task.pauses) == 1
    assert (await planned(bucket, task("A", queue="OTHER"))).changes == ()


async def test_the_paused_schedules_of_others_are_left_alone(bucket: ConfigurationBucket) -> None:
    await put(bucket, task("T", owner="other"))
    await pause(bucket, ["T"], Owners(("other",)), by="", reason="why")
    plan = await planned(bucket, A)
    assert (plan.changes, plan.foreign, plan.paused) == ((), 1, ())
    assert [each.kind for each in (await planned(bucket, A, task("T"))).conflicts] == ["foreign"]


async def test_the_next_apply_resumes_what_has_reached_its_end(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(bucket, task("T", owner="other"))
    await put(bucket, task("LONG"))
    await paused(bucket, last=3600 * SECOND)
    await paused(bucket, "LONG", last=7200 * SECOND)
    await pause(bucket, ["T"], Owners(("other",)), by="", reason="why", last=SECOND)
    assert await resume_due(bucket, OWNER) == ()
    now = await bucket.server_time()

    async def later() -> int:
        return now + 3601 * SECOND

    monkeypatch.setattr(bucket, "server_time", later)
    assert [(each.name, each.error) for each in await resume_due(bucket, OWNER)] == [("A", None)]
    assert [await holds(bucket, name) for name in ("A", "LONG", "T")] == [(True, False), (False, True), (False, True)]


# ---- Killed between any two writes ----


class Killed(Exception):
    """What ends a command before one of its writes."""


Hook = Callable[[], Awaitable[None]]


class Gate:
    """Stands before each read and write of a pause or resume, and does something before one of them.

    A round is two reads and then two writes: that of the schedule's key, of its pause, and the two writes.
    """

    def __init__(self) -> None:
        self.left = 0
        self.hook: Hook | None = None
        self.twice = 0
        """How many of the next writes are sent twice, so that only the second answer arrives."""

    def before(self, step: int, hook: Hook) -> None:
        """Call `hook` before the step of this number, counted from 1."""
        self.left, self.hook = step, hook

    async def publish(self, connection: Any, writes: Any) -> list[Answer]:
        batch = list(writes)
        if batch:
            await self._step()
        if batch and self.twice:
            self.twice -= 1
            await publish_all(connection, batch)
        return await publish_all(connection, batch)

    async def read(self, *arguments: Any) -> dict[str, LastMessage]:
        await self._step()
        return await last_messages(*arguments)

    async def _step(self) -> None:
        if self.hook is not None:
            self.left -= 1
            if self.left == 0:
                hook, self.hook = self.hook, None
                await hook()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    made = Gate()
    monkeypatch.setattr(pausing, "publish_all", made.publish)
    monkeypatch.setattr(pausing, "last_messages", made.read)
    monkeypatch.setattr(pause_keys, "last_messages", made.read)
    return made


FIRST_WRITE, SECOND_WRITE = 3, 4


async def kill() -> None:
    raise Killed


@dataclass(frozen=True)
class Operation:
    """Something that one of us does to the schedule A, and whether it begins with a pause."""

    name: str
    run: Callable[[ConfigurationBucket], Coroutine[Any, Any, AjsyncError | None]]
    paused: bool
    deletes: bool = False

    def __str__(self) -> str:
        return self.name


async def _pause(bucket: ConfigurationBucket) -> AjsyncError | None:
    return failure(await paused(bucket, reason="operation"), "paused")


async def _resume(bucket: ConfigurationBucket) -> AjsyncError | None:
    return failure(await resume(bucket, ["A"], BOTH), "resumed")


async def _update(bucket: ConfigurationBucket) -> AjsyncError | None:
    return (await applied(bucket, await planned(bucket, task("A", queue="UPDATED")))).error


async def _delete(bucket: ConfigurationBucket) -> AjsyncError | None:
    return (await applied(bucket, await planned(bucket))).error


OPERATIONS = [
    Operation("pause", _pause, paused=False),
    Operation("pause again", _pause, paused=True),
    Operation("resume", _resume, paused=True),
    Operation("update", _update, paused=True),
    Operation("delete", _delete, paused=True, deletes=True),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("write", [FIRST_WRITE, SECOND_WRITE])
async def test_a_kill_between_two_writes_loses_nothing_and_either_command_finishes_the_job(
    bucket: ConfigurationBucket, gate: Gate, operation: Operation, write: int
) -> None:
    if operation.paused:
        await paused(bucket)
    gate.before(write, kill)
    with pytest.raises(Killed):
        await operation.run(bucket)
    found = await entry(bucket)
    if operation.deletes and write == SECOND_WRITE:
        assert found is None
        assert isinstance(await _pause(bucket), NotFoundError)
        assert isinstance(await _resume(bucket), NotFoundError)
        return
    assert found is not None
    assert found.task is not None
    assert found.task.created_at == CREATED
    if await holds(bucket) == (True, True):
        assert found.pause is None  # it counts as active
    for change, state in ((_pause, (False, True)), (_resume, (True, False))):
        assert await change(bucket) is None
        assert await holds(bucket) == state


@pytest.mark.parametrize("operation", OPERATIONS[:1] + OPERATIONS[2:3], ids=str)
async def test_a_resume_finishes_what_a_kill_has_left(
    bucket: ConfigurationBucket, gate: Gate, operation: Operation
) -> None:
    if operation.paused:
        await paused(bucket)
    gate.before(SECOND_WRITE, kill)
    with pytest.raises(Killed):
        await operation.run(bucket)
    assert await holds(bucket) == (True, True)
    assert await _resume(bucket) is None
    assert await holds(bucket) == (True, False)


@pytest.mark.parametrize("operation", OPERATIONS[:1] + OPERATIONS[2:3], ids=str)
@pytest.mark.parametrize("single", [False, True], ids=["apply", "delete"])
async def test_a_delete_leaves_no_pause_that_a_kill_has_left(
    bucket: ConfigurationBucket, gate: Gate, operation: Operation, single: bool
) -> None:
    if operation.paused:
        await paused(bucket, last=3600 * SECOND)
    gate.before(SECOND_WRITE, kill)
    with pytest.raises(Killed):
        await operation.run(bucket)
    assert await holds(bucket) == (True, True)
    if single:
        await remove(bucket, await find_removable(bucket, "A", owner=OWNER))
    else:
        assert await _delete(bucket) is None
    assert await holds(bucket) == (False, False)
    # A resume that read the pause before must fail.
    assert (await look(bucket, ["A"]))["A"].is_closed


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("twice", [1, 100])
async def test_a_write_that_is_sent_twice_does_what_one_does(
    bucket: ConfigurationBucket, gate: Gate, operation: Operation, twice: int
) -> None:
    if operation.paused:
        await paused(bucket)
    gate.twice = twice
    assert await operation.run(bucket) is None
    wanted = {"resume": (True, False), "delete": (False, False)}.get(operation.name, (False, True))
    assert await holds(bucket) == wanted
    # A resume that read the pause before must fail.
    keys = (await look(bucket, ["A"]))["A"]
    assert keys.is_closed == (operation.name != "resume")


async def test_a_resume_whose_answer_is_lost_does_not_delete_the_schedule_once_more(
    bucket: ConfigurationBucket, gate: Gate
) -> None:
    await paused(bucket)
    gate.twice = 100
    before = await bucket.get(schedule_key("A"))
    assert await _resume(bucket) is None
    after = await bucket.get(schedule_key("A"))
    assert before is not None
    assert after is not None
    assert after.revision == before.revision + 1


# ---- Beside everybody else ----


async def _put_by_another_tool(bucket: ConfigurationBucket) -> AjsyncError | None:
    if (await holds(bucket))[0]:
        await put(bucket, replace(A, queue="TOOL"))
    return None


async def _ajc_delete(bucket: ConfigurationBucket) -> AjsyncError | None:
    if (await holds(bucket))[0]:
        await ajc_delete(bucket)
    return None


async def _recreated(bucket: ConfigurationBucket) -> AjsyncError | None:
    """An update beside a Go scheduler."""
    async with go_watcher(bucket.connection):
        return await _update(bucket)


UPDATES = (_update, _recreated, _put_by_another_tool)
MEANWHILE = [
    _pause,
    _resume,
    _update,
    _delete,
    _put_by_another_tool,
    _ajc_delete,
    _recreated,
]


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=lambda each: each.__name__)
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
@pytest.mark.parametrize("step", range(1, SECOND_WRITE + 1))
async def test_whatever_somebody_else_does_between_two_steps_is_lost_by_neither(
    bucket: ConfigurationBucket,
    gate: Gate,
    operation: Operation,
    step: int,
    meanwhile: Callable[[ConfigurationBucket], Coroutine[Any, Any, AjsyncError | None]],
) -> None:
    if operation.paused:
        await paused(bucket)
    others: list[AjsyncError | None] = []

    was_active = False

    async def hook() -> None:
        nonlocal was_active
        was_active = (await holds(bucket))[0]
        others.append(await meanwhile(bucket))

    gate.before(step, hook)
    error = await operation.run(bucket)
    assert others
    schedule, pause_there = await holds(bucket)
    found = await entry(bucket)
    deleted = operation.deletes or meanwhile in (_delete, _ajc_delete)
    assert deleted or found is not None
    assert not (schedule and pause_there) or error is not None or others[0] is not None
    if found is not None and not operation.deletes:
        assert found.task is not None
        assert found.task.created_at == CREATED
    if error is None and operation.name == "resume" and deleted:  # it may be deleted once it is resumed
        assert not pause_there
    elif error is None:
        wanted = {"resume": (True, False), "delete": (False, False)}.get(operation.name, (False, True))
        assert (schedule, pause_there) == wanted
        if operation.name == "update":
            assert found is not None
            assert found.task is not None
            assert found.task.queue == "UPDATED"
    else:
        assert isinstance(error, (ConflictError, NotFoundError) if deleted else ConflictError), error
    written = meanwhile in UPDATES and (was_active or meanwhile is not _put_by_another_tool)
    if others == [None] and written and not operation.deletes:
        assert found is not None
        assert found.task is not None
        assert found.task.queue != A.queue


async def test_two_that_pause_and_two_that_resume_at_once_agree(bucket: ConfigurationBucket) -> None:
    for _ in range(5):
        assert not any(await asyncio.gather(_pause(bucket), _pause(bucket)))
        assert await holds(bucket) == (False, True)
        assert not any(await asyncio.gather(_resume(bucket), _resume(bucket)))
        assert await holds(bucket) == (True, False)


async def test_what_pauses_and_resumes_at_once_ends_in_one_of_both_and_loses_nothing(
    bucket: ConfigurationBucket,
) -> None:
    for _ in range(10):
        await asyncio.gather(_pause(bucket), _resume(bucket), _pause(bucket), _resume(bucket))
        assert (await holds(bucket)).count(True) == 1
        found = await entry(bucket)
        assert found is not None
        assert found.task is not None
        assert found.task.created_at == CREATED


async def test_a_plan_that_was_made_before_the_pause_does_not_undo_it(bucket: ConfigurationBucket) -> None:
    for plan in (await planned(bucket, task("A", queue="OTHER")), await planned(bucket)):
        await paused(bucket)
        result = await applied(bucket, plan)
        assert isinstance(result.error, ConflictError)
        assert await holds(bucket) == (False, True)
        async with go_watcher(bucket.connection):
            result = await applied(bucket, plan)
        assert isinstance(result.error, ConflictError)
        assert await holds(bucket) == (False, True)


async def test_a_pause_while_an_apply_recreates_is_not_undone_by_it(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The apply has deleted the schedule, waits for the Go scheduler, and then creates it again."""
    monkeypatch.setattr(recreate, "WATCHER_SECONDS", 1.0)
    plan = await planned(bucket, task("A", queue="OTHER"))
    again = recreate.create_again

    async def create_again(*arguments: Any) -> Any:
        assert await _pause_now(bucket)
        return await again(*arguments)

    monkeypatch.setattr(recreate, "create_again", create_again)
    async with go_watcher(bucket.connection):
        result = await applied(bucket, plan)
    assert isinstance(result.error, ConflictError)
    found = await entry(bucket)
    assert found is not None
    assert found.pause is not None
    assert await finish_interrupted(bucket, OWNER) == ()


async def _pause_now(bucket: ConfigurationBucket) -> bool:
    """Pause as one that had read the schedule before the apply deleted it: its first write is made already."""
    first = encode_pause(paused_schedule("A", encode_scheduled_task(A), Pause(1, "ann", "why")))
    await strange(bucket, pause_key("A"), first)
    return await _pause(bucket) is None


async def test_what_an_interrupted_apply_left_deleted_is_restored_and_then_paused(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0.0)
    journal = encode_journal([Step("A", A, replace(A, queue="OTHER"))])
    await strange(bucket, journal_key(OWNER), journal)
    await ajc_delete(bucket)
    assert await _pause(bucket) is None
    found = await entry(bucket)
    assert found is not None
    assert found.task is not None
    assert found.pause is not None
    assert found.task.queue == "OTHER"


async def test_an_interrupted_apply_does_not_bring_back_what_was_paused_since(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0.0)
    await paused(bucket)
    await strange(bucket, journal_key(OWNER), encode_journal([Step("A", A, replace(A, queue="OTHER"))]))
    assert await finish_interrupted(bucket, OWNER) == ()
    assert await holds(bucket) == (False, True)


async def test_an_older_ajsync_that_creates_it_again_makes_it_active(bucket: ConfigurationBucket) -> None:
    await paused(bucket)
    await put(bucket, task("A", created_at=CREATED + 1))
    found = await entry(bucket)
    assert found is not None
    assert found.pause is None
    assert await _resume(bucket) is None
    assert await holds(bucket) == (True, False)
    found = await entry(bucket)
    assert found is not None
    assert found.task is not None
    assert found.task.created_at == CREATED + 1


# ---- Beside a Go scheduler ----


async def test_a_go_scheduler_has_no_timer_of_a_paused_schedule_and_one_after_the_resume(
    bucket: ConfigurationBucket,
) -> None:
    async with go_watcher(bucket.connection) as watcher:
        await watcher.until("A", ["@daily"])
        await paused(bucket)
        await watcher.until("A", [])
        await paused(bucket, reason="longer")
        await applied(bucket, await planned(bucket, task("A", schedule="@hourly")))
        await _resume(bucket)
        await watcher.until("A", ["@hourly"])
        for _ in range(3):  # as fast as it goes
            await paused(bucket)
            await _resume(bucket)
        taken = watcher.taken
        await paused(bucket)
        await watcher.until_taken(taken + 1)
        await watcher.until("A", [])


async def test_a_go_scheduler_that_hangs_is_named_in_a_warning(
    bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pausing, "WATCHER_SECONDS", 0.2)
    async with go_watcher(bucket.connection, **STUCK):
        await paused(bucket)
        assert await _resume(bucket) is None
    assert "did not receive the deletes" in caplog.text
    assert await holds(bucket) == (True, False)
