"""The pictures of terminals show what the program prints today, and every page shows pictures that are there."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from docs.draw.pictures import TERMINALS
from docs.draw.scenes import Scene, scenes
from docs.draw.steady import steady
from docs.draw.terminal import digest_of, draw_terminal, is_current
from tests.cli.launcher import launcher
from tests.docs.pages import PAGES

PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")


@pytest.fixture(scope="module")
def shown() -> Sequence[Scene]:
    """What the commands of the pictures print now."""
    return [*scenes([str(launcher())])]


def test_every_picture_of_a_terminal_is_up_to_date(shown: Sequence[Scene]) -> None:
    assert [
        each.name for each in shown if not is_current(TERMINALS / f"{each.name}.svg", each.shown, each.columns)
    ] == []
    assert {*TERMINALS.glob("*.svg")} == {TERMINALS / f"{each.name}.svg" for each in shown}


def test_a_picture_is_made_anew_only_if_more_than_times_differ(tmp_path: Path) -> None:
    file = tmp_path / "a.svg"
    draw_terminal(file, "\x1b[1mSun 2026-11-29 15:34\x1b[0m  fine\n", 80)
    first = file.read_text()
    draw_terminal(file, "Mon 2026-11-30 09:00  fine\n", 80)
    assert file.read_text() == first
    draw_terminal(file, "Mon 2026-11-30 09:00  failing\n", 80)
    assert "failing" in file.read_text()


def test_a_picture_tells_nothing_of_the_machine_and_loads_nothing(shown: Sequence[Scene]) -> None:
    for file in TERMINALS.glob("*.svg"):
        text = html.unescape(file.read_text())
        assert not re.search(r"https?://(?!www\.w3\.org/)|@import|url\((?!#)", text), file
        assert {*re.findall(r"\S+@\S+?\.\w+", text)} <= {"jane@example.net"}, file
        assert file.stat().st_size < 40_000


def test_every_picture_of_a_page_is_there_and_is_described() -> None:
    found = [(page, text, target) for page in PAGES for text, target in PICTURE.findall(page.read_text())]
    for page, text, target in found:
        assert text, (page, target)
        assert (page.parent / target).is_file(), (page, target)
    assert {page.parent / target for page, _, target in found if "terminal" in target} >= {*TERMINALS.glob("*.svg")}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sun 2026-11-29 15:34", "Sat 2027-01-02 04:00:07 +01:00"),
        ("in 6 d 1 h.", "in 13 d."),
        ("3MmqpwJA0SGkUwKr5bqlSMexkUB", "3Mk1iEwrqYBS405r2VuGuuFqlXH"),
        ("nats://127.0.0.1:4222", "nats://127.0.0.1:39741"),
        ("NAME   new ", "NAME  new"),
    ],
)
def test_what_differs_from_run_to_run_is_not_compared(one: str, other: str) -> None:
    assert steady(one) == steady(other)
    assert digest_of(one, 80) == digest_of(other, 80)


def test_what_a_command_says_is_compared() -> None:
    shown = "2 failed since Sun 2026-11-29 15:34"
    assert digest_of(shown, 80) != digest_of(shown.replace("2 failed", "3 failed"), 80)
    assert digest_of(shown, 80) != digest_of(shown, 100)
