"""The record of applies in a real bucket: nothing is lost, nothing is disturbed, and nothing is overwritten."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ajsync.asyncjobs.applied import (
    MOST_ACTIONS,
    MOST_APPLIES,
    RECORD_SUBJECT,
    Commit,
    Origin,
    RecordedAction,
    RecordedApply,
)
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.errors import ConflictError, InvalidError
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.record import (
    OwnedLine,
    Record,
    add_to_record,
    is_worth_recording,
    read_all_records,
    read_record,
    record_action,
    record_apply,
)
from ajsync.reconcile.apply.result import Outcome, Result
from ajsync.reconcile.plan import Create, Delete, Destination, Lineage, Plan, Update
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.selection import Selection
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.version import __version__
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.reconcile.samples import create, delete, make_plan, update
from tests.tasks import OWNER, desired, task
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anyio

ME = Origin("me@here")
ONE, OTHER = Commit("1" * 40), Commit("2" * 40)


@pytest.fixture
async def bucket(server: NatsServer) -> AsyncIterator[ConfigurationBucket]:
    """An empty bucket."""
    async with connect(context_for_server(server.url)) as connection:
        yield (await ConfigurationBucket.create(connection))[0]


def line(number: int) -> RecordedApply:
    return RecordedApply(number, f"person {number}")


async def names(bucket: ConfigurationBucket) -> list[str]:
    return [each.by for each in (await read_record(bucket, OWNER)).applies]


async def test_a_record_begins_empty_and_has_the_newest_first(bucket: ConfigurationBucket) -> None:
    assert await read_record(bucket, OWNER) == Record()
    for number in range(MOST_APPLIES + 2):
        await add_to_record(bucket, OWNER, line(number))
    assert await names(bucket) == [f"person {number}" for number in reversed(range(2, MOST_APPLIES + 2))]


async def test_applies_at_once_lose_no_line(bucket: ConfigurationBucket, server: NatsServer) -> None:
    async def one(number: int) -> None:
        async with connect(context_for_server(server.url)) as connection:
            await add_to_record(await ConfigurationBucket.open(connection), OWNER, line(number))

    await asyncio.gather(*map(one, range(MOST_APPLIES)))
    assert sorted(await names(bucket)) == sorted(f"person {number}" for number in range(MOST_APPLIES))


async def test_a_line_that_was_stored_without_an_answer_is_not_stored_again(bucket: ConfigurationBucket) -> None:
    await add_to_record(bucket, OWNER, line(1))
    await add_to_record(bucket, OWNER, line(2))
    await add_to_record(bucket, OWNER, line(1))
    assert await names(bucket) == ["person 2", "person 1"]


async def test_a_record_that_was_deleted_begins_anew(bucket: ConfigurationBucket) -> None:
    await add_to_record(bucket, OWNER, line(1))
    await bucket.connection.client.request(
        RECORD_SUBJECT + OWNER, headers={"KV-Operation": "DEL"}, timeout=PATIENCE
    )  # answered once it is stored
    assert (await read_record(bucket, OWNER)).applies == ()
    await add_to_record(bucket, OWNER, line(2))
    assert await names(bucket) == ["person 2"]


@pytest.mark.parametrize("value", [b"mess", b'{"format":2,"applies":[]}'])
async def test_a_record_that_is_not_understood_is_not_overwritten(bucket: ConfigurationBucket, value: bytes) -> None:
    await bucket.connection.request(RECORD_SUBJECT + OWNER, value)
    with pytest.raises(
        InvalidError, match=r"cannot be used: .*nats kv del CHORIA_AJ_CONFIGURATION ajsync.applied.team"
    ):
        await add_to_record(bucket, OWNER, line(1))
    found = await bucket.get(f"ajsync.applied.{OWNER}")
    assert found is not None
    assert found.data == value
    proposal = await propose(bucket, Goal(OWNER, desired([task("A")])))
    assert (proposal.plan.last, len(proposal.plan.changes)) == (None, 1)
    assert "cannot be used" in proposal.record_problem


async def test_the_records_of_all_owners_are_in_the_order_of_time(
    bucket: ConfigurationBucket, caplog: pytest.LogCaptureFixture
) -> None:
    for owner, number in (("a", 1), ("b", 2), ("a", 3)):
        await add_to_record(bucket, owner, line(number))
    await bucket.connection.request(f"{RECORD_SUBJECT}c", b"mess")
    assert await read_all_records(bucket) == [
        OwnedLine("a", line(3)),
        OwnedLine("b", line(2)),
        OwnedLine("a", line(1)),
    ]
    assert "The record of the applies of c" in caplog.text


async def test_actions_are_kept_beside_the_applies_and_push_none_out(bucket: ConfigurationBucket) -> None:
    """Otherwise twenty pauses would make the gate against older commits forget the last commit."""
    await add_to_record(bucket, OWNER, line(0))
    for number in range(1, MOST_ACTIONS + 3):
        await record_action(bucket, RecordedAction(number, "me", "pause", reason="why"), [task("A"), task("B")])
    record = await read_record(bucket, OWNER)
    assert record.applies == (line(0),)
    assert record.last == line(0)
    assert [each.at for each in record.actions] == [*range(MOST_ACTIONS + 2, 2, -1)]
    assert (record.actions[0].count, record.actions[0].names) == (2, ("A", "B"))
    assert [each.at for each in record.lines] == [*range(MOST_ACTIONS + 2, 2, -1), 0]
    await add_to_record(bucket, OWNER, line(99))
    assert (await read_record(bucket, OWNER)).lines[0] == line(99)


async def test_an_action_is_recorded_for_each_owner_and_not_without_one(bucket: ConfigurationBucket) -> None:
    tasks = [task("A", owner="a"), task("B", owner="b"), task("C", owner=None), task("D", owner="a")]
    await record_action(bucket, RecordedAction(1, "me", "resume"), tasks)
    found = await read_all_records(bucket)
    assert sorted((each.owner, each.line.names) for each in found) == [("a", ("A", "D")), ("b", ("B",))]


async def test_actions_and_applies_at_once_lose_no_line(bucket: ConfigurationBucket, server: NatsServer) -> None:
    async def one(number: int) -> None:
        async with connect(context_for_server(server.url)) as connection:
            there = await ConfigurationBucket.open(connection)
            if number % 2:
                await add_to_record(there, OWNER, line(number))
            else:
                await record_action(there, RecordedAction(number, "me", "backfill", tasks=1), [task("A")])

    await asyncio.gather(*map(one, range(20)))
    assert sorted(each.at for each in (await read_record(bucket, OWNER)).lines) == [*range(20)]


async def test_an_apply_is_recorded_with_what_it_did(bucket: ConfigurationBucket) -> None:
    await apply(bucket, (await propose(bucket, Goal(OWNER, desired([task("A"), task("B")])))).plan, now=1)
    goal = Goal(OWNER, desired([task("A", schedule="@hourly"), task("C", queue="Q")]), digest="d")
    plan = (await propose(bucket, goal, Destination("prod", "nats-prod"))).plan
    result = await apply(bucket, plan, now=2)
    await record_apply(bucket, plan, result, Origin("me", ONE), now=3)
    plan = (await propose(bucket, goal)).plan
    assert plan.last == RecordedApply(
        at=3,
        by="me",
        commit=ONE,
        environment="prod",
        version=__version__,
        digest="d",
        counts={"create": 1, "update": 1, "delete": 1},
        names=("A", "B", "C"),
    )


async def test_neither_a_go_scheduler_nor_a_plan_sees_the_record(bucket: ConfigurationBucket) -> None:
    async with go_watcher(bucket.connection) as watcher:
        plan = (await propose(bucket, Goal(OWNER, desired([task("A")])))).plan
        result = await apply(bucket, plan, now=1)
        await record_apply(bucket, plan, result, ME, now=1)
        await watcher.until("A", ["@daily"])
        assert watcher.taken == 1
        assert [*watcher.timers] == ["A"]
    live = await bucket.read()
    assert ([*live.entries], live.deleted) == (["A"], {})
    assert await bucket.names() == ("A",)


@pytest.mark.parametrize(
    ("last", "commit", "worth"),
    [
        (None, None, False),
        (None, ONE, True),
        (RecordedApply(1, "x"), None, False),
        (RecordedApply(1, "x"), ONE, True),
        (RecordedApply(1, "x", ONE), None, False),
        (RecordedApply(1, "x", ONE), ONE, False),
        (RecordedApply(1, "x", ONE), replace(ONE, dirty=True), False),
        (RecordedApply(1, "x", ONE), OTHER, True),
    ],
)
def test_without_a_change_only_another_commit_is_worth_a_line(
    last: RecordedApply | None, commit: Commit | None, worth: bool
) -> None:
    assert is_worth_recording(make_plan(last=last), Result(()), Origin("me", commit)) is worth


def test_an_older_commit_and_a_part_of_one_are_worth_no_line_without_a_change() -> None:
    newer = RecordedApply(1, "x", OTHER)
    lineage = Lineage(ONE, newer, descends=True)
    assert not is_worth_recording(make_plan(last=newer, lineage=lineage), Result(()), Origin("me", ONE))
    assert is_worth_recording(
        make_plan(last=newer, lineage=replace(lineage, descends=False)), Result(()), Origin("me", ONE)
    )
    selected = make_plan(last=newer, selection=Selection.of(names=["A*"]))
    assert not is_worth_recording(selected, Result(()), Origin("me", ONE))
    done = Result((Outcome(create("A"), "done"),))
    assert is_worth_recording(selected, done, Origin("me", ONE))


def test_what_was_done_counts_although_other_changes_failed() -> None:
    done, failed = Outcome(create("A"), "done"), Outcome(create("B"), "failed", ConflictError("B"))
    plan = make_plan(done.change, failed.change, last=RecordedApply(1, "x", ONE))
    assert is_worth_recording(plan, Result((done, failed)), Origin("me", ONE))
    assert not is_worth_recording(plan, Result((failed,)), Origin("me", OTHER))


async def test_only_what_was_done_is_named(bucket: ConfigurationBucket) -> None:
    changes: list[Create | Update | Delete] = [create("A"), update(task("B"), schedule="@hourly"), delete("C")]
    plan = make_plan(*changes)
    outcomes = (
        Outcome(changes[0], "done"),
        Outcome(changes[1], "failed", ConflictError("B")),
        Outcome(changes[2], "not attempted"),
    )
    await record_apply(bucket, plan, Result(outcomes), ME, now=1)
    (found,) = (await read_record(bucket, OWNER)).applies
    assert (found.counts, found.names) == ({"create": 1}, ("A",))


async def test_the_first_names_of_many_are_kept(bucket: ConfigurationBucket) -> None:
    plan = make_plan(*(create(f"N{number:03}") for number in range(300)))
    await record_apply(bucket, plan, Result(tuple(Outcome(each, "done") for each in plan.changes)), ME, now=1)
    (found,) = (await read_record(bucket, OWNER)).applies
    assert found.counts == {"create": 300}
    assert found.names == tuple(f"N{number:03}" for number in range(20))


async def test_what_is_stored_is_small_and_in_ascii(bucket: ConfigurationBucket) -> None:
    plan: Plan = make_plan(create("A"))
    await record_apply(bucket, plan, Result((Outcome(create("A"), "done"),)), Origin("é\x1b\u202e"), now=1)
    found = await bucket.get(f"ajsync.applied.{OWNER}")
    assert found is not None
    assert found.data.isascii()
    assert json.loads(found.data)["applies"][0]["by"] == "é\x1b\u202e"
