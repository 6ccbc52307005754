"""How many instants are searched: what takes time in the loop, counted where a clock would tell of the machine."""

from __future__ import annotations

import pytest

from ajsync.asyncjobs.due import Times


class Searches:
    """Counts the searches of schedules' instants, forwards and backwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made = 0
        searches = {"next": Times.next, "previous": Times.previous}

        def counted(name: str) -> None:
            def search(times: Times, instant: int) -> int | None:
                self.made += 1
                return searches[name](times, instant)

            monkeypatch.setattr(Times, name, search)

        counted("next")
        counted("previous")

    def since(self, before: int) -> int:
        """How many were made since there were so many."""
        return self.made - before
