"""The page of one schedule: what is wrong with it, its next and its last fires, and its source."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from ajsync.asyncjobs.due import Upcoming
from ajsync.asyncjobs.history import PastFire
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import SKIPPED, STATES, ScheduleOutcome, words_of
from ajsync.asyncjobs.remedy import about
from ajsync.scheduler.monitor.page.document import document, health
from ajsync.scheduler.monitor.page.html import Heading, TimeWriter, badge, command, section, table, text
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.schedules import state_cell, task_of
from ajsync.scheduler.monitor.page.trouble import Trouble, failure, overdue
from ajsync.scheduler.monitor.view import Past, View
from ajsync.text import escape as visible_line
from ajsync.text import span
from ajsync.timestamp import NANOSECONDS

NEXT = 5
"""How many of the next fires are shown."""


def schedule_page(
    view: View,
    query: Query,
    outcome: ScheduleOutcome | None,
    past: Past,
    yaml: Callable[[ScheduledTask], str],
) -> bytes:
    """The page of the schedule that `query.name` names; `yaml` writes it as a file has it, without its payload."""
    name, when = query.name, TimeWriter(view.status.now, query.where()[0])
    task = task_of(view, name)
    if task is None and name not in view.invalid and name not in view.paused:
        listing = Query(zone=query.zone, name=name).link("schedules")
        content = [section(text(name), f'<p>There is no such schedule. <a href="{listing}">Look for it</a></p>\n')]
    else:
        content = [_about(view, name, task, outcome, when)]
        if task is not None:
            content += [_next(view, task, when), _past(past, task, when), _source(task, yaml)]
    return document(view, health(view), query, path="schedule", title=name, content=content)


def _about(view: View, name: str, task: ScheduledTask | None, outcome: ScheduleOutcome | None, when: TimeWriter) -> str:
    lines = [f"<p>{state_cell(view, name, outcome)}</p>"]
    if name in view.paused and name not in view.tasks:
        pause = view.paused[name][0]
        until = f"until {when.time(pause.until)}" if pause.until else "until somebody resumes it"
        since = f"since {when.time(pause.since)} " if pause.since else ""
        by = f" by {text(pause.by)}" if pause.by else ""
        why = f": {text(pause.reason)}" if pause.reason else ""
        lines.append(f"<p>Paused {since}{until}{by}{why}. {command(about('resume', name))}</p>")
    if name in view.problems:
        found = view.problems[name]
        lines.append(
            _wrong(
                Trouble("bad", f"{found.problem.removesuffix('.')}.", found.remedy, name, found.since, found.count),
                when,
            )
        )
    elif outcome is not None and outcome.failures and name in view.tasks:
        lines.append(_wrong(failure(view, name, outcome), when))
    elif view.work is not None and name in view.work.overdue:
        lines.append(_wrong(overdue(view, name), when))
    if task is not None and task.settings.description:
        lines.append(f"<p>{text(task.settings.description)}</p>")
    return section(text(name), "\n".join(lines) + "\n")


def _wrong(trouble: Trouble, when: TimeWriter) -> str:
    times = f", {trouble.times}" if trouble.times else ""
    since = f"Since {when.time(trouble.since)}{trouble.or_earlier}{times}. " if trouble.since else ""
    return f"<p>{text(trouble.what)}</p>\n<p>{since}To do: {command(trouble.remedy)}</p>"


def _next(view: View, task: ScheduledTask, when: TimeWriter) -> str:
    if task.name not in view.tasks:
        return ""
    found = Upcoming(view.status.now + 1, NEXT).of(task)
    columns = (Heading("Due", "name"), Heading("When"))
    rows = [(when.time(due), when.until(due)) for due in found.dues]
    return table("Next fires", columns, rows, f"It is not due: {text(found.reason)}." if found.reason else "")


def _past(past: Past, task: ScheduledTask, when: TimeWriter) -> str:
    if past.trouble:
        return section("Last fires", f"<p>They could not be looked up: {text(past.trouble)}</p>\n")
    columns = (
        Heading("Due", "name"),
        Heading("Outcome", "state"),
        Heading("Late", "number"),
        Heading("Tries", "number"),
        Heading("Task", "wide"),
    )
    note = "" if past.fires else "It has not been due yet."
    more = f"{note} {command(about('history', task.name, '--last 100'))} shows more." if past.fires else note
    return table("Last fires", columns, [_past_row(fire, when) for fire in past.fires], more)


def _past_row(fire: PastFire, when: TimeWriter) -> tuple[str, ...]:
    late = "" if fire.lateness is None else ("&le; " if fire.at_most else "") + span(fire.lateness / NANOSECONDS)
    if not fire.state:
        if fire.skipped_for:
            why = f"{STATES[SKIPPED].meaning} {fire.skipped_for}"
            return when.time(fire.due), badge("warn", "skipped"), late, "", f"<small>{text(why)}</small>"
        return when.time(fire.due), badge("calm", "no task"), late, "", ""
    words = words_of(fire.state)
    error = f"<small>{text(fire.last_error)}</small>" if fire.last_error else ""
    return when.time(fire.due), badge(words.tone, text(words.word)), late, str(fire.tries), text(fire.task_id) + error


def _source(task: ScheduledTask, yaml: Callable[[ScheduledTask], str]) -> str:
    source = task.settings.source
    place = f"<p>From {text(source)}.</p>\n" if source else ""
    lines = "\n".join(map(visible_line, yaml(task).splitlines()))
    return section("Source", f'{place}<pre tabindex="0">{escape(lines)}</pre>\n')
