"""Pictures of a terminal: what a command prints there, as an SVG that needs nothing from elsewhere.

Most of what a command prints has times in it. So a picture holds a digest of its text without them, and is made anew
only if that differs.
"""

from __future__ import annotations

import hashlib
import io
import os
import pty
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

from docs.draw.steady import steady

_LINES = 200
_SECONDS = 60
_PROGRESS = re.compile(rb"\x1b\[\?25l.*?\x1b\[\?25h(?:\r|\x1b\[1A|\x1b\[2K)*", re.DOTALL)
"""A progress bar, from where it hides the cursor until it has wiped itself out."""
_DIGEST = re.compile(r"<!-- ([0-9a-f]{12}) -->")
_FORMAT = """\
<svg viewBox="0 0 {{width}} {{height}}" xmlns="http://www.w3.org/2000/svg">
<!-- {digest} -->
<style>
.{{unique_id}}-matrix {{{{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
  font-size: {{char_height}}px; line-height: {{line_height}}px
}}}}
.{{unique_id}}-title {{{{ font-family: sans-serif; font-size: 18px; font-weight: bold }}}}
{{styles}}
</style>
<defs>
<clipPath id="{{unique_id}}-clip-terminal">
<rect x="0" y="0" width="{{terminal_width}}" height="{{terminal_height}}"/>
</clipPath>
{{lines}}
</defs>
{{chrome}}
<g transform="translate({{terminal_x}}, {{terminal_y}})" clip-path="url(#{{unique_id}}-clip-terminal)">
{{backgrounds}}
<g class="{{unique_id}}-matrix">
{{matrix}}
</g>
</g>
</svg>
"""


def on_terminal(
    *command: str, folder: Path, environment: Mapping[str, str], columns: int = 80, answer: str = ""
) -> str:
    """What a command shows on a terminal, with its colours; a question is answered with `answer`."""
    ours, theirs = pty.openpty()
    size = {"COLUMNS": str(columns), "LINES": str(_LINES), "TERM": "xterm-256color", "PAGER": "cat"}
    with subprocess.Popen(
        command, cwd=folder, env={**os.environ, **environment, **size}, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
            if answer and shown.endswith(b": "):
                os.write(ours, f"{answer}\n".encode())
                answer = ""
        os.close(ours)
        process.wait(_SECONDS)
    return _PROGRESS.sub(b"", shown).decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the process has ended, and with it the terminal
        return b""


def digest_of(shown: str, columns: int) -> str:
    """What tells two screens apart that differ in more than times."""
    return hashlib.sha256(f"{columns} {steady(Text.from_ansi(shown).plain)}".encode()).hexdigest()[:12]


def is_current(file: Path, shown: str, columns: int) -> bool:
    """Whether the picture in a file shows this, whatever the times in it."""
    found = _DIGEST.search(file.read_text(encoding="utf-8")) if file.exists() else None
    return found is not None and found[1] == digest_of(shown, columns)


def draw_terminal(file: Path, shown: str, columns: int) -> None:
    """Write the picture of a terminal, unless the one that is there shows the same."""
    if is_current(file, shown, columns):
        return
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for line in Text.from_ansi(shown).split("\n"):
        for row in line.divide(range(columns, len(line), columns)):  # where a terminal breaks it
            console.print(row)
    console.print()  # the last line of a picture is cut at its bottom
    drawn = console.export_svg(
        title="", unique_id=file.stem, code_format=_FORMAT.format(digest=digest_of(shown, columns))
    )
    file.write_text(re.sub(r"[ \t]+$", "", drawn, flags=re.MULTILINE), encoding="utf-8")
