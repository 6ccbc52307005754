"""What all renderers have in common: a plan, the reasons not to apply it, and some options go in; text comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from ajsync.errors import AjsyncError, Location
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.gates import Loosened
from ajsync.reconcile.impact import Impact
from ajsync.reconcile.plan import Plan


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How to show a plan."""

    now: datetime
    """Aware; the fires shown are those after it."""
    show_payload: bool = False
    """Show the content of payloads too, and not only size and digest."""
    locations: Mapping[str, Location] = field(default_factory=dict)
    """Where the files define each name; for `github`, relative to the root of the repository."""
    suspended: Set[str] = frozenset()
    """The schedules that the files suspend: their deletes are shown as that."""
    loosened: Sequence[Loosened] = ()
    """The limits that the files set looser than the defaults."""
    impact: Impact | None = None
    """What the plan does to the number of fires; None if that is nothing, or not known."""
    short: bool = False
    """Show only some of very many changes, and all deletes that a person can read; only `text` is ever shortened."""
    colour: bool = False
    """For a terminal that shows colours; only `text` uses any."""
    zone: tzinfo = UTC
    """The zone of times in formats for people."""
    width: int | None = None
    """Columns of a terminal, at which `text` breaks its sentences; None if they stay whole."""


Renderer = Callable[[Plan, Sequence[AjsyncError], RenderOptions], str]
"""Shows a plan with the gates' reasons not to apply it. Pure; the text has no line break at its end."""

ResultRenderer = Callable[[Plan, Sequence[AjsyncError], Result | None, RenderOptions], str]
"""Shows what became of a plan that was applied; the result is None if it was refused, or if there was nothing to do."""
