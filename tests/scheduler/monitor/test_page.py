"""The status page: what it says, and how a real browser shows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import get_args

import anyio
import pytest

from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.monitor import monitor
from ajsync.scheduler.monitor.page import page
from ajsync.scheduler.monitor.status import FireState, ScheduleProblem, Status, UpcomingFire
from ajsync.timestamp import NANOSECONDS
from tests.scheduler.monitor.test_status import NOW, fire, status

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
HOSTILE = "</bdi></td><script>alert(1)</script><img src=x onerror=alert(1)>\"' style=x \u202egnp.\x1b[2J"
VOID = {"meta", "link", "wbr"}
CELLS = {"td", "th"}
LINKS = ("href", "src", "action", "data")


class Document(HTMLParser):
    """The page as a parser sees it: its elements, nested rightly, and its tables' rows by the heading above them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self._open: list[str] = []
        self._heading = ""
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "h2":
            self._heading = ""
        elif tag == "tr":
            self.tables.setdefault(self._heading, []).append([])
        elif tag in CELLS:
            self.tables[self._heading][-1].append("")
        elif tag == "small":
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if "h2" in self._open:
            self._heading += data
        elif CELLS & {*self._open}:
            self.tables[self._heading][-1][-1] += data


def shown(status: Status) -> Document:
    return Document(page(status))


def facts(status: Status) -> dict[str, str]:
    """The six facts above the tables."""
    found = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page(status))
    return {name: " ".join(re.sub(r"<wbr>|</?bdi>|<.*?>", _gap, value).split()) for name, value in found}


def _gap(tag: re.Match[str]) -> str:
    return "" if "wbr" in tag[0] or "bdi" in tag[0] else " "


def test_the_next_fires_say_when_and_in_how_long() -> None:
    second = NANOSECONDS
    waits = {"now": 0, "in 750 ms": 0.75, "in 5.0 s": 5, "in 59 s": 59, "in 1 min": 60, "in 4 min 10 s": 250}
    waits |= {"in 1 h": 3600, "in 14 h 29 min": 52_195, "in 2 d 4 h": 187_200, "in 90 d": 90 * 86_400}
    fires = tuple(UpcomingFire("tick", "EMAIL", NOW + int(wait * second)) for wait in waits.values())
    rows = shown(replace(status(), upcoming=fires)).tables["Next fires"]
    assert rows[0] == ["Schedule", "Queue", "Due", "When"]
    assert [row[3] for row in rows[1:]] == [*waits]
    assert rows[2] == ["tick", "EMAIL", "09:30:05", "in 750 ms"]
    assert [row[2] for row in rows[-3:]] == ["23:59:59", "9 Oct 13:30:04", "5 Jan 2027 09:30:04"]


def test_the_last_fires_say_how_late_they_were_and_what_became_of_them() -> None:
    records = (
        fire("tick"),
        fire("tock", lateness=None, state="missed", detail="its deadline has passed"),
        fire("slow", lateness=12.4, state="queue_error", detail="no queue CRM"),
        fire("fast", lateness=-0.002),
    )
    rows = shown(replace(status(), recent=records)).tables["Last fires"]
    assert rows == [
        ["Schedule", "Queue", "Due", "Late", "Result"],
        ["tick", "EMAIL email:tick", "09:30:03", "3 ms late", "created"],
        ["tock", "EMAIL email:tick", "09:30:03", "\u2013", "missed its deadline has passed"],
        ["slow", "EMAIL email:tick", "09:30:03", "12 s late", "queue error no queue CRM"],
        ["fast", "EMAIL email:tick", "09:30:03", "2 ms early", "created"],
    ]


def test_schedules_with_problems_come_first() -> None:
    document = shown(status(upcoming=1, recent=1, problems=2))
    assert [*document.tables] == ["Schedules with problems", "Next fires", "Last fires"]
    assert document.tables["Schedules with problems"][2] == ["bad-1", "no queue", "2 \u00d7", "09:30:04"]


def test_of_very_many_problems_the_first_are_shown_and_the_rest_counted() -> None:
    document = shown(status(problems=1_234))
    assert len(document.tables["Schedules with problems"]) == 1 + 50
    assert "And 1,184 more." in document.text


def test_fifty_fires_ahead_and_fifty_behind_are_shown() -> None:
    tables = shown(status(upcoming=50, recent=50)).tables
    assert [row[0] for row in tables["Next fires"][1:]] == [f"next-{i}" for i in range(50)]
    assert [row[0] for row in tables["Last fires"][1:]] == [f"last-{i}" for i in range(50)]


def test_a_scheduler_that_has_just_started_has_a_page_too() -> None:
    empty = status(
        name="sched-c",
        role=RoleState.STARTING,
        leader=None,
        since=NOW,
        ready=False,
        reason="it has not read the schedules yet",
        connected=False,
        watermark=None,
        watermark_age=None,
        clock_skew=None,
    )
    document = shown(empty)
    assert document.tables == {}
    for sentence in (
        "Not ready: it has not read the schedules yet",
        "Not connected to nats://127.0.0.1:4222",
        "Nothing is due.",
        "None since this scheduler started.",
    ):
        assert sentence in document.text
    assert facts(empty) == {
        "Leader": "none",
        "Starting for": "0 ms since 09:30:04",
        "Schedules": "0 none with problems",
        "Watermark": "&ndash; none yet",
        "Clock skew": "&ndash; not measured yet",
        "Lateness": "&ndash; no fire yet",
    }


def test_the_facts_tell_of_the_leader_the_watermark_the_clock_and_the_lateness() -> None:
    records = tuple(fire(lateness=late) for late in (0.003, 0.009, 1.34, None))
    found = facts(replace(status(problems=1), schedules=1_204, watermark_age=0.4, clock_skew=-0.002, recent=records))
    assert found == {
        "Leader": "sched-a this scheduler",
        "Leader for": "1 h since 08:30:04",
        "Schedules": "1,204 1 with problems",
        "Watermark": "400 ms ago 09:30:04",
        "Clock skew": "2 ms behind the server",
        "Lateness": "9 ms median; worst 1.3 s",
    }


@pytest.mark.parametrize("state", RoleState)
def test_each_role_has_a_word_a_sentence_and_a_title(state: RoleState) -> None:
    document = shown(replace(status(), role=state))
    word = state.capitalize()
    assert f"{word}: sched-a \u2013 ajsync scheduler" in document.text
    assert document.text.count(word) > 2


def test_a_stand_by_says_who_leads() -> None:
    assert "sched-b leads; " in shown(replace(status(), role=RoleState.STAND_BY, leader="sched-b")).text
    assert "No scheduler leads; " in shown(replace(status(), role=RoleState.STAND_BY, leader=None)).text


def test_each_state_is_told_in_words_and_by_a_mark_not_by_colour_alone() -> None:
    records = tuple(fire(state=state) for state in get_args(FireState))
    text = page(replace(status(), recent=records))
    found = [row[4] for row in Document(text).tables["Last fires"][1:]]
    assert found == ["created", "repaired", "existed", "queue error", "missed", "skipped"]
    for tone in {*re.findall(r'class="badge (\w+)"', text)}:
        assert f".{tone}::before" in text


def test_the_tables_stay_tables_for_a_screen_reader() -> None:
    document = shown(status(upcoming=2, recent=2, problems=2))
    tags = [tag for tag, _ in document.elements]
    assert tags.count("table") == tags.count("caption") == 3
    for tag, attributes in document.elements:
        if tag == "th":
            assert attributes["scope"] in ("col", "row")
        if tag in ("table", "thead", "tbody", "tr", "th", "td"):
            assert attributes["role"]


def test_hostile_names_are_shown_and_do_nothing() -> None:
    honest = shown(status(upcoming=1, recent=1, problems=1))
    hostile = shown(
        replace(
            status(name=HOSTILE, leader=HOSTILE, server=HOSTILE, reason=HOSTILE, version=HOSTILE, ready=False),
            upcoming=(UpcomingFire(HOSTILE, HOSTILE, NOW),),
            recent=(fire(HOSTILE, queue=HOSTILE, task_type=HOSTILE, task_id=HOSTILE, detail=HOSTILE),),
            problems=(ScheduleProblem(HOSTILE, HOSTILE, 1, NOW),),
        )
    )
    written = HOSTILE.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")
    assert hostile.tables["Next fires"][1][:2] == [written, written]
    assert hostile.tables["Schedules with problems"][1][:2] == [written, written]
    harmless = {"small", "wbr", "bdi"}
    assert {tag for tag, _ in hostile.elements} - harmless == {tag for tag, _ in honest.elements} - harmless
    names = {name for _, attributes in hostile.elements for name in attributes}
    assert names == {name for _, attributes in honest.elements for name in attributes}


def test_a_very_long_text_is_cut() -> None:
    cell = shown(replace(status(), recent=(fire("tick", detail="x" * 100_000),))).tables["Last fires"][1][4]
    assert cell == "created " + "x" * 300 + "\u2026 (99,700 characters more)"


def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    document = shown(status(upcoming=1, recent=1, problems=1))
    links = [value for _, attributes in document.elements for name, value in attributes.items() if name in LINKS]
    assert [link for link in links if link and not link.startswith("data:")] == ["?still", "metrics", "api/status"]
    assert "script" not in {tag for tag, _ in document.elements}
    assert "style" not in {name for _, attributes in document.elements for name in attributes}
    assert not re.search(r"url\(|@import|\son\w+=", page(status()))


def test_the_page_loads_itself_again_unless_told_not_to() -> None:
    refresh = '<meta http-equiv="refresh" content="5">'
    assert refresh in page(status())
    assert refresh not in page(status(), refresh=False)
    assert "Refresh automatically" in page(status(), refresh=False)


@asynccontextmanager
async def serving(status: Status) -> AsyncIterator[str]:
    async with monitor(("127.0.0.1", 0), Metrics("sched-a"), lambda: status, lambda: None, ready=lambda: None) as url:
        yield f"{url}?still"


async def chromium(folder: Path, *arguments: str) -> str:
    """What headless Chromium prints, with a profile of its own."""
    assert CHROMIUM
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
    done = await anyio.run_process(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", *quiet),
            *(f"--user-data-dir={folder / 'profile'}", "--hide-scrollbars", *arguments),
        ],
        stderr=subprocess.DEVNULL,
    )
    return done.stdout.decode()


def first_rows(png: bytes, count: int) -> list[list[tuple[int, ...]]]:
    """The colours of the first rows of a PNG of eight bits a channel, as a browser writes it."""
    width, channels = int.from_bytes(png[16:20], "big"), {2: 3, 6: 4}[png[25]]
    data, at = b"", 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        data += png[at + 8 : at + 8 + size] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += size + 12
    raw, stride = zlib.decompress(data), width * channels
    above, rows = bytearray(stride), []
    for start in range(0, count * (stride + 1), stride + 1):
        kind, line = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        for i in range(stride):
            left, corner = (line[i - channels], above[i - channels]) if i >= channels else (0, 0)
            line[i] = (line[i] + _predicted(kind, left, above[i], corner)) & 255
        rows.append([tuple(line[i : i + 3]) for i in range(0, stride, channels)])
        above = line
    return rows


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    nearest = min((left, up, corner), key=lambda each: abs(guess - each))
    return (0, left, up, (left + up) // 2, nearest)[kind]


@needs_chromium
@pytest.mark.anyio
async def test_a_browser_shows_every_row_and_runs_no_name(tmp_path: Path) -> None:
    async with serving(
        replace(status(upcoming=50, recent=50), problems=(ScheduleProblem(HOSTILE, "", 1, NOW),))
    ) as url:
        document = Document(await chromium(tmp_path, "--dump-dom", url))
    assert {name: len(rows) for name, rows in document.tables.items()} == {
        "Schedules with problems": 2,
        "Next fires": 51,
        "Last fires": 51,
    }
    assert "alert(1)" in document.text
    assert not {"script", "img"} & {tag for tag, _ in document.elements}


@needs_chromium
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scheme", "ground"), [(1, (0xF5, 0xF6, 0xF8)), (0, (0x10, 0x15, 0x1B))], ids=["light", "dark"]
)
async def test_a_browser_draws_the_page_light_or_dark_as_its_reader_likes(
    tmp_path: Path, scheme: int, ground: tuple[int, int, int]
) -> None:
    picture = tmp_path / "page.png"
    look = (f"--blink-settings=preferredColorScheme={scheme}", "--window-size=500,400", f"--screenshot={picture}")
    async with serving(status(upcoming=3, recent=3)) as url:
        await chromium(tmp_path, *look, url)
    rows = first_rows(picture.read_bytes(), 120)
    assert rows[0][0] == ground  # so its policy lets its own style through
    assert len({colour for row in rows for colour in row}) > 50
