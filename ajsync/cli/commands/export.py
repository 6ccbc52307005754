"""`ajsync export`: write the schedules of the bucket as YAML, and take them over."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.asyncjobs.names import QUEUE_NAME
from ajsync.cli.options.options import Files, Server, owned_files_options, schedules_argument, server_options
from ajsync.cli.output.data import echo_data
from ajsync.cli.output.new_files import write_new
from ajsync.errors import PartiallyAppliedError, UsageError

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.live import LiveSchedule
    from ajsync.asyncjobs.model import ScheduledTask
    from ajsync.reconcile.plan import Adopt, Plan

_LONGEST_NAME = 255
"""Bytes that the name of a file may have, on every usual file system."""


@click.command()
@schedules_argument
@owned_files_options
@server_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="A file to write, or a folder: then one file for each queue. [default: standard output]",
)
@click.option("--adopt", is_flag=True, help="Take over the exported schedules that nobody manages.")
def command(names: tuple[str, ...], files: Files, server: Server, output: Path | None, adopt: bool) -> None:
    """Write the schedules of the bucket as YAML files that plan as unchanged.

    Written are those of this owner and those of nobody, or of them the ones that are named; those of other owners
    never, and with --output none that the files hold already. What nobody manages is a conflict in the next plan until
    it is adopted: at once with --adopt, or later with 'ajsync apply --adopt'. No file that exists is overwritten.

    \b
    Examples:
      ajsync export > all.yaml
      ajsync export -o schedules/ --adopt
      ajsync export EMAIL_MONTHLY_UPDATE -o schedules/email.yaml
    """
    if adopt and output is None:
        raise UsageError("--adopt takes over what is in the files: write them with --output.")
    from ajsync.cli.options.session import load, opened_bucket, run
    from ajsync.cli.output.destination import warn_if_elsewhere
    from ajsync.cli.output.terminal import say
    from ajsync.config.export import export_yaml
    from ajsync.text import counted

    configuration = load(files, empty=True)
    warn_if_elsewhere(server, configuration.environment, configuration.context)
    held = {*configuration.tasks, *configuration.suspended} if output else set()

    async def read() -> dict[str, ScheduledTask]:
        async with opened_bucket(server, configuration.context) as bucket:
            return _chosen((await bucket.read()).entries, configuration.owner, names, held)

    tasks = run(read())
    texts: dict[Path | None, str] = {}
    skipped: dict[str, str] = {}
    for path, group in _by_file(tasks, output).items():
        exported = export_yaml(group)
        texts[path] = exported.text
        skipped |= exported.skipped
    _write(texts)
    say(
        f"Wrote {counted(len(tasks) - len(skipped), 'schedule')}"
        + (f", {len(held)} {'is' if len(held) == 1 else 'are'} in files already." if held else ".")
    )
    for name, reason in sorted(skipped.items()):
        say(f"Not written: {name}: {reason}")
    if output is not None:
        run(_take_over(files, server, tasks.keys() - skipped.keys(), adopt))
    if skipped:
        raise PartiallyAppliedError(
            f"{counted(len(skipped), 'schedule')} cannot be written as YAML, and stayed as before; "
            "'ajsync view' shows each."
        )


def _chosen(
    entries: Mapping[str, LiveSchedule], owner: str, names: tuple[str, ...], held: Collection[str]
) -> dict[str, ScheduledTask]:
    """The schedules to write, by name."""
    ours = {
        name: entry.task
        for name, entry in entries.items()
        if entry.task is not None and (entry.task.managed is None or entry.task.managed.owner == owner)
    }
    if not names:
        return {name: task for name, task in ours.items() if name not in held}
    for name in names:
        if name in held:
            raise UsageError(f"{name} is in the files already: without --output it is written all the same.")
        if name not in ours:
            why = "is not a schedule of this owner or of nobody" if name in entries else "is not in the bucket"
            raise UsageError(f"{name} {why}. 'ajsync list' shows what there is.")
    return {name: ours[name] for name in names}


def _by_file(tasks: Mapping[str, ScheduledTask], output: Path | None) -> dict[Path | None, list[ScheduledTask]]:
    """Which schedules go into which file; None is standard output. Raises UsageError where a queue can name no file."""
    from ajsync.text import visible

    if output is None or output.suffix in (".yaml", ".yml"):
        return {output: list(tasks.values())}
    by_queue: dict[Path | None, list[ScheduledTask]] = {}
    for task in tasks.values():
        # A queue's name comes from the bucket, and must not lead anywhere else.
        name = f"{task.queue if QUEUE_NAME.fullmatch(task.queue) else 'other'}.yaml"
        if len(name) > _LONGEST_NAME:
            raise UsageError(
                f"Nothing was written: the name of the queue {visible(task.queue)} is too long for that of a file. "
                f"Write one file for all schedules: -o {output / 'all.yaml'}."
            )
        by_queue.setdefault(output / name, []).append(task)
    return by_queue


def _write(texts: Mapping[Path | None, str]) -> None:
    existing = [str(path) for path in texts if path is not None and os.path.lexists(path)]
    if existing:
        raise UsageError(f"Nothing was written: {', '.join(existing)} exists already. Name another with --output.")
    write_new({path: text for path, text in texts.items() if path is not None})
    if None in texts:
        echo_data(texts[None], nl=False)


async def _take_over(files: Files, server: Server, written: Collection[str], adopt: bool) -> None:
    """Adopt what was written, where nothing but the owner changes by that; say what else the next plan will show."""
    from ajsync.cli.options.session import goal, load, opened_bucket
    from ajsync.cli.output.terminal import say, warn
    from ajsync.reconcile.plan import Adopt, Update
    from ajsync.reconcile.reconciler import propose
    from ajsync.safety import Opened

    configuration = load(files, empty=True)
    missing = [name for name in written if name not in configuration.tasks]
    if missing:
        are = "is in a file" if len(missing) == 1 else "are in files"
        warn(f"{len(missing)} of them {are} that the patterns of {configuration.project.name} do not match.")
    async with opened_bucket(server, configuration.context) as bucket:
        plan = (await propose(bucket, goal(configuration, Opened(adopt=True)))).plan
        ours = [change for change in plan.changes if change.name in written and isinstance(change, Adopt | Update)]
        alike = [change for change in ours if isinstance(change, Adopt) and _only_owner_differs(change)]
        different = len(ours) - len(alike)
        if different:
            do, them, they_do = ("does", "it", "it does") if different == 1 else ("do", "them", "they do")
            warn(
                f"{different} of them {do} not plan as unchanged, since 'defaults' of the project give {them} "
                f"something that {they_do} not have; see 'ajsync plan --adopt'."
            )
        if adopt and alike:
            await _adopt(bucket, replace(plan, changes=tuple(alike)))
        elif alike:
            belong, them = ("belongs", "it") if len(alike) == 1 else ("belong", "them")
            say(f"{len(alike)} of them {belong} to nobody: 'ajsync apply --adopt' takes {them} over.")


def _only_owner_differs(change: Adopt) -> bool:
    from ajsync.reconcile.fields import OWNER, changed_fields

    return changed_fields(change.before, change.after) == (OWNER,)


async def _adopt(bucket: ConfigurationBucket, plan: Plan) -> None:
    import time

    from ajsync.cli.output.plan import print_result
    from ajsync.reconcile.apply.apply import apply

    result = await apply(bucket, plan, now=time.time_ns())
    print_result(result)
    if result.error is not None:
        raise result.error
