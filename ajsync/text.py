"""Text for people: values and sentences made safe to show, counts, times, sizes and names in words, and colours.

Text of others, from files or the bucket, cannot control a terminal, reorder a line, pass for a line of ours, or be a
command to a build machine that reads the output.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

_LONGEST_QUOTE = 60
"""The most characters of a value: more than a normal schedule has, and few enough for a line of a terminal."""
_LONGEST_EXCERPT = 300
"""The most characters of one value in a log or on the status page; names have at most 255."""
_LONGEST_LINE = 1_000
_LONGEST_VALUE = 400
_KEPT = 120
"""The characters that are left of a longer value."""
_RUNNER_COMMAND = re.compile(r"##(?=\w*\[)")
"""Build machines of GitHub, Azure and TeamCity read `##[command]` or `##word[…]` as one, anywhere in a line."""
_SPANS = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s"))
"""For each unit of a span, its seconds and its name, and those of the next smaller unit."""
_WEEK = 604_800
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
"""In English, while `%a` would follow the locale."""
_SIZES = ("KiB", "MiB", "GiB", "TiB", "PiB")
_RESET = "\x1b[0m"
_STYLES: Mapping[str, str] = {
    "create": "\x1b[1;32m",
    "update": "\x1b[1;33m",
    "adopt": "\x1b[1;36m",
    "rename": "\x1b[1;34m",
    "delete": "\x1b[1;31m",
    "strong": "\x1b[1m",
    "faint": "\x1b[2m",
    "old": "\x1b[31m",
    "new": "\x1b[32m",
    "warning": "\x1b[1;33m",
    "alarm": "\x1b[1;31m",
}


class _Escapes(dict[int, str]):
    """A table for `str.translate` that works out how to show a character when it first meets it."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        self[code] = char if char.isprintable() else char.encode("unicode_escape").decode()
        return self[code]


_ESCAPES = _Escapes()


def escape(text: str) -> str:
    """Put `text` on one line: invisible, reordering and control characters become backslash escapes."""
    if "##" in text:
        text = _RUNNER_COMMAND.sub(r"#\\x23", text)
    return text if text.isprintable() else text.translate(_ESCAPES)


def cut(text: str, most: int = _LONGEST_EXCERPT) -> str:
    """Return `text`, or its first `most` characters and how many more there are."""
    return text if len(text) <= most else f"{text[:most]}… ({counted(len(text) - most, 'character')} more)"


def one_line(text: str, most: int = _LONGEST_LINE) -> str:
    """Show a sentence of ours that contains values of others: escaped and cut, never in quotes."""
    return escape(cut(text.strip(" "), most))


def excerpt(text: str) -> str:
    """Show the beginning of a value on one line, as in a log: escaped and cut."""
    return escape(cut(text))


def visible(text: str, most: int = _LONGEST_VALUE) -> str:
    """Show a value on one line: as it is if it is plain, else in double quotes with backslash escapes.

    A value of more than `most` characters is cut; its length and digest distinguish it from others with the same
    beginning.
    """
    if len(text) > most:
        import hashlib  # few values are that long

        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        return f"{visible(text[:_KEPT])}… ({len(text)} characters, sha256 {digest[:12]})"
    command = text.startswith("::") or ("##" in text and _RUNNER_COMMAND.search(text) is not None)
    if text.isprintable() and text == text.strip() and text[:1] not in ('"', "") and not command:
        return text
    return '"' + escape(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def pairs(items: Iterable[tuple[str, str]]) -> str:
    """Show labels on one line: `team=payments, tier=gold`; "" for none."""
    text = ", ".join(f"{name}={value}" for name, value in items)
    return visible(text) if text else ""


def quote(text: str) -> str:
    """Show a piece of a file in double quotes, escaped; a long one ends in dots."""
    return f'"{shorten(text)}"'


def shorten(text: str) -> str:
    """Show a piece of a file as `quote` does, without the quotes."""
    return escape(text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}...")


def listed(names: Sequence[str], most: int = 5) -> str:
    """List the first `most` of `names`, and say how many more there are."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest:,} more" if rest > 0 else "")


def plural(count: int, one: str, several: str) -> str:
    """Choose the word that goes with a count."""
    return one if count == 1 else several


def counted(count: int, noun: str) -> str:
    """A count and its noun, in the plural unless the count is 1: `1 schedule`, `2,000 schedules`."""
    return f"{count:,} {plural(count, noun, f'{noun}s')}"


def span(seconds: float) -> str:
    """A length of time to about two digits: `3 ms`, `1.3 s`, `4 min 10 s`, `2 d 4 h`, `12 d`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, part in _SPANS:
        if whole >= size:
            rest = whole % size // below if whole < _WEEK else 0
            return f"{whole // size} {unit} {rest} {part}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def moment(time: datetime, *, seconds: bool = True, offset: bool = True) -> str:
    """Write an aware instant: `Sun 2026-03-29 03:30:00 +02:00`, or `… UTC`; seconds that are not zero are always shown.

    Without `offset` it ends with the time, for places that name the zone elsewhere.
    """
    precision = "seconds" if seconds or time.second else "minutes"
    wall = time.replace(tzinfo=None).isoformat(" ", precision)
    after = "UTC" if time.tzinfo is UTC else time.isoformat(" ", precision)[len(wall) :]
    return f"{_WEEKDAYS[time.weekday()]} {wall}" + (f" {after}" if offset else "")


def byte_size(count: int) -> str:
    """A number of bytes to about two digits, as `ajc` writes it: `921 B`, `1.2 KiB`, `64 KiB`."""
    amount, unit = float(count), "B"
    for larger in _SIZES:
        if amount < 1024:
            break
        amount, unit = amount / 1024, larger
    return f"{amount:.1f} {unit}" if unit != "B" and round(amount, 1) < 10 else f"{amount:.0f} {unit}"


def alike(word: str, known: Iterable[str], most: int = 3, cutoff: float = 0.6) -> list[str]:
    """The words of `known` that are most similar to `word`, the closest first; `cutoff` is between 0 and 1."""
    from difflib import get_close_matches  # only if something is wrong

    return get_close_matches(word, list(known), n=most, cutoff=cutoff)


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The word of `known` that was probably meant by `word`; "" if none is similar."""
    return next(iter(alike(word, known, 1, cutoff)), "")


class Paint:
    """Puts a style on a text if there are colours; written by hand, because rich takes 7 s for 10,000 changes."""

    __slots__ = ("_styles",)

    def __init__(self, colour: bool) -> None:
        self._styles = _STYLES if colour else {}

    def __call__(self, style: str, text: str) -> str:
        """Return `text` in `style`."""
        code = self._styles.get(style)
        return f"{code}{text}{_RESET}" if code and text else text
