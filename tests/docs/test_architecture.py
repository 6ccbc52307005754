"""The code keeps to docs/architecture.md: who imports whom, what is pure, and where things are."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, rows

PAGE = DOCS / "architecture.md"
PACKAGE = ROOT / "ajsync"
ENTRY = frozenset(("__init__", "__main__"))
"""Modules of no room: the public face of the package, and `python -m ajsync`."""
VALUES = frozenset(f"asyncjobs.{name}" for name in ("live", "model", "names"))
"""The modules of the wire that hold values and do no I/O."""
OUTSIDE = frozenset(
    ("asyncio", "logging", "os", "pathlib", "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "time")
)
"""Modules of the standard library that reach outside the process, or wait, or read a clock."""


@dataclass(frozen=True, slots=True)
class Room:
    """A line of the page's table."""

    own: frozenset[str]
    """Rooms, or single modules of one, that it may import; or `every room`."""
    elsewhere: frozenset[str]
    """Packages that are not the standard library."""


def words(cell: str) -> frozenset[str]:
    return frozenset(re.findall(r"`([^`]+)`", cell))


ROOMS = {name.strip("`"): Room(words(own), words(elsewhere)) for name, _, own, elsewhere in rows(PAGE, "Rooms")}
PURE = [name.strip("`") for name, _ in rows(PAGE, "Pure modules")]
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """A module's name inside the package, such as `config.load`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    """What a module imports anywhere in it: also inside functions, and for type checkers only."""
    names = {name_of(module) for module in MODULES}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                deeper = f"{node.module}.{alias.name}"
                yield deeper if deeper.removeprefix("ajsync.") in names else node.module or ""


def own(path: Path) -> Iterator[str]:
    """The modules of ajsync that a module imports, without the version."""
    yield from (name.removeprefix("ajsync.") for name in imports(path) if name.startswith("ajsync."))


def within(module: str, allowed: frozenset[str]) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def room_of(path: Path) -> str:
    return name_of(path).partition(".")[0]


def test_every_module_is_in_a_room() -> None:
    unknown = {room_of(path) for path in MODULES} - ENTRY - ROOMS.keys()
    assert not unknown, "give it a line in the table of rooms of docs/architecture.md"


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) in ROOMS], ids=name_of)
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    room = room_of(path)
    rule = ROOMS[room]
    if "every room" not in rule.own:
        assert [name for name in own(path) if not within(name, rule.own | {room})] == []
    packages = {name.partition(".")[0] for name in imports(path)}
    assert packages - sys.stdlib_module_names - {"ajsync"} <= rule.elsewhere


@pytest.mark.parametrize("path", [path for path in MODULES if within(name_of(path), frozenset(PURE))], ids=name_of)
def test_a_pure_module_reaches_nothing_outside(path: Path) -> None:
    assert {name.partition(".")[0] for name in imports(path)}.isdisjoint(OUTSIDE)
    pure = frozenset(PURE) | VALUES | {"errors"}
    assert [name for name in own(path) if not within(name, pure)] == []
    calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Attribute) and call.attr in ("now", "today", "utcnow")]


def test_the_pure_modules_exist() -> None:
    assert all(any(within(name_of(path), frozenset((name,))) for path in MODULES) for name in PURE)


def test_the_configuration_is_loaded_without_network_code() -> None:
    script = "import sys, ajsync.config, ajsync.config.export; sys.exit('nats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_every_file_that_the_page_names_exists() -> None:
    named = re.findall(
        r"`((?:ajsync|schemas|docs|examples|tests|cli|config|asyncjobs|reconcile)/[^`]*)`", PAGE.read_text()
    )
    assert len(named) > 50
    missing = [name for name in named if not (ROOT / name).exists() and not (PACKAGE / name).exists()]
    assert missing == []
