"""`ajsync view`: one schedule of the bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ajsync.cli.options import Files, Server, files_options, server_options, show_payload_option
from ajsync.errors import AjsyncError

if TYPE_CHECKING:
    from ajsync.asyncjobs.live import Live
    from ajsync.asyncjobs.model import ScheduledTask


@click.command()
@click.argument("name")
@files_options
@server_options
@show_payload_option
@click.option("--json", "as_json", is_flag=True, help="Print the stored value.")
def command(name: str, files: Files, server: Server, show_payload: bool, as_json: bool) -> None:
    """Show one schedule of the bucket, when it fires next and who owns it.

    \b
    Examples:
      ajsync view EMAIL_MONTHLY_UPDATE
      ajsync view EMAIL_MONTHLY_UPDATE --json
    """
    from ajsync.cli.session import configured_context, opened_bucket, run

    async def read() -> Live:
        async with opened_bucket(server, configured_context(files)) as bucket:
            return await bucket.read()

    task = _find(run(read()), name)
    if as_json:
        from json import dumps

        from ajsync.reconcile.fields import stored_object

        click.echo(dumps(stored_object(task), indent=2, ensure_ascii=False))
        return
    _print(task, show_payload)


def _find(live: Live, name: str) -> ScheduledTask:
    from ajsync.reconcile.render.untrusted import visible, visible_sentence

    entry = live.entries.get(name)
    if entry is None:
        from difflib import get_close_matches

        nearest = get_close_matches(name, list(live.entries), n=1)
        hint = f" Did you mean {visible(nearest[0])}?" if nearest else " 'ajsync list' shows what there is."
        raise AjsyncError(f"There is no schedule {visible(name)} in the bucket.{hint}")
    if entry.task is None:
        raise AjsyncError(
            f"The value of {visible(name)} is not a scheduled task: {visible_sentence(entry.problem)} "
            f"(revision {entry.revision}). ajsync leaves it alone."
        )
    return entry.task


def _print(task: ScheduledTask, show_payload: bool) -> None:
    from ajsync.cli.wording import created
    from ajsync.reconcile.render.fires import FireTimes
    from ajsync.reconcile.render.untrusted import escape, visible
    from ajsync.schedule import format_duration

    click.echo(f"Scheduled Task {visible(task.name)} created at {created(task)}\n")
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
            click.echo(f"{label:>21}{':' if label else ' '} {text}")
    if show_payload and task.payload is not None:
        lines = task.payload.decode("utf-8", "backslashreplace").splitlines()
        click.echo("\n" + "\n".join(escape(line) for line in lines))
