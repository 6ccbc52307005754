"""An apply makes the declared queues that are missing before the schedules, and changes none that exists."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.queue_store import make_queue
from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.errors import ConflictError, StalePlanError
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.plan import Plan
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.reconcile.saved import SavedPlan, check_plan, load_plan, save_plan
from ajsync.selection import Selection
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.nats_server import NatsServer
from tests.tasks import OWNER, desired, task

pytestmark = pytest.mark.anyio

EMAIL, REPORTS = QueueSettings("EMAIL", max_tries=10), QueueSettings("REPORTS")
GOAL = Goal(OWNER, desired([task("A"), task("B", queue="REPORTS")]), queues=(EMAIL, REPORTS))


@pytest.fixture
async def bucket(server: NatsServer) -> AsyncIterator[ConfigurationBucket]:
    """An empty bucket."""
    async with connect(context_for_server(server.url)) as connection:
        yield (await ConfigurationBucket.create(connection))[0]


async def planned(bucket: ConfigurationBucket, goal: Goal = GOAL) -> Plan:
    return (await propose(bucket, goal)).plan


async def test_missing_queues_are_made_and_then_there_is_nothing_to_do(bucket: ConfigurationBucket) -> None:
    plan = await planned(bucket)
    assert (plan.queues.missing, plan.pending) == ((EMAIL, REPORTS), True)
    assert (await apply(bucket, plan, now=1)).error is None
    again = await planned(bucket)
    assert (again.queues, again.empty) == (QueueSurvey(), True)


async def test_a_queue_alone_is_something_to_do(bucket: ConfigurationBucket) -> None:
    await apply(bucket, await planned(bucket, replace(GOAL, queues=())), now=1)
    plan = await planned(bucket)
    assert (plan.changes, plan.pending, plan.empty) == ((), True, False)
    await apply(bucket, plan, now=1)
    assert (await planned(bucket)).empty


async def test_a_queue_that_is_not_as_declared_is_left_alone(bucket: ConfigurationBucket) -> None:
    await make_queue(bucket.connection, replace(EMAIL, max_tries=3))
    plan = await planned(bucket)
    assert plan.queues == QueueSurvey((REPORTS,), (("EMAIL", "max_tries is 3 and not 10"),))
    await apply(bucket, plan, now=1)
    again = await planned(bucket)
    assert (again.queues.different, again.pending) == ((("EMAIL", "max_tries is 3 and not 10"),), False)


async def test_of_a_selection_only_the_queues_of_its_schedules_are_made(bucket: ConfigurationBucket) -> None:
    plan = await planned(bucket, replace(GOAL, selection=Selection.of(names=["B"])))
    assert plan.queues.missing == (REPORTS,)


async def test_if_a_queue_cannot_be_made_nothing_is_changed(bucket: ConfigurationBucket) -> None:
    overlapping = {"name": "OTHER", "subjects": ["CHORIA_AJ.Q.EMAIL.>"]}
    await bucket.connection.jetstream_request("STREAM.CREATE.OTHER", overlapping)
    with pytest.raises(ConflictError, match=r"another stream takes CHORIA_AJ\.Q\.EMAIL\.>"):
        await apply(bucket, await planned(bucket), now=1)
    assert (await bucket.read()).entries == {}


async def test_a_saved_plan_makes_the_queues_that_it_has_shown_and_no_others(
    bucket: ConfigurationBucket, tmp_path: Path
) -> None:
    saved = await planned(bucket)
    save_plan(SavedPlan(saved), tmp_path / "saved")
    assert load_plan(tmp_path / "saved").plan == saved
    await make_queue(bucket.connection, EMAIL)
    check_plan(saved, await planned(bucket))  # one was made meanwhile
    with pytest.raises(StalePlanError, match="it lacks queues that are missing now: REPORTS"):
        check_plan(replace(saved, queues=QueueSurvey((EMAIL,))), await planned(bucket))
