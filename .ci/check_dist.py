#!/usr/bin/env python3
"""Check the wheel and the source archive in a folder: they hold what git has, and are made again bit by bit.

They are built a second time from the source archive, unpacked elsewhere with other times and permissions. So the
archive is enough to build from, and who has the commit can check what is published. Runs in the environment of `make`.
"""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]


def in_git() -> set[str] | None:
    """The files that git has; None in a tree that came without git."""
    if not (ROOT / ".git").exists():
        return None
    done = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], check=True, capture_output=True, text=True)
    return {name for name in done.stdout.split("\0") if name}


def differences(kind: str, found: set[str], wanted: set[str]) -> list[str]:
    """A line for each file that is in only one of two sets."""
    lines = [f"The {kind} lacks {name}." for name in sorted(wanted - found)]
    return [*lines, *(f"The {kind} has {name}, which git does not have." for name in sorted(found - wanted))]


def contents(wheel: Path, source: Path, files: set[str]) -> list[str]:
    """What is wrong with what the archives hold."""
    with tarfile.open(source) as archive:
        unpacked = {member.name.partition("/")[2] for member in archive if not member.isdir()}
    with ZipFile(wheel) as packed:
        installed = {name for name in packed.namelist() if ".dist-info/" not in name}
    package = {name for name in files if name.startswith("ajsync/")}
    schemas = {f"ajsync/{name}" for name in files if name.startswith("schemas/")}
    return [
        *differences("source archive", unpacked, files | {"PKG-INFO"}),
        *differences("wheel", installed, package | schemas),
    ]


def built_again(source: Path) -> dict[str, str]:
    """The hashes of what is built from the source archive."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(source) as archive:
            archive.extractall(folder, filter="data")
        (tree,) = Path(folder).iterdir()
        for file in tree.rglob("*"):
            os.utime(file)
            file.chmod(file.stat().st_mode & 0o700)
        hatchling = [str(Path(sys.executable).parent / "hatchling"), "build", "--directory", "again"]
        subprocess.run(hatchling, cwd=tree, check=True, stdout=subprocess.DEVNULL)
        return hashes(tree / "again")


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def main(folder: Path) -> None:
    """Check the archives in a folder."""
    (wheel,) = folder.glob("*.whl")
    (source,) = folder.glob("*.tar.gz")
    files = in_git()
    wrong = contents(wheel, source, files) if files is not None else []
    again = built_again(source)
    for name, value in hashes(folder).items():
        print(f"{value}  {name}")
        if again.get(name) != value:
            wrong.append(f"{name} becomes another file when it is built from {source.name}.")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
