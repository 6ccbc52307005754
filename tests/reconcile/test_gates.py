"""The gates refuse what is likely a mistake, and name the one option that lets it pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ajsync.asyncjobs.applied import Commit, RecordedApply
from ajsync.asyncjobs.model import Live, ScheduledTask
from ajsync.errors import ConflictError, GateError
from ajsync.reconcile.gates import loosened, refusals
from ajsync.reconcile.plan import Delete, Lineage, Plan, plan
from ajsync.safety import NOTHING_OPENED, Opened, Safety
from ajsync.selection import EVERYTHING, Selection
from ajsync.timestamp import parse_timestamp
from tests.tasks import OWNER, desired, live, task

SAFETY = Safety(max_delete=10, max_delete_percent=30, allow_empty=False)


def deleting(deletes: int, keeping: int) -> Plan:
    keep = [task(f"KEEP{number}") for number in range(keeping)]
    drop = [task(f"DROP{number}") for number in range(deletes)]
    return make(keep, live(keep + drop))


def make(wanted: list[ScheduledTask], found: Live, selection: Selection = EVERYTHING) -> Plan:
    return plan(desired(wanted), found, owner=OWNER, digest="d", selection=selection)


TOO_MANY = (
    "11 schedules would be deleted, more than safety.max_delete allows (10). "
    "If that is intended, pass --allow-deletes 11."
)
TOO_LARGE_A_SHARE = (
    "4 of the {} schedules of team would be deleted, more than safety.max_delete_percent allows (30 %). "
    "If that is intended, pass --allow-deletes 4."
)
EMPTY = (
    "The files define no schedules, so 1 schedule would be deleted. "
    "If that is intended, pass --allow-empty or set safety.allow_empty."
)


@pytest.mark.parametrize(
    ("deletes", "keeping", "opened", "refused"),
    [
        (0, 5, NOTHING_OPENED, None),
        (10, 100, NOTHING_OPENED, None),
        (11, 100, NOTHING_OPENED, TOO_MANY),
        (11, 100, Opened(allow_deletes=10), TOO_MANY),
        (11, 100, Opened(allow_deletes=11), None),
        (3, 7, NOTHING_OPENED, None),
        (4, 6, NOTHING_OPENED, TOO_LARGE_A_SHARE.format(10)),
        (4, 7, NOTHING_OPENED, TOO_LARGE_A_SHARE.format(11)),
        (4, 7, Opened(allow_deletes=4), None),
        (8, 1, NOTHING_OPENED, None),  # the share counts only from ten schedules on
        (1, 0, NOTHING_OPENED, EMPTY),
        (1, 0, Opened(allow_empty=True), None),
        (1, 0, Opened(allow_deletes=1), EMPTY),
    ],
)
def test_deletes_beyond_the_limits_are_refused(deletes: int, keeping: int, opened: Opened, refused: str | None) -> None:
    found = refusals(deleting(deletes, keeping), SAFETY, opened)
    assert [type(error) for error in found] == [GateError] * (refused is not None)
    assert [str(error) for error in found] == ([] if refused is None else [refused])


def test_a_rename_deletes_nothing() -> None:
    drop = [task(f"DROP{number}", schedule=f"{number} * * * *") for number in range(30)]
    keep = [replace(each, name=each.name.replace("DROP", "KEEP")) for each in drop]
    assert refusals(make(keep, live(drop)), SAFETY) == ()
    # Of thirty deletes, nineteen belong to a rename.
    (refused,) = refusals(make(keep[:19], live(drop)), SAFETY)
    assert str(refused) == TOO_MANY
    # And half of a rename is a delete.
    plan = make(keep, live(drop))
    deletes = tuple(each for each in plan.changes if isinstance(each, Delete))
    assert "30 schedules would be deleted" in str(refusals(replace(plan, changes=deletes), SAFETY)[0])


def test_allowing_deletes_does_not_open_the_other_gates() -> None:
    plan = deleting(20, 0)
    assert [type(error) for error in refusals(plan, SAFETY)] == [GateError, GateError]
    (left,) = refusals(plan, SAFETY, Opened(allow_deletes=20))
    assert "--allow-empty" in str(left)
    (left,) = refusals(plan, SAFETY, Opened(allow_empty=True))
    assert "--allow-deletes 20" in str(left)


OLD, NEW = Commit("1" * 40, 1_700_000_000 * 10**9), Commit("2" * 40, 1_700_000_060 * 10**9, "main")
OLDER = (
    "The files come from the commit 1111111111 (Tue 2023-11-14 22:13:20 UTC), which is older than 2222222222 "
    "(Tue 2023-11-14 22:14:20 UTC), applied Wed 2023-11-15 00:00 UTC by octocat. "
    "Apply the newer commit instead. If going back is intended, pass --allow-older."
)


def over(files: Commit, applied: Commit | None, descends: bool | None, **members: object) -> Plan:
    """A plan with a create, for files of one commit where another one was applied."""
    last = RecordedApply(parse_timestamp("2023-11-15T00:00:00Z"), "octocat", applied)
    lineage = Lineage(files, last, descends)
    return replace(make([task("A")], live([])), last=last, lineage=lineage, **members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "opened", "refused"),
    [
        (over(OLD, NEW, descends=True), NOTHING_OPENED, OLDER),
        (over(OLD, NEW, descends=True), Opened(True, 99, True), OLDER),
        (over(OLD, NEW, descends=True), Opened(allow_older=True), None),
        (over(OLD, NEW, descends=True, changes=()), NOTHING_OPENED, None),  # nothing to do
        (over(OLD, NEW, descends=False), NOTHING_OPENED, None),  # diverged: git knows better than the clocks
        (over(NEW, OLD, descends=False), NOTHING_OPENED, None),
        (over(OLD, NEW, descends=None), NOTHING_OPENED, OLDER),
        (over(OLD, NEW, descends=None), Opened(allow_older=True), None),
        (over(NEW, OLD, descends=None), NOTHING_OPENED, None),
        (over(OLD, OLD, descends=None), NOTHING_OPENED, None),
        (over(OLD, replace(OLD, time=NEW.time, dirty=True), descends=None), NOTHING_OPENED, None),  # the same commit
        (over(OLD, replace(NEW, time=OLD.time), descends=None), NOTHING_OPENED, None),
        (over(replace(OLD, time=0), NEW, descends=None), NOTHING_OPENED, None),  # made nobody knows when
        (over(OLD, replace(NEW, time=0), descends=None), NOTHING_OPENED, None),
        (over(OLD, None, descends=None), NOTHING_OPENED, None),
        (replace(over(OLD, NEW, descends=True), lineage=None), NOTHING_OPENED, None),
    ],
)
def test_an_older_commit_does_not_go_over_a_newer_one(found: Plan, opened: Opened, refused: str | None) -> None:
    reasons = refusals(found, SAFETY, opened)
    assert [str(each) for each in reasons] == ([refused] if refused else [])
    assert all(isinstance(each, GateError) and each.exit_code == 4 for each in reasons)


def test_a_time_that_is_not_known_is_not_made_up() -> None:
    files, applied = replace(OLD, time=0), replace(NEW, time=0)
    (refused,) = refusals(over(files, applied, descends=True), SAFETY)
    assert "the commit 1111111111, which is older than 2222222222, applied" in str(refused)


def test_empty_files_and_an_empty_bucket_are_no_mistake() -> None:
    assert refusals(make([], live()), SAFETY) == ()


def test_conflicts_are_refused_first_and_no_limit_opens_them() -> None:
    names = [f"N{number}" for number in range(7)]
    found = live([task(name, owner=None) for name in names] + [task("F", owner="others")], broken=["X"])
    against = refusals(
        make([task(name) for name in [*names, "F", "X"]], found),
        Safety(max_delete=99, max_delete_percent=100, allow_empty=True),
        Opened(adopt=True, allow_deletes=99, allow_empty=True, allow_older=True),
    )
    assert [type(error) for error in against] == [ConflictError] * 3
    assert [str(error) for error in against] == [
        "Already in the bucket and without an owner: N0, N1, N2, N3, N4 and 2 more. To take them over, pass --adopt.",
        "These names belong to other owners: F (others). Choose other names, or ask their owners to remove them first.",
        "The bucket holds values that are not scheduled tasks: X. ajsync does not overwrite them: look at each with "
        "'ajsync view', and delete it if it is not needed.",
    ]


@pytest.mark.parametrize(
    ("safety", "told"),
    [
        (Safety(), []),
        (Safety(max_delete=9, max_delete_percent=29), []),
        (Safety(max_delete=11), ["safety.max_delete is 11 (default 10)"]),
        (
            Safety(max_delete_percent=31, allow_empty=True),
            ["safety.max_delete_percent is 31 (default 30)", "safety.allow_empty is true (default false)"],
        ),
    ],
)
def test_limits_that_are_looser_than_the_defaults_are_told(safety: Safety, told: list[str]) -> None:
    assert [str(each) for each in loosened(safety)] == told


def test_gates_are_open_where_either_of_two_opens_them() -> None:
    assert Opened(adopt=True, allow_deletes=3) | Opened(allow_deletes=5, allow_empty=True) == Opened(True, 5, True)
    assert (
        Opened(allow_older=True) | NOTHING_OPENED
        == NOTHING_OPENED | Opened(allow_older=True)
        == Opened(False, 0, False, True)
    )
    assert NOTHING_OPENED | NOTHING_OPENED == NOTHING_OPENED


def test_the_gates_look_at_what_is_selected() -> None:
    keep, drop = [task(f"KEEP{number}") for number in range(90)], [task(f"DROP{number:02}") for number in range(20)]
    found = live([*keep, *drop, task("FREE", owner=None)])
    wanted = [*keep, task("FREE")]
    kinds = [type(each) for each in refusals(make(wanted, found), SAFETY)]
    assert kinds == [ConflictError, GateError]
    assert refusals(make(wanted, found, Selection.of(names=["DROP0?", "KEEP*"])), SAFETY) == ()
    (refusal,) = refusals(make(wanted, found, Selection.of(names=["DROP*"])), SAFETY)
    assert str(refusal).startswith("20 schedules would be deleted")


def test_the_share_of_deletes_is_that_of_all_schedules_of_the_owner() -> None:
    keep, drop = [task(f"KEEP{number}") for number in range(10)], [task(f"DROP{number}") for number in range(5)]
    selection = Selection.of(names=["DROP*"])
    assert [str(each)[:30] for each in refusals(make(keep, live([*keep, *drop]), selection), SAFETY)] == [
        "5 of the 15 schedules of team "
    ]
    more = [*keep, *(task(f"ALSO{number}") for number in range(10))]
    assert refusals(make(more, live([*more, *drop]), selection), SAFETY) == ()
