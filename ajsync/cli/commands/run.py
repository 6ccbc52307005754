"""`ajsync run`: make one task of a schedule now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.options import Files, Server, files_options, schedule_argument, server_options
from ajsync.cli.output.data import output_option, show

if TYPE_CHECKING:
    from ajsync.asyncjobs.signing import Signer
    from ajsync.asyncjobs.tasks import StoredTask
    from ajsync.errors import EnqueueError
    from ajsync.transport.connection import Connection


@click.command()
@schedule_argument
@click.option(
    "--sign",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SEEDFILE",
    help="Sign the task with the Ed25519 seed in this file.",
)
@click.option("--ajc-payloads", is_flag=True, help="Wrap the payload in JSON once more, as the Go scheduler does.")
@output_option("the task as it was stored")
@files_options
@server_options
def command(name: str, sign: Path | None, ajc_payloads: bool, output: str, files: Files, server: Server) -> None:
    """Make one task of a schedule of the bucket now, whatever its times; the schedule stays as it is.

    The task has an id of its own, is created now and has the schedule's deadline counted from now. It is printed once
    its queue has it. A queue that does not exist is an error, and the task is marked as queue_error.

    \b
    Examples:
      ajsync run EMAIL_MONTHLY_UPDATE
      ajsync run EMAIL_MONTHLY_UPDATE --sign seed.hex
      ajc tasks view $(ajsync run EMAIL_MONTHLY_UPDATE --json | jq -r .id)
    """
    from json import loads

    from ajsync.asyncjobs.signing import load_signer
    from ajsync.asyncjobs.tasks import encode_task
    from ajsync.cli.options.session import run

    signer = load_signer(sign) if sign else None
    task = run(_enqueue(name, signer, ajc_payloads, files, server))
    told = f"Enqueued the task {task.id} of {name} in the queue {task.queue}."
    show(output, lambda: loads(encode_task(task)), lambda: [told])


async def _enqueue(name: str, signer: Signer | None, ajc_payloads: bool, files: Files, server: Server) -> StoredTask:
    import time
    from dataclasses import replace

    from ajsync.asyncjobs.enqueue import enqueue
    from ajsync.asyncjobs.ids import new_id
    from ajsync.asyncjobs.tasks import task_for_fire
    from ajsync.cli.options.session import configured_context, opened_bucket
    from ajsync.cli.options.source import stored_task
    from ajsync.errors import AjsyncError, EnqueueError, StoredValueError, UnreachableError
    from ajsync.timestamp import NANOSECONDS
    from ajsync.transport.errors import NoRespondersError

    async with opened_bucket(server, configured_context(files, server)) as bucket:
        scheduled = await stored_task(bucket, name)
        now = time.time_ns()
        try:
            task = task_for_fire(scheduled, now, ajc_payloads=ajc_payloads)
        except StoredValueError as error:
            raise AjsyncError(f"No task can be made of {name}: {error}. 'ajsync view {name}' shows it.") from None
        task = replace(task, id=new_id(now // NANOSECONDS))  # that of a fire would pass for one in the history
        if signer is not None:
            task = replace(task, signature=signer.sign(task))
        try:
            await enqueue(bucket.connection, task)
        except NoRespondersError:
            raise UnreachableError(
                "Nothing was made, since no stream takes tasks on this server and account. 'ajsync scheduler' makes it "
                "when it starts, and 'ajc tasks initialize' does."
            ) from None
        except EnqueueError as error:
            raise await _with_remedy(bucket.connection, task, error) from None
    return task


async def _with_remedy(connection: Connection, task: StoredTask, error: EnqueueError) -> EnqueueError:
    """The error, and what to do about it where the queue does not exist."""
    from ajsync.errors import EnqueueError, UnreachableError
    from ajsync.inspect.information import queue_names

    try:
        names = await queue_names(connection)
    except UnreachableError:
        return error
    if task.queue in names:
        return error
    return EnqueueError(f"{error}. There is no such queue: make it with 'ajc queues add {task.queue}'.", task.id)
