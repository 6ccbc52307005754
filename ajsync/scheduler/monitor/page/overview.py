"""The front page: whether all is well, what is wrong and what to do, who is on duty, and how the day goes."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

from ajsync.asyncjobs.outcome import words_of
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.page.document import Health, document, health
from ajsync.scheduler.monitor.page.html import DASH, Heading, TimeWriter, badge, command, table, text
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.strips import last_day, next_day
from ajsync.scheduler.monitor.page.trouble import Trouble
from ajsync.scheduler.monitor.queues import QueueStatus
from ajsync.scheduler.monitor.status import Status
from ajsync.scheduler.monitor.view import View
from ajsync.text import counted, span
from ajsync.timestamp import NANOSECONDS

LISTED = 20
"""How many problems are shown; the table of schedules has all of them."""
_DAY = 86_400 * NANOSECONDS
_FAILED = ("expired", "terminated", "unreachable", "queue_error", "missed")
_MEANINGS: dict[RoleState, str] = {
    RoleState.STARTING: "has been reading the schedules",
    RoleState.STAND_BY: "has stood by",
    RoleState.WAITING: "has been waiting until the previous leader has certainly stopped",
    RoleState.LEADING: "has fired what is due",
}


def overview(view: View, query: Query, ahead: Sequence[int] = (), ahead_from: int = 0) -> bytes:
    """The front page. `ahead` has the number of fires that are due in each half hour from `ahead_from` on; empty if not
    known."""
    when = TimeWriter(view.status.now, query.where()[0])
    found = health(view)
    content = (
        _problems(found, query, when),
        _schedulers(view.status, when),
        '<div class="columns">\n',
        last_day(view.last_day, when, followed=view.work is not None),
        next_day(ahead, ahead_from, when),
        "</div>\n",
        _queues(view, when),
        _facts(view, when, query),
    )
    title = f"{view.status.name}, {view.status.role}"
    return document(view, found, query, path="./", title=title, content=content, reload=not query.still)


def _problems(found: Health, query: Query, when: TimeWriter) -> str:
    if not found.troubles:
        return ""
    more = found.count - LISTED
    link = Query(zone=query.zone, state="trouble").link("schedules")
    note = f'And {more:,} more. <a href="{link}">All schedules with problems</a>' if more > 0 else ""
    columns = (
        Heading("Problem", "name"),
        Heading("Since", "time"),
        Heading("Times", "number"),
        Heading("To do", "wide"),
    )
    return table("What is wrong", columns, [_problem(each, query, when) for each in found.troubles[:LISTED]], note)


def _problem(trouble: Trouble, query: Query, when: TimeWriter) -> tuple[str, ...]:
    about = text(trouble.about)
    if trouble.schedule:
        about = (
            f'<a href="{Query(zone=query.zone, name=trouble.schedule).link("schedule")}">{text(trouble.schedule)}</a>'
        )
    since = ""
    if trouble.since:
        since = f"{when.time(trouble.since)}{trouble.or_earlier}<small>{when.ago(trouble.since)}</small>"
    what = f"{badge(trouble.tone, about)}<small>{text(trouble.what)}</small>"
    return what, since, trouble.times, command(trouble.remedy)


def _schedulers(status: Status, when: TimeWriter) -> str:
    here = f"{text(status.name)}, which shows this page, {_MEANINGS[status.role]} since {when.time(status.since)}."
    if status.leader is None:
        leads = "No scheduler leads." if status.role is not RoleState.STARTING else ""
    elif status.leader == status.name:
        leads = ""
    else:
        go = "Go scheduler" if status.leader_is_go else "scheduler"
        leads = f"The {go} {text(status.leader)} leads."
    day = [each for each in status.moves if status.now - each < _DAY]
    began = f"since {when.time(status.started)}, when this scheduler began"
    within = "in the last 24 hours" if status.now - status.started >= _DAY else began
    last = f", last at {when.time(day[0])}" if day else ""
    often = f"moved {counted(len(day), 'time')}" if day else "not moved"
    moved = f"The leadership has {often} {within}{last}."
    presence = status.presence
    unknown = (
        f"The other schedulers are not known: {text(presence.trouble.removesuffix('.'))}." if presence.trouble else ""
    )
    more = f"And {presence.more:,} more." if presence.more else ""
    headings = (
        Heading("Scheduler", "name"),
        Heading("Role", "state"),
        Heading("Since", "time"),
        Heading("Schedules", "number"),
        Heading("Version"),
    )
    rows = [
        (
            text(each.name),
            badge("good" if each.role == "leader" else "calm", each.role),
            f"{when.time(each.since)} <small>{when.ago(each.since)}</small>",
            f"{each.schedules:,}",
            text(each.version),
        )
        for each in presence.schedulers
    ]
    return table("Schedulers", headings, rows, " ".join(filter(None, (more, leads, here, moved, unknown))))


def _queues(view: View, when: TimeWriter) -> str:
    names = {each.name: each for each in view.queues}
    late: dict[str, list[float]] = defaultdict(list)
    for queue, seconds in view.lateness:
        late[queue].append(max(seconds, 0.0))
    if not names and not late:
        return ""
    columns = (
        Heading("Queue", "name"),
        Heading("Backlog", "number"),
        Heading("Oldest", "time"),
        Heading("Last outcomes", "wide"),
        Heading("Lateness p50", "number"),
        Heading("p99", "number"),
    )
    rows = [
        (
            text(name),
            *_backlog(names.get(name), when),
            _outcomes(view, name),
            *_percentiles(late.get(name, ())),
        )
        for name in sorted(names.keys() | late.keys())
    ]
    note = f"Lateness of the last {counted(len(view.lateness), 'task')} that this scheduler has made."
    return table("Queues", columns, rows, note if view.lateness else "")


def _backlog(queue: QueueStatus | None, when: TimeWriter) -> tuple[str, str]:
    if queue is None:
        return DASH, DASH
    if queue.missing:
        return badge("bad", "no such queue"), ""
    if queue.trouble:
        return f"<small>{text(queue.trouble)}</small>", ""
    items = f"{queue.items:,}" + (f" of {queue.most:,}" if queue.most else "")
    full = badge("bad", items) if queue.is_full else items
    return full, f"{when.time(queue.oldest)}<small>{when.ago(queue.oldest)}</small>" if queue.oldest else ""


def _outcomes(view: View, queue: str) -> str:
    if view.work is None:
        return DASH
    counts = {state: number for (name, state), number in view.work.counts.items() if name == queue and number}
    ordered = sorted(counts, key=lambda state: (words_of(state).tone not in ("bad", "warn"), state))
    return " ".join(badge(words_of(state).tone, f"{counts[state]:,} {text(words_of(state).word)}") for state in ordered)


def _percentiles(seconds: Iterable[float]) -> tuple[str, str]:
    found = sorted(seconds)
    if not found:
        return DASH, DASH
    return span(statistics.median(found)), span(found[min(len(found) * 99 // 100, len(found) - 1)])


def _facts(view: View, when: TimeWriter, query: Query) -> str:
    status, skew = view.status, view.status.clock_skew
    age = DASH if status.watermark_age is None else f"{span(max(status.watermark_age, 0))} ago"
    at = "none yet" if status.watermark is None else when.time(status.watermark)
    half, most = _percentiles(max(seconds, 0.0) for _, seconds in view.lateness)
    paused = Query(zone=query.zone, state="paused").link("schedules")
    facts = [
        ("Schedules", f"{status.schedules:,}", f'<a href="{paused}">{len(view.paused):,} paused</a>'),
        ("Everything is fired until", age, at),
        ("Lateness", half, f"p99 {most}" if view.lateness else "no task made yet"),
        ("Clock", DASH, "not compared yet")
        if skew is None
        else ("Clock", span(abs(skew)), f"{'ahead of' if skew >= 0 else 'behind'} the server's"),
    ]
    rows = "".join(f"<div><dt>{name}</dt><dd>{value}<small>{note}</small></dd></div>\n" for name, value, note in facts)
    return f'<dl class="facts">\n{rows}</dl>\n'
