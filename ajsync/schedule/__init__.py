"""Schedules: cron grammar and fire times as in the Go scheduler, Go durations, and time zones. Pure.

>>> parse("CRON_TZ=Europe/Malta 30 9 * * MON-FRI").next(now)
"""

from __future__ import annotations

from ajsync.schedule.duration import parse_duration
from ajsync.schedule.grammar import parse, spell_out, stored_schedule
from ajsync.schedule.timetable import Timetable
from ajsync.schedule.units import format_duration, format_duration_short
from ajsync.schedule.zones import load_zone, split_zone

__all__ = [
    "Timetable",
    "format_duration",
    "format_duration_short",
    "load_zone",
    "parse",
    "parse_duration",
    "spell_out",
    "split_zone",
    "stored_schedule",
]
