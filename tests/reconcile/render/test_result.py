"""What became of an apply, as a summary in Markdown and as annotations: done, failed or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.errors import AjsyncError, ConflictError, Location, UnreachableError
from ajsync.reconcile.apply.result import Outcome, Result
from ajsync.reconcile.plan import Conflict, Destination, Plan
from ajsync.reconcile.render import RESULT_RENDERERS, RenderOptions
from ajsync.reconcile.render.markdown import LIMIT
from tests.reconcile.render.test_github import read
from tests.reconcile.render.test_markdown import assert_contained, units
from tests.reconcile.samples import (
    HOSTILE,
    NOW,
    create,
    delete,
    full_refusals,
    large_plan,
    make_plan,
    plans,
    rename,
    update,
)
from tests.tasks import task

PLAN = make_plan(
    create("A"),
    update(task("B"), schedule="@daily"),
    *rename(),
    delete("C"),
    destination=Destination("prod", "nats-prod", "tls://one"),
)
OPTIONS = RenderOptions(NOW, locations={"B": Location("b.yaml", 3)})


def ended(plan: Plan, *failed: str, error: AjsyncError | None = None, left: bool = False) -> Result:
    """All changes done, but for those of these names."""
    return Result(
        tuple(
            Outcome(each, "not attempted" if left else "failed", None if left else error)
            if each.name in failed
            else Outcome(each, "done")
            for each in plan.changes
        )
    )


def shown(style: str, plan: Plan, result: Result | None, refusals: tuple[AjsyncError, ...] = ()) -> str:
    return RESULT_RENDERERS[style](plan, refusals, result, OPTIONS)


def test_an_apply_is_summed_up_with_where_it_went_and_what_was_done() -> None:
    lines = shown("markdown", PLAN, ended(PLAN)).splitlines()
    assert lines[:5] == [
        "### ajsync apply for `team`, environment `prod`",
        "",
        "Environment `prod`, context `nats-prod`, server `tls://one`",
        "",
        "Applied: 1 created, 1 updated, 1 renamed, 1 deleted.",
    ]
    blocks = [line for line in lines if line.startswith("<summary>")]
    assert blocks == [f"<summary><b>1 {word}</b></summary>" for word in ("deleted", "updated", "renamed", "created")]
    (notice,) = map(read, shown("github", PLAN, ended(PLAN)).splitlines())
    assert (notice.level, notice.title) == ("notice", "ajsync apply")
    assert notice.message.endswith("server tls://one. Applied: 1 created, 1 updated, 1 renamed, 1 deleted.")


def test_what_failed_is_named_with_its_reason_and_its_place() -> None:
    result = ended(PLAN, "B", error=ConflictError("B has changed."))
    text = shown("markdown", PLAN, result)
    assert "> [!CAUTION]\n> Partially applied: 4 done, 1 failed, 0 not attempted." in text
    assert "Applied: 1 created, 1 renamed, 1 deleted." in text
    assert "**Failed.**\n\n- `B` (update): B has changed." in text
    whole, failed, notice = map(read, shown("github", PLAN, result).splitlines())
    assert (whole.level, whole.title, whole.message[:18]) == ("error", "ajsync apply", "Partially applied:")
    assert failed == ("error", "b.yaml", "3", "ajsync: update B failed", "B has changed.")
    assert notice.level == "notice"


def test_what_was_not_attempted_is_named() -> None:
    text = shown("markdown", PLAN, ended(PLAN, "A", "C", left=True))
    assert "**Not attempted.**\n\n- `A` (create)\n- `C` (delete)\n" in text


def test_nothing_that_went_wrong_as_a_whole_is_called_applied() -> None:
    result = ended(PLAN, *(each.name for each in PLAN.changes), error=UnreachableError("gone"))
    for style in RESULT_RENDERERS:
        assert "Nothing was applied: 0 done, 5 failed" in shown(style, PLAN, result)
        assert "Applied:" not in shown(style, PLAN, result)
        assert "<details>" not in shown(style, PLAN, result)


def test_an_apply_that_came_to_nothing_reads_like_this() -> None:
    plan = make_plan(create("A"), delete("C"))
    result = Result(
        (Outcome(plan.changes[0], "failed", UnreachableError("gone")), Outcome(plan.changes[1], "not attempted"))
    )
    assert shown("markdown", plan, result) == (
        """\
### ajsync apply for `team`

> [!CAUTION]
> Nothing was applied: 0 done, 1 failed, 1 not attempted. Run 'ajsync plan' to see the current state.

Nothing was applied.

**Failed.**

- `A` (create): gone

**Not attempted.**

- `C` (delete)"""
    )


def test_ten_errors_are_annotated_and_the_others_counted() -> None:
    plan = make_plan(*(create(f"N{number:02}") for number in range(12)))
    *errors, last, notice = map(
        read, shown("github", plan, ended(plan, *(each.name for each in plan.changes))).splitlines()
    )
    assert {each.level for each in (*errors, last)} == {"error"}
    assert len(errors) == 9
    assert (last.title, last.message) == ("ajsync: 4 more", "4 more of these 13 are not annotated.")
    assert (notice.level, notice.message) == ("notice", "Nothing was applied.")


def test_an_apply_with_nothing_to_do_says_so() -> None:
    plan = make_plan(unchanged=3)
    for style in RESULT_RENDERERS:
        assert "No changes: 3 schedules are up to date." in shown(style, plan, None)


def test_queues_that_were_made_are_named() -> None:
    plan = make_plan(queues=QueueSurvey((QueueSettings("EMAIL"),), ()))
    for style in RESULT_RENDERERS:
        assert "Made the queue EMAIL." in shown(style, plan, Result(()))
        assert "Made" not in shown(style, plan, None)


def test_long_reasons_of_failures_leave_less_room_for_what_was_done() -> None:
    plan = large_plan(2_000)
    failed = [each.name for each in plan.changes[:10]]
    text = shown("markdown", plan, ended(plan, *failed, error=ConflictError("no " * 300)))
    assert LIMIT * 0.9 < units(text) <= LIMIT


def test_a_plan_that_was_refused_is_shown_with_the_reasons() -> None:
    text = shown("markdown", PLAN, None, full_refusals())
    assert text.startswith("### ajsync apply for `team`")
    assert "This plan will not be applied:" in text
    assert "<b>1 to delete</b>" in text
    *errors, notice = map(read, shown("github", PLAN, None, full_refusals()).splitlines())
    assert errors
    assert {each.level for each in errors} == {"error"}
    assert notice.message.endswith("Nothing was applied.")


def test_a_conflict_that_stood_in_the_way_has_its_place() -> None:
    plan = make_plan(conflicts=(Conflict("B", "unmanaged"),))
    conflict, notice = map(read, shown("github", plan, None, (ConflictError("B has no owner."),)).splitlines())
    assert conflict[:4] == ("error", "b.yaml", "3", "ajsync: conflict over B")
    assert notice.message == "Nothing was applied."


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_reasons_stay_content(text: str) -> None:
    plan = make_plan(create(text), update(task("B", queue=text), schedule="@daily"))
    result = ended(plan, "B", error=ConflictError(text))
    assert_contained(shown("markdown", plan, result))
    assert all(read(line).level in ("error", "notice") for line in shown("github", plan, result).split("\n"))


@given(plans(), st.data())
def test_no_summary_is_longer_than_a_comment(plan: Plan, data: st.DataObject) -> None:
    failed = data.draw(st.sets(st.sampled_from([each.name for each in plan.changes]))) if plan.changes else set()
    text = shown("markdown", plan, ended(plan, *failed, error=ConflictError("no")))
    assert_contained(text)
    assert units(text) <= LIMIT
