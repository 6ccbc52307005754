"""The pages in a real browser: light and dark, on a phone, and with names that attack it. Contrast is computed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import anyio
import pytest

from ajsync.scheduler.monitor.metrics import Metrics
from ajsync.scheduler.monitor.monitor import monitor
from ajsync.scheduler.monitor.page.overview import overview
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.schedules import schedules_page, select
from ajsync.scheduler.monitor.view import View
from tests.scheduler.monitor.page.parsed import Document
from tests.scheduler.monitor.page.test_overview import HOSTILE, problem
from tests.scheduler.monitor.views import FixedSource, failed, failing, scheduled, view_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
STYLE = files("ajsync.scheduler.monitor.page").joinpath("page.css").read_text("utf-8")
LONG = "X" * 255
PHONE = 390
"""Pixels; a window of Chromium is never this narrow, and a frame can be."""


def crowded() -> View:
    """Schedules with names that are hostile, and as long as they can be."""
    tasks = (scheduled("tick"), scheduled(HOSTILE), scheduled(LONG, queue="Q" * 255))
    view = view_of(*tasks, problems={HOSTILE: problem(HOSTILE, problem=HOSTILE)})
    return failing(view, **{LONG: failed(error="e" * 300)})


@asynccontextmanager
async def serving(view: View) -> AsyncIterator[str]:
    metrics, source = Metrics("sched-a"), FixedSource(view)
    async with monitor(
        ("127.0.0.1", 0), metrics, lambda: view.status, lambda: None, source=source, ready=lambda: None
    ) as url:
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
    async with serving(crowded()) as url:
        front = Document(await chromium(tmp_path, "--dump-dom", url))
        table = Document(await chromium(tmp_path, "--dump-dom", url.replace("?", "schedules?")))
    assert len(front.tables["What is wrong"]) == 1 + 2
    assert len(table.tables["Schedules"]) == 1 + 3
    for document in (front, table):
        assert "alert(1)" in document.text
        assert not {"script", "img"} & {tag for tag, _ in document.elements}


@needs_chromium
@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scheme", "ground"), [(1, (0xF5, 0xF6, 0xF8)), (0, (0x10, 0x15, 0x1B))], ids=["light", "dark"]
)
@pytest.mark.parametrize(
    ("view", "head"),
    [(view_of(scheduled()), (0x12, 0x71, 0x4A)), (crowded(), (0xB3, 0x26, 0x1E))],
    ids=["well", "wrong"],
)
async def test_the_head_is_green_or_red_on_a_ground_as_its_reader_likes_it(
    tmp_path: Path, scheme: int, ground: tuple[int, int, int], view: View, head: tuple[int, int, int]
) -> None:
    picture = tmp_path / "page.png"
    look = (f"--blink-settings=preferredColorScheme={scheme}", "--window-size=500,400", f"--screenshot={picture}")
    async with serving(view) as url:
        await chromium(tmp_path, *look, url)
    rows = first_rows(picture.read_bytes(), 120)
    assert rows[0][0] == ground  # so its policy lets its own style through
    assert sum(row.count(head) for row in rows) > 10_000


@needs_chromium
@pytest.mark.anyio
async def test_nothing_has_to_be_scrolled_sideways_on_a_phone_and_the_verdict_is_on_its_first_screen(
    tmp_path: Path,
) -> None:
    view, query = crowded(), Query(still=True)
    pages = [overview(view, query), schedules_page(view, query, select(view, query, dict), {})]
    frames = "".join(
        f'<iframe width="{PHONE}" height="844" srcdoc="{html.escape(page.decode())}"></iframe>' for page in pages
    )
    script = """<script>addEventListener("load", () => {
        const found = [...document.querySelectorAll("iframe")].map(frame => {
            const page = frame.contentDocument;
            return [page.documentElement.scrollWidth, page.querySelector("h1").getBoundingClientRect().bottom];
        });
        document.body.textContent = JSON.stringify(found);
    })</script>"""
    place = tmp_path / "phone.html"
    place.write_text(f"<!DOCTYPE html><title>phone</title><body>{frames}{script}</body>", "utf-8")
    output = await chromium(tmp_path, "--dump-dom", place.as_uri())
    found = re.search(r"<body>(.*?)</body>", output, re.DOTALL)
    assert found
    sizes = json.loads(html.unescape(found[1]))
    assert [width for width, _ in sizes] == [PHONE, PHONE]
    assert all(0 < bottom < 844 for _, bottom in sizes)


def colours(scheme: str) -> dict[str, str]:
    """The colours that have names; `scheme` is light or dark."""
    light, _, dark = STYLE.partition("prefers-color-scheme: dark")
    found = dict(re.findall(r"--([a-z]+): #([0-9a-f]{3,6})\b", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([a-z]+): #([0-9a-f]{3,6})\b", dark.partition("* { box-sizing")[0]))
    return found


def contrast(one: str, other: str) -> float:
    """How much two colours differ, from 1 to 21, as WCAG 2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    whole = "".join(digit * 2 for digit in colour) if len(colour) == 3 else colour
    parts = [int(whole[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_every_ground(scheme: str) -> None:
    known = colours(scheme)
    for text in ("ink", "soft", "good", "calm", "warn", "bad"):
        for ground in ("page", "card"):
            assert contrast(known[text], known[ground]) >= 4.5, (text, ground)
    assert contrast(known["ink"], known["day"]) >= 4.5  # commands
    for mark in ("calm", "warn", "bad"):
        assert contrast(known[mark], known["day"]) >= 3, mark  # bars


def test_the_head_can_be_read_whatever_it_says() -> None:
    grounds = dict(re.findall(r"header\.(\w+) \{ --ground: #([0-9a-f]{6})", STYLE))
    assert {*grounds} == {"good", "calm", "warn", "bad"}
    assert all(contrast("fff", ground) >= 4.5 for ground in grounds.values())


def test_what_has_the_focus_of_the_keyboard_is_seen() -> None:
    tags = set(re.findall(r"(\w+):focus-visible", STYLE))
    assert tags == {"a", "input", "select", "button", "pre"}
    assert not re.search(r"outline:\s*(0|none)", STYLE)
    view = replace(crowded())
    query = Query()
    document = Document(schedules_page(view, query, select(view, query, dict), {}))
    assert "tabindex" not in {name for _, attributes in document.elements for name in attributes}
