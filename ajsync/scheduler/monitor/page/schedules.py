"""The table of all schedules: those that the query selects, in its order, a page of them at a time.

With ten thousand schedules only what is selected is sorted, and only what is shown is looked at closely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from html import escape

from ajsync.asyncjobs.due import Upcoming
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import STATES, ScheduleOutcome, words_of
from ajsync.errors import InvalidError
from ajsync.scheduler.monitor.page.document import document, health
from ajsync.scheduler.monitor.page.html import DASH, Heading, Kind, TimeWriter, badge, section, table, text
from ajsync.scheduler.monitor.page.query import Query, Sort
from ajsync.scheduler.monitor.view import NEED_SOMEBODY, VERDICTS, Verdict, View
from ajsync.selection import LabelTest, parse_label_test
from ajsync.text import excerpt, pairs, span
from ajsync.timestamp import NANOSECONDS

ROWS = 50
"""How many schedules a page shows."""
TROUBLE = "trouble"
"""The choice for all schedules that need attention."""
_WILD = frozenset("*?[")
_NEVER = 2**63
_VERDICTS: dict[Verdict, str] = {"invalid": "not valid", "unknown": "not due yet, or unknown"}
"""How a verdict is worded, if not by its own name."""


@dataclass(frozen=True, slots=True)
class Selected:
    """The schedules that a query asks for."""

    names: Sequence[str]
    """The names on the page that the query asks for, in order."""
    total: int
    """How many schedules all pages have."""
    first: int
    """The position of the first one of this page, counted from 1."""
    trouble: str = ""
    """What is wrong with the query."""


def verdict_of(view: View, name: str) -> Verdict:
    """The verdict on a schedule."""
    work = view.work
    if name in view.invalid:
        return "invalid"
    if name in view.paused and name not in view.tasks:
        return "paused"
    if name in view.problems or (work is not None and name in work.all_failing):
        return "failing"
    if work is None or name not in work.states:
        return "unknown"
    if name in work.all_overdue:
        return "late"
    return "unknown" if work.states[name] == "unknown" else "fine"


def task_of(view: View, name: str) -> ScheduledTask | None:
    """The schedule with a name, paused or not; None if there is none, or if it cannot be read."""
    if name in view.tasks:
        return view.tasks[name]
    return view.paused[name][1] if name in view.paused else None


def select(view: View, query: Query, next_dues: Callable[[], Mapping[str, int]]) -> Selected:
    """Filter, sort and cut. `next_dues` is called only to sort by next fires. Instead of a page beyond the last, the
    last one is given."""
    try:
        test = parse_label_test(query.label) if query.label else None
        trouble = ""
    except InvalidError as error:
        test, trouble = None, str(error)
    names = [name for name in _names(view) if _fits(view, name, query, test)]
    key = _key(view, query.sort, next_dues)
    names.sort(key=key, reverse=query.down)
    last = max(-(-len(names) // ROWS), 1)
    first = (min(query.page, last) - 1) * ROWS
    return Selected(names[first : first + ROWS], len(names), first + 1, trouble)


def _names(view: View) -> Iterator[str]:
    yield from view.tasks
    yield from (name for name in view.paused if name not in view.tasks)
    yield from (name for name in view.invalid if name not in view.tasks and name not in view.paused)


def _fits(view: View, name: str, query: Query, label: LabelTest | None) -> bool:
    if query.name:
        wanted, own = query.name.casefold(), name.casefold()
        if not (fnmatchcase(own, wanted) if _WILD & set(wanted) else wanted in own):
            return False
    if query.queue or query.owner or label is not None:
        task = task_of(view, name)
        if task is None:
            return False
        if query.queue and task.queue != query.queue:
            return False
        if query.owner and task.owner != query.owner:
            return False
        if label is not None and not label.holds(task.labels):
            return False
    return not query.state or _is_in(view, name, query.state)


def _is_in(view: View, name: str, state: str) -> bool:
    verdict = verdict_of(view, name)
    if state == TROUBLE:
        return verdict in NEED_SOMEBODY
    if state in VERDICTS:
        return verdict == state
    return view.work is not None and view.work.states.get(name) == state


def _key(view: View, sort: Sort, next_dues: Callable[[], Mapping[str, int]]) -> Callable[[str], tuple[object, ...]]:
    if sort == "name":
        return lambda name: (name,)
    if sort == "queue":
        return lambda name: (task.queue if (task := task_of(view, name)) else "", name)
    if sort == "owner":
        return lambda name: ((task.owner or "") if (task := task_of(view, name)) else "", name)
    if sort == "next":
        dues = next_dues()
        return lambda name: (dues.get(name, _NEVER), name)
    ranks = {verdict: rank for rank, verdict in enumerate(VERDICTS) if verdict in NEED_SOMEBODY}
    return lambda name: (ranks.get(verdict_of(view, name), len(VERDICTS)), name)


def schedules_page(view: View, query: Query, selected: Selected, outcomes: Mapping[str, ScheduleOutcome]) -> bytes:
    """The page with the table; `outcomes` are the known ones of the schedules that are shown."""
    when = TimeWriter(view.status.now, query.where()[0])
    upcoming = Upcoming(view.status.now + 1, 1)
    rows = [_row(view, name, query, when, outcomes.get(name), upcoming) for name in selected.names]
    heading = "Schedules"
    found = (
        table(heading, _columns(query), rows, _pages(query, selected))
        if rows
        else section(heading, f"<p>{_none(view, query)}</p>\n")
    )
    notes = [escape(excerpt(selected.trouble))] if selected.trouble else []
    content = (_filters(view, query), found)
    return document(view, health(view), query, path="schedules", title="schedules", content=content, notes=notes)


def _columns(query: Query) -> tuple[Heading, ...]:
    def by(title: str, kind: Kind, sort: Sort) -> Heading:
        down = query.sort == sort and not query.down
        link = query.link("schedules", sort=sort, down=down, page=1)
        if query.sort != sort:
            return Heading(title, kind, link)
        return Heading(title, kind, link, "descending" if query.down else "ascending")

    return (
        by("Schedule", "name", "name"),
        by("Last outcome", "state", "worst"),
        Heading("Due", "time"),
        Heading("Late", "number"),
        by("Next", "time", "next"),
        by("Queue", "plain", "queue"),
        by("Owner", "plain", "owner"),
        Heading("Labels", "plain"),
    )


def _row(
    view: View, name: str, query: Query, when: TimeWriter, outcome: ScheduleOutcome | None, upcoming: Upcoming
) -> tuple[str, ...]:
    task = task_of(view, name)
    link = Query(zone=query.zone, name=name).link("schedule")
    last = outcome.last if outcome else None
    return (
        f'<a href="{link}">{text(name)}</a>',
        state_cell(view, name, outcome),
        when.time(last.due, seconds=False) if last else "",
        "" if last is None or last.lateness is None else span(last.lateness / NANOSECONDS),
        _next(view, name, when, task, upcoming),
        text(task.queue) if task else "",
        text(task.owner) if task and task.owner else "",
        text(pairs(task.settings.labels)) if task and task.settings.labels else "",
    )


def state_cell(view: View, name: str, outcome: ScheduleOutcome | None) -> str:
    """What became of the last fire of a schedule, and what is wrong."""
    verdict = verdict_of(view, name)
    if name in view.problems:
        words = "not valid" if verdict == "invalid" else "not fired"
        return f"{badge('bad', words)} <small>{text(view.problems[name].problem)}</small>"
    if verdict == "paused":
        return badge("calm", "paused")
    if outcome is None:
        return f"<small>{'not known' if view.work is None else 'none known'}</small>"
    state = words_of(outcome.last.state)
    or_more = "" if outcome.is_whole else " or more"
    note = f" <small>{outcome.failures:,}{or_more} failed in a row</small>" if outcome.failures > 1 else ""
    late = " <small>should have succeeded by now</small>" if verdict == "late" and not note else ""
    return badge("bad" if late else outcome.tone, text(state.word)) + note + late


def _next(view: View, name: str, when: TimeWriter, task: ScheduledTask | None, upcoming: Upcoming) -> str:
    if name in view.paused and name not in view.tasks:
        until = view.paused[name][0].until
        return f"paused until {when.time(until, seconds=False)}" if until else "paused"
    if task is None:
        return DASH
    found = upcoming.of(task)
    return when.time(found.dues[0], seconds=False) if found.dues else f"<small>{text(found.reason)}</small>"


def _pages(query: Query, selected: Selected) -> str:
    last = selected.first + len(selected.names) - 1
    number = (selected.first - 1) // ROWS + 1
    before = f'<a href="{query.link("schedules", page=number - 1)}" rel="prev">Previous</a> ' if number > 1 else ""
    has_more = last < selected.total
    after = f' <a href="{query.link("schedules", page=number + 1)}" rel="next">Next</a>' if has_more else ""
    return f"{before}{selected.first:,} to {last:,} of {selected.total:,}{after}"


def _none(view: View, query: Query) -> str:
    if not query.filters:
        return "There are no schedules."
    return f'No schedule matches. <a href="{Query(zone=query.zone).link("schedules")}">Show all</a>'


def _filters(view: View, query: Query) -> str:
    """The form that selects schedules; it keeps zone and order."""
    kept = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in query.pairs()
        if name in ("sort", "down", "zone")
    )
    choices = [("", "any"), (TROUBLE, "needs attention")]
    choices += [(verdict, _VERDICTS.get(verdict, verdict)) for verdict in VERDICTS]
    choices += [(state, words.word) for state, words in STATES.items() if state not in VERDICTS]
    options = "".join(
        f'<option value="{value}"{" selected" if value == query.state else ""}>{words}</option>'
        for value, words in choices
    )
    fields = "".join(
        f'<label>{title} <input name="{name}" value="{escape(getattr(query, name))}" size="14" '
        f'autocomplete="off" spellcheck="false"></label>'
        for name, title in (("name", "Name"), ("queue", "Queue"), ("owner", "Owner"), ("label", "Label"))
    )
    clear = f' <a href="{Query(zone=query.zone).link("schedules")}">Show all</a>' if query.filters else ""
    return (
        f'<form class="filters" action="schedules" role="search" aria-label="Select schedules">{kept}{fields}'
        f'<label>State <select name="state">{options}</select></label> <button>Select</button>{clear}</form>\n'
    )
