"""A change in rows of one fact each; every format for people shows the same rows in its own style."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from typing import Literal, NamedTuple, cast

from ajsync.asyncjobs.model import Labels, has_drifted
from ajsync.reconcile.fields import FIELDS, OWNER, TIMING, Days, Field, Value, changed_fields, shown_fields
from ajsync.reconcile.plan import Change, Create
from ajsync.reconcile.render.fires import FireTimes
from ajsync.schedule import format_duration
from ajsync.schedule.days import days_text, read_days, without
from ajsync.text import byte_size, escape, listed, pairs, visible

Tone = Literal["value", "note", "amiss", "content", "added", "removed"]

_FIELDS = {field.name: field for field in FIELDS}
LABEL = max(len(field.name) for field in (*FIELDS, OWNER)) + 2
"""The columns for the label of a row: the longest name of a field, and a gap."""
DRIFT = "somebody else has changed it in the bucket since it was applied"
_OWN = frozenset(("payload", "description"))
"""The fields in which most schedules differ; rows of the other fields are made once."""
_MOST_COMPARED = 4_000
"""The most lines of both payloads together, because the time to compare them grows with the square."""
_CONTEXT = 3
"""How many equal lines are shown around a difference."""
_BASE64_WIDTH = 76
_MOST_DAYS = 8
"""How many days and ranges of a field are listed."""


class PlanRow(NamedTuple):
    """One line about a change, with escaped texts. A plan of 10,000 changes has 100,000 of them."""

    label: str
    """Empty if the row continues the one above."""
    text: str
    before: str | None = None
    """The old value, if the change replaces one."""
    tone: Tone = "value"

    @property
    def told(self) -> str:
        """The text with the old value in front of it."""
        return self.text if self.before is None else f"{self.before} → {self.text}"


def change_rows(change: Change, *, show_payload: bool, most_content: int | None = None) -> list[PlanRow]:
    """The fields of a created or deleted schedule, or the changed ones; for a renamed one only the name.

    With `show_payload` the content of payloads follows, at most `most_content` lines of each.
    """
    before, after = change.before, change.after
    if isinstance(change, Create) and change.renamed_from:
        return [PlanRow("name", visible(change.name), visible(change.renamed_from))]
    rows: list[PlanRow] = [PlanRow("drift", DRIFT, tone="amiss")] if before is not None and has_drifted(before) else []
    if before is not None and after is not None:
        for field in changed_fields(before, after):
            if field.kind == "days" and (told := _moved_days(before.settings.except_, after.settings.except_)):
                rows.append(PlanRow(field.name, told))
                continue
            rows.append(PlanRow(field.name, worded(field, field.read(after)), worded(field, field.read(before))))
            if field.kind == "payload" and show_payload:
                rows += _capped(_difference(before.payload, after.payload), most_content)
        return rows
    task = after or before
    assert task is not None  # a change has a before or an after
    for field, value in shown_fields(task):
        rows.append((_own_row if field.name in _OWN else _shared_row)(field.name, value))
        if field.kind == "payload" and show_payload:
            rows += _capped((_content(line) for line in _pretty_lines(task.payload)), most_content)
    return rows


def _own_row(name: str, value: Value) -> PlanRow:
    return PlanRow(name, worded(_FIELDS[name], value), tone="note" if name == "description" else "value")


_shared_row = lru_cache(maxsize=4096)(_own_row)


def next_rows(change: Change, fires: FireTimes) -> list[PlanRow]:
    """The next fires, if the change creates or moves any; a paused schedule has none."""
    before, after = change.before, change.after
    if (
        after is None
        or change.paused
        or (before is not None and TIMING.isdisjoint(each.name for each in changed_fields(before, after)))
    ):
        return []
    found = fires.of(after)
    return [*_fire_rows(found.lines, "amiss" if found.amiss else "note")]


@lru_cache(maxsize=4096)  # many schedules are due together
def _fire_rows(lines: Sequence[str], tone: Tone) -> tuple[PlanRow, ...]:
    return tuple(PlanRow("" if number else "next", line, tone=tone) for number, line in enumerate(lines))


def payload_differs(change: Change) -> bool:
    """Whether a change replaces one payload with another."""
    before, after = change.before, change.after
    return before is not None and after is not None and before.payload != after.payload


@lru_cache(maxsize=256)  # a calendar changes many schedules in the same way
def _moved_days(before: Days, after: Days) -> str:
    """The added and removed days, if the lists are too long to compare by eye; "" if they are not."""
    if max(len(before), len(after)) <= _MOST_DAYS:
        return ""
    old, new = ([*map(read_days, texts)] for texts in (before, after))
    moved = (("adds", without(new, old)), ("removes", without(old, new)))
    return "; ".join(f"{verb} {listed([*map(days_text, spans)])}" for verb, spans in moved if spans)


def worded(field: Field, value: Value) -> str:
    """The value of a field on one line, escaped; a payload is its size and the beginning of its digest."""
    match value:
        case str() if value:  # most are
            return visible(value)
        case bytes():
            return f"{byte_size(len(value))}, sha256 {sha256(value).hexdigest()[:12]}"
        case None | "":
            return field.absent
        case tuple() if field.kind == "days":
            return listed([str(each) for each in value], _MOST_DAYS) or field.absent
        case tuple():
            return pairs(cast("Labels", value)) or field.absent
    if field.kind == "duration":
        return format_duration(value) if value else field.absent
    return str(value)


def _content(line: str) -> PlanRow:
    return PlanRow("", escape(line), tone="content")


def _capped(rows: Iterator[PlanRow], most: int | None) -> list[PlanRow]:
    found = list(islice(rows, None if most is None else most + 1))
    return found if most is None or len(found) <= most else [*found[:most], _content("… and more")]


def _difference(before: bytes | None, after: bytes | None) -> Iterator[PlanRow]:
    """The lines in which two payloads differ, and a few equal ones around them."""
    old, new = _pretty_lines(before), _pretty_lines(after)
    if old == new:  # only the spelling of the JSON differs, so it has to be shown
        old, new = _raw_lines(before), _raw_lines(after)
    if len(old) + len(new) > _MOST_COMPARED:
        yield from _changed(old, new)
        return
    for number, group in enumerate(SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT)):
        if number:
            yield _content("  …")
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                yield from (_content(f"  {line}") for line in old[old_from:old_to])
            else:
                yield from _changed(old[old_from:old_to], new[new_from:new_to])


def _changed(old: Sequence[str], new: Sequence[str]) -> Iterator[PlanRow]:
    yield from (PlanRow("", f"- {_with_end(line)}", tone="removed") for line in old)
    yield from (PlanRow("", f"+ {_with_end(line)}", tone="added") for line in new)


def _with_end(line: str) -> str:
    """A line with visible spaces at its end, because they may be the only difference."""
    text = escape(line)
    body = text.rstrip(" ")
    return body + "\\x20" * (len(text) - len(body))


def _pretty_lines(payload: bytes | None) -> list[str]:
    """The content in lines: JSON indented, other text as it is, everything else in base64."""
    try:
        value = json.loads(payload or b"")
        return json.dumps(value, indent=2, ensure_ascii=False).split("\n")
    except (ValueError, RecursionError):
        return _raw_lines(payload)


def _raw_lines(payload: bytes | None) -> list[str]:
    if not payload:
        return []
    try:
        return payload.decode().split("\n")
    except UnicodeDecodeError:
        text = base64.b64encode(payload).decode()
        return [
            f"{'base64 ' if start == 0 else '       '}{text[start : start + _BASE64_WIDTH]}"
            for start in range(0, len(text), _BASE64_WIDTH)
        ]
