"""The status of the schedules of a bucket: as a table, as a document, and as a line for a monitoring system."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from itertools import islice

from ajsync.asyncjobs.outcome import Tone, WorkOutcome, words_of
from ajsync.asyncjobs.remedy import BACKLOG, about, explained, making, remedy
from ajsync.asyncjobs.tasks import NEW
from ajsync.cli.output.columns import NAME, Column
from ajsync.cli.output.table import Cell, Row, detailed, times_in
from ajsync.cli.output.terminal import stdout_paint, stdout_width, told
from ajsync.inspect.status import BucketStatus, ScheduleStatus
from ajsync.reconcile.render.times import TimeFormat, instant_told, iso_instant
from ajsync.reconcile.render.wording import pause_told
from ajsync.scheduler.election.duty import Duty
from ajsync.text import counted, cut, listed, one_line, span, visible
from ajsync.timestamp import NANOSECONDS

STATUS_COLUMNS = (
    Column("Schedule", 1, least=NAME, keep="ends"),
    Column("Outcome", 2, least=len("queue error")),
    Column("Last due", 3, times=True),
    Column("Next due", 4, least=len("Sun 2026-11-29 18:00:00"), times=True),  # it may also say that it is paused
    Column("Lateness", 5, right=True),
    Column("Tries", 6, right=True),
    Column("Before", 7, least=8),
    Column("Failing", 8),
    Column("Problem", 9),
    Column("To do", 10),
)
"""The last three columns are for a pipe; a terminal shows them in lines of their own."""
TONE_STYLES: dict[Tone, str] = {"good": "create", "calm": "", "warn": "update", "bad": "alarm"}
_WORDS: dict[str, str] = {"invalid": "not valid"}
"""How a verdict is worded, if not by its own name."""
NO_STAND_BY = "No scheduler stands by, so nothing fires once the leader ends."
LONGEST_STATE = 20
"""The most characters of a state, because a task in the stream may have any."""
_LONGEST_ERROR = 300
_NAMED = 5
"""Schedules that a line for a monitor names, and missing queues that are named."""


def status_lines(found: BucketStatus, shown: Sequence[ScheduleStatus], zone: tzinfo, ajc: str = "ajc") -> Iterator[str]:
    """Lay out the counts of all schedules, who leads, and a table of those that are shown.

    On a terminal, lines below a schedule that needs attention say what is wrong and what to do about it. `ajc` is the
    command that calls the Go tool.
    """
    piped = stdout_width() is None
    troubled = any(each.needs_somebody for each in found.schedules)
    yield from told(summary(found), "alarm" if troubled else "create")
    yield from told(duty_told(found.duty), "alarm" if found.duty.is_trouble else "faint")
    if found.presence.lacks_stand_by:
        yield from told(f"{NO_STAND_BY} To do: ajsync scheduler", "update")
    for queue, users in islice(found.missing_queues.items(), _NAMED):
        text = (
            f"The queue {visible(queue)} does not exist, so no worker gets the tasks of {counted(users, 'schedule')}."
        )
        yield from told(f"{text} To do: {making(queue, ajc)}", "update")
    if len(found.missing_queues) > _NAMED:
        yield from told(f"And {len(found.missing_queues) - _NAMED:,} more queues do not exist.", "update")
    if not shown:
        return
    yield ""
    columns = STATUS_COLUMNS if piped else STATUS_COLUMNS[:-3]
    when = times_in(zone, [instant for each in shown for instant in (each.last_due, each.next_due)])
    todos = [to_do(each, found.duty, ajc) for each in shown]
    rows = [_row(each, todo, when, piped, zone) for each, todo in zip(shown, todos, strict=True)]
    details = (() if piped else _details(each, todo, zone) for each, todo in zip(shown, todos, strict=True))
    yield from detailed(columns, rows, details, zone=str(zone))


def _details(status: ScheduleStatus, todo: str, zone: tzinfo) -> Iterator[str]:
    """What is wrong with a schedule that needs attention, and what to do about it."""
    if status.needs_somebody:
        failing = _failing(status, zone)
        text = f"{failing}. {problem(status)}" if failing else problem(status)
        yield from told(text, TONE_STYLES[tone(status)], indent=4)
        yield from told(f"{stdout_paint()('faint', 'To do:')} {todo}", indent=4)


def summary(found: BucketStatus) -> str:
    """Count the schedules by verdict: `412 schedules: 3 failing, 1 late, 2 paused, 406 fine`."""
    parts = [f"{number:,} {_WORDS.get(verdict, verdict)}" for verdict, number in found.counts.items() if number]
    total = counted(len(found.schedules), "schedule")
    return f"{total}: {', '.join(parts)}" if parts else total


def duty_told(duty: Duty) -> str:
    """Say who fires, and whether everything is fired."""
    age = duty.watermark_age
    told = "" if age is None else f"everything that was due until {span(age / NANOSECONDS)} ago is settled"
    if duty.late_fires:
        told += f", except {counted(duty.late_fires, 'fire')}"
    if duty.leader is None:
        since = f" {told.capitalize()}." if age is not None else ""
        return f"No scheduler leads, so nothing fires.{since} To do: ajsync scheduler"
    leader = visible(duty.leader)
    if duty.is_go:
        return f"The Go scheduler {leader} leads. Its tasks have random ids, so what became of them is not known."
    if age is None:
        return f"The scheduler {leader} leads, but has not said yet up to when everything is fired."
    if duty.is_behind:
        return f"The scheduler {leader} leads, but is behind: {told}."
    return f"The scheduler {leader} leads, and {told}."


def tone(status: ScheduleStatus) -> Tone:
    """The tone of a schedule's verdict."""
    if status.verdict in ("invalid", "late"):
        return "bad"
    return status.outcome.tone if status.outcome and status.verdict != "paused" else "calm"


def problem(status: ScheduleStatus) -> str:
    """Say what is wrong with a schedule that needs attention: on one line, whatever others wrote."""
    if status.verdict == "invalid":
        return one_line(status.reason)
    if status.verdict == "late" and status.open_since:
        return "It is due, and its task is not stored."
    if status.verdict == "late" and status.unqueued_since:
        return "Its task is stored but not in its queue: the queue is full, or refuses it."
    if status.outcome is None:
        return ""
    shown = status.failed or status.outcome.last
    late = "It should have succeeded again by now. " if status.verdict == "late" else ""
    error = visible(cut(shown.last_error, _LONGEST_ERROR)) if shown.last_error else ""
    return late + explained(shown._replace(last_error=error), visible(status.task.queue))


def to_do(status: ScheduleStatus, duty: Duty, ajc: str = "ajc") -> str:
    """Return the command for a schedule that needs attention; "" for others."""
    if not status.needs_somebody:
        return ""
    if status.verdict == "invalid":
        return about("view", status.task.name)
    if status.outcome is None or (status.verdict == "late" and status.open_since):
        return "ajsync scheduler" if duty.leader is None else about("history", status.task.name)
    if status.verdict == "late" and status.unqueued_since:
        return "ajsync scheduler" if duty.leader is None else BACKLOG
    return remedy(status.task, status.outcome, ajc)


def status_document(
    found: BucketStatus, shown: Sequence[ScheduleStatus], zone: tzinfo, ajc: str = "ajc"
) -> dict[str, object]:
    """Describe the status of the shown schedules, count all schedules, and say who fires."""
    duty = found.duty
    age = duty.watermark_age
    return {
        "now": iso_instant(duty.now, zone),
        "scheduler": {
            "leader": duty.leader,
            "is_go": duty.is_go,
            "watermark": iso_instant(duty.watermark.instant, zone) if duty.watermark else None,
            "watermark_age_seconds": None if age is None else age / NANOSECONDS,
            "late_fires": duty.late_fires,
            "is_trouble": duty.is_trouble,
            "stand_bys": None if found.presence.trouble else found.presence.count("stand-by"),
        },
        "missing_queues": found.missing_queues,
        "counts": {"schedules": len(found.schedules), **found.counts},
        "schedules": [_object(each, to_do(each, duty, ajc), zone) for each in shown],
    }


def check_line(found: BucketStatus, *, nothing: bool = False) -> str:
    """Describe all of it in one line as monitoring systems read it: a state, a sentence, and numbers behind a `|`.

    `nothing` says that the options select no schedule, which may be a mistake.
    """
    parts = ["nothing to check: no schedule is selected" if nothing else summary(found)]
    if found.duty.is_trouble:
        parts.insert(0, duty_told(found.duty).partition(" To do:")[0].rstrip("."))
    bad = [
        f"{each.task.name} ({_WORDS.get(each.verdict, each.verdict)})"
        for each in found.schedules
        if each.needs_somebody
    ]
    if bad:
        parts.append(listed(bad, _NAMED))
    if found.presence.lacks_stand_by:
        parts.append("no scheduler stands by")
    if found.missing_queues:
        parts.append(f"without a queue: {listed([*map(visible, found.missing_queues)], _NAMED)}")
    age = found.duty.watermark_age
    numbers = {"schedules": len(found.schedules), **found.counts}
    values = [f"{name}={number}" for name, number in numbers.items()]
    values += [] if age is None else [f"watermark_age={age / NANOSECONDS:.3f}s"]
    state = "CRITICAL" if found.needs_somebody else "UNKNOWN" if nothing else "OK"
    return f"AJSYNC {state} - {'; '.join(parts).replace('|', '/')} | {' '.join(values)}"


def _row(status: ScheduleStatus, todo: str, when: TimeFormat, piped: bool, zone: tzinfo) -> Row:
    outcome = status.outcome
    last = outcome.last if outcome else None
    before = status.ended if last and last.is_unfinished else None
    return (
        visible(status.task.name),
        _outcome_cell(status),
        when(status.last_due),
        when(status.next_due) or Cell(_why_not_due(status, zone), "faint"),
        "" if last is None or status.open_since else lateness(last),
        str(last.tries) if last and last.task_id and not status.open_since else "",
        words_of(before.state).word if before else "",
        *((_failing(status, zone), problem(status) if status.needs_somebody else "", todo) if piped else ()),
    )


def _outcome_cell(status: ScheduleStatus) -> Cell:
    if status.pause is not None:
        return Cell("paused", "faint")
    if status.verdict == "invalid":
        return Cell("not valid", "alarm")
    if status.open_since:
        return Cell("not fired", "alarm" if status.verdict == "late" else "")
    if status.outcome is None:
        return Cell("not due yet", "faint")
    last = status.outcome.last
    if status.verdict == "late" and status.unqueued_since:
        return Cell("not queued", "alarm")
    late = ", late" if status.verdict == "late" else ""
    return Cell(visible(words_of(last.state).word, LONGEST_STATE) + late, TONE_STYLES[tone(status)])


def lateness(outcome: WorkOutcome) -> str:
    """Write how late a task was stored; after a worker has written it, only a bound is known."""
    if outcome.lateness is None:
        return ""
    return ("" if outcome.state == NEW else "≤ ") + span(outcome.lateness / NANOSECONDS)


def _failing(status: ScheduleStatus, zone: tzinfo) -> str:
    outcome = status.outcome
    if outcome is None or not outcome.failures:
        return ""
    if outcome.failures == 1 and status.is_whole:
        return f"Failed {instant_told(outcome.failing_since, zone)}"
    or_more = "" if status.is_whole else " or more"
    return f"{outcome.failures:,}{or_more} failed since {instant_told(outcome.failing_since, zone)}"


def _why_not_due(status: ScheduleStatus, zone: tzinfo) -> str:
    if status.pause is None:
        return one_line(status.reason) if status.verdict != "invalid" else ""
    return f"paused {pause_told(status.pause, zone)}"


def _object(status: ScheduleStatus, todo: str, zone: tzinfo) -> dict[str, object]:
    task, outcome, pause = status.task, status.outcome, status.pause
    last = outcome.last if outcome else None
    return {
        "name": task.name,
        "owner": task.owner,
        "labels": task.labels,
        "queue": task.queue,
        "verdict": status.verdict,
        "last_due": iso_instant(status.last_due, zone),
        "last": last and _work(last, zone),
        "last_ended": status.ended and _work(status.ended, zone),
        "open_since": iso_instant(status.open_since, zone),
        "unqueued_since": iso_instant(status.unqueued_since, zone),
        "failures": outcome.failures if outcome else 0,
        "failures_is_whole": status.is_whole,
        "failing_since": iso_instant(outcome.failing_since if outcome else 0, zone),
        "last_success": iso_instant(outcome.last_success if outcome else 0, zone),
        "next_due": iso_instant(status.next_due, zone),
        "reason": status.reason or None,
        "problem": problem(status) or None if status.needs_somebody else None,
        "to_do": todo or None,
        "paused": pause
        and {
            "since": iso_instant(pause.since, zone),
            "until": iso_instant(pause.until, zone),
            "by": pause.by,
            "reason": pause.reason,
        },
    }


def _work(outcome: WorkOutcome, zone: tzinfo) -> dict[str, object]:
    return {
        "due": iso_instant(outcome.due, zone),
        "state": outcome.state,
        "at": iso_instant(outcome.at, zone),
        "task_id": outcome.task_id or None,
        "tries": outcome.tries,
        "last_error": outcome.last_error or None,
        "lateness_seconds": None if outcome.lateness is None else outcome.lateness / NANOSECONDS,
        "lateness_is_bound": outcome.lateness is not None and outcome.state != NEW,
    }
