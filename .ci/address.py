#!/usr/bin/env python3
"""Write the address of this repository, such as team/ajsync, for its placeholder, in every file of git that has it.

The release does this before it builds anything. Somebody who gives the repository its address for good does it once,
and commits it. Text has to read well before and after, so no page tells its reader to replace the placeholder.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACEHOLDER = "/".join(("OWNER", "REPO"))  # in two parts, because this file has to stay as it is
REGISTRY = "ghcr.io/"


def addressed(text: str, address: str) -> str:
    """A text with the address in it, in lower case where it names an image, as a registry wants it."""
    return text.replace(REGISTRY + PLACEHOLDER, REGISTRY + address.lower()).replace(PLACEHOLDER, address)


def main(address: str) -> None:
    """Change the files, and name them."""
    if not re.fullmatch(r"[\w-]+/[\w.-]+", address, re.ASCII):
        sys.exit(f"{address!r} is no address such as team/ajsync.")
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, text=True)
    for name in filter(None, done.stdout.split("\0")):
        data = (ROOT / name).read_bytes()
        if PLACEHOLDER.encode() in data:
            (ROOT / name).write_bytes(addressed(data.decode(), address).encode())
            print(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
