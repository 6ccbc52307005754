"""The result of an apply: what became of each change of its plan, and why it is not complete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ajsync.errors import (
    AjsyncError,
    ConflictError,
    InvalidError,
    NotPermittedError,
    PartiallyAppliedError,
    UnreachableError,
)
from ajsync.reconcile.plan import Change

ChangeStatus = Literal["done", "failed", "not attempted"]

_REASONS = (NotPermittedError, UnreachableError, ConflictError, InvalidError)
"""The errors with which a whole apply can fail, the more specific ones first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change."""

    change: Change
    status: ChangeStatus
    error: AjsyncError | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a plan: one outcome for each of its changes, in the plan's order."""

    outcomes: tuple[Outcome, ...]

    def with_status(self, status: ChangeStatus) -> tuple[Outcome, ...]:
        """The outcomes of this status."""
        return tuple(outcome for outcome in self.outcomes if outcome.status == status)

    @property
    def error(self) -> AjsyncError | None:
        """Why the plan is not fully applied: the common reason if nothing was done, else PartiallyAppliedError."""
        done, failed = len(self.with_status("done")), len(self.with_status("failed"))
        left = len(self.with_status("not attempted"))
        if not failed and not left:
            return None
        away = any(outcome.status == "not attempted" and outcome.error for outcome in self.outcomes)
        counts = f"{done} done, {failed} failed, {left} not attempted{' while the server was away' if away else ''}"
        errors = [outcome.error for outcome in self.outcomes if outcome.error is not None]
        for kind in _REASONS:
            if not done and errors and all(isinstance(error, kind) for error in errors):
                return kind(f"Nothing was applied: {counts}. Run 'ajsync plan' to see the current state.")
        return PartiallyAppliedError(f"Partially applied: {counts}. Run 'ajsync plan' to see what is left to do.")
