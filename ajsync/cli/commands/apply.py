"""`ajsync apply`: make the bucket equal to the files, once or whenever they change."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ajsync.cli.options.environ import spelled
from ajsync.cli.options.report import Report, report_option
from ajsync.cli.options.shared import (
    detail_options,
    gate_options,
    log_format_option,
    owned_scope_options,
    project_selection_options,
    scheduler_options,
)
from ajsync.cli.options.times import Duration
from ajsync.cli.options.values import Creation, Detail, FiringOptions, Scope, Selectors
from ajsync.cli.output.data import change_format_option
from ajsync.cli.output.terminal import confirm, say, stderr_paint, warn
from ajsync.errors import UsageError
from ajsync.safety import Opened
from ajsync.text import counted, visible

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.config import Configuration
    from ajsync.reconcile.apply.result import Result
    from ajsync.reconcile.plan import Plan
    from ajsync.reconcile.reconciler import Proposal
    from ajsync.selection import Selection

_RESYNC_SECONDS = 300.0
_DOCUMENTS = frozenset(("json", "yaml"))


@click.command()
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@owned_scope_options
@project_selection_options
@gate_options
@detail_options
@change_format_option("the summary of a job")
@report_option("json", "markdown", "github")
@click.option("-y", "--yes", is_flag=True, help="Apply without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be applied, and change nothing, as 'ajsync plan' does.")
@click.option("--create-bucket", is_flag=True, help="Make the bucket if it is missing.")
@click.option("--replicas", type=click.IntRange(1, 5), help="With --create-bucket: how many replicas. [default: 1]")
@click.option("--memory", is_flag=True, help="With --create-bucket: keep the bucket in memory.")
@click.option("--watch", is_flag=True, help="Keep running, and apply again when the files change.")
@click.option(
    "--scheduler",
    is_flag=False,
    flag_value="",
    metavar="[NAME]",
    help="With --watch: also run the scheduler NAME; of several, only the leader applies.",
)
@click.option(
    "--resync", type=Duration(), help="With --watch: how often to look for drift in the bucket. [default: 5m]"
)
@scheduler_options
@log_format_option
def command(
    plan_file: Path | None,
    selectors: Selectors,
    scope: Scope,
    opened: Opened,
    detail: Detail,
    style: str,
    reports: tuple[Report, ...],
    yes: bool,
    dry_run: bool,
    create_bucket: bool,
    replicas: int | None,
    memory: bool,
    watch: bool,
    scheduler: str | None,
    resync: float | None,
    firing: FiringOptions,
    log_format: str,
) -> None:
    """Make the bucket equal to the files: create, update and delete the schedules of this owner.

    On a terminal the plan is shown and you are asked first; elsewhere --yes is needed. A PLAN saved by 'plan --out' is
    applied without asking, and only if bucket and files are still what it was made from.

    Options that select schedules leave out the other changes, as in 'ajsync plan'.

    \b
    Examples:
      ajsync apply
      ajsync apply --yes --environment prod
      ajsync apply --name 'EMAIL_*' -l team=payments
      ajsync apply change.plan
      ajsync apply --yes --watch --resync 5m
      ajsync apply --yes --watch --scheduler --monitor 8080
    """
    if watch and plan_file:
        raise UsageError("--watch follows the files: it cannot be combined with a saved plan.")
    if watch and selectors.given:
        raise UsageError(
            "--watch follows all schedules of the files: it cannot be combined with options that select some."
        )
    if reports and watch:
        raise UsageError("--report writes what became of one apply: it cannot be combined with --watch.")
    if style != "text" and (watch or not (yes or dry_run or plan_file)):
        raise UsageError(f"-o {style} shows no plan to people: pass --yes or --dry-run too, and no --watch.")
    if dry_run and (watch or create_bucket):
        raise UsageError("--dry-run changes nothing: it cannot be combined with --watch or --create-bucket.")
    if plan_file and selectors.given:
        raise UsageError("A saved plan holds what was selected for it: make a plan of another selection instead.")
    if watch and not yes:
        raise UsageError("--watch applies every change of the files without asking: pass --yes too.")
    if scheduler is not None and not watch:
        raise UsageError("--scheduler needs --watch; to run a scheduler alone, use 'ajsync scheduler'.")
    if firing.monitor is not None and scheduler is None:
        raise UsageError("--monitor needs --scheduler, whose work it shows.")
    if not create_bucket and (replicas is not None or memory):
        raise UsageError("--replicas and --memory need --create-bucket.")
    if resync is not None and not watch:
        raise UsageError("--resync needs --watch.")
    creation = Creation(replicas or 1, memory) if create_bucket else None
    if watch:
        from ajsync.cli.follow import follow_files
        from ajsync.cli.output.logs import start_logging
        from ajsync.cli.session import run

        start_logging(log_format)
        run(follow_files(scope, opened, creation, resync or _RESYNC_SECONDS, scheduler, firing))
        return
    _apply_once(plan_file, selectors, scope, opened, detail, style, reports, yes, dry_run, creation)


def _apply_once(
    plan_file: Path | None,
    selectors: Selectors,
    scope: Scope,
    opened: Opened,
    detail: Detail,
    style: str,
    reports: tuple[Report, ...],
    yes: bool,
    dry_run: bool,
    creation: Creation | None,
) -> None:
    from ajsync.cli.output.data import check_reports, echo_data, encoded
    from ajsync.cli.output.plan import (
        apply_document,
        plan_document,
        print_plan,
        print_result_as,
        report_result,
        warn_if_nothing_selected,
    )
    from ajsync.cli.project import load_and_warn, selection_of, warn_if_none_chosen, zone_of
    from ajsync.cli.session import on_bucket, proposal_of, run, warn_if_elsewhere
    from ajsync.reconcile.saved import check_environment, check_plan, check_variables, load_plan

    check_reports(reports, plan_file)
    saved = None if plan_file is None else load_plan(plan_file)
    if saved is not None:
        check_environment(saved, scope.environment, spelled("environment"))
        check_variables(saved, scope.variables)
        opened |= saved.opened
        project = Path(saved.project)
        known = saved.project and not project.is_absolute() and project.is_file()
        scope = replace(
            scope,
            config=scope.config or (project if known else None),
            environment=saved.environment,
            variables=saved.variables,
        )
    configuration = load_and_warn(scope, annotate="github" in (style, *(report.style for report in reports)))
    warn_if_none_chosen(scope)
    warn_if_elsewhere(scope, configuration.context)
    selection = selection_of(scope, selectors, owner=configuration.owner) if saved is None else saved.plan.selection
    proposal = on_bucket(
        scope,
        configuration.context,
        lambda bucket: (proposal_of if dry_run else _prepare)(bucket, scope, configuration, opened, selection),
        creation,
    )
    plan = proposal.plan
    if saved is not None:
        check_plan(saved.plan, plan)  # the new plan is applied, so the saved one need not be trusted
    warn_if_nothing_selected(plan, configuration)
    zone = zone_of(scope, detail.zone)
    document: Any = None
    if style == "text":
        print_plan(proposal, configuration, style=style, detail=detail, zone=zone)
    elif style in _DOCUMENTS:
        document = plan_document(proposal, configuration, detail=detail)
    result: Result | None = None
    if plan.pending and not (dry_run or proposal.refusals):
        if not yes and saved is None:
            _ask(plan)
        result = run(_carry_out(plan, configuration, scope, opened))
    elif not (dry_run or proposal.refusals):
        _record_unchanged(plan, configuration, scope)
    if document is not None:
        echo_data(encoded(style, apply_document(document, plan, result)))
    elif style != "text":
        print_result_as(style, proposal, result, configuration, detail=detail, zone=zone)
    try:
        report_result(reports, proposal, result, configuration, detail=detail, zone=zone)
    finally:  # an error of the apply matters more than a report that cannot be written
        _conclude(proposal, result, style)


def _conclude(proposal: Proposal, result: Result | None, style: str) -> None:
    """Say how the apply ended, and end with its exit code unless all is well."""
    from ajsync.cli.output.plan import print_result

    if proposal.refusals:
        if style not in ("text", *_DOCUMENTS):
            for refusal in proposal.refusals:
                warn(str(refusal))
        raise click.exceptions.Exit(proposal.refusals[0].exit_code)
    if result is not None:
        print_result(proposal.plan, result, quiet=style != "text")


def _ask(plan: Plan) -> None:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on: pass --yes, or apply a plan saved by 'plan --out'.")
    confirm(_question(plan), "Nothing was applied.")


async def _prepare(
    bucket: ConfigurationBucket, scope: Scope, configuration: Configuration, opened: Opened, selection: Selection
) -> Proposal:
    from ajsync.cli.session import proposal_of
    from ajsync.reconcile.apply.recreate import finish_interrupted
    from ajsync.reconcile.pause import resume_due

    if finished := await finish_interrupted(bucket, configuration.owner):
        say(f"Restored {counted(len(finished), 'schedule')} that an interrupted apply had left deleted.")
    settled = await resume_due(bucket, configuration.owner)
    if resumed := [each for each in settled if each.error is None]:
        say(f"Resumed {counted(len(resumed), 'schedule')} whose pause had ended.")
    for each in settled:
        if each.error is not None:
            warn(f"The pause of {visible(each.name)} has ended, but it could not be resumed. {each.error}")
    return await proposal_of(bucket, scope, configuration, opened, selection)


def _question(plan: Plan) -> str:
    """Word the question, with the deletes in bold: `Apply to prod (nats-prod): 3 to create, 2 to delete?`."""
    from ajsync.reconcile.plan import told_counts

    queues = len(plan.queues.missing)
    parts = [f"{counted(queues, 'queue')} to make"] if queues else []
    parts += [f"{count:,} to {verb}" for verb, count in told_counts(plan.changes).items() if count]
    if parts[-1].endswith("delete"):
        parts[-1] = stderr_paint()("strong", parts[-1])
    return f"Apply to {visible(str(plan.destination))}: {', '.join(parts)}?"


def _record_unchanged(plan: Plan, configuration: Configuration, scope: Scope) -> None:
    """Record an apply that found nothing to do, if it came from another commit than the last one."""
    from ajsync.cli.provenance import FilesProvenance, record_or_warn
    from ajsync.cli.session import on_bucket
    from ajsync.reconcile.apply.record import is_worth_recording
    from ajsync.reconcile.apply.result import Result

    result, origin = Result(()), FilesProvenance(configuration).origin()
    if is_worth_recording(plan, result, origin):
        on_bucket(scope, configuration.context, lambda bucket: record_or_warn(bucket, plan, result, origin))


async def _carry_out(plan: Plan, configuration: Configuration, scope: Scope, opened: Opened) -> Result:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.cli.output.terminal import progress
    from ajsync.cli.provenance import FilesProvenance, record_or_warn
    from ajsync.cli.session import chosen_context, goal, stop_on_signals
    from ajsync.reconcile.apply.apply import apply
    from ajsync.reconcile.reconciler import new_refusals
    from ajsync.transport.connection import connect

    stop = stop_on_signals()
    origin = asyncio.create_task(asyncio.to_thread(FilesProvenance(configuration).origin))
    async with connect(chosen_context(scope, configuration.context), timeout=scope.timeout) as connection:
        bucket = await ConfigurationBucket.open(connection)
        for refusal in await new_refusals(bucket, goal(configuration, opened), plan):
            raise refusal
        with progress("Applying", len(plan.changes)) as advance:
            result = await apply(bucket, plan, now=time.time_ns(), on_done=lambda: advance(1), stop=stop)
        await record_or_warn(bucket, plan, result, await origin)
        return result
