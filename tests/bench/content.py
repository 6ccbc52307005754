"""What the measured servers hold: buckets filled with schedules, and the queues of their tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import Managed, OverlapPolicy, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, TASKS_STREAM, schedule_key
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.writes import compare_and_set
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from tests.bench import floors
from tests.nats_server import NatsServer
from tests.recorded import recorded

QUEUES = ("EMAIL", "REPORTS", "BILLING", "DEFAULT")
_OTHER_ZONES = ("", "America/New_York", "Asia/Tokyo", "Australia/Sydney")


@contextmanager
def new_server() -> Iterator[NatsServer]:
    """A server with nothing in it."""
    with TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()


async def empty_bucket(connection: Connection, replicas: int = 1) -> ConfigurationBucket:
    """The bucket, made anew."""
    await ConfigurationBucket.create(connection, replicas=replicas)
    await connection.jetstream_request(f"STREAM.DELETE.{CONFIGURATION_STREAM}")
    bucket, _ = await ConfigurationBucket.create(connection, replicas=replicas)
    return bucket


async def fill(url: str, tasks: Sequence[ScheduledTask], replicas: int = 1) -> None:
    """Store `tasks` in a bucket made anew."""
    async with connect(context_for_server(url)) as connection:
        bucket = await empty_bucket(connection, replicas)
        writes = [compare_and_set(bucket, schedule_key(task.name), 0, encode_scheduled_task(task)) for task in tasks]
        await floors.publish(connection.client, writes)


async def make_queues(url: str, replicas: int = 1) -> None:
    """The tasks' stream and the queues, as the Go tool makes them."""
    config = recorded("streams.json")["CHORIA_AJ_Q_DEFAULT"]["config"] | {"num_replicas": replicas}
    async with connect(context_for_server(url)) as connection:
        await make_stream(connection, TASKS_STREAM, replicas=replicas)
        for queue in QUEUES:
            own = {**config, "name": f"CHORIA_AJ_Q_{queue}", "subjects": [f"CHORIA_AJ.Q.{queue}.>"]}
            await connection.jetstream_request(f"STREAM.CREATE.{own['name']}", own)


async def queued(connection: Connection) -> int:
    """How many work items the queues hold."""
    infos = [await connection.jetstream_request(f"STREAM.INFO.CHORIA_AJ_Q_{queue}") for queue in QUEUES]
    return sum(info["state"]["messages"] for info in infos)


async def queued_at(url: str) -> int:
    """The same at a server."""
    async with connect(context_for_server(url)) as connection:
        return await queued(connection)


def schedules_due_together(count: int, seconds: int, due: int, overlap: OverlapPolicy = "allow") -> list[ScheduledTask]:
    """Schedules that are all due every so many seconds, `due` (nanoseconds since 1970, a whole second) among them."""
    created_at = due - seconds * NANOSECONDS
    return [_schedule(number, f"@every {seconds}s", created_at, overlap=overlap) for number in range(count)]


def schedules_at_rest(count: int, month: int) -> list[ScheduledTask]:
    """Schedules as a large bucket has them, each on the first of `month` only.

    One minute of the day of 1,440, one in five in a zone of its own choice, one in ten with jitter.
    """
    return [
        _schedule(number, _zoned(f"{number % 60} {number // 60 % 24} 1 {month} *", number), 0, number % 10 == 3)
        for number in range(count)
    ]


def _zoned(schedule: str, number: int) -> str:
    zone = _OTHER_ZONES[number // 1440 % len(_OTHER_ZONES)] if number % 5 == 0 else "Europe/Malta"
    return f"CRON_TZ={zone} {schedule}" if zone else schedule


def _schedule(
    number: int, schedule: str, created_at: int, jitter: bool = False, overlap: OverlapPolicy = "allow"
) -> ScheduledTask:
    return ScheduledTask(
        name=f"JOB_{number // 100:04}_{number % 100:04}",
        schedule=schedule,
        queue=QUEUES[number % len(QUEUES)],
        task_type=f"report:{number % 10}",
        payload=b'{"segment":"all","number":%d}' % number,
        deadline=12 * 3600 * NANOSECONDS,
        max_tries=3,
        created_at=created_at,
        managed=Managed(
            "bench",
            source=f"schedules/{number // 100:04}.yaml",
            description=f"Report {number % 100} of file {number // 100}",
            jitter=30 * NANOSECONDS if jitter else 0,
            overlap=overlap,
        ),
    )
