"""The contracts that import-linter checks in `make lint`: rooms as docs/architecture.md has them, and no circles."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output
from importlinter.application import contract_utils
from importlinter.domain.imports import ImportExpression

from tests.docs.pages import DOCS, rows, words

PAGE = DOCS / "architecture.md"
PACKAGE = "ajsync"
ENTRY = frozenset(("__init__", "__main__"))
"""Modules of no room: the public face of the package, and `python -m ajsync`."""
EVERY_ROOM = "every room"


@dataclass(frozen=True, slots=True)
class Room:
    """A line of the table of rooms."""

    own: frozenset[str]
    """Rooms, or single modules of one, that it may import; or `every room`."""
    elsewhere: frozenset[str]
    """Packages that are not the standard library."""

    def takes(self, name: str, module: str) -> bool:
        """Whether this room, of this name, may import a module of ajsync."""
        return EVERY_ROOM in self.own or within(module, self.own | {name})


def read_rooms() -> dict[str, Room]:
    """Read the table of rooms, from the ground up."""
    return {name.strip("`"): Room(words(own), words(elsewhere)) for name, _, own, elsewhere in rows(PAGE, "Rooms")}


def within(module: str, names: frozenset[str]) -> bool:
    """Whether a module is one of these, or in one of them."""
    return any(module == name or module.startswith(f"{name}.") for name in names)


def room_of(module: str, rooms: dict[str, Room]) -> str | None:
    """The room that a module is in, or None. A room inside another one comes before the one around it."""
    around = [name for name in rooms if within(module, frozenset((name,)))]
    return max(around, key=len, default=None)


def inside(module: str) -> str:
    """A module's name inside the package, such as `config.load`; `__init__` for the package itself."""
    return module.removeprefix(f"{PACKAGE}.") if module != PACKAGE else "__init__"


def own_modules(graph: ImportGraph) -> list[str]:
    """The modules of ajsync in a graph that has other packages too."""
    return sorted(module for module in graph.modules if module.partition(".")[0] == PACKAGE)


class RoomsContract(Contract):
    """Each module imports only what its room's line in docs/architecture.md names."""

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find the modules of no room, and the imports that no line allows."""
        rooms = read_rooms()
        faults = [fault for module in own_modules(graph) for fault in _faults(graph, module, rooms)]
        return ContractCheck(kept=not faults, metadata={"faults": faults})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print a line for each."""
        for fault in check.metadata["faults"]:
            output.print_error(fault)


class CirclesContract(Contract):
    """No module imports itself through others: neither inside functions nor for type checkers only."""

    ignore_imports = fields.SetField(subfield=fields.ImportExpressionField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find the shortest circle through each import."""
        # An exception that fits no import is an error, so that the list of them can only shrink.
        known = cast("list[ImportExpression] | None", self.ignore_imports)
        contract_utils.remove_ignored_imports(graph, known, contract_utils.AlertLevel.ERROR)
        circles = sorted(find_circles(graph))
        return ContractCheck(kept=not circles, metadata={"circles": circles})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print a line for each."""
        for circle in check.metadata["circles"]:
            output.print_error(" → ".join((*circle, circle[0])))


def find_circles(graph: ImportGraph) -> set[tuple[str, ...]]:
    """The shortest circle through each import that is in one, beginning with its first module by name."""
    circles = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            back = graph.find_shortest_chain(importer=imported, imported=module)
            if back:
                first = back.index(min(back))
                circles.add(back[first:] + back[:first])
    return circles


def _faults(graph: ImportGraph, module: str, rooms: dict[str, Room]) -> Iterator[str]:
    name = inside(module)
    room = room_of(name, rooms)
    if room is None:
        if name not in ENTRY:
            yield f"{module} is in no room: give it a line in the table of rooms of {PAGE.name}"
        return
    for imported in sorted(graph.find_modules_directly_imported_by(module)):
        if not _allowed(imported, room, rooms[room]):
            line = min(
                details["line_number"] for details in graph.get_import_details(importer=module, imported=imported)
            )
            yield f"{module}:{line} imports {imported}, which the line of {room} in {PAGE.name} does not name"


def _allowed(imported: str, name: str, room: Room) -> bool:
    package = imported.partition(".")[0]
    if package == PACKAGE:
        return inside(imported) in ENTRY or room.takes(name, inside(imported))
    return package in sys.stdlib_module_names or package in room.elsewhere
