"""The impact of a plan as lines for people, and as a member of the JSON plan."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any

from ajsync.reconcile.impact import Impact, Peak
from ajsync.reconcile.plan import Plan
from ajsync.reconcile.render.rows import PlanRow, payload_differs
from ajsync.reconcile.render.times import instant_told
from ajsync.text import counted, visible
from ajsync.timestamp import to_datetime

IMPACT = "Fires in the next 24 h, of all schedules in the bucket:"
"""The line above the rows."""
_MOST_QUEUES = 20


def impact_rows(impact: Impact, zone: tzinfo = UTC) -> list[PlanRow]:
    """A row for each queue that gets more or fewer tasks, and one for the busiest minute if that changes."""
    rows = [
        PlanRow(visible(each.queue), f"{each.after:,}", f"{each.before:,}") for each in impact.queues[:_MOST_QUEUES]
    ]
    if len(impact.queues) > _MOST_QUEUES:
        rows.append(PlanRow("", f"and {counted(len(impact.queues) - _MOST_QUEUES, 'more queue')}", tone="note"))
    if impact.before != impact.after:
        rows.append(PlanRow("busiest minute", _peak_told(impact.after, zone), _peak_told(impact.before, zone), "note"))
    return rows


def payload_hint(plan: Plan, *, show_payload: bool) -> str:
    """How to see the differences of payloads; "" if there are none, or if they are shown."""
    if show_payload or not any(map(payload_differs, plan.changes)):
        return ""
    return "To see how payloads differ, pass --show-payload."


def impact_document(impact: Impact) -> dict[str, Any]:
    """The impact for programs."""
    return {
        "from": to_datetime(impact.start).isoformat(),
        "until": to_datetime(impact.until).isoformat(),
        "queues": [{"queue": each.queue, "before": each.before, "after": each.after} for each in impact.queues],
        "busiest": {"before": _peak(impact.before), "after": _peak(impact.after)},
    }


def _peak(peak: Peak | None) -> dict[str, Any] | None:
    return None if peak is None else {"minute": to_datetime(peak.start).isoformat(), "fires": peak.fires}


def _peak_told(peak: Peak | None, zone: tzinfo) -> str:
    return "none" if peak is None else f"{peak.fires:,} at {instant_told(peak.start, zone)}"
