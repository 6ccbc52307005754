"""The settings of a scheduler, which its user chooses."""

from __future__ import annotations

from dataclasses import dataclass

from ajsync.asyncjobs.names import LONGEST_NAME
from ajsync.asyncjobs.signing import Signer
from ajsync.errors import InvalidError
from ajsync.timestamp import NANOSECONDS


@dataclass(frozen=True, slots=True)
class Settings:
    """How a scheduler behaves."""

    name: str
    """The name in logs and in the election; it should be unique."""
    takeover_after: float = 1.0
    """Seconds of silence after which a stand-by replaces a leader of ours."""
    grace: int = 30 * NANOSECONDS
    """Nanoseconds: fires that are late by no more than this are made, whatever the policy."""
    catchup_window: int = 3600 * NANOSECONDS
    """Nanoseconds: how far catch-up looks back for a schedule without a window of its own."""
    ajc_payloads: bool = False
    """Whether to wrap payloads in JSON once more, as the Go scheduler does."""
    signer: Signer | None = None
    replicas: int = 1
    """How many replicas the streams get that the scheduler makes."""
    metrics_per_schedule: bool = False
    """Whether to show metrics of each schedule."""

    def __post_init__(self) -> None:
        """Raises InvalidError if the name is too long."""
        if len(self.name) > LONGEST_NAME:
            raise InvalidError(f"A scheduler's name may have {LONGEST_NAME} characters, not {len(self.name):,}.")
