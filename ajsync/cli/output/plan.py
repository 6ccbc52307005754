"""A plan as a command prints it, and the result of its apply."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from json import loads
from typing import Any

import click

from ajsync.cli.options.report import Report
from ajsync.cli.options.values import Detail
from ajsync.cli.output.build_machine import print_commands
from ajsync.cli.output.data import echo_data, encoded, page, write_report
from ajsync.cli.output.terminal import conclude, has_colour, label, stdout_width, warn
from ajsync.config import Configuration
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.impact import impact
from ajsync.reconcile.plan import Change, Plan, told_counts
from ajsync.reconcile.reconciler import Proposal
from ajsync.reconcile.render import RENDERERS, RESULT_RENDERERS, RenderOptions
from ajsync.reconcile.render.wording import done_counts
from ajsync.selection import nothing_selected
from ajsync.text import listed, plural
from ajsync.timestamp import to_nanoseconds

_FAILURES_SHOWN = 20


def print_plan(
    proposal: Proposal,
    configuration: Configuration,
    *,
    style: str,
    detail: Detail,
    zone: tzinfo,
    paged: bool = False,
) -> None:
    """Print a plan on standard output, and why gates refuse it; warn of an unusable record.

    On a terminal, a plan of very many changes is shortened, unless `detail` says otherwise. If it is still too long, it
    goes through the pager if `paged`.
    """
    if proposal.record_problem:
        warn(proposal.record_problem)
    options = _options(proposal, configuration, detail, zone)
    text = RENDERERS["json" if style == "yaml" else style](proposal.plan, proposal.refusals, options)
    if style == "yaml":
        echo_data(encoded(style, loads(text)))
    elif style == "github":
        print_commands(text)
    elif style == "json":
        echo_data(text)
    elif paged and style == "text":
        page(text.split("\n"))
    else:
        click.echo(text, color=True)


def plan_document(proposal: Proposal, configuration: Configuration, *, detail: Detail) -> Any:
    """Return the plan for programs; warns as `print_plan` does."""
    if proposal.record_problem:
        warn(proposal.record_problem)
    options = _options(proposal, configuration, detail, UTC)
    return loads(RENDERERS["json"](proposal.plan, proposal.refusals, options))


def report_plan(
    reports: Sequence[Report], proposal: Proposal, configuration: Configuration, *, detail: Detail, zone: tzinfo
) -> None:
    """Write a plan to the files that were asked for. Raises WriteError."""
    if not reports:
        return  # the options hold the impact, which looks at every schedule
    options = _for_file(_options(proposal, configuration, detail, zone))
    for report in reports:
        write_report(report.path, RENDERERS[report.style](proposal.plan, proposal.refusals, options))


def print_result_as(
    style: str,
    proposal: Proposal,
    result: Result | None,
    configuration: Configuration,
    *,
    detail: Detail,
    zone: tzinfo,
) -> None:
    """Print what became of an apply, in a format of `RESULT_RENDERERS`, on standard output."""
    options = _options(proposal, configuration, detail, zone)
    text = RESULT_RENDERERS[style](proposal.plan, proposal.refusals, result, options)
    if style == "github":
        print_commands(text)
    else:
        click.echo(text, color=True)


def report_result(
    reports: Sequence[Report],
    proposal: Proposal,
    result: Result | None,
    configuration: Configuration,
    *,
    detail: Detail,
    zone: tzinfo,
) -> None:
    """Write what became of an apply to the files that were asked for; raises as `report_plan` does."""
    if not reports:
        return
    plan, refusals = proposal.plan, proposal.refusals
    options = _for_file(_options(proposal, configuration, detail, zone))
    for report in reports:
        if report.style == "json":
            document = loads(RENDERERS["json"](plan, refusals, replace(options, zone=UTC)))
            text = encoded("json", apply_document(document, plan, result))
        else:
            text = RESULT_RENDERERS[report.style](plan, refusals, result, options)
        write_report(report.path, text)


def _for_file(options: RenderOptions) -> RenderOptions:
    return replace(options, short=False, colour=False, width=None)


def _options(proposal: Proposal, configuration: Configuration, detail: Detail, zone: tzinfo) -> RenderOptions:
    now = datetime.now(UTC)
    return RenderOptions(
        now=now,
        show_payload=detail.show_payload,
        locations=configuration.locations,
        suspended=configuration.suspended,
        loosened=loosened(configuration.safety),
        impact=impact(proposal.plan.changes, proposal.entries, to_nanoseconds(now)),
        short=sys.stdout.isatty() and not detail.full,
        colour=has_colour(sys.stdout),
        zone=zone,
        width=stdout_width(),
    )


def warn_if_nothing_selected(plan: Plan, configuration: Configuration) -> None:
    """Print a warning if no schedule is selected, neither in the files nor of their owner in the bucket."""
    if plan.selection and plan.empty and not plan.unchanged:
        warn(nothing_selected(plan.selection, [*configuration.tasks.values()], "the files"))


def print_result(plan: Plan, result: Result, *, quiet: bool = False) -> None:
    """Print what an apply did, unless `quiet`, and what failed. Raises the error of an apply that is not complete."""
    if (made := plan.queues.missing) and not quiet:
        conclude(f"Made {plural(len(made), 'the queue', 'the queues')} {listed([queue.name for queue in made])}.")
    failed = result.with_status("failed")
    for outcome in failed[:_FAILURES_SHOWN]:
        label("Failed:", "alarm", str(outcome.error))
    if len(failed) > _FAILURES_SHOWN:
        click.echo(f"… and {len(failed) - _FAILURES_SHOWN:,} more failed.", err=True)
    done = [outcome.change for outcome in result.with_status("done")]
    if done and not quiet:
        conclude(f"Applied: {_counts(done)}.")
    if result.error is not None:
        raise result.error


def apply_document(plan: Any, made: Plan, result: Result | None) -> dict[str, Any]:
    """Return the apply for programs: its plan, and what became of it; `result` is None if there was nothing to
    apply."""
    outcomes = result.outcomes if result else ()
    failed = [each for each in outcomes if each.status == "failed"]
    done = [each.change for each in outcomes if each.status == "done"]
    return {
        "plan": plan,
        "applied": {verb: count for verb, count in told_counts(done).items() if count},
        "queues": [queue.name for queue in made.queues.missing] if result else [],
        "failed": [{"name": each.change.name, "error": str(each.error)} for each in failed],
        "not_attempted": sum(each.status == "not attempted" for each in outcomes),
    }


def _counts(changes: Sequence[Change]) -> str:
    return done_counts(told_counts(changes))
