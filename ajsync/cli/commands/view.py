"""`ajsync view`: one schedule of the bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.options import (
    Files,
    Server,
    files_options,
    schedule_argument,
    server_options,
    show_payload_option,
)
from ajsync.cli.output.data import output_option, show
from ajsync.errors import AjsyncError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.reconcile.single import Found


@click.command()
@schedule_argument
@files_options
@server_options
@show_payload_option
@output_option("the stored value", "-j")
def command(name: str, files: Files, server: Server, show_payload: bool, output: str) -> None:
    """Show one schedule of the bucket, when it fires next and who owns it.

    \b
    Examples:
      ajsync view EMAIL_MONTHLY_UPDATE
      ajsync view EMAIL_MONTHLY_UPDATE --json
    """
    from ajsync.cli.options.session import configured_context, opened_bucket, run
    from ajsync.reconcile.fields import stored_object
    from ajsync.reconcile.single import find

    async def read() -> tuple[Found, Iterable[str]]:
        async with opened_bucket(server, configured_context(files, server)) as bucket:
            found = await find(bucket, name)
            return found, () if found.entry else (await bucket.read()).entries

    task = readable(name, *run(read()))
    show(output, lambda: stored_object(task), lambda: schedule_lines(task, show_payload=show_payload))


def readable(name: str, found: Found, names: Iterable[str]) -> ScheduledTask:
    """The scheduled task that was found. Raises NotFoundError, with the nearest of `names`, and AjsyncError."""
    from ajsync.text import nearest, one_line, visible

    entry = found.entry
    if entry is None:
        meant = nearest(name, names)
        hint = f" Did you mean {visible(meant)}?" if meant else " 'ajsync list' shows what there is."
        raise NotFoundError(f"There is no schedule {visible(name)} in the bucket.{hint}")
    if entry.task is None:
        raise AjsyncError(
            f"The value of {visible(name)} is not a scheduled task: {one_line(entry.problem)} "
            f"(revision {entry.revision}). ajsync leaves it alone, unless 'ajsync delete' names it."
        )
    return entry.task


def schedule_lines(task: ScheduledTask, *, show_payload: bool = False) -> Iterator[str]:
    """One schedule as `ajc` prints it, with what ajsync knows of it besides."""
    from ajsync.cli.output.wording import created
    from ajsync.reconcile.render.fires import FireTimes
    from ajsync.schedule import format_duration
    from ajsync.text import escape, visible

    yield f"Scheduled Task {visible(task.name)} created at {created(task)}"
    yield ""
    rows = [
        ("Schedule", visible(task.schedule)),
        ("Queue", visible(task.queue)),
        ("Task Type", visible(task.task_type)),
        ("Payload", f"{len(task.payload or b'')} B"),
        ("Scheduling Deadline", format_duration(task.deadline) if task.deadline else ""),
        ("Maximum Tries", str(task.max_tries)),
    ]
    if task.managed is None:
        rows.append(("Owner", "nobody"))
    else:
        managed = task.managed
        rows += [
            ("Owner", visible(managed.owner)),
            ("Source", visible(managed.source) if managed.source else ""),
            ("Description", visible(managed.description) if managed.description else ""),
            ("Catch-up", managed.catchup),
            ("Catch-up Window", format_duration(managed.catchup_window) if managed.catchup_window else ""),
            ("Overlap", managed.overlap),
            ("Jitter", format_duration(managed.jitter) if managed.jitter else ""),
        ]
    fires = FireTimes(datetime.now(UTC)).of(task).lines
    rows += [("Next" if index == 0 else "", line) for index, line in enumerate(fires)]
    for label, text in rows:
        if text:
            yield f"{label:>21}{':' if label else ' '} {text}"
    if show_payload and task.payload is not None:
        lines = task.payload.decode("utf-8", "backslashreplace").splitlines()
        yield ""
        yield from map(escape, lines)
