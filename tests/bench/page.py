"""docs/performance.md: the text of performance.md in this folder, with the last results of each part of the bench."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench.results import Machine, Result

FILE = Path(__file__).parents[2] / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.md")
PLACE = re.compile(r"<!-- (\S+) -->")
"""Where the figures of a part go, by its name, or the conditions of all parts."""
CONDITIONS = "conditions"


def page(results: Mapping[str, Result]) -> str:
    """The whole page."""
    template = TEMPLATE.read_text()
    known = [(name, results[name]) for name in PLACE.findall(template) if name in results]
    texts = {name: _figures(result) for name, result in known} | {CONDITIONS: "\n".join(_conditions(known))}
    return PLACE.sub(lambda place: texts.get(place[1], "Not measured yet."), template)


def _figures(result: Result) -> str:
    return _table(
        ("what", "measured", "beside it"), [(each.what, each.figure, _listed(each.beside)) for each in result.lines]
    )


def _conditions(measured: Sequence[tuple[str, Result]]) -> Iterator[str]:
    machines: dict[Machine, list[str]] = {}
    for name, result in measured:
        machines.setdefault(result.machine, []).append(name)
    for machine, names in machines.items():
        which = "" if len(machines) == 1 else f"{', '.join(names)}: "
        yield f"{which}{machine.cores} cores of {machine.processor}, {machine.memory} GiB, {machine.kernel};"
        yield f"Python {machine.python}, nats-py {machine.nats_py}, nats-server {machine.nats_server}."
        yield ""
    yield "The load is how many processes wanted a core in the minute before the start, and in the one before the end."
    yield ""
    rows = [
        (name, f"`{result.commit}`", result.began, f"{result.seconds:,} s", "{:.1f}, {:.1f}".format(*result.load))
        for name, result in measured
    ]
    yield _table(("part", "commit", "begun (UTC)", "took", "load"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([each.replace("|", "\\|") for each in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _listed(text: str) -> str:
    return "; ".join(part.strip() for part in text.split("   ") if part.strip())
