"""The runs of one command in several environments: how each ended, and what has been shown already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ajsync.errors import Problem


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended in one environment."""

    exit_code: int = 0
    document: Any = None
    """The document for programs, if that is asked for."""


@dataclass(frozen=True, slots=True)
class Runs:
    """What the runs of one command in several environments share."""

    several: bool = False
    """Whether the command runs in each environment."""
    documents: bool = False
    """Whether a run returns its document instead of printing it, because all go into one document."""
    codes: list[int] = field(default_factory=list)
    """The exit codes of the runs that have ended."""
    problems: set[Problem] = field(default_factory=set)
    """The problems that were shown, because most of them are the same in each environment."""
    warnings: set[str] = field(default_factory=set)
    """The warnings that were shown."""
