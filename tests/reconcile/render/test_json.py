"""The plan for programs, and the two schemas that describe it and the stored value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from ajsync.asyncjobs.applied import Commit, RecordedAction, RecordedApply
from ajsync.asyncjobs.model import ScheduledTask, decode_scheduled_task, encode_scheduled_task
from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.errors import Location
from ajsync.reconcile.fields import stored_object
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.impact import Impact
from ajsync.reconcile.plan import Conflict, Destination, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.json import line_document
from ajsync.safety import Safety
from ajsync.selection import Selection
from tests.reconcile.samples import (
    CREATED_AT,
    HOUR,
    IMPACT,
    NOW,
    create,
    delete,
    full_locations,
    full_plan,
    full_refusals,
    hostile_plan,
    impacts,
    large_plan,
    make_plan,
    ours,
    plans,
    update,
)
from tests.recorded import recorded_schedules
from tests.tasks import scheduled_tasks, task

ROOT = Path(__file__).parents[3]
SCHEMAS = {
    name: json.loads((ROOT / "schemas" / name).read_text()) for name in ("plan.schema.json", "stored.schema.json")
}
PLAN_VALIDATOR = Draft202012Validator(SCHEMAS["plan.schema.json"])
STORED_VALIDATOR = Draft202012Validator(SCHEMAS["stored.schema.json"])


def document(plan: Plan, *, refused: bool = False, **options: Any) -> Any:
    value = json.loads(RENDERERS["json"](plan, full_refusals() if refused else (), RenderOptions(NOW, **options)))
    PLAN_VALIDATOR.validate(value)
    return value


def test_a_plan_says_what_it_is_for_and_how_much_it_does() -> None:
    value = document(full_plan(), refused=True)
    assert value["target"]["bucket"] == "CHORIA_AJ_CONFIGURATION"
    assert (value["owner"], value["now"]) == ("team", "2026-11-24T05:47:30+00:00")
    assert value["summary"] == {
        "create": 3,
        "update": 1,
        "adopt": 1,
        "delete": 1,
        "rename": 0,
        "unchanged": 120,
        "conflicts": 3,
        "unmanaged": 12,
        "foreign": 1,
        "unreadable": 2,
        "desired": 129,
        "owned": 122,
    }
    assert [refusal["kind"] for refusal in value["refusals"]] == ["conflict", "gate"]


def test_a_plan_says_what_was_applied_last() -> None:
    commit = Commit("3f2a1b9c0d" * 4, CREATED_AT, "main", dirty=True)
    last = RecordedApply(CREATED_AT, "octocat", commit, "prod", "0.1.0", "d" * 64, {"create": 2}, ("A", "B"))
    assert document(make_plan(last=last))["last_applied"] == {
        "at": "2026-11-23T14:09:53.902271558Z",
        "by": "octocat",
        "commit": "3f2a1b9c0d" * 4,
        "committed_at": "2026-11-23T14:09:53.902271558Z",
        "ref": "main",
        "dirty": True,
        "environment": "prod",
        "version": "0.1.0",
        "digest": "d" * 64,
        "counts": {"create": 2, "update": 0, "adopt": 0, "delete": 0, "rename": 0},
        "names": ["A", "B"],
    }
    unknown = document(make_plan(last=RecordedApply(CREATED_AT, "me@here")))["last_applied"]
    assert {name for name, value in unknown.items() if value is None} == {
        *("commit", "committed_at", "ref", "environment", "version", "digest")
    }


@pytest.mark.parametrize(
    ("line", "members"),
    [
        (
            RecordedAction(CREATED_AT, "ann", "pause", 2, ("A", "B"), "new disks", CREATED_AT + HOUR, version="0.1.0"),
            {
                "action": "pause",
                "reason": "new disks",
                "until": "2026-11-23T15:09:53.902271558Z",
                "version": "0.1.0",
                "count": 2,
                "names": ["A", "B"],
            },
        ),
        (RecordedAction(CREATED_AT, "ann", "resume", 1, ("A",)), {"action": "resume", "count": 1, "names": ["A"]}),
        (RecordedAction(CREATED_AT, "ann", "backfill"), {"action": "backfill", "tasks": 0}),
    ],
)
def test_a_line_of_the_log_says_what_was_done_by_hand(line: RecordedAction, members: dict[str, Any]) -> None:
    always = {"at": "2026-11-23T14:09:53.902271558Z", "by": "ann", "count": 0, "names": []}
    unknown = dict.fromkeys(("reason", "until", "tasks", "version"))
    assert line_document(line) == {**always, **unknown, **members}


def test_a_line_of_the_log_about_an_apply_has_what_a_plan_says_of_the_last_one() -> None:
    line = RecordedApply(CREATED_AT, "octocat", counts={"create": 2}, names=("A", "B"))
    assert line_document(line) == {"action": "apply", **document(make_plan(last=line))["last_applied"]}


def test_a_plan_for_programs_is_this_document() -> None:
    old = task("A", payload=b"1", managed=ours("Old", source="a.yaml"))
    plan = make_plan(
        update(old, schedule="@weekly", payload=b"23", managed=ours("New", source="a.yaml")),
        conflicts=(Conflict("B", "foreign", "others"), Conflict("C", "unmanaged")),
        unreadable=(("D", "not JSON"),),
        destination=Destination("prod", "nats-prod", "tls://one"),
    )
    assert document(
        plan,
        refused=True,
        locations={"A": Location("a.yaml", 3, 5), "B": Location("b.yaml")},
        loosened=loosened(Safety(max_delete=11)),
    ) == {
        "format": 1,
        "now": "2026-11-24T05:47:30+00:00",
        "target": {"bucket": "CHORIA_AJ_CONFIGURATION", "created": "2026-11-23T14:09:53Z"},
        "destination": {"environment": "prod", "context": "nats-prod", "server": "tls://one", "configured": None},
        "owner": "team",
        "digest": "d" * 64,
        "last_applied": None,
        "applicable": False,
        "summary": {
            "create": 0,
            "update": 1,
            "adopt": 0,
            "delete": 0,
            "rename": 0,
            "unchanged": 0,
            "conflicts": 2,
            "unmanaged": 0,
            "foreign": 0,
            "unreadable": 1,
            "desired": 5,
            "owned": 4,
        },
        "loosened": [{"member": "safety.max_delete", "value": 11, "default": 10}],
        "refusals": [
            {
                "kind": "conflict",
                "message": "Already in the bucket and without an owner: CLEANUP. To take them over, pass --adopt.",
            },
            {
                "kind": "gate",
                "message": "12 schedules would be deleted, more than safety.max_delete allows (10). "
                "Pass --allow-deletes 12.",
            },
        ],
        "conflicts": [
            {
                "name": "B",
                "kind": "foreign",
                "detail": "others",
                "message": "B belongs to the owner others",
                "remedy": "Choose another name, or ask that owner to remove it first.",
                "location": {"file": "b.yaml", "line": 0},
            },
            {
                "name": "C",
                "kind": "unmanaged",
                "detail": "",
                "message": "C is already in the bucket and has no owner",
                "remedy": "To take it over, pass --adopt; otherwise remove it from the files.",
                "location": None,
            },
        ],
        "changes": [
            {
                "action": "update",
                "name": "A",
                "rename": None,
                "drift": False,
                "revision": 12,
                "fields": ["schedule", "payload", "description"],
                "before": {
                    **stored_object(old),
                    "created_at": "2026-11-23T14:09:53.902271558Z",
                    "payload": {"bytes": 1, "sha256": hashlib.sha256(b"1").hexdigest()},
                },
                "after": {
                    **stored_object(replace(old, schedule="@weekly", managed=ours("New", source="a.yaml"))),
                    "created_at": "2026-11-23T14:09:53.902271558Z",
                    "payload": {"bytes": 2, "sha256": hashlib.sha256(b"23").hexdigest()},
                },
                "next": [
                    "2026-11-29T00:00:00+00:00",
                    "2026-12-06T00:00:00+00:00",
                    "2026-12-13T00:00:00+00:00",
                ],
                "location": {"file": "a.yaml", "line": 3},
            }
        ],
        "unreadable": [{"name": "D", "reason": "not JSON"}],
    }


def test_what_is_not_known_of_a_destination_is_null() -> None:
    assert {*document(make_plan())["destination"].values()} == {None}
    instead = Destination("prod", "", "tls://two", "nats-prod")
    assert document(make_plan(destination=instead))["destination"] == {
        "environment": "prod",
        "context": None,
        "server": "tls://two",
        "configured": "nats-prod",
    }


def test_a_new_or_deleted_schedule_has_no_fields_that_differ() -> None:
    assert [change["fields"] for change in document(make_plan(create("A"), delete("B")))["changes"]] == [[], []]


def test_the_document_is_indented_for_people_who_read_it_all_the_same() -> None:
    assert RENDERERS["json"](make_plan(), (), RenderOptions(NOW)).startswith('{\n  "format": 1,\n')


def test_a_change_holds_both_values_and_the_names_of_what_differs() -> None:
    changes = {change["name"]: change for change in document(full_plan(), locations=full_locations())["changes"]}
    report = changes["REPORT"]
    assert report["action"] == "update"
    assert report["fields"] == ["schedule", "timezone", "payload", "deadline", "description"]
    assert report["before"]["schedule"] == "CRON_TZ=Europe/Malta 30 6 * * MON-FRI"
    assert report["after"]["deadline"] == 3_600_000_000_000
    assert report["next"][0] == "2026-11-24T07:00:00+01:00"
    assert report["location"] == {"file": "schedules/email.yaml", "line": 31}
    assert (changes["HEARTBEAT"]["before"], changes["HEARTBEAT"]["next"]) == (None, [])
    assert (changes["OLD_REPORT"]["after"], changes["OLD_REPORT"]["location"]) == (None, None)
    assert changes["TICK"]["fields"] == ["max_tries", "owner"]


def test_what_is_not_stored_yet_has_no_time_of_creation() -> None:
    new, gone = document(make_plan(create("A"), delete("B")))["changes"]
    assert "created_at" not in new["after"]
    assert gone["before"]["created_at"] == "2026-11-23T14:09:53.902271558Z"


def test_a_payload_is_sized_and_shown_only_when_asked_for() -> None:
    plan = make_plan(create("A", payload=b"secret"), create("B"))
    sized, none = document(plan)["changes"]
    assert sized["after"]["payload"] == {"bytes": 6, "sha256": hashlib.sha256(b"secret").hexdigest()}
    assert none["after"]["payload"] is None
    assert document(plan, show_payload=True)["changes"][0]["after"]["payload"] == "c2VjcmV0"
    gone = make_plan(delete("A", payload=b"secret"))
    assert document(gone, show_payload=True)["changes"][0]["before"]["payload"] == "c2VjcmV0"


@pytest.mark.parametrize(
    ("plan", "refused", "applicable"),
    [(make_plan(create()), False, True), (make_plan(create()), True, False), (full_plan(), False, False)],
)
def test_a_plan_is_applicable_without_refusal_and_conflict(plan: Plan, refused: bool, applicable: bool) -> None:
    assert document(plan, refused=refused)["applicable"] is applicable


def test_hostile_content_is_escaped_to_ascii_and_comes_back_whole() -> None:
    plan = hostile_plan()
    shown = RENDERERS["json"](plan, (), RenderOptions(NOW, show_payload=True))
    assert shown.isascii()
    assert all(char.isprintable() or char in "\n\x7f" for char in shown)
    value = json.loads(shown)
    PLAN_VALIDATOR.validate(value)
    assert [change["name"] for change in value["changes"]] == [change.name for change in plan.changes]


@given(plans(), st.booleans(), impacts())
def test_every_plan_fits_its_schema(plan: Plan, show_payload: bool, impact: Impact | None) -> None:
    assert ("impact" in document(plan, show_payload=show_payload, impact=impact)) is (impact is not None)


def test_a_large_plan_fits_its_schema() -> None:
    assert len(document(large_plan(300))["changes"]) == 300


@given(scheduled_tasks())
def test_what_ajsync_stores_fits_the_schema_of_the_stored_value(task: ScheduledTask) -> None:
    STORED_VALIDATOR.validate(json.loads(encode_scheduled_task(task)))


@pytest.mark.parametrize(("name", "data"), recorded_schedules().items())
def test_what_go_stores_fits_it_too_and_is_encoded_alike(name: str, data: bytes) -> None:
    value = json.loads(data)
    STORED_VALIDATOR.validate(value)
    assert stored_object(decode_scheduled_task(name, data)) == value


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_a_schema_is_valid_and_explains_each_of_its_members_with_a_fitting_example(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    for name, member in _members(schema):
        described = {**_referred(schema, member["$ref"]), **member} if "$ref" in member else member
        assert described["description"], name
        assert described["examples"], name
        for example in described["examples"]:
            Draft202012Validator({**described, "$defs": schema.get("$defs", {})}).validate(example)


def test_the_plan_describes_stored_values_in_the_words_of_their_own_schema() -> None:
    own = {"$schema", "$id"}
    stored = {name: value for name, value in SCHEMAS["stored.schema.json"].items() if name not in own}
    assert SCHEMAS["plan.schema.json"]["$defs"]["stored"] == stored


def _referred(schema: dict[str, Any], reference: str) -> dict[str, Any]:
    part: Any = schema
    for step in reference.split("/")[1:]:
        part = part[step]
    described: dict[str, Any] = part
    return described


def _members(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, list):
        for each in schema:
            yield from _members(each)
    if isinstance(schema, dict):
        yield from schema.get("properties", {}).items()
        for name, each in schema.items():
            if name not in ("examples", "const", "enum"):
                yield from _members(each)


def test_what_a_go_scheduler_ignores_is_named_with_its_place() -> None:
    plan = make_plan(ignored=(("A", ("jitter", "except")), ("B", ("overlap",))))
    assert document(plan, locations={"A": Location("a.yaml", 3, 5)})["ignored_by_go"] == [
        {"name": "A", "members": ["jitter", "except"], "location": {"file": "a.yaml", "line": 3}},
        {"name": "B", "members": ["overlap"], "location": None},
    ]
    assert "ignored_by_go" not in document(make_plan())


def test_only_a_plan_of_a_selection_has_members_about_it() -> None:
    selection = Selection.of(names=["MAIL*"], labels=["a=b", "c"], owner="team")
    value = document(make_plan(selection=selection, not_selected=0))
    assert value["selection"] == {"names": ["MAIL*"], "labels": ["a=b", "c"], "queue": None, "owner": "team"}
    assert value["summary"]["not_selected"] == 0
    whole = document(make_plan())
    assert "selection" not in whole
    assert "not_selected" not in whole["summary"]


def test_queues_are_named_once_one_is_missing_or_different() -> None:
    assert "queues" not in document(full_plan())
    queues = QueueSurvey((QueueSettings("EMAIL"),), (("REPORTS", "max_tries is -1 and not 10"),))
    assert document(make_plan(queues=queues))["queues"] == {
        "missing": [
            {
                "name": "EMAIL",
                "max_tries": -1,
                "max_runtime": 3_600_000_000_000,
                "max_concurrent": 100,
                "max_age": 0,
                "max_entries": 0,
                "discard_old": False,
            }
        ],
        "different": [{"name": "REPORTS", "detail": "max_tries is -1 and not 10"}],
    }


def test_the_impact_is_a_member_with_instants_in_utc() -> None:
    assert document(make_plan(create()), impact=IMPACT)["impact"] == {
        "from": "2026-11-23T14:09:00+00:00",
        "until": "2026-11-24T14:09:00+00:00",
        "queues": [
            {"queue": "EMAIL", "before": 1_200, "after": 1_344},
            {"queue": "Q`\x1b", "before": 24, "after": 20},
        ],
        "busiest": {
            "before": {"minute": "2026-11-23T14:09:00+00:00", "fires": 12},
            "after": {"minute": "2026-11-23T15:39:00+00:00", "fires": 15},
        },
    }
    nothing_due = Impact(IMPACT.start, (), None, IMPACT.after)
    assert document(make_plan(create()), impact=nothing_due)["impact"]["busiest"]["before"] is None


def test_a_delete_says_that_the_file_suspends_the_schedule() -> None:
    gone, suspended = document(make_plan(delete("A"), delete("B")), suspended={"B"})["changes"]
    assert ("suspended" in gone, suspended["suspended"]) == (False, True)
