"""An update that deletes a schedule and makes it again, beside a Go scheduler: what falls due in between is fired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ajsync.asyncjobs.journal import JOURNAL_SUBJECT, Step, encode_journal
from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.scheduler.agenda.parked import Parked
from ajsync.scheduler.scheduler import Scheduler
from ajsync.timestamp import NANOSECONDS as SECOND
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.watch import KeyChange
from tests.nats_server import NatsServer
from tests.scheduler.agenda.test_schedules import START, Followed
from tests.scheduler.fires import make_queue
from tests.scheduler.running import delete, leading, put, running, wait_for_tasks
from tests.tasks import OWNER, task

MINUTE = 60 * SECOND
BEFORE = task("A", schedule="* * * * *", task_type="old")
AFTER = replace(BEFORE, schedule="*/2 * * * *", task_type="new")


class Updated(Followed):
    """Schedules that are updated under a journal."""

    def journal(self, *steps: Step, at: int = START) -> None:
        """Have the bucket hold a journal of these, or none."""
        self.revision += 1
        data = encode_journal(steps) if steps else None
        self.schedules.see(KeyChange(JOURNAL_SUBJECT + OWNER, self.revision, at, data, initial=False))

    def fired(self, minutes: int) -> list[tuple[int, str]]:
        """What is due until so many minutes after the start: the minute and the type of each."""
        fires = self.agenda.advance(START + minutes * MINUTE)
        return [((fire.due - START) // MINUTE, fire.task.task_type) for fire in fires if not fire.is_withdrawn]


def test_the_old_value_counts_until_the_new_one_is_there() -> None:
    updated = Updated()
    updated.put("A", encode_scheduled_task(BEFORE))
    updated.journal(Step("A", BEFORE, AFTER))
    updated.put("A", None, at=START + 1 * MINUTE + 1)
    assert updated.fired(2) == [(1, "old"), (2, "old")]
    updated.put("A", encode_scheduled_task(AFTER), at=START + 3 * MINUTE + 1)
    updated.journal(at=START + 3 * MINUTE + 2)
    assert updated.fired(6) == [(3, "old"), (4, "new"), (6, "new")]


def test_a_schedule_whose_journal_goes_without_it_fires_no_more() -> None:
    updated = Updated()
    updated.put("A", encode_scheduled_task(BEFORE))
    updated.journal(Step("A", BEFORE, AFTER))
    updated.put("A", None, at=START + 1)
    updated.journal(at=START + 2 * MINUTE)
    assert updated.fired(4) == [(1, "old"), (2, "old")]
    assert len(updated.agenda) == 0


def test_what_is_left_in_a_journal_goes_on_while_the_rest_does_not_come_back() -> None:
    parked = Parked()
    other = replace(BEFORE, name="B")
    steps = [Step("A", BEFORE, AFTER), Step("B", other, replace(AFTER, name="B"))]
    assert parked.see(OWNER, encode_journal(steps)) == []
    for name in ("A", "B"):
        assert not parked.is_away(name)
        parked.leave(name)
        assert parked.is_away(name)
    assert parked.see(OWNER, encode_journal(steps[1:])) == ["A"]
    assert (parked.is_away("A"), parked.is_away("B")) == (False, True)
    assert (parked.value("A"), parked.value("B"), parked.values()) == (None, other, [other])
    assert parked.see(OWNER, None) == ["B"]


def test_a_delete_of_another_value_than_the_journal_has_is_a_delete() -> None:
    updated = Updated()
    updated.put("A", encode_scheduled_task(AFTER))  # the update was finished, and its journal left behind
    updated.journal(Step("A", BEFORE, AFTER))
    updated.put("A", None, at=START + 1)
    assert updated.fired(4) == []


def test_a_process_that_begins_amid_an_update_takes_the_old_value_from_the_journal() -> None:
    updated = Updated()
    updated.journal(Step("A", BEFORE, AFTER))
    updated.schedules.all_loaded()
    assert updated.fired(2) == [(1, "old"), (2, "old")]
    updated.put("A", encode_scheduled_task(AFTER), at=START + 3 * MINUTE + 1)
    assert updated.fired(4) == [(3, "old"), (4, "new")]


@pytest.mark.parametrize("there", [encode_scheduled_task(AFTER), b"{"], ids=["made again", "unreadable"])
def test_a_process_that_begins_after_an_update_takes_nothing_from_a_journal_that_was_left(there: bytes) -> None:
    updated = Updated()
    updated.put("A", there, initial=True)
    updated.journal(Step("A", BEFORE, AFTER))
    updated.schedules.all_loaded()
    assert [kind for _, kind in updated.fired(2)] == ["new"] * (there != b"{")


@pytest.mark.parametrize(
    "data", [b"{", b'{"format":9}', encode_journal([Step("A", BEFORE, replace(AFTER, managed=None))])]
)
def test_a_journal_that_cannot_be_carried_out_parks_nothing(data: bytes) -> None:
    updated = Updated()
    updated.put("A", encode_scheduled_task(BEFORE))
    updated.schedules.see(KeyChange(JOURNAL_SUBJECT + OWNER, 2, START, data, initial=False))
    updated.put("A", None, at=START + 1)
    assert updated.fired(2) == []


async def park(connection: Connection, before: ScheduledTask, after: ScheduledTask) -> None:
    """Do what an apply does before it waits for a Go scheduler: write the journal, and delete the schedule."""
    await connection.request(JOURNAL_SUBJECT + OWNER, encode_journal([Step(before.name, before, after)]))
    await delete(connection, before.name)


async def made_until(connection: Connection, scheduler: Scheduler, count: int) -> list[int]:
    """The seconds at which the tasks of the old value are due, once there are so many."""
    made = await wait_for_tasks(connection, count, "old")
    assert scheduler.leads
    return [each.created // SECOND for each in made]


@pytest.mark.anyio
async def test_a_leader_fires_on_amid_an_update_and_so_does_one_that_begins_then(
    server: NatsServer,
) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await make_queue(connection)
        async with leading(server.url, "one") as one:
            before, _ = await put(connection, "A", task_type="old")
            await wait_for_tasks(connection, 1, "old")
            await park(connection, before, replace(before, task_type="new"))
            await made_until(connection, one, 3)
        async with running(server.url, "two") as two:  # it has never seen the schedule in the bucket
            dues = await made_until(connection, two, 6)
            assert dues == list(range(dues[0], dues[0] + len(dues)))
            await put(connection, "A", task_type="new", created_at=before.created_at)
            new = await wait_for_tasks(connection, 1, "new")
            old = await wait_for_tasks(connection, 1, "old")
            assert new[0].created - old[-1].created == SECOND
