"""The source of one schedule, as a file has it, for people who may see the schedule but not its payload."""

from __future__ import annotations

from dataclasses import replace

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.remedy import about
from ajsync.errors import InvalidError


def source_text(task: ScheduledTask) -> str:
    """What `ajsync export` writes for a schedule, without its payload; a comment if a file cannot express it."""
    from ajsync.config.export import export_yaml  # a scheduler needs it only when someone looks at a schedule

    try:
        exported = export_yaml([replace(task, payload=None)])
    except InvalidError as error:
        return f"# {error}\n"
    if reason := exported.skipped.get(task.name):
        return f"# A file cannot express it: {reason}.\n"
    if task.payload is None:
        return exported.text
    return f"# Its payload is not shown here: {about('export', task.name)}\n{exported.text}"
