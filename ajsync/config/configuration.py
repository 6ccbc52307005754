"""What valid files say: the desired schedules, and the limits for an apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import Location
from ajsync.safety import Safety


@dataclass(frozen=True, slots=True)
class Configuration:
    """`ajsync.yaml` and the schedules files that it names, for one environment."""

    project: Path
    """The path of `ajsync.yaml`. Other files are named relative to its folder."""
    owner: str
    environment: str | None
    context: str | None
    """The NATS context of the environment, or of the project."""
    safety: Safety
    tasks: Mapping[str, ScheduledTask]
    """The desired schedules by name, without suspended ones. `managed` has the owner and source; `created_at` is 0."""
    locations: Mapping[str, Location]
    """Where each name is in the files, including suspended ones."""
    suspended: frozenset[str]
    without_queue: frozenset[str]
    """The schedules whose queue is DEFAULT because neither they nor any defaults name one."""
    sources: tuple[Path, ...]
    """Every file that was read: `ajsync.yaml`, schedules files, payload files."""
    patterns: tuple[str, ...]
    """The patterns of `files`."""
    unmatched: tuple[str, ...]
    """Schedules files beside those that no pattern matches, as messages name them."""
    digest: str
    """SHA-256 in hex over the owner and the desired schedules. It is independent of the order of files and keys."""
