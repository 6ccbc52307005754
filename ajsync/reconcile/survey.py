"""Look at the bucket and plan: what `plan`, `apply` and the watch loop do before anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.size import too_large
from ajsync.errors import InvalidError
from ajsync.reconcile.apply.journal import unfinished, with_journal
from ajsync.reconcile.apply.recreate import read_journal
from ajsync.reconcile.destination import UNKNOWN, Destination
from ajsync.reconcile.plan import Plan, plan
from ajsync.reconcile.render.untrusted import visible

_NAMED = 5
"""Of many schedules that are too large so many are named."""


async def survey(
    bucket: ConfigurationBucket,
    desired: Mapping[str, ScheduledTask],
    *,
    owner: str,
    digest: str,
    adopt: bool = False,
    destination: Destination = UNKNOWN,
) -> tuple[Plan, tuple[str, ...]]:
    """The plan for what the bucket holds now, and the names that an interrupted apply left deleted.

    Those names count as there, with the values that the next apply gives them back before anything else. Raises
    InvalidError where this server takes only smaller messages than some desired schedules need.
    """
    check_sizes(bucket, desired.values())
    # The journal first: an apply that ends between the two reads leaves nothing to finish, one that begins is seen
    # as what its plan saw.
    steps = await read_journal(bucket, owner)
    live = await bucket.read()
    interrupted = tuple(sorted(step.name for step in unfinished(steps, live)))
    seen = with_journal(live, steps)
    return plan(desired, seen, owner=owner, digest=digest, adopt=adopt, destination=destination), interrupted


def check_sizes(bucket: ConfigurationBucket, tasks: Iterable[ScheduledTask]) -> None:
    """Raises InvalidError where this server refuses the values of `tasks`, or the tasks that they make."""
    limit = bucket.connection.max_payload
    refused = [f"{visible(task.name)}: {reason}" for task in tasks if (reason := too_large(task, limit))]
    if refused:
        raise InvalidError(
            f"{'; '.join(refused[:_NAMED])}{f'; and {len(refused) - _NAMED:,} more' if len(refused) > _NAMED else ''}. "
            "Shorten payload or description, or raise max_payload in the configuration of the server."
        )
