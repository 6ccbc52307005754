"""The plan as annotations of GitHub Actions, read as its runner reads them."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.applied import RecordedApply
from ajsync.asyncjobs.queues import QueueSurvey
from ajsync.errors import Location, Problem
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.plan import Adopt, Conflict, Destination, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.github import render_findings
from ajsync.safety import Safety
from ajsync.selection import Selection
from tests.reconcile.samples import (
    CREATED_AT,
    HOUR,
    NOW,
    create,
    delete,
    full_locations,
    full_plan,
    full_refusals,
    hostile_plan,
    make_plan,
    plans,
    update,
)
from tests.tasks import task


class Annotation(NamedTuple):
    level: str
    file: str
    line: str
    title: str
    message: str


def annotate(plan: Plan, *, refused: bool = False, **options: object) -> list[Annotation]:
    made = RenderOptions(NOW, **options)  # type: ignore[arg-type]  # each test names options that exist
    shown = RENDERERS["github"](plan, full_refusals() if refused else (), made)
    return [read(line) for line in shown.split("\n")]


def read(line: str) -> Annotation:
    """What the runner makes of a line (actions/runner, ActionCommand.TryParseV2)."""
    assert line.startswith("::")
    command, _, data = line[2:].partition("::")
    level, _, listed = command.partition(" ")
    properties = dict(pair.split("=", 1) for pair in listed.strip().split(","))
    for name, value in properties.items():
        for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
            value = value.replace(escaped, char)
        properties[name] = value
    for escaped, char in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        data = data.replace(escaped, char)
    assert set(properties) <= {"file", "line", "title"}
    return Annotation(level, properties.get("file", ""), properties.get("line", ""), properties.get("title", ""), data)


def test_a_change_is_annotated_where_it_stands_in_the_files_with_a_line_for_each_of_its_rows() -> None:
    change = update(task("A", payload=b"1", schedule="@weekly"), payload=b"2", schedule="@daily")
    first = annotate(make_plan(change), show_payload=True, locations={"A": Location("a.yaml", 31, 5)})[0]
    assert first == Annotation(
        "notice",
        "a.yaml",
        "31",
        "ajsync: update A",
        "schedule: @weekly → @daily\n"
        "payload: 1 B, sha256 6b86b273ff34 → 1 B, sha256 d4735e3a265e\n"
        "  - 1\n"
        "  + 2\n"
        "next: Wed 2026-11-25 00:00 UTC  in 18 h 12 min\n"
        "  Thu 2026-11-26 00:00 UTC  in 1 d 18 h\n"
        "  Fri 2026-11-27 00:00 UTC  in 2 d 18 h",
    )
    assert "  + 2" not in annotate(make_plan(change))[0].message


def test_a_delete_is_a_warning_without_a_place() -> None:
    first = annotate(make_plan(delete("OLD")))[0]
    assert first[:4] == ("warning", "", "", "ajsync: delete OLD")
    assert "schedule: @daily" in first.message


def test_conflicts_and_refusals_are_errors_and_a_conflict_is_told_once() -> None:
    errors = [each for each in annotate(full_plan(), refused=True, locations=full_locations()) if each.level == "error"]
    refused, *conflicts = errors
    assert refused[1:4] == ("", "", "ajsync: This plan will not be applied")
    assert refused.message.startswith("12 schedules would be deleted")
    assert [error[1:4] for error in conflicts] == [
        ("schedules/email.yaml", "49", "ajsync: conflict over CLEANUP"),
        ("schedules/email.yaml", "58", "ajsync: conflict over INVOICES"),
        ("schedules/email.yaml", "67", "ajsync: conflict over MESS"),
    ]
    assert conflicts[0].message == (
        "CLEANUP is already in the bucket and has no owner. "
        "To take it over, pass --adopt; otherwise remove it from the files."
    )


def test_a_conflict_whose_place_is_unknown_is_told_without_one() -> None:
    assert annotate(make_plan(conflicts=(Conflict("A", "foreign", "others"),)))[0] == Annotation(
        "error",
        "",
        "",
        "ajsync: conflict over A",
        "A belongs to the owner others. Choose another name, or ask that owner to remove it first.",
    )


def test_limits_that_the_files_loosen_are_the_first_warning() -> None:
    found = annotate(make_plan(delete("OLD")), loosened=loosened(Safety(max_delete=11)))
    assert [each.title for each in found] == ["ajsync: limits", "ajsync: delete OLD", "ajsync plan"]
    assert found[0][:3] == ("warning", "", "")
    assert found[0].message == "The files loosen the safety limits: safety.max_delete is 11 (default 10)."


def test_a_place_without_a_line_is_the_file_alone() -> None:
    first = annotate(make_plan(create()), locations={"A": Location("a,b:c.yaml")})[0]
    assert (first.file, first.line) == ("a,b:c.yaml", "")


def test_the_last_notice_sums_up() -> None:
    assert annotate(make_plan(create(), unchanged=2))[-1] == Annotation(
        "notice", "", "", "ajsync plan", "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete; 2 unchanged."
    )
    assert [each.message for each in annotate(make_plan(unchanged=2))] == ["No changes: 2 schedules are up to date."]


def test_the_last_notice_says_where_the_plan_goes() -> None:
    where = Destination("prod", "nats-stage", "tls://two", "nats-prod")
    assert annotate(make_plan(unchanged=2, destination=where))[-1].message == (
        "Environment prod, context nats-stage instead of nats-prod, server tls://two. "
        "No changes: 2 schedules are up to date."
    )


def test_adoptions_are_annotated_before_updates_and_updates_before_creates() -> None:
    nobodys = task("Z", owner=None)
    plan = make_plan(create("A"), update(task("B"), deadline=HOUR), Adopt("Z", nobodys, task("Z"), 1))
    assert [each.title for each in annotate(plan)[:3]] == ["ajsync: adopt Z", "ajsync: update B", "ajsync: create A"]


@pytest.mark.parametrize(
    ("changes", "shown", "more"),
    [
        (9, 9, ""),
        (10, 9, " 1 more change is not annotated."),
        (11, 9, " 2 more changes are not annotated."),
    ],
)
def test_nine_notices_are_of_changes_and_the_tenth_counts_the_rest(changes: int, shown: int, more: str) -> None:
    *notices, last = annotate(make_plan(*(create(f"C{number}") for number in range(changes))))
    assert [each.title for each in notices] == [f"ajsync: create C{number}" for number in range(shown)]
    assert last.message == f"Plan: {changes} to create, 0 to update, 0 to adopt, 0 to delete; 0 unchanged.{more}"


@pytest.mark.parametrize(("count", "last"), [(10, "D9"), (11, "2 more"), (30, "21 more")])
def test_ten_warnings_are_all_shown_and_of_more_the_tenth_counts_the_rest(count: int, last: str) -> None:
    deletes = annotate(make_plan(*(delete(f"D{number}") for number in range(count))))[:-1]
    assert {each.level for each in deletes} == {"warning"}
    assert [each.title for each in deletes[:9]] == [f"ajsync: delete D{number}" for number in range(9)]
    (tenth,) = deletes[9:]
    assert tenth.title.endswith(last)
    if count > 10:
        assert tenth.message == f"{count - 9} more of these {count} are not annotated."


def test_conflicts_beyond_ten_are_counted_too() -> None:
    found = annotate(make_plan(conflicts=tuple(Conflict(f"X{number}", "unmanaged") for number in range(12))))
    assert [each.level for each in found] == ["error"] * 10 + ["notice"]
    assert found[9][:4] == ("error", "", "", "ajsync: 3 more")


@pytest.mark.parametrize(("extra", "end"), [(0, "max_tries: 10"), (1, "max_tries: 1…")])
def test_a_message_is_cut_before_the_runner_cuts_it(extra: int, end: str) -> None:
    around = len(annotate(make_plan(delete(payload=b"x" * 3_800)), show_payload=True)[0].message) - 3_800
    plan = make_plan(delete(payload=b"x" * (4_000 - around + extra)))
    message = annotate(plan, show_payload=True)[0].message
    assert len(message) == 4_000 + extra
    assert message.endswith(end)


def test_what_has_a_meaning_in_a_command_is_escaped() -> None:
    first = annotate(make_plan(delete("a,b:c%0A", queue="50%25::")), locations={"a,b:c%0A": Location("a,b:%3A.yaml")})[
        0
    ]
    assert (first.file, first.title) == ("a,b:%3A.yaml", "ajsync: delete a,b:c%0A")
    assert "\nqueue: 50%25::\n" in first.message


def test_findings_are_annotated_with_the_names_of_their_rules() -> None:
    findings = [
        ("no-queue", Problem(Location("a.yaml", 3, 5), "this is\nodd", "write that")),
        ("invalid", Problem(Location("b.yaml"), "this is wrong")),
        ("no-file", Problem(Location(""), "there is nothing")),
    ]
    assert [read(line) for line in render_findings("warning", findings).split("\n")] == [
        Annotation("warning", "a.yaml", "3", "ajsync: no-queue", r"this is\nodd; write that"),
        Annotation("warning", "b.yaml", "", "ajsync: invalid", "this is wrong"),
        Annotation("warning", "", "", "ajsync: no-file", "there is nothing"),
    ]


def test_of_more_than_ten_findings_the_last_annotation_counts_the_rest() -> None:
    findings = [("rule", Problem(Location("a.yaml", line), "odd")) for line in range(1, 13)]
    *shown, last = (read(line) for line in render_findings("error", findings).split("\n"))
    assert [each.line for each in shown] == [str(line) for line in range(1, 10)]
    assert last == Annotation("error", "", "", "ajsync: 3 more", "3 more of these 12 are not annotated.")


def test_hostile_content_makes_no_command_of_its_own() -> None:
    found = annotate(hostile_plan(), show_payload=True)
    assert Counter(each.level for each in found) == {"error": 10, "warning": 10, "notice": 10}


@given(plans(), st.booleans())
def test_every_line_of_any_plan_is_one_short_annotation(plan: Plan, show_payload: bool) -> None:
    for annotation in annotate(plan, show_payload=show_payload):
        assert annotation.level in ("error", "warning", "notice")
        assert "##[" not in annotation.message
        assert len(annotation.message) <= 4_096
        assert annotation.title.isprintable()


def test_the_last_notice_counts_what_is_not_selected() -> None:
    (notice,) = annotate(make_plan(selection=Selection.of(names=["X"]), not_selected=1))
    assert notice.message == "No changes: no schedule of team matches --name X; 1 change not selected."


def test_what_a_go_scheduler_ignores_is_a_warning_at_its_schedule() -> None:
    plan = make_plan(ignored=(("A", ("except", "jitter")),))
    message = "A Go scheduler watches this bucket, and fires as if these members were absent: except, jitter"
    found = annotate(plan, locations={"A": Location("a.yaml", 3)})
    assert found[0] == Annotation("warning", "a.yaml", "3", "ajsync: A beside a Go scheduler", message)


def test_a_delete_says_that_the_file_suspends_the_schedule() -> None:
    first = annotate(make_plan(delete("A")), suspended={"A"})[0]
    assert first.title == "ajsync: delete A, suspended in the files"


def test_a_queue_that_differs_is_a_warning_and_times_are_in_the_zone() -> None:
    plan = make_plan(
        create(schedule="0 6 * * *"),
        last=RecordedApply(CREATED_AT, "me"),
        queues=QueueSurvey((), (("SMS", "max_tries is 3"),)),
    )
    queue, created, notice = annotate(plan, zone=ZoneInfo("Europe/Malta"))
    assert (queue.level, queue.title) == ("warning", "ajsync: queue")
    assert queue.message.startswith("The queue SMS is not as the files declare it: max_tries is 3.")
    assert "next: Tue 2026-11-24 07:00 +01:00  in 12 min 30 s" in created.message
    assert notice.message == (
        "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete; 0 unchanged. "
        "Last applied Mon 2026-11-23 15:09:53 +01:00 (15 h 37 min ago) by me."
    )
