"""`ajsync plan`: show how the files differ from the bucket."""

from __future__ import annotations

from pathlib import Path

import click

from ajsync.cli.options.report import Report, report_option
from ajsync.cli.options.shared import (
    all_environments_option,
    detail_options,
    gate_options,
    owned_scope_options,
    project_selection_options,
)
from ajsync.cli.options.values import Detail, Scope, Selectors
from ajsync.cli.output.data import change_format_option
from ajsync.cli.output.terminal import warn
from ajsync.cli.runs import Ended, Runs
from ajsync.errors import UsageError
from ajsync.safety import Opened
from ajsync.text import counted, listed

_CHANGES_PENDING = 2


@click.command()
@owned_scope_options
@project_selection_options
@gate_options
@detail_options
@change_format_option("a comment on a pull request")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan for 'ajsync apply FILE', with mode 0600, since it holds the payloads.",
)
@report_option("text", "json", "markdown", "github")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
@all_environments_option
def command(
    selectors: Selectors,
    scope: Scope,
    opened: Opened,
    detail: Detail,
    style: str,
    out: Path | None,
    reports: tuple[Report, ...],
    detailed_exitcode: bool,
    all_environments: bool,
) -> None:
    """Show how the files differ from the bucket, without changing anything.

    The exit code is 0 when the plan can be applied. When a gate or a conflict is in the way, it is the one that 'apply'
    would end with.

    Options that select schedules leave out the other changes. A change is selected if its schedule is selected as it is
    in the files or in the bucket.

    \b
    Examples:
      ajsync plan
      ajsync plan --environment prod --detailed-exitcode
      ajsync plan --format markdown > comment.md
      ajsync plan -l team=payments --name 'EMAIL_*'
      ajsync plan --out change.plan && ajsync apply change.plan
      ajsync plan --out change.plan --report markdown=plan.md
      ajsync plan --all-environments
    """
    from ajsync.cli.environments import run_in

    if all_environments and out is not None:
        raise UsageError("--out saves the plan for one environment: it cannot be combined with --all-environments.")
    if all_environments and reports:
        raise UsageError("--report writes the plan for one environment: it cannot be combined with --all-environments.")

    def once(scope: Scope, runs: Runs) -> Ended:
        return _plan(selectors, scope, runs, opened, detail, style, out, reports, detailed_exitcode)

    run_in(scope, once, style, each=all_environments)


def _plan(
    selectors: Selectors,
    scope: Scope,
    runs: Runs,
    opened: Opened,
    detail: Detail,
    style: str,
    out: Path | None,
    reports: tuple[Report, ...],
    detailed_exitcode: bool,
) -> Ended:
    from ajsync.cli.environments import place_of
    from ajsync.cli.output.data import check_reports
    from ajsync.cli.output.plan import plan_document, print_plan, report_plan, warn_if_nothing_selected
    from ajsync.cli.project import load_and_warn, selection_of, warn_if_none_chosen, zone_of
    from ajsync.cli.session import on_bucket, proposal_of, warn_if_elsewhere

    check_reports(reports, out)
    annotate = "github" in (style, *(report.style for report in reports))
    configuration = load_and_warn(scope, annotate=annotate, runs=runs)
    warn_if_none_chosen(scope)
    warn_if_elsewhere(scope, configuration.context)
    selection = selection_of(scope, selectors, owner=configuration.owner)
    proposal = on_bucket(
        scope, configuration.context, lambda bucket: proposal_of(bucket, scope, configuration, opened, selection)
    )
    if names := proposal.interrupted:
        warn(
            f"An apply was interrupted and left {counted(len(names), 'schedule')} deleted ({listed(names)}). The next "
            "'ajsync apply' restores them first; this plan is made as if it had."
        )
    warn_if_nothing_selected(proposal.plan, configuration)
    document = plan_document(proposal, configuration, detail=detail) if runs.documents else None
    if not runs.documents:
        if runs.codes and style in ("text", "markdown"):
            click.echo()  # below the plan of another environment
        paged = not runs.several
        zone = zone_of(scope, detail.zone)
        print_plan(proposal, configuration, style=style, detail=detail, zone=zone, paged=paged)
        report_plan(reports, proposal, configuration, detail=detail, zone=zone)
    if out is not None:
        from ajsync.reconcile.saved import SavedPlan, save_plan

        project = configuration.project
        named = project.relative_to(Path.cwd()).as_posix() if project.is_relative_to(Path.cwd()) else ""
        save_plan(SavedPlan(proposal.plan, opened, named, scope.variables), out)
    if proposal.refusals:
        if style != "text":  # the plan has the reasons, but may have gone into a file
            for refusal in proposal.refusals:
                warn(f"{place_of(scope)}: {refusal}" if runs.several else str(refusal))
        return Ended(proposal.refusals[0].exit_code, document)
    return Ended(_CHANGES_PENDING if detailed_exitcode and proposal.plan.pending else 0, document)
