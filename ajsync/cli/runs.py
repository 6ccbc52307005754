"""The runs of one command in several environments: how each ended, and what was shown already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ajsync.errors import Problem


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command has come to in one environment."""

    exit_code: int = 0
    document: Any = None
    """What a program gets of it, if that is asked for."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs of one command in its environments have in common."""

    several: bool = False
    """Whether each environment has its turn."""
    documents: bool = False
    """Whether a run returns its document, and prints nothing on standard output: all go into one document."""
    codes: list[int] = field(default_factory=list)
    """The exit codes of the runs that have ended."""
    problems: set[Problem] = field(default_factory=set)
    """Those that were shown: most of what is wrong in the files is wrong in each environment."""
    warnings: set[str] = field(default_factory=set)
    """Those that were shown."""
