"""A headless Chromium, where one is installed: it draws diagrams, and takes pictures of pages."""

from __future__ import annotations

import html
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_SECONDS = 60


def find_chromium() -> str | None:
    """The path of a Chromium; None if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def body_text(program: str, page: str) -> str:
    """The text of the body that the scripts of a page leave behind; `page` is its address."""
    output = _run(program, "--virtual-time-budget=20000", "--dump-dom", page)
    found = re.search(r"<body>(.*)</body>", output, re.DOTALL)
    assert found, output
    return html.unescape(found[1])


def take_picture(program: str, page: str, file: Path, *, width: int, height: int) -> None:
    """Write what a window of some pixels shows of a page to a file, as a PNG; `page` is its address."""
    _run(program, "--hide-scrollbars", f"--window-size={width},{height}", f"--screenshot={file}", page)


def _run(program: str, *arguments: str) -> str:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [program, *_OPTIONS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    return done.stdout
