"""The record of applies as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.table import Cell, Row, table
from ajsync.cli.output.terminal import stdout_width
from ajsync.reconcile.apply.record import OwnedApply
from ajsync.reconcile.render.times import TimeFormat
from ajsync.reconcile.render.wording import done_counts
from ajsync.text import listed, visible

_OWNER = "Owner"
APPLY_COLUMNS = (
    Column("Applied", 1, times=True),
    Column(_OWNER, 4, least=8),
    Column("By", 2, least=8),
    Column("Commit", 6, least=10),
    Column("Ref", 8, least=8),
    Column("Environment", 7, least=8),
    Column("Changes", 5, least=9),
    Column("Schedules", 3, least=NAME),
)
_NAMES_SHOWN = 3


def applies_table(applies: Sequence[OwnedApply], owner: str | None, zone: tzinfo) -> list[str]:
    """Lay out applies, the newest first; with their owners if they are of all (`owner` is None)."""
    if not applies:
        return [f"No apply of {visible(owner)} is recorded" if owner else "No apply is recorded"]
    columns = [column for column in APPLY_COLUMNS if owner is None or column.title != _OWNER]
    times = TimeFormat(zone, [each.apply.at for each in applies], whole=stdout_width() is None)
    return table(columns, [_row(each, times, with_owner=owner is None) for each in applies], zone=str(zone))


def _row(owned: OwnedApply, times: TimeFormat, *, with_owner: bool) -> Row:
    apply = owned.apply
    commit = apply.commit
    changes = done_counts(apply.counts)
    names = [visible(name) for name in apply.names[:_NAMES_SHOWN]]
    more = sum(apply.counts.values()) - len(names)
    return (
        times(apply.at),
        *((visible(owned.owner),) if with_owner else ()),
        visible(apply.by),
        "" if commit is None else Cell(commit.short, "warning" if commit.dirty else ""),
        visible(commit.ref) if commit and commit.ref else "",
        visible(apply.environment) if apply.environment else "",
        changes or Cell("none", "faint"),
        listed(names) + (f" and {more:,} more" if more > 0 and names else ""),
    )
