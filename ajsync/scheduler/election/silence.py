"""Silence: for how long the leader has not been heard, and how long is too long. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

_LOOKS = 4
"""A leader is silent only after this many looks without news, because a stand-by that stood still has heard nothing."""
TAKEOVERS_IN_A_ROW = 3
"""This many takeovers within a minute mean that leaders are alive, but hosts, network or server slower than the
patience."""
_ROW_SECONDS = 60.0
PATIENT_SECONDS = 600.0
"""For how long the patience is doubled after that."""


class Silence:
    """Adds up how long a leader has been silent, from one look of a stand-by to the next."""

    def __init__(self, takeover_after: float, monotonic: Callable[[], float]) -> None:
        """`takeover_after` is the silence in seconds after which a leader is replaced; `monotonic` gives seconds."""
        self.seconds = 0.0
        """For how long the leader has not been heard, as far as this scheduler listened."""
        self._takeover_after = takeover_after
        self._monotonic = monotonic
        self._looked_at = monotonic()
        self._takeovers: deque[float] = deque(maxlen=TAKEOVERS_IN_A_ROW)
        self._patient_until = 0.0

    @property
    def patience(self) -> float:
        """The seconds of silence after which a leader is replaced now."""
        return self._takeover_after * (2 if self._monotonic() < self._patient_until else 1)

    @property
    def is_over(self) -> bool:
        """Whether the leader has been silent for too long."""
        return self.seconds >= self.patience

    def end(self) -> None:
        """Take in that the leader was heard, or that this scheduler could not listen."""
        self.seconds = 0.0
        self._looked_at = self._monotonic()

    def go_on(self) -> None:
        """Take in a look that brought no news of the leader."""
        now = self._monotonic()
        self.seconds += min(now - self._looked_at, self.patience / _LOOKS)
        self._looked_at = now

    def took_over(self) -> bool:
        """Take in that a silent leader was replaced: by this scheduler, or this one while it led and was alive.

        Returns whether that doubles the patience, because it was not the first takeover of late.
        """
        now = self._monotonic()
        self._takeovers.append(now)
        if len(self._takeovers) < TAKEOVERS_IN_A_ROW or now - self._takeovers[0] > _ROW_SECONDS:
            return False
        was_patient = now < self._patient_until
        self._patient_until = now + PATIENT_SECONDS
        return not was_patient
