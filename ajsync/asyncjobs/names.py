"""The names that asyncjobs gives to buckets, streams, keys and subjects (docs/reference/wire.md, "Names")."""

from __future__ import annotations

import re

CONFIGURATION_BUCKET = "CHORIA_AJ_CONFIGURATION"
CONFIGURATION_STREAM = f"KV_{CONFIGURATION_BUCKET}"
CONFIGURATION_SUBJECT = f"$KV.{CONFIGURATION_BUCKET}."
SCHEDULE_PREFIX = "scheduled_tasks."
SCHEDULE_SUBJECT = CONFIGURATION_SUBJECT + SCHEDULE_PREFIX
"""The beginning of a key; the name of the scheduled task follows."""
ELECTIONS_BUCKET = "CHORIA_AJ_ELECTIONS"
ELECTIONS_STREAM = f"KV_{ELECTIONS_BUCKET}"
ELECTIONS_SUBJECT = f"$KV.{ELECTIONS_BUCKET}."
SCHEDULER_ELECTION = "task_scheduler"
"""The key of the election that all schedulers take part in."""
TASKS_STREAM = "CHORIA_AJ_TASKS"
TASK_SUBJECT = "CHORIA_AJ.T."
WORK_ITEM_SUBJECT = "CHORIA_AJ.Q."
EVENT_SUBJECT = "CHORIA_AJ.E."
QUEUE_STREAM_PREFIX = "CHORIA_AJ_Q_"
"""The beginning of the name of a stream; the name of the queue follows."""

ELECTION_HEADER = "Ajsync-Since"
"""A header on each of ajsync's writes of the election's key: the revision after which all writes were ajsync's."""

# A task type may hold a colon. The name of a schedule may not, because it is part of a key.
SCHEDULE_NAME = re.compile(r"[A-Za-z0-9_-]+")
QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]+")
TASK_TYPE = re.compile(r"[A-Za-z0-9_:-]+")
OWNER_NAME = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_NAME = 255
"""The most characters of each of these names. More is too long for a stream, a file or a label of a metric."""

DEFAULT_QUEUE = "DEFAULT"
"""The queue that asyncjobs uses if none is named."""


def schedule_key(name: str) -> str:
    """The key of the scheduled task `name` in the bucket."""
    return SCHEDULE_PREFIX + name
