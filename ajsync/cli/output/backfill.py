"""What a backfill would make, and what it has made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, tzinfo

from ajsync.asyncjobs.backfill import Backfilled, MissingTask, PastDue
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.table import Cell, table, times_in
from ajsync.cli.output.terminal import conclude, label
from ajsync.errors import PartiallyAppliedError, UnreachableError
from ajsync.schedule import parse
from ajsync.text import counted, one_line, plural, visible
from ajsync.timestamp import to_datetime

BACKFILL_COLUMNS = (
    Column("Name", 1, least=NAME, keep="ends"),
    Column("First", 4, times=True),
    Column("Last", 5, times=True),
    Column("Due", 3, right=True),
    Column("Exist", 6, right=True),
    Column("Missing", 2, right=True),
)
_REASONS = 5
"""How many refused tasks are named."""


def backfill_table(dues: Sequence[PastDue], missing: Sequence[MissingTask], zone: tzinfo) -> list[str]:
    """Lay out how many tasks of each schedule exist and are missing."""
    times = times_in(zone, [each.due for each in dues])
    lacking = Counter(each.past.task.name for each in missing)
    rows = []
    for own in _by_schedule(dues):
        count = lacking[own[0].task.name]
        numbers = (f"{len(own):,}", f"{len(own) - count:,}", Cell(f"{count:,}", "create" if count else ""))
        rows.append((visible(own[0].task.name), times(own[0].due), times(own[-1].due), *numbers))
    return table(BACKFILL_COLUMNS, rows, zone=str(zone))


def backfill_document(
    dues: Sequence[PastDue], missing: Sequence[MissingTask], result: Backfilled | None, zone: tzinfo | None
) -> dict[str, object]:
    """Describe the same, and what was made; `result` is None if there was nothing to make."""
    lacking: dict[str, list[PastDue]] = {}
    for each in missing:
        lacking.setdefault(each.past.task.name, []).append(each.past)
    return {
        "schedules": [
            {
                "name": own[0].task.name,
                "due": len(own),
                "missing": [
                    {"due": to_datetime(each.due, zone or _own_zone(each)).isoformat(), "id": each.task_id}
                    for each in lacking.get(own[0].task.name, ())
                ],
            }
            for own in _by_schedule(dues)
        ],
        "made": result.made if result else 0,
        "refused": dict(result.refused) if result else {},
        "left": result.left if result else len(missing),
    }


def conclude_backfill(dues: Sequence[PastDue], missing: Sequence[MissingTask], result: Backfilled | None) -> None:
    """Say what was made, or why nothing was."""
    if result is None:
        if not missing:
            conclude("Nothing is missing." if dues else "Nothing was due then.")
        return
    meanwhile = f" {counted(result.exist, 'other')} appeared in the meantime." if result.exist else ""
    if result.made or meanwhile:
        conclude(f"Made {counted(result.made, 'task')}.{meanwhile}")


def raise_unless_complete(result: Backfilled | None) -> None:
    """Raise the error of a backfill that has left something, with the first reasons on standard error."""
    if result is None or not (open_ := len(result.refused) + result.left):
        return
    for task_id, reason in [*result.refused.items()][:_REASONS]:
        label("Failed:", "alarm", f"The task {task_id} is not in its queue: {one_line(reason)}.")
    text = f"{counted(open_, 'task')} {plural(open_, 'was', 'were')} not made. Run the same command again to go on."
    raise PartiallyAppliedError(text) if result.made or result.refused else UnreachableError(text)


def _by_schedule(dues: Sequence[PastDue]) -> list[list[PastDue]]:
    """The instants of each schedule, in their order."""
    found: dict[str, list[PastDue]] = {}
    for each in dues:
        found.setdefault(each.task.name, []).append(each)
    return [*found.values()]


def _own_zone(past: PastDue) -> tzinfo:
    return parse(past.task.schedule).zone_info or UTC
