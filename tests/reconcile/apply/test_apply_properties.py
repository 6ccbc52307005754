"""The rules of plan and apply hold in a real bucket, whatever is in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Live, ScheduledTask
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.tasks import OWNER, desired, managed, scheduled_tasks

STREAM = "KV_CHORIA_AJ_CONFIGURATION"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all examples; each makes the bucket anew."""
    server = NatsServer(Path(tmp_path_factory.mktemp("nats")))
    server.start()
    yield server.url
    server.stop()


def by_name(tasks: st.SearchStrategy[ScheduledTask]) -> st.SearchStrategy[list[ScheduledTask]]:
    return st.lists(tasks, max_size=6, unique_by=lambda task: task.name)


WANTED = by_name(scheduled_tasks(managed()))
OTHERS = by_name(scheduled_tasks(st.none() | managed(st.just("others"))))


def untouchable(live: Live) -> dict[str, object]:
    return {name: entry for name, entry in live.entries.items() if entry.task is None or entry.task.owner != OWNER}


async def scenario(
    url: str, others: Sequence[ScheduledTask], states: Sequence[list[ScheduledTask]], watched: bool
) -> None:
    async with connect(context_for_server(url)) as connection:
        await ConfigurationBucket.create(connection)
        await connection.jetstream_request(f"STREAM.DELETE.{STREAM}")
        bucket, _ = await ConfigurationBucket.create(connection)
        # A server on a busy machine may make it anew with what the deleted one held.
        await connection.jetstream_request(f"STREAM.PURGE.{STREAM}")
        await write_keys(bucket, [KeyWrite(task.name, 0, task) for task in others])
        before = untouchable(await bucket.read())
        taken = {task.name for task in others}
        for state in states:
            wanted = desired(task for task in state if task.name not in taken)
            plan = (await propose(bucket, Goal(OWNER, wanted))).plan
            if watched:
                async with go_watcher(connection):
                    result = await apply(bucket, plan, now=1)
            else:
                result = await apply(bucket, plan, now=1)
            assert result.error is None
            again = await propose(bucket, Goal(OWNER, wanted))
            assert again.plan.empty
            assert again.plan.unchanged == len(wanted)
            assert again.interrupted == ()
        assert untouchable(await bucket.read()) == before


@settings(max_examples=25)
@given(OTHERS, st.lists(WANTED, min_size=1, max_size=3))
def test_an_applied_plan_leaves_nothing_to_plan_and_others_untouched(
    url: str, others: list[ScheduledTask], states: list[list[ScheduledTask]]
) -> None:
    asyncio.run(scenario(url, others, states, watched=False))


@settings(max_examples=15)
@given(OTHERS, st.lists(WANTED, min_size=1, max_size=3))
def test_the_same_holds_beside_a_go_scheduler(
    url: str, others: list[ScheduledTask], states: list[list[ScheduledTask]]
) -> None:
    asyncio.run(scenario(url, others, states, watched=True))
