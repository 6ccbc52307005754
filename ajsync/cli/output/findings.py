"""The findings of lint: for people, as a document, and as annotations of a GitHub workflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import click

from ajsync.cli.output.build_machine import print_commands
from ajsync.cli.output.data import echo_data, encoded
from ajsync.cli.output.terminal import stdout_paint, stdout_width
from ajsync.errors import Location, Problem
from ajsync.fitting import wrapped
from ajsync.inspect.lint import SEVERITIES, Finding
from ajsync.reconcile.render.github import render_findings
from ajsync.text import Paint, counted, one_line, visible

_STYLES = {"error": "alarm", "warning": "update", "notice": "adopt"}
_MOST_OF_RULE = 10
"""How many lines people get about one rule; the document has all."""
_INDENT = "    "
_LEAST_WIDTH = 20


@dataclass(frozen=True, slots=True)
class Linted:
    """The schedules that were looked at, and the findings."""

    schedules: int
    findings: Sequence[Finding]
    locations: Mapping[str, Location]
    """The places of schedules in files; empty for the bucket."""


def print_findings(linted: Linted, style: str) -> None:
    """Print findings as `text`, `github`, `json` or `yaml`."""
    if style == "text":
        _print_text(linted)
    elif style == "github":
        _print_github(linted)
    else:
        echo_data(encoded(style, document(linted)))


def _print_text(linted: Linted) -> None:
    paint = stdout_paint()
    of_rule = Counter(finding.rule for finding in linted.findings)
    shown: Counter[str] = Counter()
    for finding in linted.findings:
        shown[finding.rule] += 1
        # Where findings come from a single rule, the user wants to see all of them.
        if len(of_rule) == 1 or of_rule[finding.rule] <= _MOST_OF_RULE or shown[finding.rule] < _MOST_OF_RULE:
            click.echo(_line(finding, linted.locations.get(finding.name), paint), color=True)
    for rule, severity in dict.fromkeys((finding.rule, finding.severity) for finding in linted.findings):
        if len(of_rule) > 1 and of_rule[rule] > _MOST_OF_RULE:
            more = f"{of_rule[rule] - _MOST_OF_RULE + 1:,} more, see --rule {rule}"
            click.echo(f"{paint(_STYLES[severity], severity)}: … {more}", color=True)
    counts = ", ".join(counted(count, severity) for severity, count in _summary(linted).items() if count)
    click.echo(f"{counts or 'Nothing found'} in {counted(linted.schedules, 'schedule')}.", err=bool(linted.findings))


def _line(finding: Finding, location: Location | None, paint: Paint) -> str:
    """One finding: on one line, as editors read it, or in lines that fit the terminal."""
    place = paint("faint", f"{visible(str(location))}: ") if location else ""
    severity = paint(_STYLES[finding.severity], finding.severity)
    name = paint("strong", visible(finding.shown_names))
    rule = paint("faint", f"[{finding.rule}]")
    message, hint = one_line(finding.message), one_line(finding.hint)
    width = stdout_width()
    if width is None:
        return f"{place}{severity}: {name}: {message}{f'; {hint}' if hint else ''} {rule}"
    lines, hints = (
        wrapped(_INDENT + text, max(width, _LEAST_WIDTH), indent=len(_INDENT)) if text else []
        for text in (message, hint)
    )
    return "\n".join([f"{place}{severity}: {name} {rule}", *lines, *(paint("faint", line) for line in hints)])


def _summary(linted: Linted) -> dict[str, int]:
    found = Counter(finding.severity for finding in linted.findings)
    return {severity: found[severity] for severity in SEVERITIES}


def document(linted: Linted) -> dict[str, Any]:
    """The findings for programs."""
    return {
        "schedules": linted.schedules,
        "summary": _summary(linted),
        "findings": [
            {**asdict(finding), "location": asdict(place) if (place := linted.locations.get(finding.name)) else None}
            for finding in linted.findings
        ],
    }


def _print_github(linted: Linted) -> None:
    for severity in SEVERITIES:
        found = [
            (finding.rule, Problem(place, f"{finding.shown_names}: {finding.message}", finding.hint))
            for finding in linted.findings
            if finding.severity == severity
            for place in [linted.locations.get(finding.name, Location(""))]
        ]
        if found:
            print_commands(render_findings(severity, found))
