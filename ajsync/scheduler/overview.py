"""The state of a scheduler at this moment, for its monitor."""

from __future__ import annotations

import time

from ajsync.asyncjobs.remedy import ajc_of
from ajsync.scheduler.monitor.status import LISTED, SHOWN, PauseStatus, Status, UpcomingFire
from ajsync.scheduler.monitor.work import work_status
from ajsync.scheduler.scheduler import Scheduler
from ajsync.text import cut
from ajsync.timestamp import NANOSECONDS
from ajsync.version import __version__

_STOOD_STILL_SECONDS = 10.0
"""A loop that has not looked at its clock for this long is not healthy."""


def status_of(scheduler: Scheduler) -> Status:
    """The status of a scheduler now."""
    now = scheduler.clock()
    connection = scheduler.connection
    watermark = scheduler.watermark
    reason = not_ready(scheduler) or ""
    problems = scheduler.records.problems
    holder = scheduler.leadership.holder if scheduler.leadership else None
    taken = scheduler.term.upcoming(SHOWN) if scheduler.term is not None else []
    fires = [*taken, *scheduler.agenda.upcoming(SHOWN)]
    # A schedule is active while its own key holds a value, too.
    paused = sorted((name, pause) for name, pause in scheduler.pauses if name not in scheduler.agenda)
    upcoming = sorted((fire for fire in fires if fire.due > now and not fire.is_withdrawn), key=lambda fire: fire.due)
    return Status(
        name=scheduler.settings.name,
        version=__version__,
        now=now,
        role=scheduler.role.state,
        leader=None if holder is None else cut(holder),
        since=scheduler.role.since,
        ready=not reason,
        reason=reason,
        connected=connection.is_connected,
        server=connection.url,
        schedules=len(scheduler.agenda),
        watermark=watermark.instant if watermark else None,
        watermark_age=(now - watermark.instant) / NANOSECONDS if watermark else None,
        clock_skew=scheduler.server_clock.skew,
        problems=problems,
        more_problems=scheduler.records.problem_count - len(problems),
        upcoming=tuple(UpcomingFire(cut(fire.task.name), cut(fire.task.queue), fire.due) for fire in upcoming[:SHOWN]),
        recent=scheduler.records.recent(),
        paused=tuple(
            PauseStatus(cut(name), pause.since, pause.until or None, cut(pause.by), cut(pause.reason))
            for name, pause in paused[:LISTED]
        ),
        more_paused=max(len(paused) - LISTED, 0),
        started=scheduler.started,
        leader_is_go=scheduler.leadership is not None and scheduler.leadership.is_go,
        moves=tuple(reversed(scheduler.leadership.moves)) if scheduler.leadership else (),
        presence=scheduler.presence.presence,
        work=work_status(scheduler.outcomes, scheduler.agenda.task, ajc_of(scheduler.connection.context.name)),
    )


def unhealthy(scheduler: Scheduler) -> str | None:
    """Why the process should be restarted; None while it is healthy. An unreachable server is no reason."""
    if scheduler.term is not None:
        asleep = time.monotonic() - scheduler.term.awake_at
        if asleep > _STOOD_STILL_SECONDS:
            return f"the loop has stood still for {asleep:.0f} s"
    return None


def warning(scheduler: Scheduler) -> str:
    """A problem that a new process would not mend; empty if there is none."""
    return scheduler.records.watermark_problem


def not_ready(scheduler: Scheduler) -> str | None:
    """Why this scheduler could not lead now; None if it could."""
    if not scheduler.connection.is_connected:
        return "there is no connection to the server"
    if not scheduler.role.loaded:
        return "the schedules are not loaded yet"
    trouble = scheduler.leadership.trouble if scheduler.leadership else ""
    if trouble:
        return f"it cannot take part in the election: {cut(trouble)}"
    # A stand-by can lead, whatever is wrong with the leader's watermark.
    return (scheduler.records.watermark_problem if scheduler.role.leads else "") or None
