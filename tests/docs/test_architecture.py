"""The code keeps to docs/architecture.md: who imports whom, what is pure, and where things are."""

from __future__ import annotations

import ast
import subprocess
import sys

import grimp
import pytest

from tests.docs.contracts import EVERY_ROOM, inside, own_modules, read_rooms, within
from tests.docs.pages import DOCS, ROOT, missing_files, rows

PAGE = DOCS / "architecture.md"
PACKAGE = ROOT / "ajsync"
GRAPH = grimp.build_graph("ajsync", include_external_packages=True, cache_dir=None)
VALUES = frozenset(f"asyncjobs.{name}" for name in ("applied", "model", "names"))
"""The modules of the wire that hold values and do no I/O."""
OUTSIDE = frozenset(
    ("asyncio", "logging", "os", "pathlib", "shutil", "signal", "socket", "subprocess", "sys", "tempfile", "time")
)
"""Modules of the standard library that reach outside the process, or wait, or read a clock."""
PURE = [name.strip("`") for name, _ in rows(PAGE, "Pure modules")]
MODULES = [inside(module) for module in own_modules(GRAPH)]


def source(module: str) -> str:
    """The text of a module."""
    path = PACKAGE.joinpath(*module.split("."))
    return (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()


def test_a_room_imports_only_rooms_above_it() -> None:
    above: set[str] = set()
    for name, room in read_rooms().items():
        below = {other for other in room.own - {EVERY_ROOM} if not within(other, frozenset(above))}
        assert not below, f"{name} imports {below}, and the table goes from the ground up"
        above.add(name)


@pytest.mark.parametrize("module", [module for module in MODULES if within(module, frozenset(PURE))])
def test_a_pure_module_reaches_nothing_outside(module: str) -> None:
    imported = GRAPH.find_modules_directly_imported_by(f"ajsync.{module}")
    own = {inside(name) for name in imported if name.startswith("ajsync.")}
    assert imported.isdisjoint(OUTSIDE)
    pure = frozenset(PURE) | VALUES | {"errors"}
    assert [name for name in own if not within(name, pure)] == []
    calls = [node.func for node in ast.walk(ast.parse(source(module))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call, ast.Attribute) and call.attr in ("now", "today", "utcnow")]


def test_the_pure_modules_exist() -> None:
    assert set(PURE) <= set(MODULES)


def test_the_configuration_is_loaded_without_network_code() -> None:
    script = "import sys, ajsync.config, ajsync.config.export; sys.exit('nats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0


def test_every_file_that_the_page_names_exists() -> None:
    assert missing_files(PAGE) == []


def test_no_two_classes_have_the_same_name() -> None:
    homes: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.parse(source(module)).body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name.lstrip("_"), []).append(module)
    assert {name: found for name, found in homes.items() if len(found) > 1} == {}
