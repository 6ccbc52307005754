"""What the configuration files say, once all of them are valid: the desired state and the rules for reaching it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import Location
from ajsync.safety import Safety


@dataclass(frozen=True, slots=True)
class Configuration:
    """`ajsync.yaml` and all the schedules files that it names, for one environment."""

    project: Path
    """The file `ajsync.yaml`; all other names of files are relative to its folder."""
    owner: str
    environment: str | None
    """The one that was chosen."""
    context: str | None
    """The NATS context that the project or its environment names."""
    safety: Safety
    tasks: Mapping[str, ScheduledTask]
    """Desired, by name; each has `managed` with owner and source, and `created_at` 0. Suspended ones are left out."""
    locations: Mapping[str, Location]
    """Where each name stands, suspended ones too."""
    suspended: frozenset[str]
    without_queue: frozenset[str]
    """The schedules for which neither they nor any defaults name a queue, so that it is DEFAULT."""
    sources: tuple[Path, ...]
    """Every file that was read: the project, the schedules files, the payload files."""
    patterns: tuple[str, ...]
    """Which files hold schedules, as `files` says."""
    overlooked: tuple[str, ...]
    """What looks like a schedules file beside those and is matched by no pattern, as messages name it."""
    digest: str
    """SHA-256, in hex, over owner and desired tasks; the same however files and keys are ordered or files are named."""
