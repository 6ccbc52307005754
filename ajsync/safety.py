"""How far an apply may go: the limits that the files set, and the gates that a person opens for one run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Safety:
    """How far a plan may go before a gate refuses it: `safety` in `ajsync.yaml`."""

    max_delete: int = 10
    max_delete_percent: int = 30
    allow_empty: bool = False


DEFAULT_SAFETY = Safety()


@dataclass(frozen=True, slots=True)
class Opened:
    """The gates that a person opens for one run, by options or by approving a saved plan."""

    adopt: bool = False
    """Whether the files take over schedules that they name and that have no owner."""
    allow_deletes: int = 0
    """Up to this many deletes pass both delete gates."""
    allow_empty: bool = False
    allow_older: bool = False
    """Whether an older commit may be applied over a newer one."""

    def __or__(self, other: Opened) -> Opened:
        """The gates that either of the two opens."""
        return Opened(
            self.adopt or other.adopt,
            max(self.allow_deletes, other.allow_deletes),
            self.allow_empty or other.allow_empty,
            self.allow_older or other.allow_older,
        )


NOTHING_OPENED = Opened()
