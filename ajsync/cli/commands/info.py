"""`ajsync info`: show the state of what asyncjobs keeps on the server."""

from __future__ import annotations

import time

import click

from ajsync.cli.options.shared import scope_options
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import output_option, show


@click.command()
@output_option("an object")
@scope_options
def command(output: str, scope: Scope) -> None:
    """Show the stores of tasks, configuration and elections, who leads, and each queue with its backlog.

    This is what 'ajc info' shows, and how many items of each queue wait for a worker or are in progress. Nothing is
    made: a store that does not exist is shown as missing.

    \b
    Examples:
      ajsync info
      ajsync info --json | jq -r .elections.leaders.task_scheduler
      ajsync info --json | jq '.queues[] | {name, waiting}'
    """
    from ajsync.cli.output.information import information_document, information_lines
    from ajsync.cli.session import configured_context, on_server
    from ajsync.inspect.information import read_information

    found = on_server(scope, configured_context(scope), read_information)
    show(output, lambda: information_document(found), lambda: information_lines(found, time.time_ns()))
