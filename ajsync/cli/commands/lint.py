"""`ajsync lint`: find schedules that are valid but probably not what their author wants."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from ajsync.cli.options.shared import all_environments_option, owned_scope_options, project_selection_options
from ajsync.cli.options.values import Scope, Selectors
from ajsync.cli.output.data import format_option
from ajsync.cli.runs import Ended, Runs
from ajsync.errors import InvalidError, Location, UsageError

if TYPE_CHECKING:
    from ajsync.asyncjobs.queues import QueueSettings
    from ajsync.cli.output.findings import Linted
    from ajsync.inspect.lint import Rule

_OF_SERVER = "unknown-queue"
"""The rule that finds something only by asking the server."""
_FAILING = {"warning": ("error", "warning"), "error": ("error",)}
"""The severities that make a run fail, by --fail-on."""


class _RuleName(click.ParamType[str]):
    """The name of a rule; an unknown one is an error that suggests the closest one."""

    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Look the name up."""
        from ajsync.inspect.rules import RULES
        from ajsync.text import nearest

        names = [rule.name for rule in RULES]
        if value not in names:
            meant = nearest(value, names)
            hint = f"did you mean {meant}?" if meant else "'ajsync lint --help' lists them"
            self.fail(f"there is no rule {value!r}; {hint}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the rules that begin with what was typed and are not given yet, each with what it finds."""
        from ajsync.inspect.rules import RULES

        given = ctx.params.get(param.name or "") or ()
        rules = [rule for rule in RULES if rule.name.startswith(incomplete) and rule.name not in given]
        return [CompletionItem(rule.name, help=rule.summary) for rule in rules]


class _LintCommand(click.Command):
    """A command whose help ends with the table of rules."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the rules by severity."""
        from ajsync.inspect.lint import SEVERITIES
        from ajsync.inspect.rules import RULES

        for severity in SEVERITIES:
            with formatter.section(f"Rules, {severity}s"):
                formatter.write_dl([(rule.name, rule.summary) for rule in RULES if rule.severity == severity])


@click.command(cls=_LintCommand)
@click.option("--bucket", is_flag=True, help="Look at the bucket. [default: the files]")
@click.option("--online", is_flag=True, help="Ask the server which queues exist.")
@click.option(
    "--rule", "only", type=_RuleName(), multiple=True, metavar="NAME", help="Use only this rule; can be repeated."
)
@click.option("--ignore", type=_RuleName(), multiple=True, metavar="NAME", help="Ignore this rule; can be repeated.")
@click.option(
    "--herd",
    type=click.IntRange(min=2),
    default=50,
    show_default=True,
    metavar="N",
    help="How many schedules due in the same minute are a herd.",
)
@click.option(
    "--fail-on",
    type=click.Choice([*_FAILING]),
    default="error",
    show_default=True,
    help="End with 3 for findings of this severity or above.",
)
@format_option("text", "json", "yaml", "github", help="For people, machines, or a workflow's annotations.")
@project_selection_options
@owned_scope_options
@all_environments_option
def command(
    bucket: bool,
    online: bool,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    herd: int,
    fail_on: str,
    style: str,
    selectors: Selectors,
    scope: Scope,
    all_environments: bool,
) -> None:
    """Find schedules that are valid but probably not what their author wants.

    It looks at the files, or with --bucket at all schedules of the bucket. Every rule has a name and a severity. The
    exit code is 3 if a finding has the severity of --fail-on or a higher one, else 0.

    The rules look at everything, so that they see which schedules are due together. With options that select schedules,
    only findings about one of these count. With --bucket, --owner selects the schedules of that owner.

    \b
    Examples:
      ajsync lint
      ajsync lint --fail-on warning --ignore no-timezone
      ajsync lint --bucket --rule herd --herd 20
      ajsync lint --bucket --mine -l team=payments
      ajsync lint --online --format github
      ajsync lint --all-environments
    """
    from ajsync.cli.environments import run_in
    from ajsync.cli.output.findings import document, print_findings
    from ajsync.inspect.rules import RULES

    if _OF_SERVER in only and not online:
        raise UsageError(f"--rule {_OF_SERVER} needs --online, which asks the server which queues exist.")
    rules = [rule for rule in RULES if (not only or rule.name in only) and rule.name not in ignore]

    def once(scope: Scope, runs: Runs) -> Ended:
        linted = _lint(rules, herd, selectors, scope, runs, bucket=bucket, online=online, annotate=style == "github")
        if not runs.documents:
            print_findings(linted, style)
        failed = any(finding.severity in _FAILING[fail_on] for finding in linted.findings)
        return Ended(InvalidError.exit_code if failed else 0, document(linted) if runs.documents else None)

    run_in(scope, once, style, each=all_environments, headed=style == "text")


def _lint(
    rules: Sequence[Rule],
    herd: int,
    selectors: Selectors,
    scope: Scope,
    runs: Runs,
    *,
    bucket: bool,
    online: bool,
    annotate: bool,
) -> Linted:
    from ajsync.cli.output.findings import Linted
    from ajsync.cli.project import load_and_warn, selection_of
    from ajsync.cli.session import configured_context, on_server
    from ajsync.cli.source import Source, read_source, selected
    from ajsync.inspect.information import queue_names
    from ajsync.inspect.lint import lint, material

    locations: Mapping[str, Location] = {}
    without_queue: frozenset[str] = frozenset()
    declared: tuple[QueueSettings, ...] = ()
    if bucket:
        selection = selection_of(scope, replace(selectors, of_owner=scope.expected_owner))
        source = read_source(scope)
        context = configured_context(scope, warn=False)
    else:
        configuration = load_and_warn(scope, annotate=annotate, runs=runs)
        selection = selection_of(scope, selectors, owner=configuration.owner)
        source, context = Source("the files", "", [*configuration.tasks.values()], {}), configuration.context
        without_queue, locations = configuration.without_queue, configuration.locations
        declared = configuration.queues
    about = selected(source, selection)

    found = material(
        source.tasks,
        time.time_ns(),
        unreadable=source.unreadable,
        queues=on_server(scope, context, queue_names) if online else None,
        herd=herd,
        without_queue=without_queue,
        declared=declared,
    )
    findings = lint(found, rules)
    if selection:
        names = {task.name for task in about.tasks} | about.unreadable.keys()
        findings = [finding for finding in findings if not names.isdisjoint((finding.name, *finding.others))]
    # In the order of files and lines; findings about the bucket have no place, and keep their order.
    findings = sorted(findings, key=lambda finding: locations.get(finding.name, Location("")))
    return Linted(len(about.tasks) + len(about.unreadable), findings, locations)
