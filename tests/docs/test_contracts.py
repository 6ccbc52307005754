"""What `make lint` says of imports is found in a graph made by hand."""

from __future__ import annotations

import pytest
from grimp import ImportGraph
from importlinter import ContractCheck

from tests.docs import contracts
from tests.docs.contracts import CirclesContract, Room, RoomsContract

ROOMS = {
    "errors": Room(frozenset(), frozenset()),
    "wire": Room(frozenset(("errors",)), frozenset(("nats",))),
    "wire.inner": Room(frozenset(), frozenset()),
    "config": Room(frozenset(("wire.model",)), frozenset()),
    "cli": Room(frozenset(("every room",)), frozenset()),
}


def graph(*imports: tuple[str, str]) -> ImportGraph:
    """A graph of these imports, which are on line 7 each."""
    made = ImportGraph()
    for importer, imported in imports:
        made.add_import(importer=importer, imported=imported, line_number=7, line_contents="")
    return made


def check_rooms(monkeypatch: pytest.MonkeyPatch, *imports: tuple[str, str]) -> list[str]:
    """What the contract of the rooms finds, with the rooms of this module."""
    monkeypatch.setattr(contracts, "read_rooms", lambda: ROOMS)
    found: list[str] = RoomsContract("rooms", {}, {}).check(graph(*imports), verbose=False).metadata["faults"]
    return found


def check_circles(*imports: tuple[str, str], ignore: tuple[str, ...] = ()) -> ContractCheck:
    """What the contract of the circles finds."""
    return CirclesContract("circles", {}, {"ignore_imports": list(ignore)}).check(graph(*imports), verbose=False)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("ajsync.wire.bucket", "ajsync.wire.model"),
        ("ajsync.wire.bucket", "ajsync.wire.inner.low"),
        ("ajsync.wire.bucket", "ajsync.errors"),
        ("ajsync.wire.bucket", "nats.js"),
        ("ajsync.wire.bucket", "asyncio"),
        ("ajsync.config.load", "ajsync.wire.model"),
        ("ajsync.cli.main", "ajsync.wire.bucket"),
        ("ajsync", "ajsync.wire.model"),
        ("ajsync.cli.main", "ajsync"),
    ],
)
def test_what_the_line_of_a_room_names_may_be_imported(
    monkeypatch: pytest.MonkeyPatch, importer: str, imported: str
) -> None:
    assert check_rooms(monkeypatch, (importer, imported)) == []


@pytest.mark.parametrize(
    ("importer", "imported", "room"),
    [
        ("ajsync.wire.bucket", "ajsync.config.load", "wire"),
        ("ajsync.wire.inner.low", "ajsync.wire.bucket", "wire.inner"),
        ("ajsync.wire.inner.low", "nats", "wire.inner"),
        ("ajsync.config.load", "ajsync.wire.bucket", "config"),
        ("ajsync.cli.main", "nats", "cli"),
    ],
)
def test_anything_else_is_told_with_its_line(
    monkeypatch: pytest.MonkeyPatch, importer: str, imported: str, room: str
) -> None:
    assert check_rooms(monkeypatch, (importer, imported)) == [
        f"{importer}:7 imports {imported}, which the line of {room} in architecture.md does not name"
    ]


def test_a_module_of_no_room_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_rooms(monkeypatch, ("ajsync.cli.main", "ajsync.helpers")) == [
        "ajsync.helpers is in no room: give it a line in the table of rooms of architecture.md"
    ]


def test_a_circle_is_told_once_from_its_first_module() -> None:
    circle = (("ajsync.b", "ajsync.c"), ("ajsync.c", "ajsync.a"), ("ajsync.a", "ajsync.b"))
    found = check_circles(*circle, ("ajsync.a", "ajsync.d"))
    assert not found.kept
    assert found.metadata["circles"] == [("ajsync.a", "ajsync.b", "ajsync.c")]


def test_modules_that_import_one_another_in_no_circle_are_fine() -> None:
    assert check_circles(("ajsync.a", "ajsync.b"), ("ajsync.a", "ajsync.c"), ("ajsync.b", "ajsync.c")).kept


def test_an_exception_that_nothing_needs_any_more_is_an_error() -> None:
    circle = (("ajsync.a", "ajsync.b"), ("ajsync.b", "ajsync.a"))
    assert check_circles(*circle, ignore=("ajsync.b -> ajsync.a",)).kept
    with pytest.raises(Exception, match=r"ajsync\.b -> ajsync\.a"):
        check_circles(("ajsync.a", "ajsync.b"), ignore=("ajsync.b -> ajsync.a",))
