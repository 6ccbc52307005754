"""What the configuration bucket held when it was read: values only, so that whoever compares needs no connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ajsync.asyncjobs.model import ScheduledTask


@dataclass(frozen=True, slots=True)
class BucketIdentity:
    """Which bucket it is: one that was deleted and made again is another."""

    bucket: str
    created: str
    """When its stream was made, as the server says it."""


@dataclass(frozen=True, slots=True)
class LiveSchedule:
    """A key of the bucket that holds a value; either `task` or `problem` is set."""

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
    """Names whose key holds a delete marker, and the marker's revision: making the key anew must expect it."""
