"""Keep one comment up to date: write or replace it, and try again while the API has trouble."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from ajsync.forge.api import AbsentError, TryAgainError
from ajsync.forge.places import Place
from ajsync.forge.text import marker_of, told_for

_PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the tries, unless the API asks for others."""
_LONGEST = 60.0
"""The most seconds that the API may ask for; a job that waits longer costs more than the comment is worth."""


def keep_comment(place: Place, text: str, *, pause: Callable[[float], None]) -> None:
    """Write the text as the only comment with its marker, and remove others, which two jobs at once can make.

    Each try looks for the comment again, because a call may have worked although its answer was lost. `pause` waits for
    some seconds. Raises TryAgainError if every try failed, and errors that cannot get better at once.
    """
    marker, text = marker_of(text), told_for(text, place.made)
    for seconds in (*_PAUSES, None):
        try:
            _keep(place, marker, text)
            return
        except TryAgainError as error:
            wait = seconds if error.seconds is None else error.seconds
            if seconds is None or wait is None or wait > _LONGEST:
                raise
            pause(wait)


def _keep(place: Place, marker: str, text: str) -> None:
    ours = place.ours(marker)
    try:
        place.write(text, ours[0] if ours else None)
    except AbsentError as error:
        if not ours:
            raise
        raise TryAgainError(str(error)) from None  # it existed just now, so another job has removed it
    for each in ours[1:]:
        with suppress(AbsentError):  # another job was faster
            place.remove(each)
