"""Every schedule of the two recordings fires when the Go library fires, or when we want it to where that goes wrong.

`vectors.jsonl` was recorded from robfig/cron v3; `divergences.jsonl` holds what it says and what the plain rule says.
`durations.jsonl` was recorded from Go 1.26's `time.ParseDuration` and `Duration.String`.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ajsync.errors import ScheduleError
from ajsync.schedule import format_duration, parse, parse_duration

Line = tuple[str, dict[str, Any]]


def read_lines(name: str) -> list[Line]:
    """All lines of a recording, each with its place."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [(f"{name}:{number}", json.loads(line)) for number, line in enumerate(lines, 1)]


SCHEDULES = read_lines("vectors.jsonl") + read_lines("divergences.jsonl")
ACCEPTED = [line for line in SCHEDULES if "error" not in line[1]]
REFUSED = [line for line in SCHEDULES if "error" in line[1]]


def fires(schedule: str, zone: str, start: str, most: int) -> list[str]:
    """The first fires after `start`, written as Go writes instants of that zone."""
    timetable = parse(schedule, zone)
    found: list[str] = []
    after: datetime | None = datetime.fromisoformat(start)
    while len(found) < most and after is not None and (after := timetable.next(after)) is not None:
        text = after.astimezone(ZoneInfo(zone)).isoformat()
        found.append(text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text)
    return found


def test_no_line_was_lost() -> None:
    assert (len(ACCEPTED), len(REFUSED)) == (2371 + 81, 513)


@pytest.mark.parametrize("zone", sorted({line["tz"] for _, line in ACCEPTED}))
def test_schedules_fire_at_the_recorded_instants(zone: str) -> None:
    failures = []
    for place, line in ACCEPTED:
        if line["tz"] == zone:
            try:
                found = fires(line["schedule"], zone, line["start"], 10)
            except ScheduleError as error:
                failures.append(f"{place}: {line['schedule']!r} was refused: {error}")
                continue
            if found != line["next"]:
                failures.append(f"{place}: {line['schedule']!r} from {line['start']}: {found}, not {line['next']}")
    assert not failures, "\n".join(failures)


def test_schedules_that_go_refuses_are_refused_in_a_line() -> None:
    failures = []
    for place, line in REFUSED:
        try:
            parse(line["schedule"])
        except ScheduleError as error:
            if not str(error).isprintable() or len(str(error)) > 300:
                failures.append(f"{place}: {line['schedule']!r}: not a line to read: {error}")
        else:
            failures.append(f"{place}: {line['schedule']!r} was accepted")
    assert not failures, "\n".join(failures)


def test_durations_are_read_and_written_as_go_does() -> None:
    failures = []
    for place, line in read_lines("durations.jsonl"):
        try:
            found: int | None = parse_duration(line["duration"])
        except ScheduleError:
            found = None
        if found != line.get("nanoseconds"):
            failures.append(f"{place}: {line} was read as {found}")
        if found is not None and format_duration(found) != line.get("string"):
            failures.append(f"{place}: {line} was written as {format_duration(found)}")
    assert not failures, "\n".join(failures)
