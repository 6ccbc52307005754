"""`ajsync add` answers what is wrong on its command line with what to write, before it connects to anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.processes import ajsync

NOWHERE = ("--server", "nats://127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        (("A", "0", "6", "*", "*", "*", "t"), 64, 'NAME "0 6 * * *" TYPE'),
        (("A", "0 6 * * * Europe/Berlin", "t"), 3, 'write "CRON_TZ=Europe/Berlin 0 6 * * *"'),
        (("A", "every day at 6am", "t"), 3, 'write "0 6 * * *"'),
        (("A", "@daily", "t", "--timezone", "GMT+3"), 3, "for UTC+3 all year write Africa/Nairobi"),
        (("A", "@daily", "t", "--deadline", "3600"), 3, "write 3600s or 1h if these are seconds"),
        (("A", "@daily", "t", "--deadline", "5"), 3, "write 5m if these are minutes; the minimum is 30s"),
        (("A", "@daily", "t", "--timeout", "5"), 64, "write 5s if these are seconds"),
    ],
)
def test_what_is_wrong_is_answered_with_what_to_write(
    tmp_path: Path, arguments: tuple[str, ...], code: int, hint: str
) -> None:
    done = ajsync(tmp_path, "add", *arguments, *NOWHERE)
    assert done.returncode == code, done.stderr
    assert hint in done.stderr
