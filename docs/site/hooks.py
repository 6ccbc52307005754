"""What MkDocs does to the text of docs/ on its way to the site, so that one text serves GitHub and the site.

- A link to a file outside of docs/ leads to that file in the repository.
- A link that shows the name of a page shows its title.
- A Mermaid diagram becomes the picture that `make docs` has drawn of it.
- The list of sections at the top of a page goes away, because the site shows one beside the page.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from docs.draw.diagrams import BLOCK, picture_of, title_of

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(((?:\.\./)+[^)\s#]+)(#[^)\s]*)?\)")
_NAMED = re.compile(r"\[([\w/-]+\.md)\](?=\(\1)")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)
_WIDTH = re.compile(r'viewBox="\S+ \S+ (\d+)')
_CONTENTS = re.compile(r"^(?:- \[[^\]]+\]\(#[^)]+\)\n)+", re.MULTILINE)


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the text of a page for the site."""
    file = _DOCS / page.file.src_uri
    repository = str(config.extra["repository"])
    text = BLOCK.sub(lambda block: _picture(block[1], file), _CONTENTS.sub("", markdown, count=1))
    parts = _FENCED.split(text)  # every second one is a block
    for number, part in enumerate(parts[::2]):
        titled = _NAMED.sub(lambda link: f"[{_title(file.parent / link[1])}]", part)
        parts[2 * number] = _LINK.sub(lambda link: _in_repository(link, file.parent, repository), titled)
    return "".join(parts)


def _title(page: Path) -> str:
    found = _TITLE.search(page.read_text(encoding="utf-8")) if page.is_file() else None
    return found[1] if found else page.name


def _picture(diagram: str, page: Path) -> str:
    """The picture of a diagram, which leads to itself, because some are larger than a page is wide.

    A small one keeps its size. Where nobody has drawn it yet, the build notices that there is no such file.
    """
    file = picture_of(page.stem, diagram)
    found = _WIDTH.search(file.read_text(encoding="utf-8")) if file.exists() else None
    width = f" width={found[1]}" if found else ""
    picture = Path(os.path.relpath(file, page.parent)).as_posix()
    return f"[![{title_of(diagram)}]({picture}){{ .diagram{width} }}]({picture})\n"


def _in_repository(link: re.Match[str], folder: Path, repository: str) -> str:
    """A link to a file outside of docs/ as an address; any other as it is, and so one to a file that is not there."""
    target = Path(os.path.normpath(folder / link[1]))
    if target.is_relative_to(_DOCS) or not target.exists():
        return link[0]
    kind = "tree" if target.is_dir() else "blob"
    return f"]({repository}/{kind}/main/{target.relative_to(_ROOT).as_posix()}{link[2] or ''})"
