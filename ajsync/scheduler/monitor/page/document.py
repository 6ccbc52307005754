"""The document around each page: the head with the verdict in colour, the links to the other pages, and the foot.

It runs no script and loads nothing from other sites.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files

from ajsync.asyncjobs.outcome import Tone
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.page.html import TimeWriter, badge, text
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.trouble import Trouble, trouble_count, troubles
from ajsync.scheduler.monitor.view import View
from ajsync.text import counted, cut, excerpt

REFRESH_SECONDS = 5
_SAID = 3
"""How many troubles the head names."""
_NAME, _SENTENCE = 60, 200
"""Characters of a name and of a sentence in the head, which must fit on the first screen of a phone."""
_LOOKING = "What became of earlier tasks is still being looked up."
_STYLE = files("ajsync.scheduler.monitor.page").joinpath("page.css").read_text("utf-8")
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; img-src data:; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""A browser may show a page in its own style and send its forms back here, and nothing else. No script runs, not even
an injected one."""

_COLOURS: dict[Tone, str] = {"good": "12714a", "warn": "875600", "bad": "b3261e", "calm": "2b5f9e"}
"""The colours of the icon, which shows among many tabs how this page does."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether all is well, in one word and one sentence."""

    tone: Tone
    title: str
    sentence: str
    """HTML."""
    troubles: tuple[Trouble, ...]
    count: int
    """How many troubles there are, listed or not."""


def health(view: View) -> Health:
    """Whether all is well."""
    found = troubles(view)
    count = trouble_count(view, found)
    if found:
        tone: Tone = "bad" if any(each.tone == "bad" for each in found) else "warn"
        title = counted(count, "problem" if tone == "bad" else "warning")
        said = [f"<li>{_said(each)}</li>" for each in found[:_SAID]]
        more = f"<li>And {count - len(said):,} more.</li>" if count > len(said) else ""
        looking = f"<p>{_LOOKING}</p>" if view.work is not None and not view.work.complete else ""
        return Health(tone, title, f"<ul>{''.join(said)}{more}</ul>{looking}", found, count)
    status = view.status
    if status.role is RoleState.STARTING:
        return Health("calm", "Starting", "<p>The schedules are being read.</p>", (), 0)
    if view.work is None or status.leader_is_go:
        return Health("good", "Everything is fired", "<p>What became of the tasks is not followed.</p>", (), 0)
    if not view.work.complete:
        return Health("calm", "Looking", f"<p>Nothing is wrong so far. {_LOOKING}</p>", (), 0)
    return Health("good", "All is well", "<p>Everything is fired, and no work fails or is overdue.</p>", (), 0)


def _said(trouble: Trouble) -> str:
    about = trouble.schedule or trouble.about
    return f"<strong>{text(cut(about, _NAME))}</strong> {text(cut(trouble.what, _SENTENCE))}"


def document(
    view: View,
    found: Health,
    query: Query,
    *,
    path: str,
    title: str,
    content: Iterable[str],
    notes: Iterable[str] = (),
    reload: bool = False,
) -> bytes:
    """The whole document. `path` is the address of the page, relative to the front page. `notes` are HTML.

    With `reload`, a browser loads it again every few seconds.
    """
    zone, wrong = query.where()
    when = TimeWriter(view.status.now, zone)
    refresh = f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">' if reload else ""
    says = "".join(f'<p class="note">{note}</p>\n' for note in (*((escape(excerpt(wrong)),) if wrong else ()), *notes))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{refresh}\n'
        f"<title>{found.title}: {escape(excerpt(title))} &ndash; ajsync</title>\n"
        f'<link rel="icon" href="{_icon(found.tone)}">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{_header(view, found)}\n{_ways(view, query, path, reload)}\n"
        f"<main>\n{says}{''.join(content)}</main>\n{_footer(view, when)}\n</body>\n</html>\n"
    ).encode("utf-8", "replace")


def _header(view: View, found: Health) -> str:
    status = view.status
    connected = badge("good", "Connected to") if status.connected else badge("bad", "Not connected to")
    ready = badge("good", "Ready") if status.ready else badge("bad", "Not ready")
    return (
        f'<header class="{found.tone}">\n<h1>{badge(found.tone, found.title)}</h1>\n{found.sentence}\n'
        f'<p class="who">{text(status.name)} <span>{status.role.capitalize()}</span> {ready} '
        f"<span>{connected} {text(status.server)}</span></p>\n</header>"
    )


def _ways(view: View, query: Query, path: str, reload: bool) -> str:
    """The links to the pages, and the form for the zone.

    The link that stops the reloading comes before the form and everything else that a keyboard reaches, because a
    reload takes away the focus and what was typed.
    """
    zone = query.zone
    ways = (("./", "Overview"), ("schedules", f"Schedules <small>{view.status.schedules:,}</small>"))
    current = ' aria-current="page"'
    links = "".join(
        f'<a href="{Query(zone=zone, still=query.still).link(way)}"{current if path == way else ""}>{name}</a>\n'
        for way, name in ways
    )
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in query.pairs()
        if name != "zone"
    )
    return (
        f'<nav aria-label="Pages">\n{links}<small>{_again(query, path, reload)}</small>\n'
        f'<form action="{path}">{hidden}<label>Times in <input name="zone" '
        f'value="{escape(zone or "UTC")}" size="16" autocomplete="off" spellcheck="false"></label> '
        "<button>Show</button></form>\n</nav>"
    )


def _again(query: Query, path: str, reload: bool) -> str:
    """A link that loads the page again, or says whether it loads itself again."""
    if path != "./":
        return f'<a href="{query.link(path)}">Load again</a>'
    if reload:
        return f'Loads again every {REFRESH_SECONDS} s. <a href="{query.link(path, still=True)}">Stop</a>'
    return f'<a href="{query.link(path, still=False)}">Load again every {REFRESH_SECONDS} s</a>'


def _footer(view: View, when: TimeWriter) -> str:
    now = view.status.now
    return (
        f"<footer>\n<span>As of {when.time(now)}, {when.name}.</span>\n"
        f'<a href="metrics">Metrics</a>\n<a href="api/status">JSON</a>\n'
        f"<span>ajsync {escape(excerpt(view.status.version))}</span>\n</footer>"
    )


def _icon(tone: Tone) -> str:
    return (
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16' fill='none' "
        f"stroke='%23{_COLOURS[tone]}' stroke-width='2' stroke-linecap='round'%3E%3Ccircle cx='8' cy='8' r='6.5'/%3E"
        "%3Cpath d='M8 4.5V8l2.5 1.5'/%3E%3C/svg%3E"
    )
