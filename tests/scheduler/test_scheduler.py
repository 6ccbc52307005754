"""A scheduler by itself: it fires what the bucket says, from the moment in which it says so, and tells the truth."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ajsync.asyncjobs.election import ELECTION_SUBJECT
from ajsync.asyncjobs.model import Managed, encode_scheduled_task
from ajsync.asyncjobs.names import (
    CONFIGURATION_STREAM,
    CONFIGURATION_SUBJECT,
    ELECTIONS_BUCKET,
    ELECTIONS_STREAM,
    SCHEDULE_SUBJECT,
    TASKS_STREAM,
)
from ajsync.asyncjobs.streams import stream_configuration
from ajsync.asyncjobs.tasks import encode_task
from ajsync.scheduler.election.leadership import Leadership, Term
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.election.watermark import WATERMARK_KEY
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.overview import status_of, unhealthy
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport import watch
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.nats_server import NatsServer
from tests.recorded import recorded
from tests.scheduler.clocks import HostClock
from tests.scheduler.fires import change_stream, counts, handle, make_queue
from tests.scheduler.log import fields
from tests.scheduler.running import (
    delete,
    doomed,
    leading,
    put,
    put_data,
    running,
    stored_watermark,
    tasks,
    wait_for_tasks,
)
from tests.tasks import OWNER, task
from tests.waiting import until

pytestmark = pytest.mark.anyio

STREAMS = (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM)
QUEUE_STREAM = "CHORIA_AJ_Q_EMAIL"


def values(metrics: Metrics, name: str) -> dict[str, float]:
    """The samples of a metric, by its labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    samples = [sample for family in families for sample in family.samples if sample.name in (name, f"{name}_total")]
    return {",".join(sample.labels[each] for each in sorted(sample.labels)): sample.value for sample in samples}


async def test_missing_streams_are_made_as_asyncjobs_makes_them(server: NatsServer) -> None:
    golden = recorded("streams.json")
    async with connect(context_for_server(server.url)) as connection, leading(server.url):
        for stream in STREAMS:
            config = (await connection.jetstream_request(f"STREAM.INFO.{stream}"))["config"]
            wanted = {key: value for key, value in golden[stream]["config"].items() if key != "metadata"}
            assert {key: config.get(key) for key in wanted} == wanted


async def test_the_leader_is_announced_and_the_key_holds_its_plain_name(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        events = await connection.client.subscribe("CHORIA_AJ.E.leader_election.task_scheduler")
        await connection.client.flush()
        async with leading(server.url, "dev1.example.net"):
            event = json.loads((await events.next_msg(10)).data)
            assert (event["type"], event["name"]) == ("io.choria.asyncjobs.v1.leader_elected", "dev1.example.net")
            found = await last_message(connection, ELECTIONS_STREAM, ELECTION_SUBJECT)
            assert found is not None
            assert found.data == b"dev1.example.net"


async def test_the_log_tells_machines_who_leads(server: NatsServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with leading(server.url, "dev1"):
        pass
    told = {record.getMessage(): fields(record) for record in caplog.records}
    assert told["Starting leader election as dev1"] == {"scheduler": "dev1"}
    assert told["Became leader, tasks will be scheduled"] == {"leader": "dev1", "takeover": "vacant"}
    assert told["Gave the leadership back"] == {"leader": "dev1"}


async def test_what_is_added_live_fires_at_its_first_instant_and_then_at_each(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url):
        await make_queue(connection)
        _, stored_at = await put(connection, "A")
        found = await wait_for_tasks(connection, 3)
        assert stored_at < found[0].created <= stored_at + SECOND
        assert {later.created - made.created for made, later in pairwise(found)} == {SECOND}
        assert (await counts(connection, QUEUE_STREAM))[0] >= 3


async def test_a_changed_schedule_fires_its_old_value_up_to_the_change_and_its_new_one_after_it(
    server: NatsServer,
) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url):
        await make_queue(connection)
        await put(connection, "A", task_type="old")
        await wait_for_tasks(connection, 2, "old")
        _, changed_at = await put(connection, "A", task_type="new")
        await wait_for_tasks(connection, 2, "new")
        found = await tasks(connection)
        assert all((made.type == "old") == (made.created <= changed_at) for made in found)
        assert {later.created - made.created for made, later in pairwise(found)} == {SECOND}


async def test_a_deleted_schedule_fires_no_more(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await make_queue(connection)
        await put(connection, "A", task_type="gone")
        await put(connection, "B", task_type="stays")
        await wait_for_tasks(connection, 1, "gone")
        deleted_at = await delete(connection, "A")
        stays = await wait_for_tasks(connection, 1, "stays")
        await wait_for_tasks(connection, len(stays) + 2, "stays")
        assert all(made.created <= deleted_at for made in await tasks(connection) if made.type == "gone")
        assert len(scheduler.agenda) == 1


async def test_a_schedule_that_vanishes_without_a_marker_fires_no_more(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_CHECK_SECONDS", 0.1)
    monkeypatch.setattr(watch, "_AGAIN_SECONDS", 0.1)
    async with leading(server.url) as scheduler:
        await put(scheduler.connection, "A", task_type="purged")
        await put(scheduler.connection, "B", task_type="stays")
        await wait_for_tasks(scheduler.connection, 1, "purged")
        body = {"filter": f"{SCHEDULE_SUBJECT}A"}
        await scheduler.connection.jetstream_request(f"STREAM.PURGE.{CONFIGURATION_STREAM}", body)
        await until(lambda: "A" not in scheduler.agenda)
        fired = len(await wait_for_tasks(scheduler.connection, 1, "purged"))
        stayed = len(await wait_for_tasks(scheduler.connection, 1, "stays"))
        await wait_for_tasks(scheduler.connection, stayed + 3, "stays")
        assert len(await wait_for_tasks(scheduler.connection, 1, "purged")) <= fired + 1  # due when it was found


async def test_without_room_for_a_consumer_schedules_are_followed_all_the_same(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        config = {**stream_configuration(CONFIGURATION_STREAM), "max_consumers": 1}
        await connection.jetstream_request(f"STREAM.CREATE.{CONFIGURATION_STREAM}", config)
        body = {"stream_name": CONFIGURATION_STREAM, "config": {"durable_name": "x", "ack_policy": "none"}}
        await connection.jetstream_request(f"CONSUMER.DURABLE.CREATE.{CONFIGURATION_STREAM}.x", body)
        await put(connection, "A", task_type="before")
        async with leading(server.url):
            await wait_for_tasks(connection, 1, "before")
            await put(connection, "B", task_type="after")
            await wait_for_tasks(connection, 1, "after")


async def test_bad_entries_of_every_kind_do_not_keep_the_others_from_firing(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await make_queue(connection)
        await put_data(connection, "JSON", b"{")
        await put(connection, "CRON", schedule="61 * * * *")
        await put(connection, "QUEUE", queue="not a queue")
        await put(connection, "LONG", queue="Q" * 5000)
        await put(connection, "LARGE", payload=b"x" * 786_225)  # which just fits into the bucket
        await put(connection, "GOOD")
        await wait_for_tasks(connection, 3)
        problems = {problem.name: problem.problem for problem in status_of(scheduler).problems}
        assert problems.keys() == {"JSON", "CRON", "QUEUE", "LONG", "LARGE"}
        assert "larger than the server takes" in problems["LARGE"]
        assert {made.queue for made in await tasks(connection)} == {"EMAIL"}
        assert connection.client.stats["reconnects"] == scheduler.connection.client.stats["reconnects"] == 0
        await put(connection, "CRON")
        await until(lambda: "CRON" not in {problem.name for problem in status_of(scheduler).problems})


async def test_a_missing_queue_is_a_problem_of_its_schedules_until_it_is_there(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await put(connection, "A")
        await until(lambda: bool(scheduler.records.problems))
        (problem,) = status_of(scheduler).problems
        assert (problem.name, problem.problem) == ("A", "the queue EMAIL does not exist")
        await make_queue(connection)
        await until(lambda: not scheduler.records.problems)
        assert {made.state for made in await tasks(connection)} == {"queue_error", "new"}


async def test_a_fire_that_is_put_off_is_a_problem_until_one_of_its_schedule_is_stored(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await make_queue(connection, max_msgs=1)
        await put(connection, "A")
        await until(lambda: sum(problem.count for problem in status_of(scheduler).problems) >= 3)
        (problem,) = status_of(scheduler).problems
        assert (problem.name, problem.problem) == ("A", "not stored yet: maximum messages exceeded")
        stored = len(await tasks(connection))
        await until(lambda: values(scheduler.metrics, "ajsync_scheduler_retries")[""] > 2 * stored)
        (problem,) = status_of(scheduler).problems
        assert problem.count < len(await tasks(connection))  # each fire once, however often it is tried
        await change_stream(connection, QUEUE_STREAM, max_msgs=-1)
        await until(lambda: not status_of(scheduler).problems)


async def test_the_problem_of_a_schedule_ends_with_the_schedule_though_its_fires_are_still_tried(
    server: NatsServer,
) -> None:
    async with (
        connect(context_for_server(server.url)) as connection,
        leading(server.url, catchup_window=5 * SECOND) as scheduler,
    ):
        await make_queue(connection, max_msgs=1)
        await put(connection, "A")
        await until(lambda: bool(status_of(scheduler).problems))
        await delete(connection, "A")
        await until(lambda: "A" not in scheduler.agenda)
        assert status_of(scheduler).problems == ()
        retries = values(scheduler.metrics, "ajsync_scheduler_retries")[""]
        await until(lambda: values(scheduler.metrics, "ajsync_scheduler_retries")[""] > retries)
        assert status_of(scheduler).problems == ()
        await until(lambda: values(scheduler.metrics, "ajsync_scheduler_missed")["unstored"] >= 1)
        assert status_of(scheduler).problems == ()


async def test_the_status_tells_the_truth(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await make_queue(connection)
        await put(connection, "SECOND")
        await put(connection, "YEAR", schedule="@yearly")
        await wait_for_tasks(connection, 2)
        await until(lambda: scheduler.watermark is not None and len(scheduler.records.recent()) >= 2)
        status = status_of(scheduler)
        assert (status.role, status.leader, status.name) == (RoleState.LEADING, "one", "one")
        assert (status.ready, status.connected, status.schedules, status.problems) == (True, True, 2, ())
        assert status.server == server.url
        upcoming = [fire for fire in status.upcoming if fire.name == "SECOND"]
        assert upcoming[0].due - status.now <= SECOND
        assert all(fire.due > status.now for fire in upcoming)
        assert {later.due - fire.due for fire, later in pairwise(upcoming)} == {SECOND}
        assert len(status.upcoming) == 50
        assert {fire.state for fire in status.recent} == {"created"}
        assert status.recent[0].due - status.recent[1].due == SECOND
        made = {each.id for each in await tasks(connection)}
        assert {fire.task_id for fire in status.recent} <= made
        assert status.watermark is not None
        assert status.watermark <= status.now
        assert unhealthy(scheduler) is None
        async with running(server.url, "two") as other:
            await until(lambda: other.leadership is not None and other.leadership.holder == "one")
            await until(lambda: other.role.loaded)
            status = status_of(other)
            assert (status.role, status.leader, status.schedules) == (RoleState.STAND_BY, "one", 2)
            assert status.ready


async def test_what_is_counted_is_what_was_fired(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url) as scheduler:
            await put(connection, "A")
            await put(connection, "B", task_type="report:new")
            await put(connection, "C", queue="NOPE")
            await put_data(connection, "D", b"{")
            await wait_for_tasks(connection, 3, "report:new")
        found = await tasks(connection)
        email = [made for made in found if made.queue == "EMAIL"]
        errors = len(found) - len(email)
        metrics, go = scheduler.metrics, "choria_asyncjobs_"
        reports = sum(made.type == "report:new" for made in email)
        assert values(metrics, f"{go}task_scheduler_scheduled_count") == {
            "EMAIL,email:new": len(email) - reports,
            "EMAIL,report:new": reports,
            "NOPE,email:new": 0,
        }
        assert values(metrics, f"{go}task_scheduler_schedule_error_count") == {
            "EMAIL,email:new": 0,
            "EMAIL,report:new": 0,
            "NOPE,email:new": errors,
        }
        assert values(metrics, f"{go}queue_enqueue_count") == {"EMAIL": len(email), "NOPE": 0}
        assert values(metrics, f"{go}queue_enqueue_error_count") == {"EMAIL": 0, "NOPE": errors}
        assert values(metrics, f"{go}task_update") == {"new": len(found), "queue_error": errors}
        assert values(metrics, f"{go}task_scheduler_schedules_total") == {"": 3}
        assert values(metrics, f"{go}task_scheduler_paused") == {"": 1}
        ours = "ajsync_scheduler_"
        assert values(metrics, f"{ours}lateness_seconds_count") == {"": len(found)}
        assert values(metrics, f"{ours}duplicates") == values(metrics, f"{ours}repaired") == {"": 0}
        assert values(metrics, f"{ours}retries") == {"": 0}
        assert sum(values(metrics, f"{ours}missed").values()) == 0
        assert values(metrics, f"{ours}invalid_schedules") == {"": 1}
        assert values(metrics, f"{ours}takeovers") == {"vacant": 1, "handover": 0, "silent": 0}
        assert await counts(connection, QUEUE_STREAM) == (len(email), len(email))


async def test_a_stop_gives_the_key_back_and_leaves_the_watermark_at_that_moment(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url):
            await put(connection, "A")
            await wait_for_tasks(connection, 2)
            stopped = time.time_ns()
        found = await last_message(connection, ELECTIONS_STREAM, ELECTION_SUBJECT)
        assert found is not None
        assert found.deleted
        mark = await stored_watermark(connection)
        assert mark.leader == "one"
        made = [each.created for each in await tasks(connection)]
        # Between two looks at its clock lies half a second at most.
        assert mark.instant >= max(max(made), stopped - SECOND)
        async with leading(server.url, "two") as scheduler:
            later = await wait_for_tasks(connection, len(made) + 2)
            assert [each.created - later[0].created for each in later] == [n * SECOND for n in range(len(later))]
            assert values(scheduler.metrics, "ajsync_scheduler_takeovers")["handover"] == 1


async def test_a_leader_that_is_told_to_stop_after_it_stood_still_first_fires_what_fell_due(
    server: NatsServer,
) -> None:
    ahead = 0
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url, clock=lambda: time.time_ns() + ahead):
            await put(connection, "A")
            (first, *_) = await wait_for_tasks(connection, 1)
            ahead = 10 * SECOND  # as one that was paused; nothing is awaited from here to the stop
            until_then = time.time_ns() + ahead
        assert await seconds_without_task(connection, first.created, until_then) == []


async def test_who_is_told_to_stop_just_when_it_takes_over_first_fires_what_fell_due(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = Leadership.campaign

    async def campaign_and_stop(leadership: Leadership, stop: asyncio.Event) -> Term | None:
        term = await campaign(leadership, stop)
        stop.set()
        return term

    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with doomed(server.url):
            await put(connection, "A")
            (first, *_) = await wait_for_tasks(connection, 1)
        monkeypatch.setattr(Leadership, "campaign", campaign_and_stop)
        before = time.time_ns()
        scheduler = Scheduler(connection, Settings("two", takeover_after=1.0))
        await scheduler.run(asyncio.Event())
        # It takes over after a silence of a second at the soonest.
        assert await seconds_without_task(connection, first.created, before + SECOND) == []


async def seconds_without_task(connection: Connection, first: int, until: int) -> list[int]:
    """Of the seconds from an instant on, those in which the schedule A made no task."""
    made = {each.created for each in await tasks(connection)}
    return [due for due in range(first, until, SECOND) if due not in made]


async def test_the_election_goes_on_in_a_bucket_made_anew_where_its_own_is_deleted(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url) as scheduler:
            await put(connection, "A")
            made = await wait_for_tasks(connection, 2)
            caplog.clear()
            await connection.jetstream_request(f"STREAM.DELETE.{ELECTIONS_STREAM}")
            await until(lambda: f"Made the stream {ELECTIONS_STREAM} with 1 replica(s)" in caplog.messages)
            await until(lambda: scheduler.leads and status_of(scheduler).ready)
            found = await last_message(connection, ELECTIONS_STREAM, ELECTION_SUBJECT)
            assert found is not None
            assert found.data == b"one"
            taken = [each.created for each in await wait_for_tasks(connection, len(made) + 12)]
            assert {later - each for each, later in pairwise(taken)} == {SECOND}
        assert len([text for text in caplog.messages if text.startswith("Cannot take part in the election")]) == 1


async def test_who_cannot_take_part_in_the_election_is_not_ready(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection, leading(server.url) as scheduler:
        await connection.jetstream_request(f"STREAM.DELETE.{ELECTIONS_STREAM}")
        in_the_way = {"name": "OTHER", "subjects": [f"$KV.{ELECTIONS_BUCKET}.>"]}
        await connection.jetstream_request("STREAM.CREATE.OTHER", in_the_way)
        await until(lambda: not status_of(scheduler).ready)
        assert status_of(scheduler).reason.startswith("it cannot take part in the election: JetStream refused")
        await connection.jetstream_request("STREAM.DELETE.OTHER")
        await until(lambda: scheduler.leads)
        assert status_of(scheduler).ready


async def test_a_watermark_that_is_not_written_is_told_and_firing_goes_on(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url) as scheduler:
            await put(connection, "A")
            made = await wait_for_tasks(connection, 2)
            await change_stream(connection, CONFIGURATION_STREAM, max_msg_size=10)
            await wait_for_tasks(connection, len(made) + 4)
            status = status_of(scheduler)
            (problem,) = status.problems
            assert problem.name == WATERMARK_KEY
            assert problem.problem.startswith("the watermark is not written: JetStream refused")
            assert (status.role, status.ready, status.reason) == (RoleState.LEADING, False, problem.problem)
            await change_stream(connection, CONFIGURATION_STREAM, max_msg_size=-1)
            await until(lambda: not status_of(scheduler).problems)
            assert status_of(scheduler).ready
    assert len([text for text in caplog.messages if text.startswith("The watermark was not written: ")]) == 1


async def test_a_stop_before_anything_was_loaded_is_a_stop(server: NatsServer) -> None:
    async with running(server.url) as scheduler:
        pass
    assert not scheduler.leads


@pytest.mark.parametrize("read", ["the streams", "the watermark"])
async def test_a_stop_ends_a_start_that_waits_for_a_server_that_stands_still(
    server: NatsServer, caplog: pytest.LogCaptureFixture, read: str
) -> None:
    assert server.process is not None
    send_signal = server.process.send_signal

    class Pause(logging.Filter):
        """Pauses the server just before the watermark is read."""

        def filter(self, record: logging.LogRecord) -> bool:
            if record.getMessage().startswith("Starting leader election"):
                send_signal(signal.SIGSTOP)
                paused.set()
            return True

    caplog.set_level(logging.INFO)
    paused, log = asyncio.Event(), logging.getLogger("ajsync.scheduler.scheduler")
    pause = Pause()
    async with connect(context_for_server(server.url), reconnect_timeout=None) as connection:
        scheduler, stop = Scheduler(connection, Settings("one")), asyncio.Event()
        if read == "the streams":
            send_signal(signal.SIGSTOP)
        else:
            log.addFilter(pause)
        try:
            job = asyncio.create_task(scheduler.run(stop))
            if read == "the watermark":
                await asyncio.wait_for(paused.wait(), 30)
            stop.set()
            await asyncio.wait_for(job, 30)  # without an error: the server's silence would be one
        finally:
            log.removeFilter(pause)
            send_signal(signal.SIGCONT)
    assert not scheduler.role.loaded


async def test_a_schedule_that_skips_overlaps_fires_again_once_its_task_is_finished(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url) as scheduler:
            await put(connection, "A", managed=Managed(OWNER, overlap="skip"))
            (first,) = await wait_for_tasks(connection, 1)
            await until(lambda: values(scheduler.metrics, "ajsync_scheduler_missed")["overlap"] >= 2)
        # Another leader, which remembers nothing, finds the task that the first one made.
        async with leading(server.url, "two") as scheduler:
            await until(lambda: values(scheduler.metrics, "ajsync_scheduler_missed")["overlap"] >= 2)
            assert await tasks(connection) == [first]
            await handle(connection, first, encode_task(replace(first, state="complete", tries=1)))
            _, second = await wait_for_tasks(connection, 2)
            assert second.created > first.created


async def test_after_a_time_without_a_scheduler_each_policy_makes_good_what_it_says(server: NatsServer) -> None:
    clock = HostClock()
    minute = 60 * SECOND
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url, clock=clock) as scheduler:
            for policy in ("none", "latest", "all"):
                managed = Managed(OWNER, catchup=policy)
                await put(connection, policy, schedule="* * * * *", task_type=policy, managed=managed)
            await until(lambda: len(scheduler.agenda) == 3)
        mark = (await stored_watermark(connection)).instant
        # Ten minutes pass, to the middle of one: all but what is within the grace is the policies' matter.
        clock.leap_to((mark // minute + 10) * minute + minute // 2 + 5 * SECOND)
        started = clock()
        missed = [each * minute for each in range(mark // minute + 1, mark // minute + 11)]
        async with leading(server.url, "two", clock=clock) as scheduler:
            await wait_for_tasks(connection, 10, "all")
            await wait_for_tasks(connection, 1, "latest")
            await until(lambda: values(scheduler.metrics, "ajsync_scheduler_missed")["catchup"] > 0)
            found = [each for each in await tasks(connection) if mark < each.created <= started]
            assert [each.created for each in found if each.type == "all"] == missed
            assert [each.created for each in found if each.type == "latest"] == missed[-1:]
            assert [each for each in found if each.type == "none"] == []
            assert values(scheduler.metrics, "ajsync_scheduler_missed")["catchup"] == 10 + 9
            age = "ajsync_scheduler_watermark_age_seconds"
            await until(lambda: 0 <= values(scheduler.metrics, age)[""] < 60)


async def test_thousands_of_schedules_due_at_one_instant_all_fire(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url) as scheduler:
            created = time.time_ns()
            every = [task(f"S{number}", schedule="@every 3s", created_at=created) for number in range(2000)]
            for each in every:
                await connection.client.publish(
                    f"{CONFIGURATION_SUBJECT}scheduled_tasks.{each.name}", encode_scheduled_task(each)
                )
            await until(lambda: len(scheduler.agenda) == 2000)
            await until(lambda: sum(values(scheduler.metrics, "choria_asyncjobs_queue_enqueue_count").values()) >= 4000)
        held, last = await counts(connection, TASKS_STREAM)
        assert held == last
        assert await counts(connection, QUEUE_STREAM) == (held, last)
        assert values(scheduler.metrics, "choria_asyncjobs_queue_enqueue_count") == {"EMAIL": held}
