"""`ajsync plan`: show how the files differ from the bucket."""

from __future__ import annotations

from pathlib import Path

import click

from ajsync.cli.options.options import (
    Files,
    Server,
    gate_options,
    owned_files_options,
    server_options,
    show_payload_option,
)
from ajsync.cli.output.data import format_option
from ajsync.safety import Opened

_CHANGES_PENDING = 2


@click.command()
@owned_files_options
@server_options
@gate_options
@show_payload_option
@format_option(
    "text",
    "json",
    "yaml",
    "markdown",
    "github",
    told="For people, machines, a pull request's comment, or a workflow's annotations.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Save the plan for 'ajsync apply FILE'. It holds the payloads: mode 0600.",
)
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
def command(
    files: Files,
    server: Server,
    opened: Opened,
    show_payload: bool,
    style: str,
    out: Path | None,
    detailed_exitcode: bool,
) -> None:
    """Show how the files differ from the bucket; nothing is changed.

    Ends with 0 when the plan can be applied, and with the exit code that 'apply' would end with when a gate or a
    conflict is in its way.

    \b
    Examples:
      ajsync plan
      ajsync plan --environment prod --detailed-exitcode
      ajsync plan --format markdown > comment.md
      ajsync plan --out change.plan && ajsync apply change.plan
    """
    from ajsync.cli.options.session import goal, load, opened_bucket, run
    from ajsync.cli.output.annotations import annotated, in_repository
    from ajsync.cli.output.destination import destination, warn_if_elsewhere
    from ajsync.cli.output.plan import print_plan
    from ajsync.cli.output.terminal import warn
    from ajsync.cli.output.unmatched import warn_of_overlooked
    from ajsync.reconcile.reconciler import Proposal, propose
    from ajsync.text import counted

    configuration = annotated(files) if style == "github" else load(files)
    warn_of_overlooked(configuration)
    warn_if_elsewhere(server, configuration.environment, configuration.context)

    async def main() -> Proposal:
        async with opened_bucket(server, configuration.context) as bucket:
            where = destination(bucket.connection, server, configuration)
            return await propose(bucket, goal(configuration, opened), where)

    proposal = run(main())
    interrupted, against = proposal.interrupted, proposal.refusals
    if interrupted:
        warn(
            f"An apply was interrupted and left {counted(len(interrupted), 'schedule')} deleted "
            f"({', '.join(interrupted[:5])}{', …' if len(interrupted) > 5 else ''}). "
            "The next 'ajsync apply' brings them back first; this plan counts them as there."
        )
    locations = in_repository(configuration.locations) if style == "github" else configuration.locations
    print_plan(proposal, configuration.safety, style=style, show_payload=show_payload, locations=locations)
    if out is not None:
        from ajsync.reconcile.saved import SavedPlan, save_plan

        project = configuration.project
        named = project.relative_to(Path.cwd()).as_posix() if project.is_relative_to(Path.cwd()) else ""
        save_plan(SavedPlan(proposal.plan, opened, named), out)
    if against:
        if style != "text":  # the reasons stand in the plan, which may have gone into a file
            for refusal in against:
                warn(str(refusal))
        raise click.exceptions.Exit(against[0].exit_code)
    if detailed_exitcode and proposal.plan.changes:
        raise click.exceptions.Exit(_CHANGES_PENDING)
