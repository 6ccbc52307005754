"""`ajsync lint`: schedules that are valid and still not what their author wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ajsync.cli.options.options import Files, Server, owned_files_options, server_options
from ajsync.cli.output.data import echo_data, encoded, format_option
from ajsync.errors import InvalidError, Location, UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from ajsync.inspect.lint import Finding, Rule
    from ajsync.reconcile.render.style import Paint

_STYLES = {"error": "alarm", "warning": "update", "notice": "adopt"}
_MOST_OF_RULE = 10
"""Lines for people about one rule; JSON has all."""
_INDENT = "    "
_LEAST_WIDTH = 20
_SEVERITIES = ("error", "warning", "notice")
_OF_SERVER = "unknown-queue"
"""The rule that finds nothing as long as nobody asks the server."""


class _RuleName(click.ParamType[str]):
    """The name of a rule; one that there is not is an error that names the nearest."""

    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from ajsync.inspect.rules import RULES
        from ajsync.text import nearest

        names = [rule.name for rule in RULES]
        if value not in names:
            meant = nearest(value, names)
            hint = f"did you mean {meant}?" if meant else "'ajsync lint --help' lists them"
            self.fail(f"there is no rule {value!r}; {hint}", param, ctx)
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the rules that begin so and were not given yet, with what they find."""
        from click.shell_completion import CompletionItem

        from ajsync.inspect.rules import RULES

        given = ctx.params.get(param.name or "") or ()
        rules = [rule for rule in RULES if rule.name.startswith(incomplete) and rule.name not in given]
        return [CompletionItem(rule.name, help=rule.summary) for rule in rules]


class _LintCommand(click.Command):
    """Writes the table of rules below its help."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ajsync.inspect.rules import RULES

        for severity in _SEVERITIES:
            with formatter.section(f"Rules, {severity}s"):
                formatter.write_dl([(rule.name, rule.summary) for rule in RULES if rule.severity == severity])


@dataclass(frozen=True, slots=True)
class _Linted:
    schedules: int
    findings: Sequence[Finding]
    locations: Mapping[str, Location]
    """Of the files; empty for the bucket."""


@click.command(cls=_LintCommand)
@click.option("--bucket", is_flag=True, help="The schedules of the bucket. [default: those of the files]")
@click.option("--online", is_flag=True, help="Ask the server which queues exist.")
@click.option(
    "--rule", "only", type=_RuleName(), multiple=True, metavar="NAME", help="This rule only; can be repeated."
)
@click.option("--ignore", type=_RuleName(), multiple=True, metavar="NAME", help="Not this rule; can be repeated.")
@click.option(
    "--herd",
    type=click.IntRange(min=2),
    default=50,
    show_default=True,
    metavar="N",
    help="So many schedules due in one minute are a herd.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["warning", "error"]),
    default="error",
    show_default=True,
    help="End with 3 for findings of this severity or above.",
)
@format_option("text", "json", "yaml", "github", told="For people, machines, or a workflow's annotations.")
@owned_files_options
@server_options
def command(
    bucket: bool,
    online: bool,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    herd: int,
    fail_on: str,
    style: str,
    files: Files,
    server: Server,
) -> None:
    """Find schedules that are valid and still not what their author wants.

    It looks at the files; with --bucket at what the bucket holds, whoever owns it. Every rule has a name and a
    severity. The exit code is 3 if anything as grave as --fail-on is found, else 0.

    \b
    Examples:
      ajsync lint
      ajsync lint --fail-on warning --ignore no-timezone
      ajsync lint --bucket --rule herd --herd 20
      ajsync lint --online --format github
    """
    from ajsync.inspect.rules import RULES

    if _OF_SERVER in only and not online:
        raise UsageError(f"--rule {_OF_SERVER} needs --online, which asks the server which queues exist.")
    rules = [rule for rule in RULES if (not only or rule.name in only) and rule.name not in ignore]
    linted = _lint(rules, herd, files, server, bucket=bucket, online=online, annotate=style == "github")
    if style in _PRINTERS:
        _PRINTERS[style](linted)
    else:
        echo_data(encoded(style, _document(linted)))
    gravest = _SEVERITIES[: _SEVERITIES.index(fail_on) + 1]
    if any(finding.severity in gravest for finding in linted.findings):
        raise click.exceptions.Exit(InvalidError.exit_code)


def _lint(
    rules: Sequence[Rule], herd: int, files: Files, server: Server, *, bucket: bool, online: bool, annotate: bool
) -> _Linted:
    import time

    from ajsync.cli.options.session import configured_context, connected, load, run
    from ajsync.cli.options.source import read_source
    from ajsync.cli.output.annotations import annotated, in_repository
    from ajsync.cli.output.unmatched import warn_of_overlooked
    from ajsync.inspect.information import queue_names
    from ajsync.inspect.lint import lint, material

    locations: Mapping[str, Location] = {}
    unreadable: Mapping[str, str] = {}
    without_queue: frozenset[str] = frozenset()
    if bucket:
        source = read_source(files, server, from_files=False)
        tasks, unreadable = source.tasks, source.unreadable
        context = configured_context(files, server, warn=False)
    else:
        configuration = annotated(files) if annotate else load(files)
        warn_of_overlooked(configuration)
        tasks, context = [*configuration.tasks.values()], configuration.context
        without_queue = configuration.without_queue
        locations = in_repository(configuration.locations) if annotate else configuration.locations

    async def queues() -> frozenset[str]:
        async with connected(server, context) as connection:
            return await queue_names(connection)

    found = material(
        tasks,
        time.time_ns(),
        unreadable=unreadable,
        queues=run(queues()) if online else None,
        herd=herd,
        without_queue=without_queue,
    )
    return _Linted(len(tasks) + len(unreadable), _by_place(lint(found, rules), locations), locations)


def _by_place(findings: Sequence[Finding], locations: Mapping[str, Location]) -> Sequence[Finding]:
    """In the order of files and lines, as one mends them; those of the bucket, which have no place, as they are."""
    from ajsync.errors import Location

    return sorted(findings, key=lambda finding: locations.get(finding.name, Location("")))


def _print_text(linted: _Linted) -> None:
    from collections import Counter

    from ajsync.cli.output.table import stdout_paint
    from ajsync.text import counted

    paint = stdout_paint()
    of_rule = Counter(finding.rule for finding in linted.findings)
    shown: Counter[str] = Counter()
    for finding in linted.findings:
        shown[finding.rule] += 1
        # Where one rule is all there is, whoever looks wants all that it found.
        if len(of_rule) == 1 or of_rule[finding.rule] <= _MOST_OF_RULE or shown[finding.rule] < _MOST_OF_RULE:
            click.echo(_line(finding, linted.locations.get(finding.name), paint), color=True)
    for rule, severity in dict.fromkeys((finding.rule, finding.severity) for finding in linted.findings):
        if len(of_rule) > 1 and of_rule[rule] > _MOST_OF_RULE:
            more = f"{of_rule[rule] - _MOST_OF_RULE + 1:,} more, see --rule {rule}"
            click.echo(f"{paint(_STYLES[severity], severity)}: … {more}", color=True)
    counts = ", ".join(counted(count, severity) for severity in _SEVERITIES if (count := _count(linted, severity)))
    click.echo(f"{counts or 'Nothing found'} in {counted(linted.schedules, 'schedule')}.", err=bool(linted.findings))


def _line(finding: Finding, location: Location | None, paint: Paint) -> str:
    """One finding: on one line, as editors read it, or for a terminal in lines that fit."""
    from ajsync.cli.output.table import stdout_width
    from ajsync.text import one_line, visible

    place = paint("faint", f"{visible(str(location))}: ") if location else ""
    severity = paint(_STYLES[finding.severity], finding.severity)
    name = paint("strong", visible(finding.shown_names))
    rule = paint("faint", f"[{finding.rule}]")
    message, hint = one_line(finding.message), one_line(finding.hint)
    width = stdout_width()
    if width is None:
        return f"{place}{severity}: {name}: {message}{f'; {hint}' if hint else ''} {rule}"
    from textwrap import wrap

    lines = wrap(message, max(width, _LEAST_WIDTH), initial_indent=_INDENT, subsequent_indent=_INDENT)
    hints = wrap(hint, max(width, _LEAST_WIDTH), initial_indent=_INDENT, subsequent_indent=_INDENT)
    return "\n".join([f"{place}{severity}: {name} {rule}", *lines, *(paint("faint", line) for line in hints)])


def _count(linted: _Linted, severity: str) -> int:
    return sum(finding.severity == severity for finding in linted.findings)


def _document(linted: _Linted) -> dict[str, Any]:
    return {
        "schedules": linted.schedules,
        "summary": {severity: _count(linted, severity) for severity in _SEVERITIES},
        "findings": [
            {
                "rule": finding.rule,
                "severity": finding.severity,
                "name": finding.name,
                "others": [*finding.others],
                "message": finding.message,
                "hint": finding.hint,
                "location": _location(linted.locations.get(finding.name)),
            }
            for finding in linted.findings
        ],
    }


def _location(location: Location | None) -> dict[str, Any] | None:
    if location is None:
        return None
    return {"file": location.file, "line": location.line, "column": location.column}


def _print_github(linted: _Linted) -> None:
    from ajsync.cli.output.build_machine import print_commands
    from ajsync.errors import Problem
    from ajsync.inspect.lint import SEVERITIES
    from ajsync.reconcile.render.github import render_findings

    for severity in SEVERITIES:
        found = [
            (
                finding.rule,
                Problem(
                    linted.locations.get(finding.name, Location("")),
                    f"{finding.shown_names}: {finding.message}",
                    finding.hint,
                ),
            )
            for finding in linted.findings
            if finding.severity == severity
        ]
        if found:
            print_commands(render_findings(severity, found))


_PRINTERS = {"text": _print_text, "github": _print_github}
"""For what is no data."""
