"""The interface of all renderers: a plan, the reasons not to apply it, and some options go in; text comes out."""

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
    """An aware instant; the fires after it are shown."""
    show_payload: bool = False
    """Whether to show the content of payloads, and not only size and digest."""
    locations: Mapping[str, Location] = field(default_factory=dict)
    """Where the files define each name; for `github`, relative to the root of the repository."""
    suspended: Set[str] = frozenset()
    """The schedules that the files suspend; their deletes are shown as suspensions."""
    loosened: Sequence[Loosened] = ()
    """The limits that the files set looser than the defaults."""
    impact: Impact | None = None
    """What the plan does to the number of fires; None if it changes nothing, or if that is not known."""
    short: bool = False
    """Whether to show only some of very many changes, and as many deletes as a person can read; only `text` is
    shortened."""
    colour: bool = False
    """Whether the output is for a terminal with colours; only `text` uses them."""
    zone: tzinfo = UTC
    """The zone of times in formats for people."""
    width: int | None = None
    """The width of a terminal, at which `text` breaks its sentences; None to leave them whole."""


Renderer = Callable[[Plan, Sequence[AjsyncError], RenderOptions], str]
"""Shows a plan with the gates' reasons not to apply it. Pure; the text has no line break at its end."""

ResultRenderer = Callable[[Plan, Sequence[AjsyncError], Result | None, RenderOptions], str]
"""Shows what became of an applied plan; the result is None if it was refused, or if there was nothing to do."""
