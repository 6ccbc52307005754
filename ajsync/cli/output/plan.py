"""What the commands print: the plan and data on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

import click

from ajsync.cli.options.verbosity import current
from ajsync.cli.output.build_machine import print_commands
from ajsync.cli.output.terminal import conclude, has_colour, paint
from ajsync.errors import Location
from ajsync.reconcile.apply.apply import Result
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.plan import Adopt, Create, Delete, Update
from ajsync.reconcile.reconciler import Proposal
from ajsync.safety import Safety

_FAILURES_SHOWN = 20


def print_plan(
    proposal: Proposal, safety: Safety, *, style: str, show_payload: bool, locations: Mapping[str, Location]
) -> None:
    """Print a plan, and why the gates do not let it be applied, on standard output."""
    from ajsync.cli.output.data import echo_data, encoded
    from ajsync.reconcile.render import RENDERERS, RenderOptions

    options = RenderOptions(
        now=datetime.now(UTC),
        show_payload=show_payload,
        locations=locations,
        loosened=loosened(safety),
        colour=has_colour(sys.stdout),
    )
    if style == "yaml":
        from json import loads

        echo_data(encoded(style, loads(RENDERERS["json"](proposal.plan, proposal.refusals, options))))
        return
    text = RENDERERS[style](proposal.plan, proposal.refusals, options)
    if style == "github":
        print_commands(text)
    elif style == "json":
        echo_data(text)
    else:
        click.echo(text, color=True)


def print_result(result: Result) -> None:
    """Say what an apply did, and name what it could not do."""
    failed = result.with_status("failed")
    for outcome in failed[:_FAILURES_SHOWN]:
        paint("Failed:", "red", str(outcome.error))
    if len(failed) > _FAILURES_SHOWN:
        click.echo(f"… and {len(failed) - _FAILURES_SHOWN} more failed.", err=True)
    done = [outcome.change for outcome in result.with_status("done")]
    if done:
        conclude(f"Applied: {counts(done)}.")


def counts(changes: list[Create | Update | Adopt | Delete]) -> str:
    """How many changes of each kind, in words; kinds without any are left out."""
    words = ((Create, "created"), (Update, "updated"), (Adopt, "adopted"), (Delete, "deleted"))
    numbers = ((sum(isinstance(change, kind) for change in changes), word) for kind, word in words)
    return ", ".join(f"{number} {word}" for number, word in numbers if number)


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal's standard error, nothing elsewhere; call what it yields for each change done.

    A bar is drawn by moving the cursor, so that a terminal that is to get no colours gets no bar either.
    """
    if current.quiet or not has_colour(sys.stderr):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("Applying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
