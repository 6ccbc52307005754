"""One schedule added or deleted: the rules of the Go tool, nothing of others touched, nothing lost beside an apply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.go_json import encode_json
from ajsync.asyncjobs.journal import Step, encode_journal, journal_key
from ajsync.asyncjobs.model import Managed, ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import schedule_key
from ajsync.errors import AlreadyExistsError, ConflictError, InvalidError, NotFoundError, ScheduleError
from ajsync.reconcile.apply import recreate
from ajsync.reconcile.single import add, find, find_removable, new_schedule, parse_deadline, remove
from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.go_watcher import go_watcher
from tests.nats_server import NatsServer
from tests.recorded import recorded_schedules
from tests.tasks import task

NOW = 1_795_442_993_885_345_525
SECOND = 10**9


@pytest.fixture
async def bucket(server: NatsServer) -> AsyncIterator[ConfigurationBucket]:
    """An empty bucket."""
    async with connect(context_for_server(server.url)) as connection:
        made, _ = await ConfigurationBucket.create(connection)
        yield made


async def put(bucket: ConfigurationBucket, key: str, value: bytes) -> None:
    """Write a key behind everybody's back."""
    await bucket.connection.request(bucket.subject(key), value)


async def names(bucket: ConfigurationBucket) -> list[str]:
    return sorted((await bucket.read()).entries)


@pytest.mark.parametrize(
    "made",
    [
        new_schedule("EMAIL_MONTHLY_UPDATE", "monthly", "EMAIL", "email:monthly"),
        new_schedule(
            "FULL",
            "*/5 * * * *",
            "EMAIL",
            "email:new",
            payload=encode_json('{"to":"x"}'),
            deadline=parse_deadline("1h10m"),
            max_tries=3,
            timezone="Europe/Malta",
        ),
        new_schedule("tick", "every 3s", "EMAIL", "email:tick", payload=encode_json("hello")),
        new_schedule("yr", "yearly", "EMAIL", "email:tick"),
        new_schedule("frac", "daily", "EMAIL", "email:tick", deadline=parse_deadline("90.7s")),
    ],
    ids=lambda made: made.name,
)
def test_a_schedule_is_stored_as_the_go_tool_stores_it_for_the_same_arguments(made: ScheduledTask) -> None:
    value = recorded_schedules()[made.name]
    created_at = parse_timestamp(json.loads(value)["created_at"])
    assert encode_scheduled_task(replace(made, created_at=created_at)) == value


@pytest.mark.parametrize(
    ("given", "zone", "stored"),
    [
        ("yearly", "", "@yearly"),
        ("@daily", "", "@daily"),
        ("every 10m", "Europe/Malta", "@every 10m"),  # to which a zone makes no difference
        (" 0 9 * * MON ", "Europe/Malta", "CRON_TZ=Europe/Malta 0 9 * * MON"),
        ("CRON_TZ=Europe/Malta daily", "", "CRON_TZ=Europe/Malta @daily"),
    ],
)
def test_a_schedule_is_spelled_as_it_is_stored(given: str, zone: str, stored: str) -> None:
    assert new_schedule("A", given, "EMAIL", "a", timezone=zone).schedule == stored


@pytest.mark.parametrize(("given", "stored"), [("90.7s", 91), ("29.5s", 30), ("1d", 86_400), ("1w2d1h", 781_200)])
def test_a_deadline_is_rounded_to_seconds(given: str, stored: int) -> None:
    assert new_schedule("A", "daily", "EMAIL", "a", deadline=parse_deadline(given)).deadline == stored * SECOND


@pytest.mark.parametrize("given", ["", "1", "d", "1d1w", "1.5d", "h"])
def test_a_deadline_that_is_no_duration_is_refused(given: str) -> None:
    with pytest.raises(ScheduleError):
        parse_deadline(given)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a:b"},
        {"name": "a.b"},
        {"name": ""},
        {"queue": "E MAIL"},
        {"task_type": "*"},
        {"owner": "a.b"},
        {"deadline": 29 * SECOND},
        {"deadline": -3600 * SECOND},
        {"max_tries": 0},
        {"schedule": "61 * * * *"},
        {"schedule": "CRON_TZ=Europe/Malta @daily", "timezone": "UTC"},
        {"timezone": "Nowhere"},
    ],
)
def test_what_cannot_be_a_schedule_is_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {"name": "A", "schedule": "daily", "queue": "EMAIL", "task_type": "a"}
    with pytest.raises(InvalidError):
        new_schedule(**{**right, **wrong})  # type: ignore[arg-type]  # its members are of all types


@pytest.mark.anyio
class TestInTheBucket:
    """Against a real server."""

    async def test_what_is_added_is_there_with_its_time(self, bucket: ConfigurationBucket) -> None:
        made = await add(bucket, task("A", owner=None), now=NOW)
        assert made == task("A", owner=None, created_at=NOW)
        found = await find(bucket, "A")
        assert (found.entry and found.entry.task, found.owner, found.journalled) == (made, None, False)

    @pytest.mark.parametrize("theirs", [task("A", owner=None), task("A"), task("A", owner="other")])
    async def test_a_name_that_is_taken_is_never_added(
        self, bucket: ConfigurationBucket, theirs: ScheduledTask
    ) -> None:
        value = encode_scheduled_task(theirs)
        await put(bucket, schedule_key("A"), value)
        with pytest.raises(AlreadyExistsError, match="already exists"):
            await add(bucket, task("A", schedule="@weekly"), now=NOW)
        found = await bucket.get(schedule_key("A"))
        assert found is not None
        assert found.data == value

    async def test_a_value_that_is_no_schedule_takes_its_name_too(self, bucket: ConfigurationBucket) -> None:
        await put(bucket, schedule_key("A"), b"{")
        with pytest.raises(AlreadyExistsError):
            await add(bucket, task("A"), now=NOW)

    async def test_of_many_who_add_a_name_at_once_one_does(self, server: NatsServer) -> None:
        async def attempt(number: int) -> bool:
            async with connect(context_for_server(server.url)) as connection:
                bucket, _ = await ConfigurationBucket.create(connection)
                try:
                    await add(bucket, task("A", owner=None, task_type=f"t{number}"), now=NOW)
                except AlreadyExistsError:
                    return False
                return True

        assert sum(await asyncio.gather(*map(attempt, range(8)))) == 1

    async def test_what_is_deleted_can_be_added_again_beside_a_go_scheduler(self, bucket: ConfigurationBucket) -> None:
        await add(bucket, task("A", owner=None), now=NOW)
        async with go_watcher(bucket.connection) as watcher:
            await watcher.until("A", ["@daily"])
            await remove(bucket, await find_removable(bucket, "A"))
            await add(bucket, task("A", owner=None, schedule="@weekly"), now=NOW)
            await watcher.until("A", ["@weekly"])

    async def test_what_is_not_there_cannot_be_deleted(self, bucket: ConfigurationBucket) -> None:
        await put(bucket, "scheduled_tasks.A.B", b"{}")
        for name in ("A", "A.B", "*", ">", "", "A B", "A\x00B", "A\udcff"):
            with pytest.raises(NotFoundError):
                await find_removable(bucket, name)

    async def test_what_an_owner_has_is_deleted_only_by_its_name(self, bucket: ConfigurationBucket) -> None:
        await add(bucket, task("A"), now=NOW)
        await add(bucket, task("B", owner=None), now=NOW)
        for owner in (None, "other"):
            with pytest.raises(ConflictError, match="A belongs to the owner team"):
                await find_removable(bucket, "A", owner=owner)
        with pytest.raises(ConflictError, match="has no owner"):
            await find_removable(bucket, "B", owner="team")
        await remove(bucket, await find_removable(bucket, "A", owner="team"))
        assert await names(bucket) == ["B"]

    async def test_what_was_changed_since_it_was_looked_at_is_left_alone(self, bucket: ConfigurationBucket) -> None:
        await add(bucket, task("A", owner=None), now=NOW)
        found = await find_removable(bucket, "A")
        await put(bucket, schedule_key("A"), encode_scheduled_task(task("A", owner=None, schedule="@weekly")))
        with pytest.raises(ConflictError, match="someone else changed it"):
            await remove(bucket, found)
        assert await names(bucket) == ["A"]

    async def test_a_value_that_is_no_schedule_can_be_deleted_by_whose_it_is(self, bucket: ConfigurationBucket) -> None:
        await put(bucket, schedule_key("A"), b"{")
        await remove(bucket, await find_removable(bucket, "A"))
        await put(bucket, schedule_key("A"), b'{"ajsync": {"owner": "team", "catchup": "newer"}}')
        with pytest.raises(ConflictError, match="owner team"):
            await find_removable(bucket, "A")
        await remove(bucket, await find_removable(bucket, "A", owner="team"))
        assert await names(bucket) == []

    @pytest.mark.parametrize("name", ["a;b", "é", "a=/b", "$x"])
    async def test_a_value_whose_name_no_schedule_can_have_is_found_and_deleted(
        self, bucket: ConfigurationBucket, name: str
    ) -> None:
        await put(bucket, schedule_key(name), encode_scheduled_task(task(name, owner=None)))
        found = await find_removable(bucket, name)
        assert found.entry is not None
        assert "its name holds" in found.entry.problem
        await remove(bucket, found)
        assert await names(bucket) == []

    async def test_a_name_that_is_taken_says_whose_it_is(self, bucket: ConfigurationBucket) -> None:
        await add(bucket, task("A"), now=NOW)
        with pytest.raises(
            AlreadyExistsError, match=r"^The schedule A already exists, and belongs to the owner team\."
        ):
            await add(bucket, task("A"), now=NOW)

    async def test_whose_it_is_and_from_where_fits_on_a_line(self, bucket: ConfigurationBucket) -> None:
        stored = task("A", managed=Managed("team", source="a\n.yaml"))
        await put(bucket, schedule_key("A"), encode_scheduled_task(stored))
        with pytest.raises(ConflictError, match=r'^A belongs to the owner team, from "a\\n\.yaml", whose next apply'):
            await find_removable(bucket, "A")
        await put(bucket, schedule_key("A"), json.dumps({"ajsync": {"owner": "x\ny"}}).encode())
        with pytest.raises(ConflictError, match=r'--owner "x\\ny"\.$'):
            await find_removable(bucket, "A")

    async def test_a_journal_of_others_that_cannot_be_read_is_in_nobodys_way(
        self, bucket: ConfigurationBucket, caplog: pytest.LogCaptureFixture
    ) -> None:
        await put(bucket, journal_key("others"), b"broken")
        assert (await find(bucket, "A")).entry is None
        await add(bucket, task("A"), now=NOW)
        assert await names(bucket) == ["A"]
        assert "The journal of others in the bucket cannot be used" in caplog.text

    async def test_what_an_apply_has_under_way_is_there_though_its_key_is_deleted(
        self, bucket: ConfigurationBucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = await add(bucket, task("A"), now=NOW)
        after = replace(before, schedule="@weekly")
        await put(bucket, journal_key("team"), encode_journal([Step("A", before, after)]))
        await put(bucket, journal_key("other"), encode_journal([]))
        await bucket.connection.request(bucket.subject(schedule_key("A")), headers={"KV-Operation": "DEL"})
        found = await find(bucket, "A")
        assert (found.entry and found.entry.task, found.owner, found.journalled) == (after, "team", True)
        with pytest.raises(AlreadyExistsError):
            await add(bucket, task("A", owner=None), now=NOW)
        with pytest.raises(ConflictError, match="owner team"):
            await find_removable(bucket, "A")
        monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0)  # it was cut off long ago
        await remove(bucket, await find_removable(bucket, "A", owner="team"))
        assert await names(bucket) == []
        journal = await bucket.get(journal_key("team"))
        assert journal is not None
        assert journal.deleted
