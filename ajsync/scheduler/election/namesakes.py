"""Another scheduler of the same name: each takes the other's leadership for its own, so that somebody has to know."""

from __future__ import annotations

import logging

from ajsync.asyncjobs.election import Lease
from ajsync.text import escape

log = logging.getLogger(__name__)


class Namesakes:
    """Looks at who holds the election's key while we do not."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._seen = 0
        """The revision at which the key was under our name, and not by a write that we know as ours."""
        self._told = False

    def see(self, holding: Lease, ours: int) -> None:
        """Take in how the key is, and warn once; `ours` is the revision of our last write.

        A key of an earlier life of this scheduler is under its name too, until it expires; but nobody refreshes it.
        """
        if holding.holder != self._name or holding.revision <= ours:
            self._seen = 0
        elif not self._seen:
            self._seen = holding.revision
        elif holding.revision != self._seen and not self._told:
            self._told = True
            log.warning(
                "Another scheduler of the name %s leads. Names have to be unique, or one takes the leadership of the "
                "other for its own: give each its own, as argument or in AJC_SCHEDULER_NAME.",
                escape(self._name),
                extra={"scheduler": self._name},
            )
