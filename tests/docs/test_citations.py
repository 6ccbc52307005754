"""What the code cites of docs/reference is there, and the glossary has one line for each word and names that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, headings

SOURCES = [path for folder in ("ajsync", "tests", "docs") for path in sorted((ROOT / folder).rglob("*.py"))]
CITATION = re.compile(r'(docs/[a-z/-]+\.md)(?:, "([^"]+)"(?:, ([0-9]+))?)?')
RULES = DOCS / "reference" / "cron.md"


def citations() -> Iterator[tuple[Path, str, str, str]]:
    """Where a page is cited, which one, and the heading and the number in it, if they are named."""
    for path in SOURCES:
        text = re.sub(r"\n\s+(?:# )?", " ", path.read_text())  # a citation may go on in the next line
        for page, heading, number in CITATION.findall(text):
            yield path, page, heading, number


CITED = sorted({(page, heading, number) for _, page, heading, number in citations()})


@pytest.mark.parametrize(("page", "heading", "number"), CITED)
def test_what_is_cited_is_there(page: str, heading: str, number: str) -> None:
    assert (ROOT / page).exists()
    if heading:
        assert heading in headings(ROOT / page)
        _, _, section = (ROOT / page).read_text().partition(f"# {heading}\n")
        assert not number or re.search(rf"^{number}\. ", section.partition("\n## ")[0], re.MULTILINE)


def test_the_wire_and_its_defects_are_cited() -> None:
    assert ("docs/reference/wire.md", "A task", "") in CITED
    assert ("docs/reference/wire.md", "Defects of the Go scheduler", "1") in CITED


def test_every_rule_of_schedules_that_is_cited_has_its_number_on_the_page() -> None:
    cited = {int(number) for path in SOURCES for number in re.findall(r"\brules? ([0-9]+)\b", path.read_text())}
    there = {int(number) for number in re.findall(r"^([0-9]+)\. ", RULES.read_text(), re.MULTILINE)}
    assert {3, 4, 5, 6, 7} <= cited <= there


def glossary() -> list[tuple[str, str]]:
    """The words of the glossary, each with what its line says of the code."""
    lines = re.findall(r"^\| ([^|]+?) \|.*\|([^|]*)\|$", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    return [line for line in lines if line[0] != "Word"]


def test_a_word_of_the_glossary_has_one_line() -> None:
    words = [word for word, _ in glossary()]
    assert len(words) > 80
    assert len(words) == len(set(words))


def test_every_name_of_the_glossary_is_in_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "ajsync").rglob("*.py"))
    names = {name.rpartition(".")[2] for _, cell in glossary() for name in re.findall("`([^`]+)`", cell)}
    assert len(names) > 40
    defined = re.findall(r"\b(?:class|def) (\w+)|^    (\w+): |^(\w+) = ", code, re.MULTILINE)
    assert names - {name for found in defined for name in found} == set()
