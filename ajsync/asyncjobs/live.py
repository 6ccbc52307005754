"""What the configuration bucket held when it was read: values only, which can be compared without a connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ajsync.asyncjobs.model import ScheduledTask


@dataclass(frozen=True, slots=True)
class BucketIdentity:
    """Which bucket it is. A bucket that was deleted and made again is another one."""

    bucket: str
    created: str
    """When its stream was made, as the server says it."""


@dataclass(frozen=True, slots=True)
class LiveSchedule:
    """A key of the bucket that holds a value. Either `task` or `problem` is set."""

    name: str
    revision: int
    task: ScheduledTask | None
    problem: str = ""
    """Why the value is not a scheduled task."""


@dataclass(frozen=True, slots=True)
class Live:
    """What the bucket held when it was read."""

    target: BucketIdentity
    entries: Mapping[str, LiveSchedule]
    deleted: Mapping[str, int]
    """Names whose key holds a delete marker, and the marker's revision, which a new write of the key must expect."""
