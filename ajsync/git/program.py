"""Run git in a folder that others may have written, without running anything of theirs.

The configuration of a repository can name programs: a monitor of the file system, hooks, filters, a pager, helpers of
transports. So these are switched off, only commands that read the object store are used, and a bare repository among
the files is ignored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

_SECONDS = 10.0
"""How long git may take; reading a commit takes milliseconds."""
_OPTIONS = (
    *("--no-pager", "--no-replace-objects", "--literal-pathspecs"),
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.untrackedCache=false"),
    *("-c", "safe.bareRepository=explicit", "-c", "protocol.allow=never", "-c", "gpg.program=false"),
    *("-c", "core.quotePath=false", "-c", "log.showSignature=false"),
)
_KEPT = ("GIT_CONFIG", "GIT_CEILING", "GIT_DISCOVERY")
"""The beginnings of git variables that help to find a repository; others, such as GIT_DIR in a hook, name a different
one."""
_ADDED = {
    "LC_ALL": "C",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_TERMINAL_PROMPT": "0",
}


def run_git(
    folder: Path, *arguments: str, environ: Mapping[str, str] = os.environ, seconds: float = _SECONDS
) -> tuple[int, bytes] | None:
    """The exit code and the output of a git command; None if there is no git, or if it takes too long."""
    program = _program(folder, environ)
    if program is None:
        return None
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_") or name.startswith(_KEPT)}
    try:
        ended = subprocess.run(
            [program, *_OPTIONS, *arguments],
            cwd=folder,
            env={**kept, **_ADDED},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return ended.returncode, ended.stdout


def output_of(folder: Path, *arguments: str, environ: Mapping[str, str] = os.environ) -> bytes | None:
    """The output of a git command; None if it fails."""
    found = run_git(folder, *arguments, environ=environ)
    return found[1] if found is not None and found[0] == 0 else None


def _program(folder: Path, environ: Mapping[str, str]) -> str | None:
    """The path of git; never one in the checkout, which a relative folder in PATH could lead to."""
    real = Path(os.path.realpath(folder))
    checkout = next((each for each in (real, *real.parents) if os.path.lexists(each / ".git")), real)
    named = [each for each in environ.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(each)]  # noqa: PTH117
    folders = [each for each in named if not Path(os.path.realpath(each)).is_relative_to(checkout)]
    return shutil.which("git", path=os.pathsep.join(folders)) if folders else None
