"""`ajsync log`: show who applied what, when and from which commit, and what was done by hand."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ajsync.cli.options.shared import scope_options, timezone_option
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import output_option, show

if TYPE_CHECKING:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.reconcile.apply.record import OwnedLine

_MOST = 40
"""How many lines a record holds."""


@click.command()
@scope_options
@click.option(
    "--owner", metavar="NAME", help="The owner of the schedules. [default: the project's, or all without a project]"
)
@click.option("--last", type=click.IntRange(1, _MOST), default=20, show_default=True, help="Lines to show.")
@timezone_option
@output_option("an array of lines")
def command(scope: Scope, owner: str | None, last: int, zone: tzinfo | None, output: str) -> None:
    """Show the last applies of an owner, newest first: when, by whom, from which commit, and what was changed.

    Pauses, resumes and backfills are shown among them. A pause that ends by itself has no line for its end, and
    schedules without an owner have no record.

    An apply is recorded in the bucket if it changed something, or came from a commit other than the one before. The
    commit comes from git, or from the variables of GitHub and GitLab, and ends in -dirty if the files differed from it.
    The record keeps 20 applies with 20 names each, and 20 of the others with three. It is no proof: anyone who may
    apply may change it.

    \b
    Examples:
      ajsync log
      ajsync log --owner billing-team --last 5
      ajsync log --json | jq -r '[.[] | select(.action == "apply")][0].commit'
    """
    from ajsync.cli.output.applies import applies_table
    from ajsync.cli.project import owner_of, zone_of
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.config.project import find_project
    from ajsync.reconcile.render.json import line_document

    context = configured_context(scope)
    if owner is None and (scope.config or scope.environment or find_project(Path.cwd())):
        owner = owner_of(scope)
    where = zone_of(scope, zone)
    lines = on_bucket(scope, context, lambda bucket: _read(bucket, owner))[:last]
    show(
        output,
        lambda: [{"owner": each.owner, **line_document(each.line)} for each in lines],
        lambda: applies_table(lines, owner, where),
    )


async def _read(bucket: ConfigurationBucket, owner: str | None) -> list[OwnedLine]:
    from ajsync.reconcile.apply.record import OwnedLine, read_all_records, read_record

    if owner is None:
        return await read_all_records(bucket)
    return [OwnedLine(owner, each) for each in (await read_record(bucket, owner)).lines]
