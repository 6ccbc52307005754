"""What all renderers have in common: from a plan, the reasons not to apply it, and some options, to text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from ajsync.errors import AjsyncError, Location
from ajsync.reconcile.gates import Loosened
from ajsync.reconcile.plan import Plan


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """How a plan is to be shown."""

    now: datetime
    """Aware; fire times are those after it."""
    show_payload: bool = False
    """Payloads as they are, and not only their size and digest."""
    locations: Mapping[str, Location] = field(default_factory=dict)
    """Where each name stands in the files. For `github` the files are relative to the root of the repository."""
    loosened: Sequence[Loosened] = ()
    """The limits in the files that are looser than the defaults."""
    colour: bool = False
    """For a terminal that shows colours; only `text` has any."""


class Renderer(Protocol):
    """Shows a plan. Pure; the text has no line break at its end."""

    def __call__(self, plan: Plan, refusals: Sequence[AjsyncError], options: RenderOptions) -> str:
        """`refusals` are the reasons of the gates not to apply the plan; empty when it may be applied."""
