"""Load the files, plan and apply, from a program of one's own: what the commands of the same names do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from ajsync.api.client import Client
from ajsync.config import Configuration, load_configuration
from ajsync.errors import StalePlanError
from ajsync.reconcile.apply.apply import Result
from ajsync.reconcile.apply.apply import apply as carry_out
from ajsync.reconcile.apply.recreate import finish_interrupted
from ajsync.reconcile.destination import Destination, without_user
from ajsync.reconcile.gates import refusals
from ajsync.reconcile.plan import Plan
from ajsync.reconcile.reconciler import Goal, propose
from ajsync.safety import DEFAULT_SAFETY, Opened, Safety


def load_config(
    folder: str | Path = ".", *, project: str | Path | None = None, environment: str | None = None
) -> Configuration:
    """What `ajsync.yaml`, in `folder` or above it, and its schedules files say for one environment.

    `project` names another file instead. Raises ConfigurationError with every problem of every file.
    """
    return load_configuration(Path(folder), project=None if project is None else Path(project), environment=environment)


async def plan(client: Client, configuration: Configuration, *, adopt: bool = False) -> Plan:
    """How the files differ from the bucket; nothing is changed. With `adopt` they take over what belongs to nobody."""
    goal = Goal(configuration.owner, configuration.tasks, configuration.digest, opened=Opened(adopt=adopt))
    connection = client.connection
    destination = Destination(configuration.environment or "", connection.context.name, without_user(connection.url))
    return (await propose(await client.bucket(), goal, destination)).plan


async def apply(
    client: Client,
    plan: Plan,
    *,
    safety: Safety | None = None,
    allow_deletes: int = 0,
    on_done: Callable[[], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Result:
    """Carry out a plan, and return what became of each change: look at `error` of the result.

    `safety` is that of the configuration, or the standard one; up to `allow_deletes` deletes pass it. `on_done` is
    called for each change done; once `stop` is set nothing new is begun. Raises GateError and ConflictError where the
    plan must not be applied, StalePlanError where the bucket is another or an interrupted apply had to be finished.
    """
    for refusal in refusals(plan, safety or DEFAULT_SAFETY, Opened(allow_deletes=allow_deletes)):
        raise refusal
    bucket = await client.bucket()
    finished = await finish_interrupted(bucket, plan.owner)
    if {change.name for change in plan.changes}.intersection(finished):
        raise StalePlanError(
            f"An interrupted apply of {plan.owner} was finished first, and changed what the plan is about. "
            "Make the plan again."
        )
    return await carry_out(bucket, plan, now=time.time_ns(), on_done=on_done, stop=stop)
