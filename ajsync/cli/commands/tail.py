"""`ajsync tail`: show fires and outcomes as they happen."""

from __future__ import annotations

from datetime import UTC, tzinfo

import click

from ajsync.cli.options.shared import schedules_argument, scope_options, selection_options, timezone_option
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import format_option


@click.command()
@schedules_argument
@selection_options
@timezone_option
@format_option("text", "json", help="For people, or one object per line.")
@scope_options
def command(names: tuple[str, ...], selectors: Selectors, zone: tzinfo | None, style: str, scope: Scope) -> None:
    """Show what happens to the work of schedules, as it happens: each fire, and what becomes of its task.

    A line has the time, the state of the task, the schedule, when it was due, how long ago that was, the queue, and the
    error of the worker. 'new' is a fire, and 'open' a fire that is not settled after ten seconds. Lines also say when a
    scheduler begins to lead, and when none fires. Schedules that are added later are followed too.

    It listens to the events of tasks, so no scheduler has to run. The tasks of a Go scheduler have random ids: a name
    with a question mark is a guess, from the queue, the type and the second. Tasks that no schedule made are left out.

    It ends with Ctrl-C. After a lost connection it goes on, and says from when to when it heard nothing.

    \b
    Examples:
      ajsync tail
      ajsync tail EMAIL_MONTHLY --timezone Europe/Malta
      ajsync tail -l team=payments
      ajsync tail --queue EMAIL -o json | jq -r 'select(.state == "terminated") | .name'
    """
    from ajsync.cli.project import selection_of, zone_of
    from ajsync.cli.session import configured_context, run
    from ajsync.cli.source import named_or_selected
    from ajsync.cli.tailing import tail

    named_or_selected(names, selectors)
    selection = selection_of(scope, selectors)
    context = configured_context(scope)
    where = zone_of(scope, zone) if style == "text" else zone or UTC
    run(tail(scope, context, names, selection, where, style))
