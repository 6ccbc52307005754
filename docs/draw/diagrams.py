"""The Mermaid diagrams of the pages, drawn once so that the site needs neither a script nor a network for them.

GitHub draws the blocks itself. The picture of a block has the digest of its text in its name, so that it is drawn anew
exactly when the text has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from docs.draw.chromium import body_text

DOCS = Path(__file__).parents[1]
FOLDER = DOCS / "pictures" / "diagrams"
BLOCK = re.compile(r"^```mermaid\n(.*?)^```$\n?", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r"^\s*accTitle: (.+)$", re.MULTILINE)
_MERMAID = "mermaid@11.17.2"
_PAGE = """<!doctype html><meta charset="utf-8"><body></body><script src="mermaid.min.js"></script><script>
mermaid.initialize({
  startOnLoad: false, deterministicIds: true, theme: "neutral", fontFamily: "sans-serif",
  htmlLabels: false, flowchart: {htmlLabels: false}, sequence: {mirrorActors: false},
  gantt: {fontSize: 14, sectionFontSize: 14, barHeight: 26, barGap: 8, topPadding: 55, useWidth: 800}
});
mermaid.render("diagram", TEXT).then(
  drawn => { document.body.textContent = drawn.svg; },
  error => { document.body.textContent = String(error); }
);
</script>
"""


def picture_of(page: str, text: str) -> Path:
    """The file of a diagram, whether it is there or not; `page` is the name of its page without a suffix."""
    return FOLDER / f"{page}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.svg"


def title_of(text: str) -> str:
    """What a diagram shows, for those who cannot see it."""
    found = _TITLE.search(text)
    return found[1] if found else ""


def diagrams() -> Mapping[Path, str]:
    """The text of each diagram of the pages, by the file of its picture."""
    return {
        picture_of(page.stem, text): text
        for page in sorted(DOCS.rglob("*.md"))
        for text in BLOCK.findall(page.read_text(encoding="utf-8"))
    }


def draw_diagrams(chromium: str) -> None:
    """Draw the diagrams without a picture, and remove pictures of which there is no diagram."""
    wanted = diagrams()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file in FOLDER.glob("*.svg"):
        if file not in wanted:
            file.unlink()
    missing = {file: text for file, text in wanted.items() if not file.exists()}
    if not missing:
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fetch_mermaid(folder)
        page = folder / "page.html"
        for file, text in missing.items():
            page.write_text(_PAGE.replace("TEXT", json.dumps(text).replace("</", "<\\/")), encoding="utf-8")
            drawn = body_text(chromium, page.as_uri())
            assert drawn.startswith("<svg"), f"{file.stem}: {drawn}"
            file.write_text(f"{drawn}\n", encoding="utf-8")


def _fetch_mermaid(folder: Path) -> None:
    npm = shutil.which("npm")
    assert npm, "a changed diagram is drawn by Mermaid, which npm fetches: install npm"
    subprocess.run([npm, "pack", "--silent", _MERMAID], cwd=folder, check=True, capture_output=True)
    (archive,) = folder.glob("*.tgz")
    shutil.unpack_archive(archive, folder, filter="data")
    shutil.copy(folder / "package" / "dist" / "mermaid.min.js", folder)
