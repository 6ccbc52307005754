"""The picture of the status page of a real scheduler, while one schedule fails and another has no worker."""

from __future__ import annotations

import hashlib
import re
import socket
import tempfile
import time
from pathlib import Path
from urllib.request import urlopen

from docs.draw.chromium import take_picture
from docs.draw.scenes import troubled
from docs.draw.stage import Stage
from docs.draw.steady import steady

PICTURE = Path(__file__).parents[1] / "pictures" / "status-page.png"
_DIGEST = PICTURE.with_suffix(".txt")
"""Beside the picture: the digest of what the page said when it was taken."""
_WIDTH, _HEIGHT = 1000, 980
_SECONDS = 60
_SAID = ("2 problems", "no such host", "should have succeeded", "stand-by")
_VARYING = (
    r"<svg.*?</svg>",  # the hours of the day
    r"<time.*?</time>",
    r'<p class="ticks".*?</p>',
    r"[\d,]+ (?:tasks?|fires?) (?:made|missed|due)\b.*?</p>",
    r"<dl.*?</dl>",
    r"<footer.*?</footer>",
    r"<[^>]*>",
)


def draw_status_page(chromium: str) -> None:
    """Take the picture anew if the page, without its times, says or looks otherwise."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/?still"
    with tempfile.TemporaryDirectory() as name:
        stage = Stage(Path(name))
        with (
            stage.running("dev", until=stage.context.exists),
            troubled(stage, "--monitor", str(port)),
            stage.running("scheduler", "dev2", until=lambda: "stand-by" in _page(url)),
        ):
            digest = _digest(_whole_page(url))
            if PICTURE.exists() and _DIGEST.exists() and _DIGEST.read_text("utf-8").strip() == digest:
                return
            take_picture(chromium, url, PICTURE, width=_WIDTH, height=_HEIGHT)
    _DIGEST.write_text(f"{digest}\n", "utf-8")


def _whole_page(url: str) -> str:
    """The page once it shows both schedulers and both troubles, and has counted what is due."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        text = _page(url)
        if all(said in text for said in _SAID) and "being counted" not in text:
            return text
        time.sleep(0.5)
    raise AssertionError("the page never showed what is wrong")


def _page(url: str) -> str:
    with urlopen(url) as answer:
        text: str = answer.read().decode()
    return text


def _digest(page: str) -> str:
    for pattern in _VARYING:
        page = re.sub(pattern, "", page, flags=re.DOTALL)
    return hashlib.sha256(steady(page).encode()).hexdigest()[:12]
