"""`ajsync export`: write the schedules of the bucket as YAML, and take them over."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.asyncjobs.names import QUEUE_NAME
from ajsync.cli.options.shared import owned_scope_options, schedules_argument
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import echo_data
from ajsync.cli.output.terminal import say, warn
from ajsync.errors import PartiallyAppliedError, UsageError
from ajsync.files import write_new
from ajsync.text import counted, plural, visible

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.model import LiveSchedule, ScheduledTask
    from ajsync.config import Configuration

_LONGEST_NAME = 255
"""How many bytes the name of a file may have on every usual file system."""


@click.command()
@schedules_argument
@owned_scope_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file to write, or a folder for one file for each queue. [default: standard output]",
)
@click.option("--adopt", is_flag=True, help="Take over the exported schedules that are unmanaged.")
def command(names: tuple[str, ...], scope: Scope, output: Path | None, adopt: bool) -> None:
    """Write the schedules of the bucket as YAML files that plan as unchanged.

    It writes the schedules of this owner and the unmanaged ones, or those of them that are named. It never writes
    schedules of other owners, nor, with --output, schedules that are in the files already. An unmanaged schedule is a
    conflict in the next plan until it is adopted: at once with --adopt, or later with 'ajsync apply --adopt'. No
    existing file is overwritten.

    \b
    Examples:
      ajsync export > all.yaml
      ajsync export -o schedules/ --adopt
      ajsync export EMAIL_MONTHLY_UPDATE -o schedules/email.yaml
    """
    if adopt and output is None:
        raise UsageError("--adopt needs --output: it takes over what is in the files.")
    from ajsync.cli.project import load
    from ajsync.cli.session import on_bucket, warn_if_elsewhere
    from ajsync.config.export import export_yaml

    configuration = load(scope, empty=True)
    warn_if_elsewhere(scope, configuration.context)
    held = {*configuration.tasks, *configuration.suspended} if output else set()
    live = on_bucket(scope, configuration.context, lambda bucket: bucket.read())
    tasks = _chosen(live.entries, configuration.owner, names, held)
    texts: dict[Path | None, str] = {}
    skipped: dict[str, str] = {}
    for path, group in _by_file(tasks, output).items():
        exported = export_yaml(group)
        texts[path] = exported.text
        skipped |= exported.skipped
    _write(texts)
    in_files = f"; {len(held)} {plural(len(held), 'is', 'are')} in files already" if held else ""
    say(f"Wrote {counted(len(tasks) - len(skipped), 'schedule')}{in_files}.")
    for name, reason in sorted(skipped.items()):
        say(f"Not written: {name}: {reason}")
    if output is not None:
        written = tasks.keys() - skipped.keys()
        configuration = load(scope, empty=True)
        if missing := len(written - configuration.tasks.keys()):
            are = plural(missing, "is in a file", "are in files")
            warn(f"{missing} of them {are} that the patterns of {configuration.project.name} do not match.")
        on_bucket(scope, configuration.context, lambda bucket: _take_over(bucket, configuration, written, adopt))
    if skipped:
        raise PartiallyAppliedError(
            f"{counted(len(skipped), 'schedule')} cannot be written as YAML and {plural(len(skipped), 'was', 'were')} "
            "left out; 'ajsync view' shows each."
        )


def _chosen(
    entries: Mapping[str, LiveSchedule], owner: str, names: tuple[str, ...], held: Collection[str]
) -> dict[str, ScheduledTask]:
    """Return the schedules to write by name."""
    ours = {
        name: entry.task
        for name, entry in entries.items()
        if entry.task is not None and (entry.task.managed is None or entry.task.managed.owner == owner)
    }
    if not names:
        return {name: task for name, task in ours.items() if name not in held}
    for name in names:
        if name in held:
            raise UsageError(f"{name} is in the files already. Without --output it is written anyway.")
        if name not in ours:
            why = "belongs to another owner, or is not a schedule" if name in entries else "is not in the bucket"
            raise UsageError(f"{name} {why}. 'ajsync list' shows what there is.")
    return {name: ours[name] for name in names}


def _by_file(tasks: Mapping[str, ScheduledTask], output: Path | None) -> dict[Path | None, list[ScheduledTask]]:
    """Distribute schedules to files; None is standard output. Raises UsageError if a queue can name no file."""
    if output is None or output.suffix in (".yaml", ".yml"):
        return {output: list(tasks.values())}
    by_queue: dict[Path | None, list[ScheduledTask]] = {}
    for task in tasks.values():
        # The name of a queue comes from the bucket, so it must not lead to another folder.
        name = f"{task.queue if QUEUE_NAME.fullmatch(task.queue) else 'other'}.yaml"
        if len(name) > _LONGEST_NAME:
            raise UsageError(
                f"Nothing was written: the name of the queue {visible(task.queue)} is too long to name a file. "
                f"Write one file for all schedules: -o {output / 'all.yaml'}."
            )
        by_queue.setdefault(output / name, []).append(task)
    return by_queue


def _write(texts: Mapping[Path | None, str]) -> None:
    existing = [str(path) for path in texts if path is not None and os.path.lexists(path)]
    if existing:
        exist = plural(len(existing), "exists", "exist")
        raise UsageError(f"Nothing was written: {', '.join(existing)} {exist} already. Choose another --output.")
    write_new({path: text for path, text in texts.items() if path is not None})
    if None in texts:
        echo_data(texts[None], nl=False)


async def _take_over(
    bucket: ConfigurationBucket, configuration: Configuration, written: Collection[str], adopt: bool
) -> None:
    """Adopt the written schedules of which only the owner changes, and say what else the next plan will show."""
    from ajsync.asyncjobs.queues import ALL_THERE
    from ajsync.cli.output.plan import print_result
    from ajsync.cli.provenance import FilesProvenance, record_or_warn
    from ajsync.cli.session import goal
    from ajsync.reconcile.apply.apply import apply
    from ajsync.reconcile.fields import OWNER, changed_fields
    from ajsync.reconcile.plan import Adopt, Update
    from ajsync.reconcile.reconciler import propose
    from ajsync.safety import Opened

    plan = (await propose(bucket, goal(configuration, Opened(adopt=True)))).plan
    ours = [change for change in plan.changes if change.name in written and isinstance(change, Adopt | Update)]
    alike = [
        change
        for change in ours
        if isinstance(change, Adopt) and changed_fields(change.before, change.after) == (OWNER,)
    ]
    if different := len(ours) - len(alike):
        warn(
            f"{different} of them {plural(different, 'does', 'do')} not plan as unchanged, because 'defaults' of "
            f"the project {plural(different, 'adds', 'add')} members; see 'ajsync plan --adopt'."
        )
    if adopt and alike:
        plan = replace(plan, changes=tuple(alike), queues=ALL_THERE)
        result = await apply(bucket, plan, now=time.time_ns())
        await record_or_warn(bucket, plan, result, FilesProvenance(configuration).origin())
        print_result(plan, result)
    elif alike:
        are, them = plural(len(alike), "is", "are"), plural(len(alike), "it", "them")
        say(f"{len(alike)} of them {are} unmanaged: 'ajsync apply --adopt' takes {them} over.")
