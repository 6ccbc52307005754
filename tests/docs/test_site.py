"""The site of the pages is built strictly, and needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.draw.diagrams import BLOCK, FOLDER, diagrams, title_of
from tests.cli.processes import DEADLINE_SECONDS
from tests.docs.pages import DOCS, ROOT

pytest.importorskip("mkdocs")

REPOSITORY = "https://github.com/OWNER/REPO"


def build(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", folder / "site", *options],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make site` builds it, where every link has to lead somewhere."""
    folder = tmp_path_factory.mktemp("site")
    done = build(folder)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def page_of(site: Path, page: Path) -> Path:
    """The file of the site that a page of docs/ has become."""
    name = page.relative_to(DOCS)
    return site / (name.parent if name.name in ("index.md", "README.md") else name.with_suffix("")) / "index.html"


def test_every_page_is_in_the_site(site: Path) -> None:
    assert [page for page in DOCS.rglob("*.md") if not page_of(site, page).exists()] == []


def test_a_reader_gets_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        loaded = re.findall(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="?([^" >]+)', text)
        loaded += re.findall(r'<link\b[^>]*\bhref="?([^" >]+)', text)
        assert [each for each in loaded if "//" in each] == [], page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//|@import", style.read_text()), style


def test_a_link_out_of_the_pages_leads_to_the_repository(site: Path) -> None:
    for page in DOCS.rglob("*.md"):
        for target, anchor in re.findall(r"\]\(((?:\.\./)+[^)#]+)(#[^)]*)?\)", page.read_text()):
            file = (page.parent / target).resolve()
            if not file.is_relative_to(DOCS):
                kind = "tree" if file.is_dir() else "blob"
                link = f'href="{REPOSITORY}/{kind}/main/{file.relative_to(ROOT)}{anchor}"'
                assert link in page_of(site, page).read_text(), (page, target)


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    configuration = tmp_path / "mkdocs.yml"
    text = re.sub(r"\nnav:.*", "\nnot_in_nav: '*.md'\n", (ROOT / "mkdocs.yml").read_text(), flags=re.DOTALL)
    text = text.replace("docs_dir: docs", f"docs_dir: {tmp_path / 'docs'}").replace("[docs/site", f"[{DOCS}/site")
    configuration.write_text(re.sub(r"\nnot_in_nav: /.*", "", text))
    pages = tmp_path / "docs"
    pages.mkdir()
    links = ("[a](other.md)", "[a](#nothing)", "[a](../NOTHING.md)")
    for number, link in enumerate(links):
        (pages / f"page-{number}.md").write_text(f"# A page\n\n{link}\n")
    failed = build(tmp_path, "--config-file", str(configuration))
    assert failed.returncode != 0
    assert set(re.findall(r"WARNING.*\bpage-(\d)\.md", failed.stderr)) == {"0", "1", "2"}, failed.stderr
    for page in pages.iterdir():
        page.write_text("# A page\n\n[a](#a-page)\n")
    assert build(tmp_path, "--config-file", str(configuration)).returncode == 0


def test_every_diagram_has_its_picture_and_says_what_it_shows(site: Path) -> None:
    assert {*diagrams()} == {*FOLDER.glob("*.svg")}, "run `make docs`"
    for page in DOCS.rglob("*.md"):
        html = page_of(site, page).read_text()
        for text in BLOCK.findall(page.read_text()):
            assert title_of(text)
            assert f'alt="{title_of(text)}"' in html


def test_a_page_shows_its_list_of_sections_only_beside_it(site: Path) -> None:
    html = page_of(site, DOCS / "monitoring.md").read_text()
    article = html[html.index("<article") : html.index("</article>")]
    assert 'href="#metrics"' not in article.replace('headerlink" href="#metrics"', "")
