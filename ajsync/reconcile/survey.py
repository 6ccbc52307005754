"""Look at the bucket and plan: what `plan`, `apply` and the watch loop do before anything else."""

from __future__ import annotations

from collections.abc import Mapping

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.reconcile.journal import unfinished, with_journal
from ajsync.reconcile.plan import Plan, plan
from ajsync.reconcile.rewrite import read_journal


async def survey(
    bucket: ConfigurationBucket,
    desired: Mapping[str, ScheduledTask],
    *,
    owner: str,
    digest: str,
    adopt: bool = False,
) -> tuple[Plan, tuple[str, ...]]:
    """The plan for what the bucket holds now, and the names that an interrupted apply left deleted.

    Those names count as there, with the values that the next apply gives them back before anything else.
    """
    # The journal first: an apply that ends between the two reads leaves nothing to finish, one that begins is seen
    # as what its plan saw.
    steps = await read_journal(bucket, owner)
    live = await bucket.read()
    interrupted = tuple(sorted(step.name for step in unfinished(steps, live)))
    return plan(desired, with_journal(live, steps), owner=owner, digest=digest, adopt=adopt), interrupted
