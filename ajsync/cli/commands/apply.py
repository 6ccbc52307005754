"""`ajsync apply`: make the bucket equal to the files, once or again and again."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.options import (
    Duration,
    Files,
    FiringOptions,
    Server,
    gate_options,
    log_format_option,
    owned_files_options,
    scheduler_options,
    server_options,
    show_payload_option,
)
from ajsync.errors import UsageError
from ajsync.safety import Opened

if TYPE_CHECKING:
    from ajsync.config import Configuration
    from ajsync.reconcile.apply.apply import Result
    from ajsync.reconcile.plan import Plan
    from ajsync.reconcile.reconciler import Proposal
    from ajsync.reconcile.saved import SavedPlan

_RESYNC_SECONDS = 300.0


@click.command()
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@owned_files_options
@server_options
@gate_options
@show_payload_option
@click.option("-y", "--yes", is_flag=True, help="Apply without asking.")
@click.option("--create-bucket", is_flag=True, help="Make the bucket if it is missing.")
@click.option("--replicas", type=click.IntRange(1, 5), help="Of a bucket that is made now. [default: 1]")
@click.option("--memory", is_flag=True, help="Keep a bucket that is made now in memory.")
@click.option("--watch", is_flag=True, help="Go on, and apply again whenever the files change.")
@click.option(
    "--scheduler",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="With --watch: run the scheduler NAME too; of several, the leader alone applies.",
)
@click.option(
    "--resync",
    type=Duration(),
    help="With --watch: how often to look for drift in the bucket. [default: 5m]",
)
@scheduler_options
@log_format_option
def command(
    plan_file: Path | None,
    files: Files,
    server: Server,
    opened: Opened,
    show_payload: bool,
    yes: bool,
    create_bucket: bool,
    replicas: int | None,
    memory: bool,
    watch: bool,
    scheduler: str | None,
    resync: float | None,
    fires: FiringOptions,
    log_format: str,
) -> None:
    """Make the bucket equal to the files: creates, updates and deletes what this owner has.

    On a terminal the plan is shown and confirmed first; elsewhere --yes is needed. A PLAN saved by 'plan --out' is
    applied without asking, and only if bucket and files are still what it was made from.

    \b
    Examples:
      ajsync apply
      ajsync apply --yes --environment prod
      ajsync apply change.plan
      ajsync apply --yes --watch --resync 5m
      ajsync apply --yes --watch --scheduler --monitor 8080
    """
    if watch and plan_file:
        raise UsageError("--watch follows the files; it does not go with a saved plan.")
    if watch and not yes:
        raise UsageError("--watch applies whatever the files say, without asking: pass --yes too.")
    if scheduler is not None and not watch:
        raise UsageError("--scheduler goes on, as --watch does: pass --watch too, or run 'ajsync scheduler'.")
    if fires.monitor is not None and scheduler is None:
        raise UsageError("--monitor shows what a scheduler does: pass --scheduler too.")
    if not create_bucket and (replicas is not None or memory):
        raise UsageError("--replicas and --memory are about a bucket that is made now: pass --create-bucket too.")
    if resync is not None and not watch:
        raise UsageError("--resync is how often --watch looks again: pass --watch too.")
    creation = (replicas or 1, memory) if create_bucket else None
    if watch:
        from ajsync.cli.commands.watch import follow_files
        from ajsync.cli.output.logs import start_logging

        start_logging(log_format)
        follow_files(files, server, opened, creation, resync or _RESYNC_SECONDS, scheduler, fires)
        return
    _apply_once(plan_file, files, server, opened, show_payload, yes, creation)


def _apply_once(
    plan_file: Path | None,
    files: Files,
    server: Server,
    opened: Opened,
    show_payload: bool,
    yes: bool,
    creation: tuple[int, bool] | None,
) -> None:
    from ajsync.cli.options.session import load, run
    from ajsync.cli.output.destination import warn_if_elsewhere
    from ajsync.cli.output.plan import print_plan
    from ajsync.cli.output.unmatched import warn_of_overlooked
    from ajsync.reconcile.saved import check_environment, check_plan, load_plan

    saved = None if plan_file is None else load_plan(plan_file)
    if saved is not None:
        check_environment(saved, files.environment)
        files, opened = _files_of(files, saved), opened | saved.opened
    configuration = load(files)
    warn_of_overlooked(configuration)
    warn_if_elsewhere(server, configuration.environment, configuration.context)
    proposal = run(_prepare(configuration, server, opened, creation))
    plan = proposal.plan
    if saved is not None:
        check_plan(saved.plan, plan)  # what is applied is the new one: of the saved one nothing needs to be trusted
    print_plan(
        proposal, configuration.safety, style="text", show_payload=show_payload, locations=configuration.locations
    )
    if proposal.refusals:
        raise click.exceptions.Exit(proposal.refusals[0].exit_code)
    if not plan.changes:
        return
    if not yes and plan_file is None:
        _confirm(plan)
    _report(run(_carry_out(plan, configuration, server)))


async def _prepare(
    configuration: Configuration, server: Server, opened: Opened, creation: tuple[int, bool] | None
) -> Proposal:
    from ajsync.cli.options.session import connected, goal, open_or_create
    from ajsync.cli.output.destination import destination
    from ajsync.cli.output.terminal import say
    from ajsync.reconcile.apply.recreate import finish_interrupted
    from ajsync.reconcile.reconciler import propose
    from ajsync.text import counted

    async with connected(server, configuration.context) as connection:
        bucket = await open_or_create(connection, creation)
        finished = await finish_interrupted(bucket, configuration.owner)
        if finished:
            say(f"Brought back {counted(len(finished), 'schedule')} that an interrupted apply had left deleted.")
        return await propose(bucket, goal(configuration, opened), destination(connection, server, configuration))


def _files_of(files: Files, saved: SavedPlan) -> Files:
    """The files that the plan was made from, where the options do not say."""
    project = Path(saved.project)
    known = saved.project and not project.is_absolute() and project.is_file()
    return replace(files, config=files.config or (project if known else None), environment=saved.environment)


def _confirm(plan: Plan) -> None:
    from ajsync.cli.output.terminal import say

    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to confirm on: pass --yes, or apply a plan saved by 'plan --out'.")
    if not click.confirm(_question(plan), err=True):
        say("Nothing was applied.")
        raise click.exceptions.Exit(1)


def _question(plan: Plan) -> str:
    """Where to, and how much: `Apply to prod (nats-prod): 3 to create, 2 to delete?`, the deletes in bold."""
    from ajsync.cli.output.terminal import has_colour
    from ajsync.reconcile.plan import KINDS
    from ajsync.text import visible

    counts = [(plan.count(kind), kind.verb) for kind in KINDS]
    parts = [f"{count:,} to {verb}" for count, verb in counts if count]
    if has_colour(sys.stderr) and parts[-1].endswith("delete"):
        parts[-1] = click.style(parts[-1], bold=True)
    return f"Apply to {visible(str(plan.destination))}: {', '.join(parts)}?"


async def _carry_out(plan: Plan, configuration: Configuration, server: Server) -> Result:
    import time

    from ajsync.cli.options.session import opened_bucket, stop_on_signals
    from ajsync.cli.output.plan import progress
    from ajsync.reconcile.apply.apply import apply

    stop = stop_on_signals()
    async with opened_bucket(server, configuration.context) as bucket:
        with progress(len(plan.changes)) as advance:
            return await apply(bucket, plan, now=time.time_ns(), on_done=advance, stop=stop)


def _report(result: Result) -> None:
    from ajsync.cli.output.plan import print_result

    print_result(result)
    if result.error is not None:
        raise result.error
