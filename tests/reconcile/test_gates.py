"""The gates refuse what is likely a mistake, and name the one option that lets it pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ajsync.asyncjobs.live import Live
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import ConflictError, GateError
from ajsync.reconcile.gates import Limits, refusals
from ajsync.reconcile.plan import Plan, plan
from tests.tasks import OWNER, desired, live, task

LIMITS = Limits(max_delete=10, max_delete_percent=30, allow_empty=False)


def deleting(deletes: int, keeping: int) -> Plan:
    keep = [task(f"KEEP{number}") for number in range(keeping)]
    drop = [task(f"DROP{number}") for number in range(deletes)]
    return make(keep, live(keep + drop))


def make(wanted: list[ScheduledTask], found: Live) -> Plan:
    return plan(desired(wanted), found, owner=OWNER, digest="d")


@pytest.mark.parametrize(
    ("deletes", "keeping", "limits", "refused"),
    [
        (0, 5, LIMITS, None),
        (10, 100, LIMITS, None),
        (11, 100, LIMITS, "11 schedules would be deleted, more than safety.max_delete allows (10)"),
        (11, 100, replace(LIMITS, allow_deletes=10), "--allow-deletes 11"),
        (11, 100, replace(LIMITS, allow_deletes=11), None),
        (3, 7, LIMITS, None),
        (4, 7, LIMITS, "4 of the 11 schedules of team would be deleted, more than safety.max_delete_percent"),
        (4, 7, replace(LIMITS, allow_deletes=4), None),
        (8, 1, LIMITS, None),  # per cent of nine say nothing
        (1, 0, LIMITS, "The files hold no schedule at all, and 1 schedule would be deleted"),
        (1, 0, replace(LIMITS, allow_empty=True), None),
        (1, 0, replace(LIMITS, allow_deletes=1), "--allow-empty"),
    ],
)
def test_deletes_beyond_the_limits_are_refused(deletes: int, keeping: int, limits: Limits, refused: str | None) -> None:
    found = refusals(deleting(deletes, keeping), limits)
    if refused is None:
        assert found == ()
    else:
        (error,) = found
        assert isinstance(error, GateError)
        assert refused in str(error)


def test_allowing_deletes_does_not_open_the_other_gates() -> None:
    plan = deleting(20, 0)
    assert [type(error) for error in refusals(plan, LIMITS)] == [GateError, GateError]
    (left,) = refusals(plan, replace(LIMITS, allow_deletes=20))
    assert "--allow-empty" in str(left)
    (left,) = refusals(plan, replace(LIMITS, allow_empty=True))
    assert "--allow-deletes 20" in str(left)


def test_empty_files_and_an_empty_bucket_are_no_mistake() -> None:
    assert refusals(make([], live()), LIMITS) == ()


def test_conflicts_are_refused_first_and_no_limit_opens_them() -> None:
    names = [f"N{number}" for number in range(7)]
    found = live([task(name, owner=None) for name in names] + [task("F", owner="others")], broken=["X"])
    against = refusals(
        make([task(name) for name in [*names, "F", "X"]], found),
        Limits(max_delete=99, max_delete_percent=100, allow_empty=True, allow_deletes=99),
    )
    assert [type(error) for error in against] == [ConflictError] * 3
    assert "N0, N1, N2, N3, N4 and 2 more" in str(against[0])
    assert "--adopt" in str(against[0])
    assert "F (others)" in str(against[1])
    assert "under: X" in str(against[2])
