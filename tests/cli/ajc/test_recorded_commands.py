"""Commands that were recorded with `ajc` do the same as commands of ajsync: they store and show what `ajc` did."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.cli.processes import ajsync
from tests.nats_server import NatsServer
from tests.recorded import Normaliser, normal, recorded, without
from tests.values import written

COMMANDS: list[dict[str, Any]] = recorded("commands.json")
ONLY_OURS = ("Nats-Expected-Last-Subject-Sequence",)
"""A delete of ajsync is a compare-and-set, so it has this header."""
SHOWN_OTHERWISE = {
    "  Scheduling Deadline: 1d0h0m0s": "  Scheduling Deadline: 24h0m0s",
    "              Payload: 1.1 KiB": "              Payload: 1102 B",
    "        Maximum Tries: 1,234": "        Maximum Tries: 1234",
}
"""Lines that ajsync words differently: it writes a duration as schedules have it, and no number is rounded."""


def test_each_command_stores_and_shows_what_ajc_stores_and_shows(tmp_path: Path, server: NatsServer) -> None:
    known = 0
    for command in COMMANDS:
        words = command["command"]
        done = ajsync(tmp_path, "task", "cron", *words)
        after = written(server.url)
        stored = normal(message for revision, message in after.items() if revision > known)
        known = max(after, default=0)
        if words == ["delete", "MISSING", "-f"]:  # which `ajc` says that it has removed, with a marker of its own
            assert (done.returncode, stored) == (1, [])
            continue
        assert (done.returncode == 0) == (command["code"] == 0), (words, done.stderr)
        if words[0] == "delete":
            stored = [without(message, *ONLY_OURS) for message in stored]
        assert stored == command["stored"], words
        shown = Normaliser().text(done.stdout).splitlines()
        assert [line for line in map(as_ours, command["shown"]) if line not in map(as_ours, shown)] == [], words
        if "--json" in words or "--names" in words:
            assert sorted(shown) == sorted(command["shown"])  # names are in the order of the bucket with `ajc`


def as_ours(line: str) -> str:
    """A line as ajsync words it; a row of a table as its first cells, which both have in common."""
    if set(line) <= set(" ╭─┬┼╮├┤╰┴╯"):
        return ""
    cells = re.findall(r"[^│]+", line) if line.startswith("│") else []
    return "│".join(cell.strip() for cell in cells[:5]) if cells else SHOWN_OTHERWISE.get(line, line)
