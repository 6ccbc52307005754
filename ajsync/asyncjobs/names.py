"""The names that Choria asyncjobs gives to buckets, streams, keys and subjects, and what a valid name is."""

from __future__ import annotations

import re

CONFIGURATION_BUCKET = "CHORIA_AJ_CONFIGURATION"
CONFIGURATION_STREAM = f"KV_{CONFIGURATION_BUCKET}"
CONFIGURATION_SUBJECT = f"$KV.{CONFIGURATION_BUCKET}."
SCHEDULE_PREFIX = "scheduled_tasks."
SCHEDULE_SUBJECT = CONFIGURATION_SUBJECT + SCHEDULE_PREFIX
"""The subject of a scheduled task is this and its name."""
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
"""The stream of a queue is this and its name."""

ELECTION_HEADER = "Ajsync-Since"
"""On each write of ours of the election's key: every write after this revision was one of ours."""

# Task types may hold a colon; a schedule's name may not, since it is part of a key and keys hold none.
SCHEDULE_NAME = re.compile(r"[A-Za-z0-9_-]+")
QUEUE_NAME = re.compile(r"[A-Za-z0-9_-]+")
TASK_TYPE = re.compile(r"[A-Za-z0-9_:-]+")
OWNER_NAME = re.compile(r"[A-Za-z0-9_-]+")
LONGEST_NAME = 255
"""Characters of any of these: more than a stream, a file or a label of a metric should have."""

DEFAULT_QUEUE = "DEFAULT"
"""The queue that asyncjobs uses where none is named."""


def schedule_key(name: str) -> str:
    """The bucket's key of the scheduled task `name`."""
    return SCHEDULE_PREFIX + name
