"""`ajsync add`: add one schedule to the bucket, without a file."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import click

from ajsync.asyncjobs.names import DEFAULT_QUEUE
from ajsync.cli.options.shared import scope_options
from ajsync.cli.options.times import Zone
from ajsync.cli.options.values import Creation, Scope
from ajsync.cli.output.data import output_option, show
from ajsync.errors import InvalidError, UsageError
from ajsync.files import UnfitFileError, check_regular


class _AddCommand(click.Command):
    """Gives a hint about a schedule that was not quoted, which a shell turns into several arguments or names of
    files."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "extra argument" not in error.message:
                raise
            message = f'{error.message.rstrip(".")}; put a schedule in quotes: {ctx.command_path} NAME "0 6 * * *" TYPE'
            raise click.UsageError(message, ctx) from None


class _PayloadFile(click.File):
    """A file or pipe to read, or `-` for standard input, but not a device, which has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Open the file."""
        if isinstance(value, str) and value != "-":
            # click reports these errors itself when it opens the file.
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
@scope_options
@click.option("--payload", metavar="TEXT", help="The payload of each task: this text, as a JSON string.")
@click.option(
    "--payload-file", type=_PayloadFile("rb"), metavar="FILE", help="The payload of each task: the bytes of this file."
)
@click.option("-q", "--queue", default=DEFAULT_QUEUE, show_default=True, help="The queue of the tasks.")
@click.option("--deadline", metavar="DURATION", help="How long after a fire its task may still start, such as 12h.")
@click.option(
    "--tries", type=click.IntRange(min=0), default=0, metavar="N", help="How many times a task is tried. [default: 10]"
)
@click.option(
    "--timezone",
    default="",
    metavar="ZONE",
    shell_complete=Zone().shell_complete,
    help="The zone of the schedule, such as Europe/Malta.",
)
@click.option("--owner", metavar="NAME", help="The owner of the schedule. [default: none]")
@click.option("--create-bucket", is_flag=True, help="Make the bucket if it is missing.")
@output_option("the stored value")
def command(
    name: str,
    schedule: str,
    task_type: str,
    scope: Scope,
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
    that exists already is an error. The schedule is unmanaged, so 'apply' never touches it. With --owner it belongs to
    that owner, whose next apply deletes it unless the owner's files name it.

    \b
    Examples:
      ajsync add EMAIL_MONTHLY_UPDATE "0 0 1 * *" email:monthly --queue EMAIL --deadline 12h
      ajsync add CLEAN_UP @daily files:clean --timezone Europe/Malta --tries 3
      ajsync add POLL "every 10m" mail:poll --payload inbox
    """
    from ajsync.asyncjobs.go_json import encode_json
    from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES
    from ajsync.asyncjobs.size import MAX_PAYLOAD
    from ajsync.cli.output.schedules import schedule_lines
    from ajsync.cli.project import zone_of
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.reconcile.fields import stored_object
    from ajsync.reconcile.single import add, new_schedule, parse_deadline

    if payload is not None and payload_file is not None:
        raise UsageError("--payload cannot be combined with --payload-file.")
    # As in the Go tool, an empty text means no payload, and 0 tries means the default.
    try:
        carried = payload_file.read(MAX_PAYLOAD + 1) if payload_file else encode_json(payload) if payload else None
    except UnicodeEncodeError:
        raise UsageError("--payload is not UTF-8 text: put it into a file, and pass that as --payload-file.") from None
    if carried is not None and len(carried) > MAX_PAYLOAD:
        raise InvalidError(
            f"The payload is too large: the maximum is {MAX_PAYLOAD:,} bytes. Let the task fetch what it needs."
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

    creation = Creation() if create_bucket else None
    context = configured_context(scope)
    stored = on_bucket(scope, context, lambda bucket: add(bucket, task, now=time.time_ns()), creation)
    show(output, lambda: stored_object(stored), lambda: schedule_lines(stored, zone_of(scope, None)))
