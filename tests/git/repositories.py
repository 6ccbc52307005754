"""Real git repositories: commits with the times that a test wants, clones, worktrees and submodules."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

IDENTITY = ("-c", "user.name=Jane", "-c", "user.email=jane@example.net", "-c", "protocol.file.allow=always")


def git(folder: Path, *arguments: str, at: int = 1_700_000_000) -> str:
    """Run git, with commits made `at` these seconds since 1970; returns what it prints."""
    stamp = {"GIT_AUTHOR_DATE": f"{at} +0000", "GIT_COMMITTER_DATE": f"{at} +0000"}
    done = subprocess.run(
        ["git", *IDENTITY, *arguments],
        cwd=folder,
        env={**os.environ, **stamp},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def repository(folder: Path) -> Path:
    """A repository on the branch `main` without a commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main", ".")
    return folder


def commit(folder: Path, *, at: int = 1_700_000_000, **files: str) -> str:
    """Commit everything in a folder, after these files were written; returns the id. `a_yaml` is the file `a.yaml`."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    git(folder, "add", "--all", ".")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change", at=at)
    return git(folder, "rev-parse", "HEAD")
