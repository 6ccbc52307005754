"""The end of `make coverage`: how much of each room the tests have run, and whether that is enough."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from coverage import Coverage

_MEMBERS = ("num_statements", "covered_lines", "num_branches", "covered_branches")


@dataclass(frozen=True, slots=True)
class Covered:
    """How much of some files was run."""

    statements: int = 0
    run: int = 0
    branches: int = 0
    taken: int = 0

    def __add__(self, other: Covered) -> Covered:
        """Take both together."""
        return Covered(
            self.statements + other.statements,
            self.run + other.run,
            self.branches + other.branches,
            self.taken + other.taken,
        )

    @property
    def percent(self) -> float:
        """The share of statements and branches that were run."""
        return 100 * (self.run + self.taken) / ((self.statements + self.branches) or 1)


def by_room(files: Mapping[str, Covered]) -> dict[str, Covered]:
    """Add up the files of each folder, by the folder's name."""
    rooms: dict[str, Covered] = defaultdict(Covered)
    for file, covered in sorted(files.items()):
        rooms[str(PurePath(file).parent)] += covered
    return dict(rooms)


def main() -> None:
    """Print a line for each room, and end with 2 below the floor, as `coverage report` does."""
    measured = Coverage()
    measured.load()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        measured.json_report(outfile=str(report))
        files = json.loads(report.read_text())["files"]
    rooms = by_room({file: Covered(*(found["summary"][name] for name in _MEMBERS)) for file, found in files.items()})
    total = sum(rooms.values(), Covered())
    print(f"{'room':28} {'statements':>10} {'run':>7} {'branches':>9} {'taken':>7}")
    for name, room in [*rooms.items(), ("all", total)]:
        print(f"{name:28} {room.statements:10} {room.run:7} {room.branches:9} {room.taken:7} {room.percent:6.1f} %")
    floor = float(str(measured.get_option("report:fail_under")))
    if total.percent < floor:
        print(f"That is less than {floor} %, the floor in pyproject.toml.", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
