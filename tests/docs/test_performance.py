"""docs/performance.md is what the bench has measured, and each part of the bench has its place there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.bench.__main__ import PARTS
from tests.bench.page import CONDITIONS, FILE, PLACE, TEMPLATE, page
from tests.bench.report import Line
from tests.bench.results import Machine, Result, merge, read

MACHINE = Machine("A processor", 2, 8, "Linux 6.1", "3.12.1", "2.11.0", "2.12.0")
RESULT = Result(
    lines=(Line("start", "1 s", "floor 0.5 s   ratio 2   aim 3"), Line("a|b", "2 s", "")),
    machine=MACHINE,
    commit="abc1234",
    began="2026-11-30 12:00",
    seconds=1234,
    load=(0.1, 1.9),
)


def test_the_page_is_made_of_the_last_results() -> None:
    assert FILE.read_text() == page(read()), "run `python -m tests.bench --page`"


def test_each_part_has_its_place_on_the_page() -> None:
    places = PLACE.findall(TEMPLATE.read_text())
    assert sorted(places) == sorted([*PARTS, CONDITIONS])


def test_a_part_shows_its_figures_and_what_they_were_measured_under() -> None:
    text = page({"burst": RESULT})
    assert "| start | 1 s | floor 0.5 s; ratio 2; aim 3 |\n| a\\|b | 2 s |  |\n" in text
    assert "2 cores of A processor, 8 GiB, Linux 6.1;\nPython 3.12.1, nats-py 2.11.0, nats-server 2.12.0.\n" in text
    assert "| burst | `abc1234` | 2026-11-30 12:00 | 1,234 s | 0.1, 1.9 |" in text
    assert text.count("Not measured yet.") == len(PARTS) - 1


def test_parts_of_different_machines_are_told_apart() -> None:
    text = page({"burst": RESULT, "idle": replace(RESULT, machine=replace(MACHINE, cores=4)), "plan": RESULT})
    assert "\nplan, burst: 2 cores of A processor" in text
    assert "\nidle: 4 cores of A processor" in text


def test_a_part_that_is_measured_again_replaces_its_own_results_only(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert read(file) == {}
    merge("burst", RESULT, file)
    merge("idle", RESULT, file)
    again = replace(RESULT, lines=(Line("start", "2 s", ""),), seconds=7)
    merge("burst", again, file)
    assert read(file) == {"burst": again, "idle": RESULT}
