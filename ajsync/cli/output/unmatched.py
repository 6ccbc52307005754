"""What is said of files that look like schedules files and are not read: what they hold would be deleted."""

from __future__ import annotations

from ajsync.config import Configuration

_NAMED = 5
"""How many files are named before the rest is counted."""


def warn_of_overlooked(configuration: Configuration) -> None:
    """Name the files that no pattern matches, if there are any, on standard error."""
    from ajsync.cli.output.terminal import warn

    if configuration.unmatched:
        warn(overlooked_told(configuration))


def overlooked_told(configuration: Configuration) -> str:
    """Which files these are, and what to do."""
    from ajsync.text import visible

    files = configuration.unmatched
    names = [visible(file) for file in files[:_NAMED]]
    if len(files) > _NAMED:
        names.append(f"{len(files) - _NAMED} more")
    one = len(files) == 1
    named = names[0] if one else f"{', '.join(names[:-1])} and {names[-1]}"
    look, them = ("looks like a schedules file and is", "it") if one else ("look like schedules files and are", "them")
    return (
        f"{named} {look} not read, since no pattern of 'files' matches {them}. "
        f"Add {them} to 'files' in {configuration.project.name}, or rename {them} to fit: "
        f"{', '.join(map(visible, configuration.patterns))}."
    )
