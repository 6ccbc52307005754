"""The plan as annotations of GitHub Actions, read as its runner reads them."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import Location
from ajsync.reconcile.plan import Conflict, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from tests.reconcile.samples import (
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


def annotate(
    plan: Plan, *, refused: bool = False, show_payload: bool = False, locations: dict[str, Location] | None = None
) -> list[Annotation]:
    options = RenderOptions(NOW, show_payload, locations or {})
    shown = RENDERERS["github"](plan, full_refusals() if refused else (), options)
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


def test_a_change_is_annotated_where_it_stands_in_the_files() -> None:
    found = annotate(full_plan(), locations=full_locations())
    notice = next(each for each in found if each.title == "ajsync: update REPORT")
    assert (notice.level, notice.file, notice.line) == ("notice", "schedules/email.yaml", "31")
    assert notice.message.startswith("schedule: 30 6 * * MON-FRI → 0 7 * * MON-FRI\ntimezone: ")


def test_a_delete_is_a_warning_without_a_place() -> None:
    first = annotate(make_plan(delete("OLD")))[0]
    assert first[:4] == ("warning", "", "", "ajsync: delete OLD")
    assert "schedule: @daily" in first.message


def test_conflicts_and_refusals_are_errors_and_a_conflict_is_told_once() -> None:
    errors = [each for each in annotate(full_plan(), refused=True, locations=full_locations()) if each.level == "error"]
    assert [error.title for error in errors] == [
        "ajsync: This plan will not be applied",
        "ajsync: conflict over CLEANUP",
        "ajsync: conflict over INVOICES",
        "ajsync: conflict over MESS",
    ]
    assert errors[0].message.startswith("12 schedules would be deleted")
    assert (errors[1].file, errors[1].line) == ("schedules/email.yaml", "49")
    assert errors[1].message.endswith("To take it over, pass --adopt; otherwise remove it from the files.")


def test_a_place_without_a_line_is_the_file_alone() -> None:
    first = annotate(make_plan(create()), locations={"A": Location("a,b:c.yaml")})[0]
    assert (first.file, first.line) == ("a,b:c.yaml", "")


def test_the_last_notice_sums_up() -> None:
    assert annotate(make_plan(create(), unchanged=2))[-1] == Annotation(
        "notice", "", "", "ajsync plan", "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete; 2 unchanged."
    )
    assert [each.message for each in annotate(make_plan(unchanged=2))] == ["No changes: 2 schedules are up to date."]


def test_there_are_at_most_ten_of_a_level_the_most_important_first_and_the_rest_is_counted() -> None:
    plan = make_plan(
        *(create(f"C{number}") for number in range(12)),
        *(delete(f"D{number}") for number in range(12)),
        *(update(task(f"U{number}"), deadline=HOUR) for number in range(3)),
        conflicts=tuple(Conflict(f"X{number}", "unmanaged") for number in range(12)),
    )
    found = annotate(plan)
    assert Counter(each.level for each in found) == {"error": 10, "warning": 10, "notice": 10}
    notices = [each for each in found if each.level == "notice"]
    assert [each.title for each in notices[:4]] == [*(f"ajsync: update U{n}" for n in range(3)), "ajsync: create C0"]
    assert notices[-1].message.endswith("6 more changes are not annotated.")
    for level in ("error", "warning"):
        last = [each for each in found if each.level == level][-1]
        assert last.message == "3 more of these 12 are not annotated."


def test_exactly_ten_are_all_shown() -> None:
    found = annotate(make_plan(*(delete(f"D{number}") for number in range(10))))
    assert [each.title for each in found if each.level == "warning"] == [
        f"ajsync: delete D{number}" for number in range(10)
    ]


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
