"""Lengths of time in nanoseconds: the units, and how Go writes a duration."""

from __future__ import annotations

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


def format_duration(nanoseconds: int) -> str:
    """Format a duration as Go's `Duration.String` does: `1h10m0s`, `1.5s`, `100ms`, `0s`."""
    sign, size = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if size == 0:
        return "0s"
    if size < MICROSECOND:
        return f"{sign}{size}ns"
    if size < MILLISECOND:
        return f"{sign}{_decimal(size, MICROSECOND, 3)}\u00b5s"
    if size < SECOND:
        return f"{sign}{_decimal(size, MILLISECOND, 6)}ms"
    minutes, below = divmod(size, MINUTE)
    hours, minutes = divmod(minutes, 60)
    shown_minutes = f"{minutes}m" if hours or minutes else ""
    return f"{sign}{f'{hours}h' if hours else ''}{shown_minutes}{_decimal(below, SECOND, 9)}s"


def format_duration_short(nanoseconds: int) -> str:
    """Format a duration as in a file, without units that are zero at its end: `12h`, `1h10m`, `1.5s`."""
    text = format_duration(nanoseconds)
    if text.endswith("m0s"):
        text = text.removesuffix("0s")
    if text.endswith("h0m"):
        text = text.removesuffix("0m")
    return text


def _decimal(size: int, unit: int, places: int) -> str:
    whole, fraction = divmod(size, unit)
    return f"{whole}.{fraction:0{places}d}".rstrip("0") if fraction else str(whole)
