"""Scheduled tasks for tests: one by hand, any by Hypothesis, and a live state made of them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from ajsync.asyncjobs.ids import KSUID_EPOCH
from ajsync.asyncjobs.model import BucketIdentity, Live, LiveSchedule, Managed, ScheduledTask, sorted_labels
from ajsync.asyncjobs.tasks import StoredTask

OWNER = "team"
TARGET = BucketIdentity("CHORIA_AJ_CONFIGURATION", "2026-11-23T14:09:53Z")
INT64 = 2**63 - 1

NAMES = st.text("ABCabc019_-", min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LABELS = st.text("abAB01_.-", min_size=1, max_size=4)
"""Names and values of labels."""
SCHEDULES = st.sampled_from(["@daily", "*/5 * * * *", "CRON_TZ=Europe/Malta 0 9 * * 1", "@every 10m", "@hourly"])


def task(name: str, *, owner: str | None = OWNER, **fields: Any) -> ScheduledTask:
    """A scheduled task with something sensible in each field that is not given."""
    managed = None if owner is None else Managed(owner)
    defaults: dict[str, Any] = {"schedule": "@daily", "queue": "EMAIL", "task_type": "email:new", "managed": managed}
    return ScheduledTask(name, **{**defaults, **fields})


def live(
    tasks: Iterable[ScheduledTask] = (), *, deleted: Mapping[str, int] | None = None, broken: Iterable[str] = ()
) -> Live:
    """A bucket that holds these tasks, delete markers and unreadable values."""
    entries = {each.name: LiveSchedule(each.name, revision, each) for revision, each in enumerate(tasks, 1)}
    for revision, name in enumerate(broken, len(entries) + 1):
        entries[name] = LiveSchedule(name, revision, None, "not JSON")
    return Live(TARGET, entries, deleted or {})


def managed(owners: st.SearchStrategy[str] | None = None) -> st.SearchStrategy[Managed]:
    """What ajsync keeps of a task, by default of this owner."""
    return st.builds(
        Managed,
        owner=st.just(OWNER) if owners is None else owners,
        source=st.sampled_from(["", "schedules/a.yaml", "b.yaml"]),
        description=TEXTS,
        catchup=st.sampled_from(["none", "latest", "all"]),
        catchup_window=st.sampled_from([0, 3_600_000_000_000]),
        overlap=st.sampled_from(["allow", "skip"]),
        jitter=st.sampled_from([0, 30_000_000_000]),
        applied=st.sampled_from(["", "0123456789ab"]),
        labels=st.dictionaries(LABELS, LABELS, max_size=2).map(sorted_labels),
        from_=st.sampled_from(["", "2026-12-01", "2026-12-01T08:00:00Z"]),
        until=st.sampled_from(["", "2027-03-31", "2027-03-31T08:00:00.5Z"]),
        except_=st.sampled_from([(), ("2026-12-25",), ("2026-12-20..2027-01-02", "2027-06-01")]),
    )


def scheduled_tasks(
    owners: st.SearchStrategy[Managed | None] | None = None,
    names: st.SearchStrategy[str] = NAMES,
) -> st.SearchStrategy[ScheduledTask]:
    """Any scheduled task that can be stored."""
    return st.builds(
        ScheduledTask,
        name=names,
        schedule=SCHEDULES | TEXTS,
        queue=st.sampled_from(["EMAIL", "DEFAULT"]),
        task_type=st.sampled_from(["email:new", "x"]),
        payload=st.none() | st.binary(max_size=20),
        deadline=st.sampled_from([0, 30_000_000_000, 91_000_000_000]),
        max_tries=st.integers(0, 20),
        created_at=st.integers(0, INT64),
        managed=st.none() | managed() if owners is None else owners,
    )


def desired(tasks: Iterable[ScheduledTask]) -> dict[str, ScheduledTask]:
    """What files would say for these tasks: theirs by name, without the time of storing."""
    return {each.name: replace(each, created_at=0) for each in tasks}


def is_signed(task: StoredTask, public_hex: str) -> bool:
    """Whether workers that verify with this key take the task (docs/reference/wire.md, "Signatures")."""
    payload = b64encode(task.payload or b"").decode()
    text = f"{task.id}:{task.queue}:{task.type}:{task.max_tries}:{task.created}:{task.deadline}:{payload}"
    try:
        VerifyKey(bytes.fromhex(public_hex)).verify(text.encode(), bytes.fromhex(task.signature))
    except BadSignatureError:
        return False
    return True


def id_seconds(text: str) -> int:
    """The seconds since 1970 that a KSUID holds: a number of base62 digits, whose low 16 bytes are payload."""
    number = 0
    for digit in text:
        number = number * 62 + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".index(digit)
    return KSUID_EPOCH + (number >> 128)
