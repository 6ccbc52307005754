"""`ajsync plan`: show how the files differ from the bucket."""

from __future__ import annotations

from pathlib import Path

import click

from ajsync.cli.options.shared import (
    gate_options,
    owned_scope_options,
    project_selection_options,
    show_payload_option,
)
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import format_option
from ajsync.cli.output.terminal import warn
from ajsync.safety import Opened
from ajsync.text import counted, listed

_CHANGES_PENDING = 2


@click.command()
@owned_scope_options
@project_selection_options
@gate_options
@show_payload_option
@format_option(
    "text",
    "json",
    "yaml",
    "markdown",
    "github",
    help="For people, machines, a comment on a pull request, or a workflow's annotations.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan for 'ajsync apply FILE', with mode 0600, since it holds the payloads.",
)
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
def command(
    selectors: Selectors,
    scope: Scope,
    opened: Opened,
    show_payload: bool,
    style: str,
    out: Path | None,
    detailed_exitcode: bool,
) -> None:
    """Show how the files differ from the bucket, without changing anything.

    The exit code is 0 when the plan can be applied. When a gate or a conflict is in its way, it is the one that 'apply'
    would end with.

    Options that select schedules leave out the other changes. A change is selected if the schedule in the files or the
    one in the bucket is.

    \b
    Examples:
      ajsync plan
      ajsync plan --environment prod --detailed-exitcode
      ajsync plan --format markdown > comment.md
      ajsync plan -l team=payments --name 'EMAIL_*'
      ajsync plan --out change.plan && ajsync apply change.plan
    """
    from ajsync.cli.output.plan import print_plan
    from ajsync.cli.project import load_and_warn, selection_of
    from ajsync.cli.session import on_bucket, proposal_of, warn_if_elsewhere
    from ajsync.cli.source import warn_if_nothing_selected

    configuration = load_and_warn(scope, annotate=style == "github")
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
    print_plan(proposal, configuration, style=style, show_payload=show_payload, paged=True)
    if out is not None:
        from ajsync.reconcile.saved import SavedPlan, save_plan

        project = configuration.project
        named = project.relative_to(Path.cwd()).as_posix() if project.is_relative_to(Path.cwd()) else ""
        save_plan(SavedPlan(proposal.plan, opened, named, scope.variables), out)
    if proposal.refusals:
        if style != "text":  # the plan names the reasons, and may have gone into a file
            for refusal in proposal.refusals:
                warn(str(refusal))
        raise click.exceptions.Exit(proposal.refusals[0].exit_code)
    if detailed_exitcode and proposal.plan.pending:
        raise click.exceptions.Exit(_CHANGES_PENDING)
