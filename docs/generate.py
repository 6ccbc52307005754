"""Writes the parts of the reference pages that are made from something else: JSON Schemas, the commands' help,
metrics, alerts, columns of tables. Also the copies that the Helm chart has of other examples.

A page holds each such part between two comments, and prose around it. `make docs` brings the pages up to date, and a
test fails while one is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from ajsync.cli.commands import COMMANDS
from ajsync.cli.main import cli
from ajsync.cli.output.applies import APPLY_COLUMNS
from ajsync.cli.output.backfill import BACKFILL_COLUMNS
from ajsync.cli.output.fires import HISTORY_COLUMNS, NEXT_COLUMNS
from ajsync.cli.output.information import ELECTION_COLUMNS, QUEUE_COLUMNS, SCHEDULER_COLUMNS, STORE_COLUMNS
from ajsync.cli.output.schedules import SCHEDULE_COLUMNS
from ajsync.cli.output.status import STATUS_COLUMNS
from ajsync.config.emit import scalar
from ajsync.config.schema import PROJECT_SCHEMA, SCHEDULES_SCHEMA, strict_schema
from ajsync.config.wording import choice, flow
from ajsync.scheduler.monitor.metrics import METRICS

_FOLDER = Path(__file__).parent
_EXAMPLES = _FOLDER.parent / "examples"
_MONITORING = _EXAMPLES / "monitoring"
_PART = re.compile(r"(<!-- generated: ([a-z]+); `make docs` writes it -->\n).*?(<!-- end -->)", re.DOTALL)
_TABLES = {
    "`list`": SCHEDULE_COLUMNS,
    "`next`": NEXT_COLUMNS,
    "`status`": STATUS_COLUMNS[:-3],
    "`history`": HISTORY_COLUMNS[:-1],
    "`log`": APPLY_COLUMNS,
    "`backfill`": BACKFILL_COLUMNS,
    "`info`, schedulers": SCHEDULER_COLUMNS,
    "`info`, stores": STORE_COLUMNS,
    "`info`, elections": ELECTION_COLUMNS,
    "`info`, queues": QUEUE_COLUMNS,
}
"""The tables of commands as a terminal has them; a pipe has more columns."""
_HELP_COLUMNS = 78
"""What click makes of a terminal with 80."""
_NOTHING = "-"
_EXPLAINED_APART = frozenset(("Go duration", "schedule"))
"""Titles of members whose pattern needs more words than its message has, and gets them elsewhere on the page."""


def pages() -> Mapping[Path, str]:
    """The pages with generated parts, and the text that each should have."""
    parts = {
        "project": _project(),
        "schedules": _schedules(),
        "commands": _commands(),
        "metrics": _metrics(),
        "alerts": _alerts(),
        "tables": _tables(),
    }

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{parts[match[2]]}\n\n{match[3]}"

    texts = {path: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.md"))}
    return {path: _PART.sub(part, text) for path, text in texts.items() if _PART.search(text)}


def copies() -> Mapping[Path, str]:
    """The files of the chart that are those for every Prometheus and Grafana, and their texts.

    They are copies because Helm reads only what is in the folder of the chart.
    """
    folder = _EXAMPLES / "kubernetes" / "files"
    names = ("alerts.yaml", "dashboard.json")
    return {folder / name: (_MONITORING / name).read_text(encoding="utf-8") for name in names}


def _project() -> str:
    schema = strict_schema(PROJECT_SCHEMA)
    members = schema["properties"]
    environment = members["environments"]["additionalProperties"]
    queue = members["queues"]["additionalProperties"]
    return "\n\n".join(
        [
            schema["description"],
            _table(schema),
            f"### Members of an entry of `files`\n\n{members['files']['items']['description']}",
            _table(members["files"]["items"]),
            f"### Members of an environment\n\n{environment['description']}",
            _table(environment),
            f"### Settings of a queue\n\n{queue['description']}",
            _table(queue),
            f"### Members of `safety`\n\n{members['safety']['description']}",
            _table(members["safety"]),
        ]
    )


def _schedules() -> str:
    schema = strict_schema(SCHEDULES_SCHEMA)
    schedule = strict_schema(SCHEDULES_SCHEMA, "$defs", "schedule")
    defaults = strict_schema(SCHEDULES_SCHEMA, "$defs", "defaults")
    duration = strict_schema(SCHEDULES_SCHEMA, "$defs", "go_duration")
    inherited = choice(f"`{name}`" for name in defaults["properties"]).replace(" or ", " and ")
    return "\n\n".join(
        [
            schema["description"],
            _table(schema),
            f"### Members of a schedule\n\n{schedule['description']}",
            _table(schedule),
            f"Go durations: {duration['description'][:1].lower()}{duration['description'][1:]}",
            f"### Members of `defaults`\n\n{defaults['description']}\n\nThey are {inherited}, each as in a schedule.",
        ]
    )


def _commands() -> str:
    context = cli.make_context("ajsync", [next(iter(COMMANDS))], terminal_width=_HELP_COLUMNS)
    texts = [f"## `ajsync`\n\n{_fenced(context.get_help())}"]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        help_text = click.Context(command, info_name=name, parent=context).get_help()
        texts.append(f"## `ajsync {name}`\n\n{_fenced(help_text)}")
    return "\n\n".join(texts)


def _metrics() -> str:
    lines = ["| Metric | Kind | Labels | What it says |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = " ".join(f"`{label}`" for label in metric.labels)
        lines.append(_line((f"`{metric.name}`", metric.kind, labels or _NOTHING, f"{metric.help.rstrip('.')}.")))
    return "\n".join(lines)


def _alerts() -> str:
    lines = ["| Alert | Severity | After | When |", "|---|---|---|---|"]
    for group in yaml.safe_load((_MONITORING / "alerts.yaml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            name = f"[{rule['alert']}](#{rule['alert'].lower()})"
            when = f"`{' '.join(rule['expr'].split())}`"
            lines.append(_line((name, rule["labels"]["severity"], rule.get("for", _NOTHING), when)))
    return "\n".join(lines)


def _tables() -> str:
    lines = ["| Command | Columns, the most important first |", "|---|---|"]
    for command, columns in _TABLES.items():
        ranked = sorted(columns, key=lambda column: column.rank)
        lines.append(_line((command, ", ".join(column.title for column in ranked))))
    return "\n".join(lines)


def _fenced(text: str) -> str:
    return f"```text\n{text}\n```"


def _table(schema: Mapping[str, Any]) -> str:
    lines = ["| Member | Type | Default | What it says | Examples |", "|---|---|---|---|---|"]
    lines += map(_line, _rows(schema))
    return "\n".join(lines)


def _rows(schema: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    required = schema.get("required", ())
    for name, member in schema["properties"].items():
        default = "required" if name in required else _default(member)
        yield f"`{name}`", _type(member), default, _told(member), _examples(member)
    for member in schema.get("patternProperties", {}).values():
        yield "`x-…`", _type(member), _NOTHING, _told(member), _examples(member)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _type(member: Mapping[str, Any]) -> str:
    if member.get("title") == "Go duration":
        return "Go duration"
    if "enum" in member:
        return choice(f"`{value}`" for value in member["enum"])
    match member.get("type"):
        case None:
            return "anything"
        case "integer":
            return "integer" + _range(member)
        case "boolean":
            return "`true` or `false`"
        case "array":
            kinds = member["items"]["type"]
            named = [kinds] if isinstance(kinds, str) else ["mapping" if kind == "object" else kind for kind in kinds]
            return f"list of {choice('mappings' if kind == 'object' else f'{kind}s' for kind in named)}"
        case "object":
            return "mapping"
        case [*kinds]:
            return choice(_type({**member, "type": kind}) for kind in kinds)
        case kind:
            return str(kind)


def _range(member: Mapping[str, Any]) -> str:
    least, most = member.get("minimum"), member.get("maximum")
    return f", {least} to {most}" if most is not None else f", at least {least}"


def _default(member: Mapping[str, Any]) -> str:
    return f"`{flow_yaml(member['default'])}`" if "default" in member else _NOTHING


def _told(member: Mapping[str, Any]) -> str:
    """The description, and what a value must look like, where a pattern says so."""
    rule = "" if member.get("title") in _EXPLAINED_APART else member.get("patternErrorMessage", "")
    return f"{member['description']} {rule[:1].upper()}{rule[1:]}{'.' if rule else ''}".strip()


def _examples(member: Mapping[str, Any]) -> str:
    return "<br>".join(f"`{flow_yaml(example)}`" for example in member["examples"])


def flow_yaml(value: object) -> str:
    """A value as it stands in a YAML file, on one line."""
    return scalar(value) if isinstance(value, str) else flow(value)


if __name__ == "__main__":
    for path, text in {**pages(), **copies()}.items():
        path.write_text(text, encoding="utf-8")
