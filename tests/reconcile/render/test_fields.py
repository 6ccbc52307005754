"""The table of fields: what is shown as changed is what the plan takes for changed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task
from ajsync.reconcile.fields import changed_fields, shown_fields, split_schedule, stored_object
from tests.reconcile.samples import HOUR, ours
from tests.tasks import managed, scheduled_tasks, task

ZONED = st.sampled_from(
    ["", " ", "@daily", "TZ=UTC @daily", "CRON_TZ=UTC @daily", "CRON_TZ=UTC  @daily", "CRON_TZ= @daily", "CRON_TZ=UTC"]
)


def names(before: ScheduledTask, after: ScheduledTask) -> list[str]:
    return [field.name for field in changed_fields(before, after)]


@given(scheduled_tasks(managed()), scheduled_tasks(managed()))
def test_fields_differ_exactly_if_anything_but_creation_and_source_does(
    one: ScheduledTask, other: ScheduledTask
) -> None:
    other = replace(other, name=one.name, created_at=one.created_at)
    assert one.managed is not None
    assert other.managed is not None
    other = replace(other, managed=replace(other.managed, source=one.managed.source))
    assert (not names(one, other)) == (one == other)


@given(ZONED, ZONED)
def test_schedules_that_differ_as_stored_differ_as_shown(one: str, other: str) -> None:
    assert (split_schedule(one) == split_schedule(other)) == (one == other)


def test_the_zone_is_a_field_of_its_own() -> None:
    before = task("A", schedule="CRON_TZ=Europe/Malta @daily")
    assert names(before, replace(before, schedule="CRON_TZ=Europe/Berlin @daily")) == ["timezone"]
    assert names(before, replace(before, schedule="CRON_TZ=Europe/Malta @hourly")) == ["schedule"]


def test_an_adoption_changes_the_owner() -> None:
    assert names(task("A", owner=None), task("A")) == ["owner"]


def test_the_time_of_creation_and_the_source_are_no_fields() -> None:
    assert names(task("A", created_at=5, managed=ours(source="a.yaml")), task("A", managed=ours(source="b.yaml"))) == []


def test_a_plain_task_is_told_in_the_four_fields_that_make_it() -> None:
    assert [field.name for field, _ in shown_fields(task("A"))] == ["schedule", "queue", "task_type", "max_tries"]


def test_what_is_not_at_its_default_is_told_too() -> None:
    one = task("A", payload=b"", deadline=HOUR, managed=ours("d", catchup="none", overlap="skip", jitter=1))
    told = {field.name for field, _ in shown_fields(one)}
    assert told >= {"payload", "deadline", "description", "catchup", "overlap", "jitter"}
    assert "owner" not in told


@given(scheduled_tasks())
def test_the_stored_object_is_what_the_bucket_holds(one: ScheduledTask) -> None:
    assert decode_scheduled_task(one.name, json.dumps(stored_object(one)).encode()) == one


@pytest.mark.parametrize("stored", ["TZ=Europe/Malta @daily", "CRON_TZ= @daily", "CRON_TZ=Europe/Malta   @daily"])
def test_a_spelling_that_ajsync_does_not_write_stays_whole(stored: str) -> None:
    assert split_schedule(stored) == (stored, None)
