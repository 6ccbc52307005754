"""Load the files, plan and apply from a program, as the commands of the same names do."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ajsync.api.client import Client
from ajsync.asyncjobs.applied import Origin
from ajsync.config import Configuration, load_configuration
from ajsync.errors import AjsyncError, StalePlanError
from ajsync.git.checkout import Checkout
from ajsync.git.origin import origin_of, user_and_host
from ajsync.reconcile.apply.apply import apply as carry_out
from ajsync.reconcile.apply.record import not_recorded, record_apply
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.gates import refusals
from ajsync.reconcile.impact import Impact
from ajsync.reconcile.impact import impact as impact_of
from ajsync.reconcile.pause import resume_due
from ajsync.reconcile.plan import Plan
from ajsync.reconcile.reconciler import Goal, destination_of, propose
from ajsync.safety import DEFAULT_SAFETY, Opened, Safety
from ajsync.selection import EVERYTHING, Selection

log = logging.getLogger(__name__)


def load_config(
    folder: str | Path = ".",
    *,
    project: str | Path | None = None,
    environment: str | None = None,
    variables: Mapping[str, str | int | float | bool] | None = None,
) -> Configuration:
    """What `ajsync.yaml`, in `folder` or above it, and its schedules files define for one environment.

    `project` names the file directly. `variables` take precedence over those of the environment, as `--var` does, and
    keep their types. Raises ConfigurationError with every problem of every file.
    """
    return load_configuration(
        Path(folder),
        project=None if project is None else Path(project),
        environment=environment,
        variables=variables or {},
    )


def find_origin(configuration: Configuration) -> Origin:
    """Who applies these files and from which commit, as git and the variables of GitHub and GitLab say.

    Starts git, which takes some milliseconds. What is not known is left out without an error.
    """
    return origin_of(Checkout(configuration.project.parent), configuration.sources)


async def plan(
    client: Client, configuration: Configuration, *, adopt: bool = False, selection: Selection = EVERYTHING
) -> Plan:
    """How the files differ from the bucket; nothing is changed.

    `adopt` takes over schedules without an owner. `selection` leaves out the changes of other schedules.
    """
    goal = Goal(
        configuration.owner,
        configuration.tasks,
        configuration.digest,
        opened=Opened(adopt=adopt),
        selection=selection,
        queues=configuration.queues,
    )
    destination = destination_of(client.connection, configuration.environment)
    return (await propose(await client.bucket(), goal, destination)).plan


async def impact(client: Client, plan: Plan) -> Impact | None:
    """How a plan changes the fires of all schedules in the bucket in the next 24 h; None if it changes nothing.

    It reads the bucket again, so call it before the plan is applied.
    """
    return impact_of(plan.changes, (await (await client.bucket()).read()).entries, time.time_ns())


async def apply(
    client: Client,
    plan: Plan,
    *,
    safety: Safety | None = None,
    allow_deletes: int = 0,
    origin: Origin | None = None,
    on_done: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Result:
    """Carry out a plan, and return the outcome of each change; `error` of the result says whether something is left to
    do.

    `safety` should be that of the configuration; up to `allow_deletes` deletes pass it. `on_done` is called for each
    change that is done; once `stop` is set, no further change is begun. The record names `origin`, or else user and
    host; if it cannot be written, that is logged. Raises GateError and ConflictError if the plan must not be applied,
    StalePlanError if the bucket is a different one, or if an interrupted apply had to be finished or a schedule
    resumed.
    """
    for refusal in refusals(plan, safety or DEFAULT_SAFETY, Opened(allow_deletes=allow_deletes)):
        raise refusal
    bucket = await client.bucket()
    finished = [*await finish_interrupted(bucket, plan.owner)]
    finished += [each.name for each in await resume_due(bucket, plan.owner)]
    if {change.name for change in plan.changes}.intersection(finished):
        raise StalePlanError(
            f"An interrupted apply of {plan.owner} was finished first, or a pause that had ended, and changed what the "
            "plan is about. Make the plan again."
        )
    result = await carry_out(bucket, plan, now=time.time_ns(), on_done=on_done, stop=stop)
    try:
        await record_apply(bucket, plan, result, origin or Origin(user_and_host()), now=time.time_ns())
    except AjsyncError as error:
        log.warning("%s", not_recorded(error))
    return result
