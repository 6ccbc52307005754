"""Whether a saved plan is still what would be planned now; what differs is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ajsync.errors import StalePlanError
from ajsync.reconcile.destination import Destination
from ajsync.reconcile.plan import Change, Plan, same
from ajsync.reconcile.saved import AGAIN, SavedPlan
from ajsync.text import listed, visible


def check_environment(saved: SavedPlan, environment: str | None) -> None:
    """See that a saved plan is for the environment that was asked for, if one was. Raises StalePlanError."""
    if environment is not None and environment != saved.environment:
        made = f"the environment {visible(saved.environment)}" if saved.environment else "no environment"
        raise StalePlanError(
            f"The saved plan was made for {made}, and --environment says {visible(environment)}. "
            f"Leave that out to apply the plan, or make another with "
            f"'ajsync plan --environment {visible(environment)} --out'."
        )


def check_plan(saved: Plan, fresh: Plan) -> None:
    """See that a saved plan says just what would be planned now, and for the same bucket.

    `fresh` is the plan as it is made now, with adoptions if the saved one has some. What has no effect on what is
    applied may differ: the time at which a schedule was made, the file that it comes from. Raises StalePlanError saying
    what differs.
    """
    differences = list(_other_origin(saved, fresh))
    if differences:
        raise _stale("; ".join(differences))
    if fresh.empty:  # it has been applied
        return
    differences = list(_other_changes(saved, fresh))
    if differences:
        raise _stale("; ".join(differences))


def _other_origin(saved: Plan, fresh: Plan) -> Iterator[str]:
    """What a plan is made from and is not the same any more."""
    bucket = visible(fresh.target.bucket)
    if saved.target.bucket != fresh.target.bucket:
        yield f"it is for the bucket {visible(saved.target.bucket)}, and this is {bucket}"
    elif saved.target != fresh.target:
        was, now = saved.destination, fresh.destination
        if (was.context, was.server) == (now.context, now.server):
            yield (
                f"the bucket {bucket} was made anew at {visible(fresh.target.created)}, "
                f"and the plan is for the one that was made at {visible(saved.target.created)}"
            )
        else:
            yield f"it is for another bucket, that of {_place(was)}, and this is that of {_place(now)}"
    if saved.owner != fresh.owner:
        yield f"it is for the owner {visible(saved.owner)}, and the files belong to {visible(fresh.owner)}"
    elif saved.digest != fresh.digest:
        yield "the files, or the variables in them, have changed since it was made"


def _place(destination: Destination) -> str:
    server = visible(destination.server)
    return f"the context {visible(destination.context)} at {server}" if destination.context else f"the server {server}"


def _other_changes(saved: Plan, fresh: Plan) -> Iterator[str]:
    """Which changes are not the same any more, though bucket, owner and files are."""
    then, now = ({change.name: change for change in plan.changes} for plan in (saved, fresh))
    moved = [name for name, change in then.items() if name not in now or now[name].revision != change.revision]
    if moved:
        yield f"in the bucket these are no longer as they were when it was made: {_names(moved)}"
    more = [name for name in now if name not in then]
    if more:
        yield f"it lacks what has to change by now: {_names(more)}"
    other = [name for name in then if name not in moved and not _alike(then[name], now[name])]
    if other:
        yield f"it says something else than files and bucket do of {_names(other)}"


def _alike(one: Change, other: Change) -> bool:
    return type(one) is type(other) and all(
        mine == theirs if mine is None or theirs is None else same(mine, theirs)
        for mine, theirs in ((one.before, other.before), (one.after, other.after))
    )


def _names(names: Sequence[str]) -> str:
    return listed([visible(name) for name in names])


def _stale(difference: str) -> StalePlanError:
    return StalePlanError(f"The saved plan does not fit any more: {difference}. {AGAIN}")
