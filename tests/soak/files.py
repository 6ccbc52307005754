"""A project whose schedules change at random, and whether the bucket is equal to it."""

from __future__ import annotations

import json
import random
from pathlib import Path

from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, SCHEDULE_SUBJECT
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import last_message
from tests.cli.processes import ajsync

SCHEDULES = 2000
TIMES = ("@yearly", "0 0 29 2 *", "@every 9000h", "@every 20000h", "0 12 1 1 *")
"""None of them is due while a test runs, but by a rare chance."""
_OF_NOBODY = encode_scheduled_task(ScheduledTask("OF_NOBODY", "@yearly", "EMAIL", "x"))


class Files:
    """The files; `schedules` says what is in them."""

    def __init__(self, folder: Path, dice: random.Random, always: str = "") -> None:
        """`always` is YAML of schedules that never change."""
        self.folder = folder
        self._dice = dice
        (folder / "schedules").mkdir()
        (folder / "ajsync.yaml").write_text("owner: team\nsafety: {max_delete: 100000, max_delete_percent: 100}\n")
        (folder / "schedules" / "always.yaml").write_text(f"schedules: {{{always}}}\n")
        self.schedules = {f"S{number}": dice.choice(TIMES) for number in range(SCHEDULES)}
        self.write()

    def change(self) -> None:
        """Some schedules go, some come, some are changed."""
        dice = self._dice
        share = dice.choice((0.001, 0.05, 0.6))
        kept = {name: times for name, times in self.schedules.items() if dice.random() > share / 3}
        changed = {name: dice.choice(TIMES) if dice.random() < share else times for name, times in kept.items()}
        new = {f"S{dice.randrange(2 * SCHEDULES)}": dice.choice(TIMES) for _ in range(int(SCHEDULES * share / 3))}
        self.schedules = changed | new
        self.write()

    def write(self, *, broken: bool = False) -> None:
        """Write the files, or what cannot be read."""
        lines = (
            f"  {name}: {{schedule: {json.dumps(times)}, task_type: x, payload: {{text: {'p' * 200}}}}}\n"
            for name, times in self.schedules.items()
        )
        end = "  S0: [\n" if broken else ""
        (self.folder / "schedules" / "all.yaml").write_text("schedules:\n" + "".join(lines) + end)

    def in_bucket(self, url: str) -> dict[str, str]:
        """The schedules in the bucket, without those that never change and that of nobody."""
        listed = ajsync(self.folder, "list", "-o", "json", "--server", url)
        found = {each["name"]: each["schedule"] for each in json.loads(listed.stdout)}
        assert found.pop("OF_NOBODY", None) is not None
        return {name: times for name, times in found.items() if name.startswith("S")}


async def put_of_nobody(url: str) -> None:
    """Store a schedule that nobody owns."""
    async with connect(context_for_server(url)) as connection:
        await connection.request(f"{SCHEDULE_SUBJECT}OF_NOBODY", _OF_NOBODY)


async def is_untouched(url: str) -> bool:
    """Whether that schedule is as it was stored."""
    async with connect(context_for_server(url)) as connection:
        found = await last_message(connection, CONFIGURATION_STREAM, f"{SCHEDULE_SUBJECT}OF_NOBODY")
    return found is not None and found.data == _OF_NOBODY
