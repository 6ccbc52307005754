"""The results of pausing and resuming schedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from ajsync.asyncjobs.pausing import Settled
from ajsync.cli.output.data import show
from ajsync.cli.output.terminal import conclude, label, say
from ajsync.errors import NotFoundError
from ajsync.reconcile.fields import pause_object
from ajsync.reconcile.pause import failure
from ajsync.reconcile.render.times import instant_told
from ajsync.text import counted, visible

_NAMED = 20
"""How many schedules are named, and how many failures."""


def show_paused(settled: Sequence[Settled], output: str, zone: tzinfo) -> None:
    """Print which schedules are paused now, and until when in `zone`. Raises an error if some could not be paused."""
    done = [each for each in settled if each.error is None]
    if output != "table":
        show(output, lambda: [_document(each, paused=True) for each in settled], list)
    else:
        for each in done[:_NAMED]:
            pause = each.pause
            assert pause is not None  # it was paused
            until = f" until {instant_told(pause.until, zone)}" if pause.until else ""
            conclude(f"Paused {visible(each.name)}{until}.")
        _count_others("Paused", done)
    if not settled:
        raise NotFoundError("Nothing was paused.")
    _raise_for(settled, "paused")


def show_resumed(settled: Sequence[Settled], output: str) -> None:
    """Print which schedules fire again. Raises an error if some could not be resumed."""
    done = [each for each in settled if each.error is None]
    if output != "table":
        show(output, lambda: [_document(each, paused=False) for each in settled], list)
    else:
        resumed = [each for each in done if each.changed]
        for each in resumed[:_NAMED]:
            conclude(f"Resumed {visible(each.name)}.")
        _count_others("Resumed", resumed)
        idle = [visible(each.name) for each in done if not each.changed]
        for name in idle[:_NAMED]:
            say(f"{name} is not paused.")
        if len(idle) > _NAMED:
            say(f"{counted(len(idle) - _NAMED, 'more schedule')} are not paused.")
    _raise_for(settled, "resumed")


def _count_others(verb: str, done: Sequence[Settled]) -> None:
    if len(done) > _NAMED:
        conclude(f"{verb} {counted(len(done) - _NAMED, 'more schedule')}.")


def _raise_for(settled: Sequence[Settled], verb: str) -> None:
    failed = [each for each in settled if each.error is not None]
    if len(settled) > 1:
        for each in failed[:_NAMED]:
            label("Failed:", "alarm", str(each.error))
        if len(failed) > _NAMED:
            say(f"… and {len(failed) - _NAMED:,} more failed.")
    if error := failure(settled, verb):
        raise error


def _document(settled: Settled, *, paused: bool) -> dict[str, Any]:
    """Describe one schedule: its pause now, whether something was changed, and what went wrong."""
    pause = settled.pause if paused and settled.error is None else None
    return {
        "name": settled.name,
        "paused": pause_object(pause) if pause is not None else None,
        "changed": settled.changed and settled.error is None,
        "error": None if settled.error is None else str(settled.error),
    }
