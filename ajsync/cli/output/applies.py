"""The record of applies as a table."""

from __future__ import annotations

from collections.abc import Sequence

from ajsync.cli.output.table import Cell, Column, Row, table
from ajsync.reconcile.apply.record import OwnedApply
from ajsync.reconcile.render.wording import done_counts
from ajsync.text import listed, moment, visible
from ajsync.timestamp import to_datetime

_NAMES_SHOWN = 3


def applies_table(applies: Sequence[OwnedApply], owner: str | None) -> list[str]:
    """Lay out applies, the newest first; with their owners if they are of all (`owner` is None)."""
    if not applies:
        return [f"No apply of {visible(owner)} is recorded" if owner else "No apply is recorded"]
    columns = (
        Column("Applied (UTC)"),
        Column("Owner"),
        Column("By", flexible=True),
        Column("Commit"),
        Column("Ref", flexible=True),
        Column("Environment", flexible=True),
        Column("Changes"),
        Column("Schedules", flexible=True),
    )
    return table(columns, [_row(each, with_owner=owner is None) for each in applies])


def _row(owned: OwnedApply, *, with_owner: bool) -> Row:
    apply = owned.apply
    commit = apply.commit
    changes = done_counts(apply.counts)
    names = [visible(name) for name in apply.names[:_NAMES_SHOWN]]
    more = sum(apply.counts.values()) - len(names)
    return (
        moment(to_datetime(apply.at), offset=False),
        visible(owned.owner) if with_owner else "",
        visible(apply.by),
        "" if commit is None else Cell(commit.short, "warning" if commit.dirty else ""),
        visible(commit.ref) if commit and commit.ref else "",
        visible(apply.environment) if apply.environment else "",
        changes or Cell("none", "faint"),
        listed(names) + (f" and {more:,} more" if more > 0 and names else ""),
    )
