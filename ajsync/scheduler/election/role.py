"""The role of a scheduler: what it does now, since when, and how it came to lead. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

TakeoverKind = Literal["vacant", "handover", "silent"]
"""How a scheduler came to lead: no scheduler held the lease; the leader stopped and gave it back; the leader, an ajsync
scheduler, fell silent."""


class RoleState(StrEnum):
    """What a scheduler does now; the values are those of `role` in `/api/status`."""

    STARTING = "starting"
    """It reads the schedules, and does not take part in the election yet."""
    STAND_BY = "stand-by"
    WAITING = "waiting"
    """It has won the election, and fires once the previous leader, a Go scheduler, has certainly stopped."""
    LEADING = "leader"


@dataclass(frozen=True, slots=True)
class Role:
    """What a scheduler does, and since when."""

    state: RoleState
    since: int
    """Nanoseconds since 1970, by the scheduler's clock."""

    @property
    def leads(self) -> bool:
        """Whether it fires."""
        return self.state is RoleState.LEADING

    @property
    def loaded(self) -> bool:
        """Whether it has read all schedules, so that it could lead."""
        return self.state is not RoleState.STARTING
