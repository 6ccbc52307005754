"""`python -m tests.bench.observed FILE ARGUMENT...`: the command `ajsync ARGUMENT...`, with each of its fires noted.

What the scheduler records of a fire is kept, and at the end written to FILE as JSON: for each fire in the order in
which they were settled when it was due, how late its task was acked, and when its work item was (all nanoseconds).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from unittest.mock import patch

from ajsync.cli.main import main
from ajsync.scheduler.flight import Outcome
from ajsync.scheduler.records import Records

_fires: list[tuple[int, int, int]] = []


class ObservedRecords(Records):
    """Records that also note each fire."""

    def settled(self, outcomes: list[Outcome]) -> None:
        """Fires have ended."""
        now = time.time_ns()
        _fires.extend((each.prepared.fire.due, each.lateness, now) for each in outcomes if each.state == "created")
        super().settled(outcomes)


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    try:
        with patch("ajsync.scheduler.scheduler.Records", ObservedRecords):  # the command makes its own
            main()
    finally:
        file.write_text(json.dumps(_fires))
