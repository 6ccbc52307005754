"""Puts the schedules that the watch of the bucket reports into the agenda, or onto the list of problems."""

from __future__ import annotations

import logging

from ajsync.asyncjobs.journal import JOURNAL_SUBJECT
from ajsync.asyncjobs.model import decode_scheduled_task, unfit
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from ajsync.asyncjobs.pause import PAUSE_SUBJECT
from ajsync.errors import ScheduleError, StoredValueError
from ajsync.scheduler.agenda.agenda import Agenda
from ajsync.scheduler.agenda.parked import Parked
from ajsync.scheduler.agenda.paused import Pauses
from ajsync.scheduler.monitor.records import Records
from ajsync.text import cut, excerpt
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.watch import KeyChange

log = logging.getLogger(__name__)

WATCHED = (f"{SCHEDULE_SUBJECT}*", f"{JOURNAL_SUBJECT}*", f"{PAUSE_SUBJECT}*")
"""The keys of the bucket that a scheduler follows."""
_TOLD_AT_START = 100
"""The most schedules that are logged by name while the bucket is read for the first time."""
_OLD_NEWS = 3600 * NANOSECONDS
"""A value that was stored longer ago and appears only now comes from a backup, and fires nothing for the past."""


class Schedules:
    """Keeps an agenda in step with the bucket; one bad entry never stops the others."""

    def __init__(self, agenda: Agenda, records: Records) -> None:
        self._agenda = agenda
        self._records = records
        self.pauses = Pauses()
        self._parked = Parked()
        self._loading = True
        self._told = 0

    def see(self, seen: KeyChange) -> None:
        """Take in one change of the bucket."""
        if seen.subject.startswith(JOURNAL_SUBJECT):
            for name in self._parked.see(seen.subject.removeprefix(JOURNAL_SUBJECT), seen.data):
                self._remove(name, seen.stored_at)
        elif seen.subject.startswith(PAUSE_SUBJECT):
            name = seen.subject.removeprefix(PAUSE_SUBJECT)
            self.pauses.see(name, seen.data)
            if name in self.pauses and self._parked.is_away(name):
                self._parked.come_back(name)
                self._remove(name, seen.stored_at)
            elif name not in self._agenda and not self._records.is_invalid(name):
                self._records.mended(name)
            self._records.paused(len(self.pauses))
        else:
            name = seen.subject.removeprefix(SCHEDULE_SUBJECT)
            self._records.mended(name)
            if seen.data is not None:
                self._parked.come_back(name)
                before = self._agenda.task(name)
                self._put(name, seen, seen.data)
                if before is not None:  # last, so that the counters go on if the new value has the same queue and type
                    self._records.forget(before)
            elif not self._park(name):
                self._parked.come_back(name)
                self._remove(name, seen.stored_at)
        self._records.schedules(len(self._agenda))

    def all_loaded(self) -> None:
        """Take in that the bucket was read for the first time."""
        self._loading = False
        self._load_parked()
        if self._told > _TOLD_AT_START:
            more = self._told - _TOLD_AT_START
            log.info("… and %d more", more, extra={"count": more})
        log.info("Loaded %d scheduled task(s)", len(self._agenda), extra={"count": len(self._agenda)})

    def _remove(self, name: str, deleted_at: int) -> None:
        before = self._agenda.task(name)
        if before is not None:
            self._agenda.remove(name, deleted_at)
            self._records.forget(before)
            log.info("Removed scheduled task %s", excerpt(name), extra={"schedule": cut(name)})

    def _park(self, name: str) -> bool:
        """Keep a schedule whose value an update has deleted; False if something else has deleted it."""
        value = self._parked.value(name)
        if value is None or self._agenda.task(name) != value or name in self.pauses:
            return False
        self._parked.leave(name)
        fields = {"schedule": cut(name)}
        log.info("Scheduled task %s is being updated; until then it fires as before", excerpt(name), extra=fields)
        return True

    def _load_parked(self) -> None:
        """Take in the values that an update had deleted before this process began."""
        for value in self._parked.values():
            known = value.name in self._agenda or value.name in self.pauses
            if known or self._records.is_invalid(value.name) or unfit(value):
                continue
            try:
                self._agenda.load(value, max(value.created_at, *(until for _, until in value.pauses), 0))
            except ScheduleError:
                continue  # it never fired
            self._records.expect(value)
            self._park(value.name)

    def _put(self, name: str, seen: KeyChange, data: bytes) -> None:
        try:
            task = decode_scheduled_task(name, data)
            if reason := unfit(task):
                raise StoredValueError(reason)
            if seen.initial and name not in self._agenda:  # it may change while the bucket is read
                self._agenda.load(task, seen.stored_at)
            else:
                self._agenda.put(task, max(seen.stored_at, self._agenda.position - _OLD_NEWS))
        except (StoredValueError, ScheduleError) as error:
            self._agenda.remove(name, seen.stored_at)
            reason = cut(str(error))
            self._records.invalid(name, reason)
            fields = {"schedule": cut(name), "reason": reason}
            log.error(
                "The scheduled task %r is not valid and will not fire: %s", cut(name), excerpt(reason), extra=fields
            )
            return
        self._records.expect(task)
        self._told += 1
        if not self._loading or self._told <= _TOLD_AT_START:
            fields = {"schedule": cut(name), "queue": cut(task.queue), "task_type": cut(task.task_type)}
            words = (excerpt(name), excerpt(task.queue), excerpt(task.schedule))
            log.info("Registered a new item %s on queue %s: %s", *words, extra=fields)
