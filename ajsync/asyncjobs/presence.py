"""Presence: the schedulers of ajsync, leaders and stand-bys, as each describes itself when asked.

Each registers as an instance of one service of NATS (docs/reference/wire.md, "What ajsync adds"). Schedulers of Go do
not. An answer may come from any client of the account, so it is checked, cut and counted like everything that others
write, and nothing depends on it except what is shown.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ajsync.asyncjobs.foreign import choice_member, decode_object, instant_member, member
from ajsync.asyncjobs.names import CONFIGURATION_BUCKET, LONGEST_NAME
from ajsync.errors import AjsyncError, StoredValueError
from ajsync.text import quote
from ajsync.timestamp import format_timestamp
from ajsync.transport.connection import Connection
from ajsync.transport.discovery import ask_all
from ajsync.transport.service import Instance, stats_subject

SERVICE = "ajsync-scheduler"
"""The name of the service."""
ASKED = stats_subject(SERVICE)
"""The subject that asks all schedulers."""
PresenceRole = Literal["leader", "waiting", "stand-by", "starting"]
"""What a scheduler does; `waiting`: it has won the election, and fires once a Go scheduler has certainly stopped."""
ROLES: tuple[PresenceRole, ...] = get_args(PresenceRole)
MOST_SHOWN = 50
"""The most schedulers of a presence."""
_LONGEST_VERSION = 64
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AT_ONCE = 25
"""How many answers are read before other tasks get a turn."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SchedulerPresence:
    """One scheduler, as it describes itself."""

    id: str
    """The id of its process; no other process has the same."""
    name: str
    """Its name in the election."""
    role: PresenceRole
    since: int
    """When it took on its role, in nanoseconds since 1970 by its own clock."""
    version: str
    """Its version of ajsync."""
    schedules: int
    """How many schedules it knows."""


@dataclass(frozen=True, slots=True)
class Presence:
    """The schedulers that existed at one moment."""

    schedulers: tuple[SchedulerPresence, ...] = ()
    """The schedulers by role, the leader first, then by name; at most `MOST_SHOWN`."""
    more: int = 0
    """How many more have answered."""
    trouble: str = ""
    """Why the other schedulers are not known; empty if they are."""

    def count(self, role: PresenceRole) -> int:
        """How many of `schedulers` have this role."""
        return sum(each.role == role for each in self.schedulers)

    @property
    def namesakes(self) -> tuple[str, ...]:
        """The names that several schedulers share, sorted."""
        counted = Counter(each.name for each in self.schedulers)
        return tuple(sorted(name for name, count in counted.items() if count > 1))

    @property
    def lacks_stand_by(self) -> bool:
        """Whether it is known that a scheduler leads and that none could take over from it."""
        return not self.trouble and self.count("leader") > 0 and self.count("stand-by") == 0


NOT_ASKED = Presence(trouble="nothing was asked yet")


def presence_of(schedulers: Iterable[SchedulerPresence], more: int = 0, trouble: str = "") -> Presence:
    """A presence of these schedulers, in their order; if two have the same id, the first counts."""
    unique: dict[str, SchedulerPresence] = {}
    for each in schedulers:
        unique.setdefault(each.id, each)
    ordered = sorted(unique.values(), key=lambda each: (ROLES.index(each.role), each.name, each.id))
    return Presence(tuple(ordered[:MOST_SHOWN]), more + max(len(ordered) - MOST_SHOWN, 0), trouble)


async def read_presence(connection: Connection, domain: str) -> Presence:
    """Ask for all schedulers, which takes at most a second; if they cannot be asked, `trouble` says why.

    `domain` is the JetStream domain of the bucket.
    """
    try:
        return presence_of(*await ask_schedulers(connection, domain))
    except AjsyncError as error:
        return Presence(trouble=str(error))


async def ask_schedulers(connection: Connection, domain: str) -> tuple[list[SchedulerPresence], int]:
    """The schedulers of this JetStream domain that answer, and how many further answers were not looked at.

    A leaf node with a domain of its own can share the account, and so the service, without sharing the bucket.
    Raises NotPermittedError if the server refuses the question, UnreachableError if there is no connection.
    """
    answers = await ask_all(connection, ASKED)
    found: list[SchedulerPresence] = []
    for number, data in enumerate(answers.data):
        try:
            scheduler = decode_presence(data, domain)
        except StoredValueError as error:
            _log.debug("an answer to %s cannot be read: %s", ASKED, error)
        else:
            found += [scheduler] if scheduler is not None else []
        if number % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
    return found, answers.more


def instance_of(scheduler: SchedulerPresence, domain: str) -> Instance:
    """The instance of the service that represents a scheduler."""
    return Instance(
        name=SERVICE,
        id=scheduler.id,
        version=scheduler.version,
        description=f"{scheduler.name}: {scheduler.role}",
        metadata={
            "scheduler": scheduler.name,
            "bucket": CONFIGURATION_BUCKET,
            **({"domain": domain} if domain else {}),
        },
        state={
            "role": scheduler.role,
            "since": format_timestamp(scheduler.since),
            "schedules": scheduler.schedules,
        },
    )


def decode_presence(data: bytes, domain: str) -> SchedulerPresence | None:
    """The scheduler that an answer to `ASKED` describes; None if it belongs to another domain.

    Raises StoredValueError if the data are not such an answer.
    """
    answer = decode_object(data)
    metadata = member(answer, "metadata", dict)
    state = member(_endpoint(answer), "data", dict)
    id, name, version = (
        member(answer, "id", str),
        member(metadata, "scheduler", str),
        member(answer, "version", str),
    )
    if not _ID.fullmatch(id):
        raise StoredValueError(f"its id is {quote(id)}")
    if not 0 < len(name) <= LONGEST_NAME or len(version) > _LONGEST_VERSION:
        raise StoredValueError("its name or its version is too long")
    role: PresenceRole = choice_member(state, "role", "", ROLES)
    since, schedules = instant_member(state, "since"), member(state, "schedules", int)
    if schedules < 0:
        raise StoredValueError(f"it has {schedules} schedules")
    if member(metadata, "domain", str, "") != domain:
        return None
    return SchedulerPresence(id, name, role, since, version, schedules)


def _endpoint(answer: dict[str, Any]) -> dict[str, Any]:
    if member(answer, "name", str) == SERVICE:
        for each in member(answer, "endpoints", list):
            if isinstance(each, dict):
                return each
    raise StoredValueError(f"it is not an answer of {SERVICE}")
