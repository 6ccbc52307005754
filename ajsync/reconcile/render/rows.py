"""A change in rows, one fact each: what the terminal and the pull request both show, each in its own dress."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.reconcile.fields import TIMING, Field, changed_fields, shown_fields
from ajsync.reconcile.plan import Change
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.payload import payload_diff, payload_lines
from ajsync.reconcile.render.wording import worded

Tone = Literal["value", "note", "amiss", "content", "added", "removed"]

_TONES: dict[str, Tone] = {"+": "added", "-": "removed", " ": "content"}


LABEL = 16
"""Columns for the label of a row: the longest name of a field, and a gap."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line about a change; its texts are escaped."""

    label: str
    """"" where the row goes on with what the one above began."""
    text: str
    before: str | None = None
    """What it was until now, where that is worth telling."""
    tone: Tone = "value"

    @property
    def told(self) -> str:
        """What it says beside its label, with what it was."""
        return self.text if self.before is None else f"{self.before} → {self.text}"


def change_rows(change: Change, *, show_payload: bool, most_content: int | None = None) -> list[Row]:
    """The fields of a new or leaving schedule, or those that change; at most so many lines of a payload's content."""
    before, after = change.before, change.after
    rows: list[Row] = []
    if before is not None and after is not None:
        for field in changed_fields(before, after):
            old, new = field.read(before), field.read(after)
            rows.append(Row(field.name, worded(field, new), worded(field, old)))
            if field.kind == "payload" and show_payload:
                rows += _capped(_difference(before, after), most_content)
        return rows
    task = after or before
    assert task is not None  # a change has a before or an after
    for field in shown_fields(task):
        rows.append(Row(field.name, worded(field, field.read(task)), tone=_tone(field)))
        if field.kind == "payload" and show_payload:
            rows += _capped((Row("", line, tone="content") for line in payload_lines(task.payload)), most_content)
    return rows


def next_rows(change: Change, fires: FireTimes) -> list[Row]:
    """The next fires, where the change makes or moves them."""
    before, after = change.before, change.after
    if after is None or (before is not None and not moves(before, after)):
        return []
    found = fires.of(after)
    tone: Tone = "amiss" if found.amiss else "note"
    return [Row("" if number else "next", line, tone=tone) for number, line in enumerate(found.lines)]


def moves(before: ScheduledTask, after: ScheduledTask) -> bool:
    """True if the one fires at other times than the other."""
    return any(field.name in TIMING for field in changed_fields(before, after))


def _tone(field: Field) -> Tone:
    return "note" if field.name == "description" else "value"


def _difference(before: ScheduledTask, after: ScheduledTask) -> Iterator[Row]:
    for sign, line in payload_diff(before.payload, after.payload):
        yield Row("", f"{sign} {line}", tone=_TONES[sign])


def _capped(rows: Iterator[Row], most: int | None) -> list[Row]:
    if most is None:
        return list(rows)
    found = list(islice(rows, most + 1))
    return found if len(found) <= most else [*found[:most], Row("", "… and more", tone="content")]
