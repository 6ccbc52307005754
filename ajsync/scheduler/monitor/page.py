"""The status page: one HTML document, made from a Status, without scripts and without anything from elsewhere.

Names, queues, types and details come from the bucket, where others write them: they are escaped, cut, and kept from
reordering the text beside them. Colour is never the only sign, and the tables stay tables for a screen reader even if a
narrow screen shows their rows as cards.
"""

from __future__ import annotations

import base64
import hashlib
import re
import statistics
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.status import SHOWN, FireRecord, FireState, Status
from ajsync.text import excerpt, span
from ajsync.timestamp import MONTHS, NANOSECONDS, format_timestamp

REFRESH_SECONDS = 5
_PIECES = re.compile(r"[^\s_.:/-]{1,16}[\s_.:/-]?|[\s_.:/-]")
"""A line may break after a separator between the words of a name, or after 16 characters without one."""

_STYLE = files("ajsync.scheduler.monitor").joinpath("page.css").read_text("utf-8")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' stroke='%232b7fb0' "
    "stroke-width='2' stroke-linecap='round'%3E%3Ccircle cx='8' cy='8' r='6.5'/%3E%3Cpath d='M8 4.5V8l2.5 1.5'/%3E"
    "%3C/svg%3E"
)
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
"""A browser may show the page in its own style and nothing else. No script runs, not even one that slipped in."""

_ROLES: dict[RoleState, tuple[str, str, str]] = {
    RoleState.STARTING: ("calm", "Starting", "Reads the schedules."),
    RoleState.STAND_BY: ("calm", "Stand-by", "{}; this scheduler is ready to take over."),
    RoleState.WAITING: ("warn", "Waiting", "Won the election, and fires once the previous leader has surely stopped."),
    RoleState.LEADING: ("good", "Leader", "Leads, and fires what is due."),
}
"""The colour, the name and the meaning of each role; `{}` is the sentence about the leader."""
_STATES: dict[FireState, tuple[str, str]] = {
    "created": ("good", "created"),
    "repaired": ("good", "repaired"),
    "exists": ("calm", "existed"),
    "skipped": ("warn", "skipped"),
    "missed": ("bad", "missed"),
    "queue_error": ("bad", "queue error"),
}


def page(status: Status, *, refresh: bool = True) -> str:
    """The whole document. With `refresh` a browser loads it again every few seconds."""
    role = _ROLES[status.role][1]
    reload = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if refresh else ""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{reload}\n'
        f"<title>{role}: {escape(excerpt(status.name))} &ndash; ajsync scheduler</title>\n"
        f'<link rel="icon" href="{_ICON}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{_header(status)}\n<main>\n{_facts(status)}\n"
        f"{_problems(status)}{_paused(status)}"
        f'<div class="columns">\n{_upcoming(status)}{_recent(status)}</div>\n</main>\n'
        f"{_footer(status, refresh)}\n</body>\n</html>\n"
    )


def _header(status: Status) -> str:
    tone, role, meaning = _ROLES[status.role]
    leader = "No scheduler leads" if status.leader is None else f"{_text(status.leader)} leads"
    ready = _badge("good", "Ready") if status.ready else _badge("bad", "Not ready")
    reason = "" if status.ready or not status.reason else f"<p>Not ready: {_text(status.reason)}</p>\n"
    connected = _badge("good", "Connected to") if status.connected else _badge("bad", "Not connected to")
    return (
        '<header>\n<p class="product">ajsync scheduler</p>\n'
        f"<h1>{_text(status.name)}</h1>\n{_badge(tone, role)}\n{ready}\n"
        f"<p>{meaning.format(leader)}</p>\n{reason}"
        f'<p class="server">{connected} {_text(status.server)}</p>\n</header>'
    )


def _facts(status: Status) -> str:
    problems = f"{_problem_count(status):,}" if status.problems else "none"
    skew = status.clock_skew
    age = "&ndash;" if status.watermark_age is None else f"{span(status.watermark_age)} ago"
    facts = [
        ("Leader", _text(status.leader or "none"), "this scheduler" if status.role is RoleState.LEADING else ""),
        (
            f"{_ROLES[status.role][1]} for",
            span((status.now - status.since) / NANOSECONDS),
            f"since {_time(status.since, status.now)}",
        ),
        ("Schedules", f"{status.schedules:,}", f"{problems} with problems"),
        ("Watermark", age, "none yet" if status.watermark is None else _time(status.watermark, status.now)),
        ("Clock skew", "&ndash;", "not measured yet")
        if skew is None
        else ("Clock skew", span(abs(skew)), f"{'ahead of' if skew >= 0 else 'behind'} the server"),
        ("Lateness", *_lateness(status.recent)),
    ]
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{value}{f'<small>{note}</small>' if note else ''}</dd></div>\n"
        for name, value, note in facts
    )
    return f'<dl class="facts">\n{rows}</dl>'


def _lateness(recent: Iterable[FireRecord]) -> tuple[str, str]:
    late = [record.lateness for record in recent if record.lateness is not None]
    if not late:
        return "&ndash;", "no fire yet"
    return span(max(statistics.median(late), 0)), f"median; worst {span(max(*late, 0))}"


def _problems(status: Status) -> str:
    if not status.problems:
        return ""
    return _section(
        "Schedules with problems",
        (("Schedule", "name"), ("Problem", "wide"), ("Times", "number"), ("Since", "since")),
        [
            (_text(each.name), _text(each.problem), f"{each.count:,} &times;", _time(each.since, status.now))
            for each in status.problems[:SHOWN]
        ],
        f"And {_problem_count(status) - SHOWN:,} more." if _problem_count(status) > SHOWN else "",
    )


def _problem_count(status: Status) -> int:
    return len(status.problems) + status.more_problems


def _paused(status: Status) -> str:
    if not status.paused:
        return ""
    more = len(status.paused) + status.more_paused - SHOWN
    return _section(
        "Paused schedules",
        (("Schedule", "name"), ("Until", "time"), ("Since", "since"), ("Reason", "wide")),
        [
            (
                _text(each.name),
                "resumed" if each.until is None else _time(each.until, status.now),
                _time(each.since, status.now),
                f"{_text(each.reason)}<small>{_text(each.by)}</small>",
            )
            for each in status.paused[:SHOWN]
        ],
        f"And {more:,} more." if more > 0 else "",
    )


def _upcoming(status: Status) -> str:
    return _section(
        "Next fires",
        (("Schedule", "name"), ("Queue", "queue"), ("Due", "time"), ("When", "number")),
        [
            (_text(fire.name), _text(fire.queue), _time(fire.due, status.now), _wait(fire.due - status.now))
            for fire in status.upcoming[:SHOWN]
        ],
        "" if status.upcoming else "Nothing is due.",
    )


def _recent(status: Status) -> str:
    return _section(
        "Last fires",
        (("Schedule", "name"), ("Queue", "queue"), ("Due", "time"), ("Late", "number"), ("Result", "wide")),
        [_recent_cells(record, status.now) for record in status.recent[:SHOWN]],
        "" if status.recent else "None since this scheduler started.",
    )


def _recent_cells(record: FireRecord, now: int) -> tuple[str, ...]:
    return (
        _text(record.name),
        f"{_text(record.queue)}<small>{_text(record.task_type)}</small>",
        _time(record.due, now),
        "&ndash;" if record.lateness is None else _late(record.lateness),
        _badge(*_STATES[record.state]) + (f"<small>{_text(record.detail)}</small>" if record.detail else ""),
    )


def _late(seconds: float) -> str:
    return f"{span(abs(seconds))} {'early' if seconds < 0 else 'late'}"


def _wait(nanoseconds: int) -> str:
    return f"in {span(nanoseconds / NANOSECONDS)}" if nanoseconds > 0 else "now"


def _section(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[tuple[str, ...]], note: str) -> str:
    """A table with its heading; `columns` are heading and class. The roles stay when CSS turns the rows into cards."""
    note = f"<p>{note}</p>\n" if note else ""
    if not rows:
        return f"<section>\n<h2>{title}</h2>\n{note}</section>\n"
    head = "".join(f'<th role="columnheader" scope="col" class="{kind}">{name}</th>' for name, kind in columns)
    kinds = [kind for _, kind in columns[1:]]
    body = "".join(
        f'<tr role="row"><th role="rowheader" scope="row">{first}</th>'
        + "".join(f'<td role="cell" class="{kind}">{cell}</td>' for kind, cell in zip(kinds, cells, strict=True))
        + "</tr>\n"
        for first, *cells in rows
    )
    return (
        f'<section>\n<table role="table">\n<caption><h2>{title}</h2></caption>\n'
        f'<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{body}</tbody>\n</table>\n{note}</section>\n'
    )


def _footer(status: Status, refresh: bool) -> str:
    reload = (
        f'<span>Refreshes every {REFRESH_SECONDS} s. <a href="?still">Stop refreshing</a></span>'
        if refresh
        else '<a href="?">Refresh automatically</a>'
    )
    return (
        f"<footer>\n<span>As of {_time(status.now, status.now)}; times are in UTC.</span>\n{reload}\n"
        f'<a href="metrics">Metrics</a>\n<a href="api/status">JSON</a>\n'
        f"<span>ajsync {escape(status.version)}</span>\n</footer>"
    )


def _badge(tone: str, text: str) -> str:
    return f'<span class="badge {tone}">{text}</span>'


def _text(text: str) -> str:
    """Text of others as HTML: it keeps its writing direction to itself, and long names can break at their parts."""
    return "<bdi>" + "<wbr>".join(map(escape, _PIECES.findall(excerpt(text)))) + "</bdi>"


def _time(instant: int, now: int) -> str:
    """An instant in UTC to the second, with its date unless that is today."""
    stamp = format_timestamp(instant)
    year, month, day = stamp[:10].split("-")
    today = format_timestamp(now)[:10]
    date = f"{int(day)} {MONTHS[int(month) - 1]} {'' if today.startswith(year) else f'{year} '}"
    return f'<time datetime="{stamp}">{"" if stamp.startswith(today) else date}{stamp[11:19]}</time>'
