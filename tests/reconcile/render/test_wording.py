"""The words that the formats for people share."""

from __future__ import annotations

import json
import re

import pytest

from ajsync.asyncjobs.applied import VERBS, Commit, RecordedApply
from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.errors import ConflictError, GateError, Location
from ajsync.reconcile.apply.result import Outcome, Result
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.plan import Change, Conflict, Destination, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.wording import (
    DONE,
    change_place,
    done_counts,
    gate_refusals,
    last_applied,
    left_alone,
    loosened_told,
    place,
    result_told,
    summary,
)
from ajsync.safety import Safety
from ajsync.selection import Selection
from ajsync.text import moment
from ajsync.timestamp import parse_timestamp, to_datetime
from tests.reconcile.samples import NOW, create, delete, full_plan, make_plan, ours, rename, update
from tests.tasks import task

MAIL = Selection.of(names=["MAIL*"])
UNREADABLE = (("A", "not JSON"), ("B", "empty"))


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (make_plan(unchanged=1), "No changes: 1 schedule is up to date."),
        (make_plan(unchanged=1_234), "No changes: 1,234 schedules are up to date."),
        (make_plan(), "No changes: neither the files nor the bucket hold a schedule of team."),
        (
            make_plan(create(), unchanged=7),
            "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete; 7 unchanged.",
        ),
        (
            make_plan(conflicts=(Conflict("A", "unmanaged"),), unchanged=7),
            "Plan: 0 to create, 0 to update, 0 to adopt, 0 to delete; 7 unchanged, 1 conflict.",
        ),
        (make_plan(unchanged=2, selection=MAIL, not_selected=0), "No changes: 2 schedules are up to date."),
        (
            make_plan(unchanged=2, selection=MAIL, not_selected=1),
            "No changes: 2 schedules are up to date; 1 change not selected.",
        ),
        (
            make_plan(selection=MAIL, not_selected=3),
            "No changes: no schedule of team matches --name 'MAIL*'; 3 changes not selected.",
        ),
        (
            make_plan(create(), conflicts=(Conflict("A", "unmanaged"),), selection=MAIL, not_selected=2),
            "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete; 0 unchanged, 1 conflict; 2 changes not selected.",
        ),
        (full_plan(), "Plan: 3 to create, 1 to update, 1 to adopt, 1 to delete; 120 unchanged, 3 conflicts."),
    ],
)
def test_a_plan_is_one_sentence(plan: Plan, sentence: str) -> None:
    assert summary(plan) == sentence


SHA = "3f2a1b9c0d" * 4
NOON = parse_timestamp("2026-11-24T12:00:00Z")
AT = f"Last applied {moment(to_datetime(NOON), seconds=False)}"


@pytest.mark.parametrize(
    ("last", "later", "sentence"),
    [
        (RecordedApply(NOON, "me@here"), 0, f"{AT} by me@here."),
        (RecordedApply(NOON, "me@here"), -60, f"{AT} by me@here."),
        (RecordedApply(NOON, "me@here"), 7_260, f"{AT} (2 h 1 min ago) by me@here."),
        (RecordedApply(NOON, "octocat", Commit(SHA)), 5, f"{AT} (5.0 s ago) by octocat from 3f2a1b9c0d."),
        (RecordedApply(NOON, "me", Commit(SHA, ref="main")), 0, f"{AT} by me from 3f2a1b9c0d of main."),
        (RecordedApply(NOON, "me", Commit(SHA, dirty=True)), 0, f"{AT} by me from 3f2a1b9c0d-dirty."),
        (RecordedApply(NOON, "me", environment="stage"), 0, f"{AT} for stage by me."),
        (RecordedApply(NOON, "me", environment="prod"), 0, f"{AT} by me."),
        (
            RecordedApply(NOON, "a\x1b\nb", Commit(SHA, ref="\u202e")),
            0,
            rf'{AT} by "a\x1b\nb" from 3f2a1b9c0d of "\u202e".',
        ),
    ],
)
def test_what_was_applied_last_is_one_sentence(last: RecordedApply, later: int, sentence: str) -> None:
    plan = make_plan(last=last, destination=Destination("prod"))
    now = to_datetime(NOON + later * 10**9)
    assert last_applied(plan, now) == sentence


def test_without_a_record_nothing_is_said_of_it() -> None:
    assert last_applied(make_plan(), to_datetime(NOON)) == ""


def test_what_was_done_is_said_in_the_order_of_a_plan_and_without_what_was_not() -> None:
    assert done_counts({"delete": 2, "create": 1_000, "update": 0}) == "1000 created, 2 deleted"
    assert done_counts({}) == ""
    assert DONE.keys() == set(VERBS)


EMAIL, SMS = QueueSettings("EMAIL"), QueueSettings("SMS")


@pytest.mark.parametrize(
    ("changes", "queues", "is_done", "sentence"),
    [
        ([create()], (), True, "Applied: 1 created."),
        ([create()], (), False, "Nothing was applied."),
        ([], (EMAIL,), True, "Made the queue EMAIL."),
        ([create()], (EMAIL, SMS), True, "Made the queues EMAIL, SMS. Applied: 1 created."),
        ([create()], (EMAIL,), False, "Nothing was applied."),
    ],
)
def test_what_an_apply_did_is_a_sentence_or_two(
    changes: list[Change], queues: tuple[QueueSettings, ...], is_done: bool, sentence: str
) -> None:
    plan = make_plan(*changes, queues=QueueSurvey(queues, ()))
    result = Result(tuple(Outcome(each, "done") for each in changes)) if is_done else None
    assert result_told(plan, result) == sentence


@pytest.mark.parametrize("style", RENDERERS)
def test_every_format_says_what_was_applied_last(style: str) -> None:
    plan = make_plan(create(), last=RecordedApply(NOON, "octocat", Commit(SHA, ref="main")))
    shown = RENDERERS[style](plan, (), RenderOptions(to_datetime(NOON)))
    assert "octocat" in shown
    assert "3f2a1b9c0d" in shown
    assert "octocat" not in RENDERERS[style](make_plan(create()), (), RenderOptions(to_datetime(NOON)))


@pytest.mark.parametrize(
    ("plan", "phrase", "unreadable"),
    [
        (make_plan(), "", ()),
        (make_plan(unmanaged=1), "1 without an owner", ()),
        (make_plan(foreign=2), "2 of other owners", ()),
        (make_plan(unreadable=UNREADABLE), "2 unreadable", UNREADABLE),
        (
            make_plan(unmanaged=3, foreign=2, unreadable=UNREADABLE),
            "3 without an owner, 2 of other owners, 2 unreadable",
            UNREADABLE,
        ),
    ],
)
def test_what_else_the_bucket_holds_is_counted(
    plan: Plan, phrase: str, unreadable: tuple[tuple[str, str], ...]
) -> None:
    told, found = left_alone(plan)
    assert (told, tuple(found)) == (phrase, unreadable)


def test_an_unreadable_entry_that_the_files_claim_is_a_conflict_and_not_left_alone() -> None:
    plan = make_plan(conflicts=(Conflict("A", "unreadable", "not JSON"),), unreadable=UNREADABLE)
    assert left_alone(plan) == ("1 unreadable", [("B", "empty")])


def test_conflicts_are_one_refusal_before_those_of_the_gates() -> None:
    refusals = (ConflictError("A has no owner."), ConflictError("B is not ours."), GateError("Too\nmany deletes."))
    conflicts = (Conflict("A", "unmanaged"), Conflict("B", "foreign", "others"))
    assert gate_refusals(make_plan(conflicts=conflicts), refusals) == ["2 conflicts to resolve.", r"Too\nmany deletes."]
    assert gate_refusals(make_plan(), refusals[2:]) == [r"Too\nmany deletes."]


def test_limits_that_the_files_loosen_are_one_sentence() -> None:
    assert loosened_told(()) == ""
    assert loosened_told(loosened(Safety(max_delete=11, allow_empty=True))) == (
        "The files loosen the safety limits: safety.max_delete is 11 (default 10); "
        "safety.allow_empty is true (default false)."
    )


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (Location("a.yaml", 3, 5), "a.yaml:3"),
        (Location("a.yaml"), "a.yaml"),
        (Location("a\n.yaml", 3), r'"a\n.yaml:3"'),
    ],
)
def test_a_place_is_a_file_and_a_line(location: Location, shown: str) -> None:
    assert place("A", {"A": location}) == shown
    assert place("B", {"A": location}) == ""


KEPT = task("A", managed=ours(source="old.yaml"))


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        (create(managed=ours(source="b.yaml")), "b.yaml"),
        (update(KEPT, managed=ours(source="new.yaml")), "new.yaml"),
        (delete(managed=ours(source="b.yaml")), "was in b.yaml"),
        (delete(managed=ours(source="b\n.yaml")), r'was in "b\n.yaml"'),
        (create(managed=ours(source="")), ""),
        (delete(managed=ours(source="")), ""),
    ],
)
def test_a_change_of_unknown_place_is_where_the_stored_schedule_comes_from(change: Change, shown: str) -> None:
    assert change_place(change, RenderOptions(NOW)) == shown
    assert change_place(change, RenderOptions(NOW, locations={"A": Location("c.yaml", 7)})) == "c.yaml:7"


def test_a_schedule_that_its_file_suspends_is_said_to_be_suspended_where_it_is_deleted() -> None:
    known = RenderOptions(NOW, locations={"A": Location("c.yaml", 7)}, suspended={"A"})
    assert change_place(delete(), known) == "suspended in c.yaml:7"
    assert change_place(delete(), RenderOptions(NOW, suspended={"A"})) == "suspended in the files"
    assert change_place(create(), known) == "c.yaml:7"
    assert change_place(delete("B"), RenderOptions(NOW, suspended={"A"})) == change_place(
        delete("B"), RenderOptions(NOW)
    )


def test_a_rename_is_told_once_in_every_format() -> None:
    plan = make_plan(*rename("OLD", "NEW"), delete("GONE"), unchanged=1)
    now = RenderOptions(to_datetime(NOON))
    assert summary(plan) == "Plan: 0 to create, 0 to update, 0 to adopt, 1 to rename, 1 to delete; 1 unchanged."
    text = RENDERERS["text"](plan, (), now)
    assert "> rename   - delete" in text
    assert re.search(r"^> NEW .*\n    name +OLD → NEW$", text, re.MULTILINE)
    assert "- OLD" not in text
    markdown = RENDERERS["markdown"](plan, (), now)
    assert "| create | update | adopt | rename | delete | unchanged | conflicts |" in markdown
    assert re.search(r"<b>1 to rename</b></summary>\n\n```diff\n! NEW .*\n!   name +OLD → NEW\n", markdown)
    assert markdown.index("1 to delete</b>") < markdown.index("1 to rename</b>")
    github = RENDERERS["github"](plan, (), now)
    assert "title=ajsync%3A rename NEW::name: OLD → NEW" in github
    assert [line for line in github.splitlines() if line.startswith("::warning")] == [
        line for line in github.splitlines() if "delete GONE" in line
    ]
    document = json.loads(RENDERERS["json"](plan, (), now))
    assert {name: document["summary"][name] for name in ("create", "rename", "delete")} == {
        "create": 1,
        "rename": 1,
        "delete": 2,
    }
    both = {"from": "OLD", "to": "NEW"}
    assert [(each["action"], each["rename"]) for each in document["changes"]] == [
        ("create", both),
        ("delete", both),
        ("delete", None),
    ]
