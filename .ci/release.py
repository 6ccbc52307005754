#!/usr/bin/env python3
"""Check that the tree is ready for the release of a tag, and print its section of the changelog.

In a workflow it also says the version to the steps after it, as the output `version`. With `--moving` it reads the tags
that there are, and prints those that lead to this release from now on, such as v1 and v1.2.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
Version = tuple[int, int, int]


def numbers(tag: str) -> Version | None:
    """The numbers of a tag such as v1.2.3; None for any other, such as that of a pre-release."""
    found = re.fullmatch(r"v(\d+)\.(\d+)\.(\d+)", tag, re.ASCII)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def moving(tag: str, released: Iterable[str]) -> list[str]:
    """The tags of the major and of the minor version, each if no later release of its line is there."""
    own = numbers(tag)
    if own is None:
        return []
    others = [other for other in map(numbers, released) if other]
    lines = [own[:1], own[:2]]
    newest = [line for line in lines if all(other <= own for other in others if other[: len(line)] == line)]
    return ["v" + ".".join(map(str, line)) for line in newest]


def notes(version: str) -> str:
    """The section of the changelog, which has to have the day of the release."""
    changes = (ROOT / "CHANGELOG.md").read_text()
    heading = rf"^## \[{re.escape(version)}\](?: - (\S+))?.*?\n"
    section = re.search(rf"{heading}(.*?)(?=^## \[|^\[|\Z)", changes, re.MULTILINE | re.DOTALL)
    if not section or not section[2].strip():
        sys.exit(f"CHANGELOG.md has no section [{version}].")
    try:
        date.fromisoformat(section[1] or "")
    except ValueError:
        today = datetime.now(UTC).date()
        sys.exit(f"CHANGELOG.md gives [{version}] no day. Write ## [{version}] - {today}, if it is today.")
    return section[2].strip()


def main() -> None:
    """Read a tag such as v1.2.3, and what to say about it."""
    parser = argparse.ArgumentParser(description="Check that the tree is ready for the release of a tag.")
    parser.add_argument("tag")
    parser.add_argument("--moving", action="store_true", help="print which tags move, out of those in the input")
    options = parser.parse_args()
    if options.moving:
        print("\n".join(moving(options.tag, sys.stdin.read().split())))
        return
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "ajsync" / "version.py").read_text(), re.MULTILINE)
    version = found[1] if found else ""
    if options.tag != f"v{version}":
        sys.exit(f"The tag is {options.tag}, and ajsync/version.py says {version}.")
    print(notes(version))
    if "GITHUB_OUTPUT" in os.environ:
        with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
            print(f"version={version}", file=outputs)


if __name__ == "__main__":
    main()
