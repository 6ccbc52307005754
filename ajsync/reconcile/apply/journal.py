"""Journals and the plan: how many steps one journal takes, and what a bucket holds once the steps are finished."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ajsync.asyncjobs.journal import Step
from ajsync.asyncjobs.live import Live, LiveSchedule
from ajsync.asyncjobs.model import encode_scheduled_task

_FRAME_BYTES = 64
"""More than the JSON around one entry takes."""


def split_steps(steps: Iterable[Step], *, max_bytes: int, max_steps: int) -> Iterable[list[Step]]:
    """Cut `steps` into journals of at most so many bytes and steps; one that is too large alone stands alone."""
    chunk: list[Step] = []
    size = _FRAME_BYTES
    for step in steps:
        weight = len(encode_scheduled_task(step.before)) + len(encode_scheduled_task(step.after)) + _FRAME_BYTES
        if chunk and (size + weight > max_bytes or len(chunk) >= max_steps):
            yield chunk
            chunk, size = [], _FRAME_BYTES
        chunk.append(step)
        size += weight
    if chunk:
        yield chunk


def unfinished(steps: Iterable[Step], live: Live) -> tuple[Step, ...]:
    """The steps whose schedule was deleted and not made again."""
    return tuple(step for step in steps if step.name not in live.entries)


def with_journal(live: Live, steps: Iterable[Step]) -> Live:
    """What the bucket will hold once `steps` are finished, so that a plan counts them as there."""
    entries: Mapping[str, LiveSchedule] = {
        step.name: LiveSchedule(step.name, live.deleted.get(step.name, 0), step.after)
        for step in unfinished(steps, live)
    }
    return replace(live, entries={**live.entries, **entries}) if entries else live
