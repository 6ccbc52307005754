"""`ajsync add`: one schedule more in the bucket, without a file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import click

from ajsync.asyncjobs.names import DEFAULT_QUEUE
from ajsync.cli.options.moments import Zone
from ajsync.cli.options.options import Files, Server, files_options, server_options
from ajsync.cli.output.data import output_option, show
from ajsync.errors import InvalidError, UsageError
from ajsync.files import UnfitFileError, check_regular


class _AddCommand(click.Command):
    """Says of a schedule that was not quoted what helps: a shell makes several arguments of it, or names of files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as any command does."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "extra argument" not in error.message:
                raise
            message = f'{error.message.rstrip(".")}; put a schedule in quotes: {ctx.command_path} NAME "0 6 * * *" TYPE'
            raise click.UsageError(message, ctx) from None


class _PayloadFile(click.File):
    """A file or pipe to read, or `-` for standard input: never a device, which has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open it as click does."""
        if isinstance(value, str) and value != "-":
            # What else is wrong with it click says, when it opens it.
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                try:
                    check_regular(Path(value), pipe=True)
                except UnfitFileError as error:
                    raise InvalidError(
                        f"The file {value} of --payload-file cannot be read: {error.strerror}."
                    ) from None
        return super().convert(value, param, ctx)


@click.command(cls=_AddCommand)
@click.argument("name")
@click.argument("schedule")
@click.argument("task_type", metavar="TYPE")
@files_options
@server_options
@click.option("--payload", metavar="TEXT", help="What each task carries: this text, as a JSON string.")
@click.option("--payload-file", type=_PayloadFile("rb"), metavar="FILE", help="What each task carries: these bytes.")
@click.option("-q", "--queue", default=DEFAULT_QUEUE, show_default=True, help="The queue of the tasks.")
@click.option(
    "--deadline", metavar="DURATION", help="How long after a fire its task may still be started, such as 12h."
)
@click.option(
    "--tries", type=click.IntRange(min=0), default=0, metavar="N", help="How often a task is tried. [default: 10]"
)
@click.option(
    "--timezone",
    default="",
    metavar="ZONE",
    shell_complete=Zone().shell_complete,
    help="The zone of the schedule, such as Europe/Malta.",
)
@click.option("--owner", metavar="NAME", help="Make it a schedule of this owner. [default: of nobody]")
@click.option("--create-bucket", is_flag=True, help="Make the bucket if it is missing.")
@output_option("the stored value")
def command(
    name: str,
    schedule: str,
    task_type: str,
    files: Files,
    server: Server,
    payload: str | None,
    payload_file: BinaryIO | None,
    queue: str,
    deadline: str | None,
    tries: int,
    timezone: str,
    owner: str | None,
    create_bucket: bool,
    output: str,
) -> None:
    """Add one schedule to the bucket: each time it is due, a task of TYPE is made.

    SCHEDULE is five fields, @yearly, @monthly, @weekly, @daily, @hourly or '@every 10m'; the @ may be left out. A name
    that is there already is an error. 'apply' never touches the schedule, since it belongs to nobody; with --owner it
    belongs to the files of that owner, whose next apply deletes it unless they name it.

    \b
    Examples:
      ajsync add EMAIL_MONTHLY_UPDATE "0 0 1 * *" email:monthly --queue EMAIL --deadline 12h
      ajsync add CLEAN_UP @daily files:clean --timezone Europe/Malta --tries 3
      ajsync add POLL "every 10m" mail:poll --payload inbox
    """
    import time

    from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES, ScheduledTask, encode_json
    from ajsync.asyncjobs.size import MAX_PAYLOAD
    from ajsync.cli.commands.view import schedule_lines
    from ajsync.cli.options.session import configured_context, connected, open_or_create, run
    from ajsync.reconcile.fields import stored_object
    from ajsync.reconcile.single import add, new_schedule, parse_deadline

    if payload is not None and payload_file is not None:
        raise UsageError("--payload and --payload-file exclude each other.")
    # As in the Go tool, a text that is empty is no payload, and no number of tries is the usual one.
    try:
        carried = payload_file.read(MAX_PAYLOAD + 1) if payload_file else encode_json(payload) if payload else None
    except UnicodeEncodeError:
        raise UsageError(
            "--payload is no text in UTF-8: put it into a file, and pass that as --payload-file."
        ) from None
    if carried is not None and len(carried) > MAX_PAYLOAD:
        raise InvalidError(
            f"The payload is too large: the most is {MAX_PAYLOAD:,} bytes. Let the task fetch what it needs."
        )
    task = new_schedule(
        name,
        schedule,
        queue,
        task_type,
        payload=carried,
        deadline=parse_deadline(deadline) if deadline else 0,
        max_tries=tries or DEFAULT_MAX_TRIES,
        timezone=timezone,
        owner=owner,
    )

    async def store() -> ScheduledTask:
        async with connected(server, configured_context(files, server)) as connection:
            bucket = await open_or_create(connection, (1, False) if create_bucket else None)
            return await add(bucket, task, now=time.time_ns())

    stored = run(store())
    show(output, lambda: stored_object(stored), lambda: schedule_lines(stored))
