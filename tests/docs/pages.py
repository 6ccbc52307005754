"""The pages of the documentation, and the blocks of code in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (
    README,
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / ".github").glob("*.md")),
    *sorted(DOCS.rglob("*.md")),
)

_FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path, language: str, *, below: str = "") -> list[Block]:
    """The blocks of a page in one language, of the section with the heading `below` or of the whole page."""
    text = page.read_text()
    start, end = _section(text, below) if below else (0, len(text))
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2])
        for match in _FENCE.finditer(text)
        if start <= match.start() < end and match[1] == language
    ]


def rows(page: Path, below: str) -> list[list[str]]:
    """The rows of the first table in the section with this heading, without the heading of the table."""
    text = page.read_text()
    start, end = _section(text, below)
    lines = text[start:end].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def words(cell: str) -> frozenset[str]:
    """What a cell of a table has in backticks."""
    return frozenset(re.findall(r"`([^`]+)`", cell))


def missing_files(page: Path) -> list[str]:
    """The files and folders that a page names in backticks and that are not there.

    The name of a module may be without its folders in `ajsync/`, or alone.
    """
    named = [word for word in re.findall(r"`([\w./-]+)`", page.read_text()) if "/" in word or word.endswith(".py")]
    assert len(named) > 20
    return [name for name in named if not (ROOT / name).exists() and not any((ROOT / "ajsync").rglob(name))]


def headings(page: Path) -> list[str]:
    """The headings of a page, without what stands in its blocks."""
    return re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)


def _section(text: str, heading: str) -> tuple[int, int]:
    """Where the section begins and ends, with the sections below it."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"there is no heading {heading}"
    following = re.compile(rf"^#{{1,{len(found[1])}}} ", re.MULTILINE).search(text, found.end())
    return found.end(), following.start() if following else len(text)
