"""`ajsync info`: show which schedulers there are, and the state of what asyncjobs keeps on the server."""

from __future__ import annotations

from datetime import tzinfo

import click

from ajsync.cli.options.shared import scope_options, timezone_option
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import output_option, show


@click.command()
@timezone_option
@output_option("an object")
@scope_options
def command(zone: tzinfo | None, output: str, scope: Scope) -> None:
    """Show which schedulers lead and stand by, the stores, and each queue with its backlog.

    It asks the schedulers of ajsync for their roles. Go schedulers do not answer: only the election says that one
    leads. The rest is what 'ajc info' shows, and how many items of each queue wait for a worker or are in progress.
    Nothing is made: a store that does not exist is shown as missing.

    \b
    Examples:
      ajsync info
      ajsync info --json | jq -r .elections.leaders.task_scheduler
      ajsync info --json | jq '.queues[] | {name, waiting}'
      ajsync info --json | jq '.presence.schedulers[] | {name, role}'
    """
    from ajsync.cli.output.information import information_document, information_lines
    from ajsync.cli.project import zone_of
    from ajsync.cli.session import configured_context, on_server
    from ajsync.inspect.information import read_information

    where = zone_of(scope, zone)
    found = on_server(scope, configured_context(scope), read_information)
    show(output, lambda: information_document(found), lambda: information_lines(found, where))
