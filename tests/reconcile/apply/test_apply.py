"""Apply against a real server: compare-and-set on every key, nothing lost, nothing of others touched."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ajsync.asyncjobs import watchers
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.journal import Step, encode_journal, journal_key
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task, encode_scheduled_task, has_drifted
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT, schedule_key
from ajsync.asyncjobs.watchers import wait_until_delivered
from ajsync.errors import (
    ConflictError,
    InvalidError,
    NotPermittedError,
    PartiallyAppliedError,
    StalePlanError,
    UnreachableError,
)
from ajsync.reconcile.apply import recreate
from ajsync.reconcile.apply.apply import apply
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.apply.writing import KeyWrite, write_keys
from ajsync.reconcile.plan import Plan, plan
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.window import WINDOW
from tests.conftest import StartServer
from tests.go_watcher import STUCK, go_watcher
from tests.nats_server import NatsServer
from tests.recorded import recorded_schedules
from tests.tasks import OWNER, desired, task
from tests.waiting import until

pytestmark = pytest.mark.anyio

NOW = 1_795_442_993_885_345_525


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[ConfigurationBucket]:
    async with connect(context_for_server(url), **options) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        yield bucket


async def planned(bucket: ConfigurationBucket, wanted: Sequence[ScheduledTask], owner: str = OWNER) -> Plan:
    return (await propose(bucket, Goal(owner, desired(wanted)))).plan


async def applied(bucket: ConfigurationBucket, *wanted: ScheduledTask, **options: Any) -> Result:
    return await apply(bucket, await planned(bucket, wanted), now=NOW, **options)


async def stored(bucket: ConfigurationBucket) -> dict[str, str]:
    """Name → schedule of everything readable in the bucket."""
    return {name: entry.task.schedule for name, entry in (await bucket.read()).entries.items() if entry.task}


async def test_create_update_and_delete_leave_nothing_to_plan(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        assert (await applied(bucket, task("A"), task("B"), task("C"))).error is None
        assert (await applied(bucket, task("A"), task("B", schedule="@hourly"), task("D"))).error is None
        assert await stored(bucket) == {"A": "@daily", "B": "@hourly", "D": "@daily"}
        assert (await planned(bucket, [task("A"), task("B", schedule="@hourly"), task("D")])).empty


async def test_what_is_created_is_byte_for_byte_what_ajc_stores_for_the_same_fields(server: NatsServer) -> None:
    golden = recorded_schedules()
    assert golden
    async with opened(server.url) as bucket:
        for name, data in golden.items():
            want = decode_scheduled_task(name, data)
            plan = await planned(bucket, [replace(want, managed=task(name).managed)])
            await apply(bucket, replace(plan, changes=plan.changes[:1]), now=want.created_at)
            reply = await bucket.connection.jetstream_request(
                "STREAM.MSG.GET.KV_CHORIA_AJ_CONFIGURATION", {"last_by_subj": SCHEDULE_SUBJECT + name}
            )
            value = await bucket.get(schedule_key(name))
            assert value is not None
            stored, _, digest = value.data.partition(b',"applied":')
            assert stored == data[:-1] + b',"ajsync":{"owner":"team"'
            assert re.fullmatch(rb'"[0-9a-f]{12}"}}', digest)
            headers = base64.b64decode(reply["message"]["hdrs"]).decode()
            assert headers == "NATS/1.0\r\nNats-Expected-Last-Subject-Sequence: 0\r\n\r\n"
            await apply(bucket, await planned(bucket, []), now=NOW)


async def test_an_update_keeps_the_time_of_creation(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        await apply(bucket, await planned(bucket, [task("A", queue="OTHER")]), now=NOW + 1)
        entry = (await bucket.read()).entries["A"]
        assert entry.task
        assert (entry.task.queue, entry.task.created_at) == ("OTHER", NOW)


async def test_a_deleted_schedule_can_be_created_again(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        for wanted in ([task("A")], [], [task("A")]):
            assert (await applied(bucket, *wanted)).error is None
        assert await stored(bucket) == {"A": "@daily"}


async def test_the_same_plan_applied_twice_changes_nothing_the_second_time(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("OLD"), task("B"))
        plan = await planned(bucket, [task("A"), task("B", schedule="@hourly")])
        await apply(bucket, plan, now=NOW)
        before = await bucket.read()
        result = await apply(bucket, plan, now=NOW + 5)
        assert result.error is None
        assert await bucket.read() == before


async def test_a_key_that_somebody_else_changed_is_left_alone_and_the_others_are_applied(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"), task("B"), task("GONE"))
        plan = await planned(bucket, [task("A", queue="X"), task("B", queue="X"), task("NEW")])
        await write_keys(bucket, [KeyWrite("A", 1, task("A", queue="THEIRS", owner=None))])
        result = await apply(bucket, plan, now=NOW)
        assert isinstance(result.error, PartiallyAppliedError)
        assert [outcome.change.name for outcome in result.with_status("done")] == ["B", "NEW"]
        (failed,) = result.with_status("failed")
        assert isinstance(failed.error, ConflictError)
        # A failure before the deletes stops them: what was renamed would be gone under both names.
        assert [outcome.change.name for outcome in result.with_status("not attempted")] == ["GONE"]
        live = await bucket.read()
        assert live.entries["A"].task == task("A", queue="THEIRS", owner=None)
        assert "GONE" in live.entries


async def test_when_every_key_was_changed_meanwhile_nothing_is_applied_and_it_is_a_conflict(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        plan = await planned(bucket, [task("A")])
        await write_keys(bucket, [KeyWrite("A", 0, task("A", owner="others"))])
        assert isinstance((await apply(bucket, plan, now=NOW)).error, ConflictError)


async def test_two_applies_of_the_same_files_at_once_end_well(server: NatsServer) -> None:
    wanted = [task(f"N{number}") for number in range(500)]
    async with opened(server.url) as one, opened(server.url) as two:
        plans = [await planned(one, wanted), await planned(two, wanted)]
        results = await asyncio.gather(apply(one, plans[0], now=NOW), apply(two, plans[1], now=NOW + 1))
        assert [result.error for result in results] == [None, None]
        assert (await planned(one, wanted)).empty


async def test_a_bucket_that_was_made_anew_is_not_the_plans(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        plan = await planned(bucket, [task("A")])
        await bucket.connection.jetstream_request("STREAM.DELETE.KV_CHORIA_AJ_CONFIGURATION")
        again, _ = await ConfigurationBucket.create(bucket.connection)
        with pytest.raises(StalePlanError, match="Make a new plan"):
            await apply(again, plan, now=NOW)


async def test_without_permission_nothing_is_applied_and_the_servers_reason_is_given(start_server: StartServer) -> None:
    server = start_server(
        "authorization { users: [{user: a, password: a}, "
        '{user: r, password: r, permissions: {publish: ["$JS.API.>"]}}] }'
    )
    async with opened(server.url.replace("://", "://a:a@")):
        pass
    async with opened(server.url.replace("://", "://r:r@")) as bucket:
        result = await applied(bucket, task("A"), task("B"))
        assert isinstance(result.error, NotPermittedError)
        assert "Permissions Violation for Publish" in str(result.with_status("failed")[0].error)


async def test_a_full_bucket_refuses_with_the_servers_reason_and_loses_nothing(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        info = await bucket.connection.jetstream_request("STREAM.INFO.KV_CHORIA_AJ_CONFIGURATION")
        await bucket.connection.jetstream_request(
            "STREAM.UPDATE.KV_CHORIA_AJ_CONFIGURATION", {**info["config"], "max_bytes": info["state"]["bytes"] + 50}
        )
        result = await applied(bucket, task("A"), task("B"))
        assert isinstance(result.error, UnreachableError)
        assert "maximum bytes exceeded" in str(result.with_status("failed")[0].error)
        assert await stored(bucket) == {"A": "@daily"}


async def test_a_connection_lost_half_way_leaves_each_key_old_or_new_and_says_what_is_left(server: NatsServer) -> None:
    async with opened(server.url, reconnect_timeout=1) as bucket:
        plan = await planned(bucket, [task(f"N{number}") for number in range(8000)])
        done = 0

        def stop_half_way() -> None:
            nonlocal done
            done += 1
            if done == 2000:
                server.stop()

        result = await apply(bucket, plan, now=NOW, on_done=stop_half_way)
        assert isinstance(result.error, PartiallyAppliedError)
        assert "not attempted while the server was away" in str(result.error)
        reported = {outcome.change.name for outcome in result.with_status("done")}
        assert len(reported) >= 2000
        assert len(result.with_status("failed")) <= WINDOW
        assert len(result.with_status("not attempted")) > 4000
    server.start()
    async with opened(server.url) as bucket:
        assert reported <= set(await stored(bucket))
        wanted = [task(f"N{number}") for number in range(8000)]
        assert (await apply(bucket, await planned(bucket, wanted), now=NOW)).error is None
        assert (await planned(bucket, wanted)).empty


async def test_a_bucket_that_goes_meanwhile_is_told_as_unreachable(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        plan = await planned(bucket, [task("A", schedule="@hourly")])
        await bucket.connection.jetstream_request("STREAM.DELETE.KV_CHORIA_AJ_CONFIGURATION")
        result = await apply(bucket, plan, now=NOW)
        assert type(result.error) is UnreachableError


async def test_a_schedule_larger_than_the_server_takes_stops_no_other_change(start_server: StartServer) -> None:
    server = start_server("max_payload: 20000")
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        large = task("LARGE", payload=b"x" * 40_000)
        with pytest.raises(InvalidError, match="LARGE: its tasks are larger than the server takes"):
            await planned(bucket, [large])
        wanted = desired([large, task("A", schedule="@hourly")])  # of a plan from before the server's limit was lowered
        result = await apply(bucket, plan(wanted, await bucket.read(), owner=OWNER, digest="d"), now=NOW)
        assert await stored(bucket) == {"A": "@hourly"}
        (failed,) = result.with_status("failed")
        assert isinstance(failed.error, InvalidError)
        assert "larger than the server takes (20000 bytes); make its payload smaller" in str(failed.error)
        assert isinstance(result.error, PartiallyAppliedError)


async def test_a_stop_before_the_start_attempts_nothing(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        stop = asyncio.Event()
        stop.set()
        result = await applied(bucket, task("A"), stop=stop)
        assert [outcome.status for outcome in result.outcomes] == ["not attempted"]
        assert isinstance(result.error, PartiallyAppliedError)


async def test_an_update_beside_a_go_scheduler_leaves_it_one_timer(server: NatsServer) -> None:
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, task("A"), task("B"))
        async with go_watcher(theirs.connection) as go:
            await go.until("B", ["@daily"])
            result = await applied(bucket, task("A", schedule="@hourly"), task("B"), task("C"))
            assert result.error is None
            await go.until("A", ["@hourly"])
            assert go.timers == {"A": ["@hourly"], "B": ["@daily"], "C": ["@daily"]}
        entries = (await bucket.read()).entries
        assert all(each.task and each.task.settings.applied and not has_drifted(each.task) for each in entries.values())
        value = await bucket.get(journal_key(OWNER))
        assert value is not None
        assert value.deleted


async def test_a_plain_put_would_leave_a_go_scheduler_two_timers(server: NatsServer) -> None:
    """The stand-in has the defect that the rewrite avoids; without this the test above could not fail."""
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, task("A"))
        async with go_watcher(theirs.connection) as go:
            await go.until("A", ["@daily"])
            await write_keys(bucket, [KeyWrite("A", 1, task("A", schedule="@hourly"))])
            await go.until("A", ["@daily", "@hourly"])


async def test_without_a_watcher_an_update_is_one_put(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        await applied(bucket, task("A", schedule="@hourly"))
        assert (await bucket.read()).entries["A"].revision == 2
        assert await bucket.get(journal_key(OWNER)) is None


async def test_many_updates_beside_a_go_scheduler_go_journal_by_journal(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recreate, "_JOURNAL_STEPS", 7)
    names = [f"N{number}" for number in range(30)]
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, *(task(name) for name in names))
        async with go_watcher(theirs.connection) as go:
            await go.until("N29", ["@daily"])
            assert (await applied(bucket, *(task(name, schedule="@hourly") for name in names))).error is None
            await go.until("N9", ["@hourly"])
            assert set(map(tuple, go.timers.values())) == {("@hourly",)}


async def test_an_update_whose_values_fit_no_journal_is_refused_and_not_deleted(server: NatsServer) -> None:
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        big = task("BIG", payload=b"x" * 500_000)
        await applied(bucket, big, task("SMALL"))
        async with go_watcher(theirs.connection) as go:
            await go.until("SMALL", ["@daily"])
            result = await applied(bucket, replace(big, schedule="@hourly"), task("SMALL", schedule="@hourly"))
            assert [outcome.change.name for outcome in result.with_status("done")] == ["SMALL"]
            assert "Stop the Go schedulers" in str(result.with_status("failed")[0].error)
            assert await stored(bucket) == {"BIG": "@daily", "SMALL": "@hourly"}


async def test_a_watcher_that_never_reads_on_delays_the_update_but_loses_nothing(
    server: NatsServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recreate, "WATCHER_SECONDS", 0.2)
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, task("A"))
        async with go_watcher(theirs.connection, **STUCK, name="stuck"):
            result = await applied(bucket, task("A", schedule="@hourly"))
            assert result.error is None
            assert await stored(bucket) == {"A": "@hourly"}
            assert "The consumer stuck did not receive the deletes" in caplog.text


LEFT_BEHIND: Mapping[str, Mapping[str, object]] = {
    "durable": {"durable_name": "x", "inactive_threshold": 0},
    "durable, listened to": {"durable_name": "x", "inactive_threshold": 0, "deliver_subject": "heard"},
    "ephemeral": {"inactive_threshold": 3600 * 10**9},
    "another that is soon gone": {"inactive_threshold": 10**9},
}


@pytest.mark.parametrize("kind", LEFT_BEHIND)
async def test_a_consumer_that_no_go_scheduler_has_does_not_make_an_update_a_delete_and_a_create(
    server: NatsServer, kind: str
) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        config = {"deliver_subject": "nobody.listens", "ack_policy": "none", **LEFT_BEHIND[kind]}
        await bucket.connection.client.subscribe("heard")
        durable = "durable_name" in config
        subject = "CONSUMER.DURABLE.CREATE.KV_CHORIA_AJ_CONFIGURATION.x" if durable else "CONSUMER.CREATE.{}"
        body = {"stream_name": "KV_CHORIA_AJ_CONFIGURATION", "config": config}
        await bucket.connection.jetstream_request(subject.format("KV_CHORIA_AJ_CONFIGURATION"), body)
        assert (await applied(bucket, task("A", schedule="@hourly"))).error is None
        assert (await bucket.read()).entries["A"].revision == 2
        assert await bucket.get(journal_key(OWNER)) is None


async def test_a_go_scheduler_that_is_connecting_again_is_waited_for(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    list_watchers, looked = watchers._watchers, asyncio.Event()

    async def look(connection: Connection) -> tuple[watchers.Watcher, ...]:
        found = await list_watchers(connection)
        looked.set()
        return found

    monkeypatch.setattr(watchers, "_watchers", look)
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, task("A"))
        async with go_watcher(theirs.connection, deliver_subject="theirs", flow_control=False, idle_heartbeat=0):
            updating = asyncio.create_task(applied(bucket, task("A", schedule="@hourly")))
            await asyncio.wait_for(looked.wait(), 10)
            heard = await theirs.connection.client.subscribe("theirs")
            assert (await updating).error is None
            told = [await heard.next_msg(timeout=10) for _ in range(3)]
            assert [bool(msg.headers and "KV-Operation" in msg.headers) for msg in told] == [False, True, False]


async def leave_interrupted(bucket: ConfigurationBucket, *steps: Step) -> None:
    """Do what an apply does that is killed between delete and create."""
    revisions = {name: entry.revision for name, entry in (await bucket.read()).entries.items()}
    await bucket.connection.client.publish(bucket.subject(journal_key(OWNER)), encode_journal(steps))
    await write_keys(bucket, [KeyWrite(step.name, revisions[step.name], None) for step in steps])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every journal for one that was left behind."""
    monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0.0)


@pytest.mark.usefixtures("at_once")
async def test_the_next_run_makes_again_what_a_killed_one_had_deleted(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"), task("B"))
        old, new = task("A", created_at=NOW), task("A", schedule="@hourly", created_at=NOW)
        await leave_interrupted(bucket, Step("A", old, new))
        assert await stored(bucket) == {"B": "@daily"}
        proposal = await propose(bucket, Goal(OWNER, desired([new, task("B")])))
        assert proposal.interrupted == ("A",)
        assert proposal.plan.empty
        assert await finish_interrupted(bucket, OWNER) == ("A",)
        found = (await bucket.read()).entries["A"].task
        assert found is not None
        assert not has_drifted(found)
        assert found == replace(new, managed=found.managed)
        assert await finish_interrupted(bucket, OWNER) == ()
        assert (await planned(bucket, [new, task("B")])).empty


@pytest.mark.usefixtures("at_once")
async def test_a_journal_whose_schedules_are_all_there_is_only_cleared(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        before = (await bucket.read()).entries
        await bucket.connection.client.publish(
            bucket.subject(journal_key(OWNER)), encode_journal([Step("A", task("A"), task("A", schedule="@hourly"))])
        )
        assert await finish_interrupted(bucket, OWNER) == ()
        assert (await bucket.read()).entries == before
        assert (await applied(bucket, task("A", schedule="@hourly"))).error is None


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            [Step("A", task("A"), task("A")), Step("B", task("B", owner="x"), task("B"))],
            "take 'B' from the owner x",
        ),
        ([Step("B", task("B"), task("B", owner="others"))], "give 'B' to others"),
        ([Step("B", task("B"), task("B", owner=None))], "give 'B' to no owner"),
        ([Step("B", task("C"), task("B"))], 'its name is "C", its key is for "B"'),
        ([Step("B", task("B"), task("B")), Step("B", task("B"), task("B", queue="X"))], "it holds 'B' twice"),
    ],
)
async def test_a_journal_that_no_apply_of_the_owner_wrote_is_told_and_not_carried_out(
    server: NatsServer, steps: list[Step], said: str
) -> None:
    async with opened(server.url) as bucket:
        await bucket.connection.request(bucket.subject(journal_key(OWNER)), encode_journal(steps))
        for look in (propose(bucket, Goal(OWNER, {})), finish_interrupted(bucket, OWNER)):
            with pytest.raises(InvalidError, match=f"journal of team in the bucket cannot be used: .*{said}"):
                await look
        journal = await bucket.get(journal_key(OWNER))
        assert await stored(bucket) == {}
        assert journal is not None
        assert not journal.deleted


@pytest.mark.usefixtures("at_once")
async def test_what_an_adoption_has_left_deleted_is_made_again(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        step = Step("A", task("A", owner=None), task("A", schedule="@hourly"))
        await bucket.connection.request(bucket.subject(journal_key(OWNER)), encode_journal([step]))
        assert await finish_interrupted(bucket, OWNER) == ("A",)
        assert await stored(bucket) == {"A": "@hourly"}


async def test_a_young_journal_is_given_time_to_finish_by_itself(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ahead = 0.0
    clock = SimpleNamespace(time_ns=time.time_ns, monotonic=lambda: time.monotonic() + ahead)
    monkeypatch.setattr(recreate, "time", clock)
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        await leave_interrupted(bucket, Step("A", task("A"), task("A", schedule="@hourly")))
        finishing = asyncio.create_task(finish_interrupted(bucket, OWNER))
        await until(lambda: "seems to be running" in caplog.text)
        assert await stored(bucket) == {}
        assert not finishing.done()
        ahead = recreate.AT_WORK_SECONDS
        assert await finishing == ("A",)
        assert await stored(bucket) == {"A": "@hourly"}


async def test_a_clock_behind_the_servers_does_not_make_the_next_run_wait_for_it(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0.5)
    async with opened(server.url) as bucket:
        await applied(bucket, task("A"))
        await leave_interrupted(bucket, Step("A", task("A"), task("A", schedule="@hourly")))
        an_hour_ago = time.time_ns() - 3600 * 10**9
        monkeypatch.setattr(time, "time_ns", lambda: an_hour_ago)
        assert await asyncio.wait_for(finish_interrupted(bucket, OWNER), 60) == ("A",)


async def test_while_another_apply_of_the_owner_is_at_work_updates_wait_for_another_run(server: NatsServer) -> None:
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, task("A"))
        plan = await planned(bucket, [task("A", schedule="@hourly")])
        await bucket.connection.client.publish(bucket.subject(journal_key(OWNER)), encode_journal([]))
        async with go_watcher(theirs.connection) as go:
            await go.until("A", ["@daily"])
            result = await apply(bucket, plan, now=NOW)
            assert isinstance(result.error, ConflictError)
            assert "Another apply of team is running" in str(result.outcomes[0].error)
            assert await stored(bucket) == {"A": "@daily"}


async def test_a_create_that_fails_after_its_delete_stays_in_the_journal(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def server_dies(*args: Any) -> Any:
        server.stop()
        return await wait_until_delivered(*args)

    monkeypatch.setattr("ajsync.reconcile.apply.recreate.wait_until_delivered", server_dies)
    async with opened(server.url) as bucket, opened(server.url) as theirs:
        await applied(bucket, task("A"))
        async with go_watcher(theirs.connection) as go:
            await go.until("A", ["@daily"])
            result = await applied(bucket, task("A", schedule="@hourly"))
            assert "the next 'ajsync apply' restores it first" in str(result.outcomes[0].error)
    monkeypatch.undo()
    monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0.0)
    server.start()
    async with opened(server.url) as bucket:
        assert await stored(bucket) == {}
        assert await finish_interrupted(bucket, OWNER) == ("A",)
        assert await stored(bucket) == {"A": "@hourly"}


async def test_values_that_are_not_ours_are_never_written(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        foreign = {
            "F": encode_scheduled_task(task("F", owner="others")),
            "U": encode_scheduled_task(task("U", owner=None)),
            "X": b"{",
        }
        for name, data in foreign.items():
            await bucket.connection.client.publish(bucket.subject(schedule_key(name)), data)
        await applied(bucket, task("A"), task("B"))
        await applied(bucket, task("A"))
        await applied(bucket)
        for revision, (name, data) in enumerate(foreign.items(), 1):
            value = await bucket.get(schedule_key(name))
            assert value is not None
            assert (value.data, value.revision) == (data, revision)


async def test_of_a_rename_the_create_comes_first_and_a_conflict_leaves_the_old_name(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("OLD", schedule="@every 1h"))
        made = await planned(bucket, [task("NEW", schedule="@every 1h")])
        await write_keys(bucket, [KeyWrite("NEW", 0, task("NEW", owner="others"))])
        result = await apply(bucket, made, now=NOW + 1)
        assert [outcome.status for outcome in result.outcomes] == ["failed", "not attempted"]
        assert await stored(bucket) == {"NEW": "@daily", "OLD": "@every 1h"}


async def test_what_a_rename_left_under_both_names_is_deleted_under_the_old_one(server: NatsServer) -> None:
    async with opened(server.url) as bucket:
        await applied(bucket, task("OLD"))
        made = await planned(bucket, [task("NEW")])
        await apply(bucket, replace(made, changes=made.changes[:1]), now=NOW + 1)  # killed between the two
        entries = (await bucket.read()).entries
        assert {entry.task.created_at for entry in entries.values() if entry.task} == {NOW}
        again = await planned(bucket, [task("NEW")])
        assert [(type(each).__name__, each.name) for each in again.changes] == [("Delete", "OLD")]
        assert (await apply(bucket, again, now=NOW + 2)).error is None
        assert await stored(bucket) == {"NEW": "@daily"}
