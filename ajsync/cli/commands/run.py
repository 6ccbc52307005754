"""`ajsync run`: make one task of a schedule now."""

from __future__ import annotations

import time
from dataclasses import replace
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import schedule_argument, scope_options, signing_options
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import output_option, show
from ajsync.errors import AjsyncError, EnqueueError, StoredValueError, UnreachableError
from ajsync.timestamp import NANOSECONDS

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.signing import Signer
    from ajsync.asyncjobs.tasks import StoredTask


@click.command()
@schedule_argument
@signing_options[0]
@signing_options[1]
@output_option("the task as it was stored")
@scope_options
def command(name: str, sign: Path | None, ajc_payloads: bool, output: str, scope: Scope) -> None:
    """Make one task of a schedule of the bucket now, whether it is due or not; the schedule is not changed.

    The task gets a new id, and its deadline counts from now. Its id is printed once its queue has it. A queue that does
    not exist is an error, and the task becomes queue_error.

    \b
    Examples:
      ajsync run EMAIL_MONTHLY_UPDATE
      ajsync run EMAIL_MONTHLY_UPDATE --sign seed.hex
      ajc tasks view $(ajsync run EMAIL_MONTHLY_UPDATE --json | jq -r .id)
    """
    from ajsync.asyncjobs.signing import load_signer
    from ajsync.asyncjobs.tasks import encode_task
    from ajsync.cli.session import configured_context, on_bucket

    signer = load_signer(sign) if sign else None
    context = configured_context(scope)
    task = on_bucket(scope, context, lambda bucket: _enqueue(bucket, name, signer, ajc_payloads))
    text = f"Enqueued the task {task.id} of {name} in the queue {task.queue}."
    show(output, lambda: loads(encode_task(task)), lambda: [text])


async def _enqueue(bucket: ConfigurationBucket, name: str, signer: Signer | None, ajc_payloads: bool) -> StoredTask:
    from ajsync.asyncjobs.ids import new_id
    from ajsync.asyncjobs.task_store import enqueue
    from ajsync.asyncjobs.tasks import NO_RESPONDERS, task_for_fire
    from ajsync.cli.source import stored_task
    from ajsync.transport.errors import NoRespondersError

    scheduled = await stored_task(bucket, name)
    now = time.time_ns()
    try:
        task = task_for_fire(scheduled, now, ajc_payloads=ajc_payloads)
    except StoredValueError as error:
        raise AjsyncError(f"No task can be made for {name}: {error}. 'ajsync view {name}' shows it.") from None
    task = replace(task, id=new_id(now // NANOSECONDS))  # with the id of a fire it would be mistaken for one
    if signer is not None:
        task = replace(task, signature=signer.sign(task))
    try:
        await enqueue(bucket.connection, task)
    except NoRespondersError:
        raise UnreachableError(
            "No task was made, because no stream takes tasks on this server and account. 'ajsync scheduler' makes the "
            "stream when it starts, and so does 'ajc tasks initialize'."
        ) from None
    except EnqueueError as error:
        if NO_RESPONDERS not in str(error):
            raise
        remedy = f"If the queue does not exist, make it with 'ajc queues add {task.queue}'."
        raise EnqueueError(f"{error}. {remedy}", task.id) from None
    return task
