"""A saved plan is what would be planned now, or what differs is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.model import BucketIdentity
from ajsync.errors import StalePlanError
from ajsync.reconcile.plan import Adopt, Change, Destination, Plan, Update
from ajsync.reconcile.saved import SavedPlan, check_environment, check_plan, check_variables
from tests.reconcile.samples import create, delete, full_plan, large_plan, make_plan, ours, update
from tests.tasks import TARGET, task

PROD = Destination("prod", "nats-prod", "tls://prod:4222")


def test_a_plan_fits_what_would_be_planned_now() -> None:
    check_plan(full_plan(), full_plan())


def test_a_plan_that_was_applied_fits() -> None:
    check_plan(full_plan(), make_plan())


def test_what_changes_nothing_that_is_applied_may_differ() -> None:
    moved = update(task("A"), max_tries=1)
    managed = replace(ours(), source="schedules/elsewhere.yaml")
    later = replace(moved, after=replace(moved.after, managed=managed, created_at=7))
    check_plan(make_plan(moved), make_plan(later, destination=PROD))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (
            {"target": BucketIdentity("OTHER", TARGET.created)},
            "it was made for the bucket CHORIA_AJ_CONFIGURATION, and this is OTHER",
        ),
        (
            {"target": replace(TARGET, created="2027-01-01T00:00:00Z")},
            "the bucket CHORIA_AJ_CONFIGURATION was created anew at 2027-01-01T00:00:00Z, "
            f"and the plan was made for the one that was created at {TARGET.created}",
        ),
        (
            {
                "target": replace(TARGET, created="2027-01-01T00:00:00Z"),
                "destination": Destination("prod", "", "nats://u\n:4222"),
            },
            "it was made for the bucket of the context nats-prod at tls://prod:4222, "
            'and this is the bucket of the server "nats://u\\n:4222"',
        ),
        ({"owner": "others", "digest": "e"}, "it was made for the owner team, and the files belong to others"),
        ({"digest": "e"}, "the files, or the variables in them, have changed since it was made"),
        (
            {"target": BucketIdentity("OTHER", ""), "digest": "e"},
            "it was made for the bucket CHORIA_AJ_CONFIGURATION, and this is OTHER; "
            "the files, or the variables in them, have changed since it was made",
        ),
    ],
)
def test_a_plan_made_from_something_else_says_from_what(now: dict[str, Any], said: str) -> None:
    saved = replace(full_plan(), destination=PROD)
    with pytest.raises(StalePlanError) as caught:
        check_plan(saved, replace(saved, **now))
    assert str(caught.value) == f"The saved plan is stale: {said}. Make it again with 'ajsync plan --out'."


def edited(change: Change) -> Change:
    """The same change, with another value than the files give it."""
    assert change.after is not None
    return replace(change, after=replace(change.after, task_type="evil"))


UPDATE = update(task("B"), max_tries=1)
NOBODYS = replace(UPDATE.before, managed=None)
OTHER_CONTENT: list[Callable[[], tuple[Change, Change]]] = [
    lambda: (edited(create("B")), create("B")),
    lambda: (edited(UPDATE), UPDATE),
    lambda: (replace(UPDATE, before=replace(UPDATE.before, max_tries=7)), UPDATE),
    lambda: (Adopt("B", UPDATE.before, UPDATE.after, UPDATE.revision), UPDATE),
    lambda: (Update("B", NOBODYS, UPDATE.after, 12), Adopt("B", NOBODYS, UPDATE.after, 12)),
    lambda: (replace(delete("B"), revision=12), UPDATE),
]


@pytest.mark.parametrize("changes", OTHER_CONTENT)
def test_a_plan_that_says_something_else_than_files_and_bucket_is_stale(
    changes: Callable[[], tuple[Change, Change]],
) -> None:
    saved, fresh = changes()
    with pytest.raises(StalePlanError, match=r": its changes of these are not those of the files and the bucket: B\."):
        check_plan(make_plan(create("A"), saved), make_plan(create("A"), fresh))


@pytest.mark.parametrize(
    ("saved", "fresh", "said"),
    [
        (
            make_plan(create("A"), delete("B"), UPDATE),
            make_plan(create("A"), replace(UPDATE, revision=99)),
            "these have changed in the bucket since it was made: B",
        ),
        (
            make_plan(create("A")),
            make_plan(create("A"), delete("B")),
            "it lacks changes that are needed now: B",
        ),
        (
            make_plan(create("A"), create("EVIL")),
            make_plan(create("A")),
            "these have changed in the bucket since it was made: EVIL",
        ),
        (large_plan(12), make_plan(create("A")), "JOB_000004 and 7 more; it lacks changes that are needed now: A"),
    ],
)
def test_a_plan_of_other_changes_names_them(saved: Plan, fresh: Plan, said: str) -> None:
    with pytest.raises(StalePlanError) as caught:
        check_plan(saved, fresh)
    assert said in str(caught.value)


@pytest.mark.parametrize("environment", [None, "prod"])
def test_a_plan_may_be_asked_for_in_its_environment_or_without_one(environment: str | None) -> None:
    check_environment(SavedPlan(make_plan(destination=PROD)), environment)


@pytest.mark.parametrize(("destination", "made"), [(PROD, "the environment prod"), (Destination(), "no environment")])
def test_a_plan_of_another_environment_says_of_which(destination: Destination, made: str) -> None:
    with pytest.raises(StalePlanError) as caught:
        check_environment(SavedPlan(make_plan(destination=destination)), "stage")
    assert str(caught.value) == (
        f"The saved plan was made for {made}, and --environment says stage. Leave the option out to apply "
        "the plan, or make a new plan with 'ajsync plan --environment stage --out'."
    )


@pytest.mark.parametrize("given", [{}, {"a": "1"}, {"a": "1", "b": ""}])
def test_a_plan_may_be_asked_for_with_its_variables_or_without_them(given: dict[str, str]) -> None:
    check_variables(SavedPlan(make_plan(), variables={"a": "1", "b": ""}), given)


@pytest.mark.parametrize(("given", "named"), [({"a": "hunter2", "b": ""}, "a"), ({"c": "", "a": "hunter2"}, "a, c")])
def test_a_plan_of_other_variables_names_them_and_shows_no_value(given: dict[str, str], named: str) -> None:
    with pytest.raises(StalePlanError) as caught:
        check_variables(SavedPlan(make_plan(), variables={"a": "1", "b": ""}), given)
    assert str(caught.value) == (
        f"The saved plan was made with other variables, and --var gives {named} now. Leave the option out to apply the "
        "plan, or make a new plan with 'ajsync plan --out'."
    )
