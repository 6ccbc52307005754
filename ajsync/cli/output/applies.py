"""The record of applies and of manual actions, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

from ajsync.asyncjobs.applied import RecordedAction
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.table import Cell, Row, table, times_in
from ajsync.reconcile.apply.record import OwnedLine
from ajsync.reconcile.render.times import TimeFormat, instant_told
from ajsync.reconcile.render.wording import done_counts
from ajsync.text import counted, listed, visible

_OWNER = "Owner"
APPLY_COLUMNS = (
    Column("When", 1, times=True),
    Column(_OWNER, 4, least=8),
    Column("By", 2, least=8),
    Column("Commit", 6, least=10),
    Column("Ref", 8, least=8),
    Column("Environment", 7, least=8),
    Column("Changes", 5, least=9),
    Column("Schedules", 3, least=NAME),
)
_NAMES_SHOWN = 3


def applies_table(applies: Sequence[OwnedLine], owner: str | None, zone: tzinfo) -> list[str]:
    """Lay out applies, the newest first; with their owners if `owner` is None."""
    if not applies:
        return [f"No apply of {visible(owner)} is recorded" if owner else "No apply is recorded"]
    columns = [column for column in APPLY_COLUMNS if owner is None or column.title != _OWNER]
    times = times_in(zone, [each.line.at for each in applies])
    return table(columns, [_row(each, times, zone, with_owner=owner is None) for each in applies], zone=str(zone))


def _row(owned: OwnedLine, times: TimeFormat, zone: tzinfo, *, with_owner: bool) -> Row:
    line = owned.line
    if isinstance(line, RecordedAction):
        commit, environment, count, changes = None, "", line.count, _action_told(line, zone)
    else:
        commit, environment, count = line.commit, line.environment, sum(line.counts.values())
        changes = done_counts(line.counts)
    names = [visible(name) for name in line.names[:_NAMES_SHOWN]]
    more = count - len(names)
    return (
        times(line.at),
        *((visible(owned.owner),) if with_owner else ()),
        visible(line.by),
        "" if commit is None else Cell(commit.short, "warning" if commit.dirty else ""),
        visible(commit.ref) if commit and commit.ref else "",
        visible(environment) if environment else "",
        changes or Cell("none", "faint"),
        listed(names) + (f" and {more:,} more" if more > 0 and names else ""),
    )


def _action_told(action: RecordedAction, zone: tzinfo) -> str:
    """What was done: `1 paused until Sun 2026-11-29 18:00 UTC (new disks)`, `2 resumed`, `40 tasks made`."""
    if action.action == "backfill":
        return f"{counted(action.tasks, 'task')} made"
    if action.action == "resume":
        return f"{action.count:,} resumed"
    until = f" until {instant_told(action.until, zone)}" if action.until else ""
    return f"{action.count:,} paused{until}" + (f" ({visible(action.reason)})" if action.reason else "")
