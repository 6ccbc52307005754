"""A field of a schedule is known wherever CONTRIBUTING.md says that it must be, in "A member of a schedule".

The tests run over the fields of the classes that hold a schedule, so a new field fails those whose place forgets it.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ajsync.asyncjobs.model import (
    PAUSES_MEMBER,
    Managed,
    ScheduledTask,
    decode_scheduled_task,
    encode_scheduled_task,
    member_name,
)
from ajsync.cli.output.schedules import schedule_lines
from ajsync.config.export import export_yaml
from ajsync.config.order import SCHEDULE_MEMBERS
from ajsync.config.schema import SCHEDULES_SCHEMA, read_schema
from ajsync.reconcile.fields import FIELDS, OWNER, changed_fields
from tests.config.projects import load, problems_of_one
from tests.docs.pages import DOCS, README, rows, words
from tests.tasks import task

BASE = task("A")
HOUR = 3_600_000_000_000
TASK: dict[str, Any] = {
    "schedule": "CRON_TZ=Europe/Malta @hourly",
    "queue": "OTHER",
    "task_type": "other",
    "payload": b'"other"',
    "deadline": HOUR,
    "max_tries": 3,
    "created_at": 1_800_000_000_000_000_000,
}
"""For each field of a scheduled task, a value that `BASE` does not have."""
MANAGED: dict[str, Any] = {
    "source": "schedules/a.yaml",
    "description": "other",
    "catchup": "all",
    "catchup_window": HOUR,
    "overlap": "skip",
    "jitter": HOUR,
    "labels": (("team", "payments"), ("tier", "gold")),
    "from_": "2026-12-01",
    "until": "2027-12-31T22:00:00Z",
    "except_": ("2026-12-24..2026-12-26", "2027-01-01"),
    "applied": "0123456789ab",
}
"""The same for what ajsync stores beside Go's fields."""
CHANGED = {name: replace(BASE, **{name: value}) for name, value in TASK.items()} | {
    name: replace(BASE, managed=replace(BASE.settings, **{name: value})) for name, value in MANAGED.items()
}
REMEMBERED = "pauses"
"""The field that no file says and no plan shows: tests/asyncjobs/test_pause.py is about it."""
NOT_COMPARED = {"created_at", "source", "applied"}
COMPARED = sorted(CHANGED.keys() - NOT_COMPARED)


def names(kind: type[ScheduledTask | Managed]) -> set[str]:
    """The names of the fields of a class."""
    return {field.name for field in fields(kind)}


def test_every_field_is_changed_by_the_tests_below() -> None:
    assert names(ScheduledTask) == TASK.keys() | {"name", "managed", REMEMBERED}
    assert names(Managed) == MANAGED.keys() | {"owner"}


@pytest.mark.parametrize("name", CHANGED)
def test_a_field_is_stored_and_read(name: str) -> None:
    assert decode_scheduled_task("A", encode_scheduled_task(CHANGED[name])) == CHANGED[name]


@pytest.mark.parametrize("name", CHANGED)
def test_view_shows_a_field(name: str) -> None:
    plain, changed = ("\n".join(schedule_lines(each, UTC)).partition("Next:")[0] for each in (BASE, CHANGED[name]))
    assert plain != changed


@pytest.mark.parametrize("name", COMPARED)
def test_a_plan_compares_a_field(name: str) -> None:
    found = {field.name for field in changed_fields(BASE, CHANGED[name])}
    assert found == ({"schedule", "timezone"} if name == "schedule" else {member_name(name)})


@pytest.mark.parametrize("name", COMPARED)
def test_what_export_writes_of_a_field_is_loaded_and_changes_the_digest(name: str, tmp_path: Path) -> None:
    plain, changed = (load(tmp_path, export_yaml([each]).text) for each in (BASE, CHANGED[name]))
    assert changed.tasks == {"A": replace(CHANGED[name], managed=changed.tasks["A"].managed)}
    assert changed.tasks["A"].settings == replace(CHANGED[name].settings, source="schedules/a.yaml")
    assert plain.digest != changed.digest


def test_the_schema_of_stored_values_has_every_field() -> None:
    stored = read_schema("stored.schema.json")["properties"]
    assert stored.keys() == names(ScheduledTask) - {"managed", REMEMBERED} | {"ajsync", PAUSES_MEMBER}
    assert stored["ajsync"]["properties"].keys() == set(map(member_name, names(Managed)))


def test_the_schema_of_the_plan_has_the_name_of_every_field() -> None:
    named = read_schema("plan.schema.json")["properties"]["changes"]["items"]["properties"]["fields"]["items"]["enum"]
    assert named == [field.name for field in (*FIELDS, OWNER)]


@pytest.mark.parametrize("name", read_schema(SCHEDULES_SCHEMA)["$defs"]["schedule"]["properties"])
def test_a_member_without_a_space_after_its_colon_is_told_so(name: str, tmp_path: Path) -> None:
    assert "there is no space after the colon" in problems_of_one(tmp_path, f"{name}:x")[0]


def test_the_pages_name_what_go_does_not_know() -> None:
    (stored,) = [
        words(row[0]) for row in rows(DOCS / "reference" / "wire.md", "What ajsync adds") if "`jitter`" in row[0]
    ]
    members = set(map(member_name, names(Managed)))
    assert stored == members
    first, last = "does not know ", ", and fires as if"
    for page in (README, DOCS / "file-format.md"):
        told = page.read_text().partition(first)[2].partition(last)[0]
        assert words(told) == members - {"owner", "source", "description", "applied"}, page


def test_the_page_has_the_order_that_fmt_gives_to_members() -> None:
    page = DOCS.joinpath("file-format.md").read_text()
    found = re.search(r"`defaults` get this order: (.*?)\. Those of", page, re.DOTALL)
    assert found
    named = re.findall(r"`([a-z_]+)`", found[1])
    assert named == [name for name in SCHEDULE_MEMBERS if not name.startswith("payload")]
    assert SCHEDULE_MEMBERS[len(named) :] == ("payload", "payload_file", "payload_base64")
