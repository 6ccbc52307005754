"""The impact of a plan is the difference between two timelines, and nothing is said where there is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.minutes import MINUTE
from ajsync.asyncjobs.model import LiveSchedule, Pause, ScheduledTask
from ajsync.errors import ScheduleError
from ajsync.reconcile.impact import SPAN, Impact, Peak, QueueImpact, impact
from ajsync.reconcile.plan import Adopt, Plan, plan
from ajsync.timestamp import parse_timestamp
from tests.tasks import OWNER, desired, live, managed, scheduled_tasks, task

NOW = parse_timestamp("2026-11-24T05:47:30Z")
NEXT_MINUTE = NOW + MINUTE // 2
MIDNIGHT = parse_timestamp("2026-11-25T00:00:00Z")
FOUR = MIDNIGHT + 4 * 60 * MINUTE


def made(wanted: list[ScheduledTask], found: list[ScheduledTask], *, adopt: bool = False) -> tuple[Plan, Impact | None]:
    bucket = live(found)
    planned = plan(desired(wanted), bucket, owner=OWNER, digest="d", adopt=adopt)
    return planned, impact(planned.changes, bucket.entries, NOW)


def jobs(number: int, schedule: str = "@daily", owner: str | None = OWNER) -> list[ScheduledTask]:
    return [task(f"JOB{each}", schedule=schedule, owner=owner) for each in range(number)]


def test_creates_and_deletes_change_the_number_of_a_queues_fires_and_the_busiest_minute() -> None:
    others = [task("OTHERS", owner="others", schedule="0 4 * * *"), task("FREE", owner=None, queue="Q")]
    kept = jobs(2, "0 4 * * *")
    gone = [task("GONE", schedule="*/15 * * * *", queue="Q"), *(task(f"OLD{number}", queue="Q") for number in range(3))]
    _, found = made([*kept, task("NEW", schedule="0 4 * * *")], [*others, *kept, *gone])
    assert found == Impact(
        NEXT_MINUTE,
        (QueueImpact("EMAIL", 3, 4), QueueImpact("Q", 96 + 3 + 1, 1)),
        Peak(MIDNIGHT, 5),
        Peak(FOUR, 4),
    )
    assert found.until == NEXT_MINUTE + 24 * 60 * MINUTE


def test_a_move_within_a_queue_changes_the_busiest_minute_only() -> None:
    _, found = made(jobs(3, "0 4 * * *"), [*jobs(3), task("STAYS", owner="others")])
    assert found == Impact(NEXT_MINUTE, (), Peak(MIDNIGHT, 4), Peak(FOUR, 3))


def test_what_moves_no_fire_has_no_impact() -> None:
    same = [replace(each, schedule="0 0 * * *", max_tries=2, payload=b"1") for each in jobs(3)]
    planned, found = made(same, jobs(3))
    assert (len(planned.changes), found) == (3, None)
    spread = [task("A", schedule="0 1 * * *"), task("B", schedule="0 2 * * *")]
    moved = [task("A", schedule="0 1 * * *"), task("B", schedule="0 3 * * *")]
    assert made(moved, spread)[1] is None


def test_the_busiest_minute_stays_if_no_other_is_busier() -> None:
    later = task("LATER", schedule="0 4 * * *")
    _, found = made([*jobs(1), later], [*jobs(1)])
    assert found is not None
    assert found.before == found.after == Peak(MIDNIGHT, 1)
    _, found = made([later, *jobs(1)], [later])
    assert found is not None
    assert found.before == found.after == Peak(FOUR, 1)
    _, found = made([later], [later, task("EARLY", schedule="0 23 * * *")])
    assert found is not None
    assert (found.before, found.after) == (Peak(MIDNIGHT - 60 * MINUTE, 1), Peak(FOUR, 1))


def test_a_bucket_that_becomes_empty_has_no_busiest_minute() -> None:
    assert made([], jobs(1))[1] == Impact(NEXT_MINUTE, (QueueImpact("EMAIL", 1, 0),), Peak(MIDNIGHT, 1), None)
    assert made(jobs(1), [])[1] == Impact(NEXT_MINUTE, (QueueImpact("EMAIL", 0, 1),), None, Peak(MIDNIGHT, 1))


def test_a_new_every_counts_from_now_and_one_that_is_stored_keeps_its_phase() -> None:
    _, found = made([task("NEW", schedule="@every 1h")], [])
    assert found is not None
    assert found.queues == (QueueImpact("EMAIL", 0, 24),)
    assert found.after == Peak((NOW + 60 * MINUTE) // MINUTE * MINUTE, 1)
    stored = task("OLD", schedule="@every 1h", created_at=MIDNIGHT - 24 * 60 * MINUTE)
    _, found = made([replace(stored, schedule="@every 2h")], [stored])
    assert found is not None
    assert found.queues == (QueueImpact("EMAIL", 24, 12),)


def test_an_adoption_counts_what_the_schedule_did_before() -> None:
    planned, found = made(jobs(1, "@hourly"), jobs(1, owner=None), adopt=True)
    assert planned.count(Adopt) == 1
    assert found is not None
    assert found.queues == (QueueImpact("EMAIL", 1, 24),)


def test_a_paused_schedule_has_no_fires() -> None:
    found, wanted = jobs(3), jobs(3, "0 4 * * *")
    bucket = live(found)
    paused = {name: replace(entry, pause=Pause(1, "", "")) for name, entry in bucket.entries.items() if name != "JOB0"}
    bucket = replace(bucket, entries={**bucket.entries, **paused})
    planned = plan(desired(wanted), bucket, owner=OWNER, digest="d")
    assert [change.paused for change in planned.changes] == [False, True, True]
    assert impact(planned.changes, bucket.entries, NOW) == Impact(NEXT_MINUTE, (), Peak(MIDNIGHT, 1), Peak(FOUR, 1))


def test_a_schedule_that_is_not_valid_and_a_value_that_is_none_have_no_fires() -> None:
    bad = task("BAD", schedule="61 * * * *")
    bucket = live([bad], broken=["X"])
    planned = plan(desired(jobs(1)), bucket, owner=OWNER, digest="d")
    found = impact(planned.changes, bucket.entries, NOW)
    assert found == Impact(NEXT_MINUTE, (QueueImpact("EMAIL", 0, 1),), None, Peak(MIDNIGHT, 1))


TASKS = scheduled_tasks(managed(st.sampled_from([OWNER, "others"])))


def fires(tasks: list[ScheduledTask]) -> dict[str, Counter[int]]:
    """By queue, the fires in each minute, found one by one."""
    found: dict[str, Counter[int]] = {}
    for each in tasks:
        try:
            dues = times_of(each).between(NEXT_MINUTE - 1, NEXT_MINUTE + SPAN - 1)
            found.setdefault(each.queue, Counter()).update(due // MINUTE for due in dues)
        except ScheduleError:
            continue
    return found


@given(st.lists(TASKS, max_size=6), st.lists(scheduled_tasks(managed()), max_size=6))
def test_the_impact_is_the_difference_of_what_is_due_before_and_after(
    stored: list[ScheduledTask], wanted: list[ScheduledTask]
) -> None:
    entries = {each.name: LiveSchedule(each.name, 1, each) for each in stored}
    bucket = replace(live(), entries=entries)
    planned = plan(desired(wanted), bucket, owner=OWNER, digest="d")
    found = impact(planned.changes, entries, NOW)
    after = {name: entry.task for name, entry in entries.items() if entry.task is not None}
    for change in planned.changes:
        after.pop(change.name, None)
        if change.after is not None:
            after[change.name] = replace(change.after, created_at=change.after.created_at or NOW)
    was, will = fires([entry.task for entry in entries.values() if entry.task]), fires([*after.values()])
    queues = {
        queue: (was.get(queue, Counter()).total(), will.get(queue, Counter()).total()) for queue in was.keys() | will
    }
    changed = {queue: counts for queue, counts in queues.items() if counts[0] != counts[1]}
    tops = [max(sum(parts.values(), Counter()).values(), default=0) for parts in (was, will)]
    if found is None:
        assert not changed
        assert tops[0] == tops[1]
        return
    assert {each.queue: (each.before, each.after) for each in found.queues} == changed
    assert [peak.fires if peak else 0 for peak in (found.before, found.after)] == tops
    for peak, parts in ((found.before, was), (found.after, will)):
        if peak is not None:
            assert sum(parts.values(), Counter())[peak.start // MINUTE] == peak.fires
