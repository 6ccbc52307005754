"""`ajsync view`: show one schedule of the bucket, or the selected ones."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo

import click

from ajsync.cli.options.shared import (
    optional_schedule_argument,
    scope_options,
    selection_options,
    show_payload_option,
    timezone_option,
)
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import output_option, show


@click.command()
@optional_schedule_argument
@selection_options
@scope_options
@show_payload_option
@timezone_option
@output_option("the stored value; an array of them for a selection", "-j")
def command(
    name: str | None, selectors: Selectors, scope: Scope, show_payload: bool, zone: tzinfo | None, output: str
) -> None:
    """Show one schedule of the bucket, or the selected ones: when each fires next and who owns it.

    For a paused schedule it also shows until when it is paused, by whom and why.

    \b
    Examples:
      ajsync view EMAIL_MONTHLY_UPDATE
      ajsync view EMAIL_MONTHLY_UPDATE --json
      ajsync view --name 'EMAIL_*' --mine
    """
    from ajsync.cli.output.schedules import say_unreadable, schedule_lines
    from ajsync.cli.project import zone_of
    from ajsync.cli.session import configured_context, on_bucket
    from ajsync.cli.source import one_named_or_selected, read_source, stored_entry
    from ajsync.reconcile.fields import entry_object

    one_named_or_selected(name, selectors)
    where = zone_of(scope, zone)
    if name is not None:
        named = name
        task, pause = on_bucket(scope, configured_context(scope), lambda bucket: stored_entry(bucket, named))
        show(
            output,
            lambda: entry_object(task, pause),
            lambda: schedule_lines(task, where, pause, show_payload=show_payload),
        )
        return
    source = read_source(scope, selectors)

    def lines() -> Iterator[str]:
        for number, task in enumerate(source.tasks):
            yield from [""] if number else []
            yield from schedule_lines(task, where, source.paused.get(task.name), show_payload=show_payload)

    show(output, lambda: [entry_object(task, source.paused.get(task.name)) for task in source.tasks], lines)
    say_unreadable(source.unreadable)
