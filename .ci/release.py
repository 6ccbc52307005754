#!/usr/bin/env python3
"""Check that the tree is ready for the release of a tag, and print its section of the changelog.

In a workflow it also says the version to the steps after it, as the output `version`.
"""

import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(tag: str) -> None:
    """Check a tag such as v1.2.3."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "ajsync" / "version.py").read_text(), re.MULTILINE)
    version = found[1] if found else ""
    if tag != f"v{version}":
        sys.exit(f"The tag is {tag}, and ajsync/version.py says {version}.")
    changes = (ROOT / "CHANGELOG.md").read_text()
    section = re.search(rf"^## \[{re.escape(version)}\].*?\n(.*?)(?=^## \[|^\[|\Z)", changes, re.MULTILINE | re.DOTALL)
    if not section or not section[1].strip():
        sys.exit(f"CHANGELOG.md has no section [{version}].")
    print(section[1].strip())
    if "GITHUB_OUTPUT" in os.environ:
        with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
            print(f"version={version}", file=outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
