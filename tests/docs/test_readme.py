"""What the README shows is what happens, and what a package index shows of it leads somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from email import message_from_bytes
from pathlib import Path

import pytest
from hatchling.build import prepare_metadata_for_build_wheel

from ajsync.version import __version__
from tests.cli.launcher import launcher
from tests.cli.processes import DEADLINE_SECONDS
from tests.docs.pages import README, ROOT, blocks


def quick_start(page: Path) -> subprocess.CompletedProcess[str]:
    """The quick start of a page, done with this `ajsync` as `make dist` does it with a wheel."""
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "quick_start.py", "--page", page, "--bin", launcher().parent],
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_SECONDS,
    )


def test_the_quick_start_works_as_it_is_written() -> None:
    done = quick_start(README)
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.findall(r"^\$ (ajsync .*?)(?: &)?$", done.stdout, re.MULTILINE)
    page = [line for block in blocks(README, "sh", below="Quick start") for line in block.text.splitlines()]
    assert [*dict.fromkeys(shown)] == [*dict.fromkeys(line for line in page if line.startswith("ajsync "))]


@pytest.mark.parametrize(
    ("instead", "error"),
    [
        ("true", "It did not print 'Wrote ajsync.yaml'."),
        ("exit 9", "This ended with 9."),
        ("echo careful >&2", "It printed messages."),
    ],
)
def test_a_quick_start_that_breaks_its_promise_fails(tmp_path: Path, instead: str, error: str) -> None:
    page = tmp_path / "README.md"
    page.write_text(re.sub("^ajsync init .*", instead, README.read_text(), count=1, flags=re.MULTILINE))
    done = quick_start(page)
    assert (done.returncode, done.stderr) == (1, f"{error}\n"), done.stdout


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text that the package carries for the page of a package index."""
    folder = tmp_path_factory.mktemp("metadata")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        name = prepare_metadata_for_build_wheel(str(folder))
    payload = message_from_bytes((folder / name / "METADATA").read_bytes()).get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_a_package_index_gets_the_whole_readme(description: str) -> None:
    words = [re.sub(r"\]\([^)]*\)", "]", text).split() for text in (description, README.read_text())]
    assert words[0] == words[1]


def test_each_link_of_the_description_leads_to_a_file_of_this_version(description: str) -> None:
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)]*)\)", description)
    assert len(links) > 5
    for picture, link in links:
        assert re.match(r"https://|#", link)
        own = re.match(r"https://[\w.]+/OWNER/REPO/(.*)", link)
        if own:
            kind = "" if picture else "blob/"
            assert own[1].startswith(f"{kind}v{__version__}/")
            assert (ROOT / own[1].removeprefix(f"{kind}v{__version__}/").partition("#")[0]).exists(), link
    assert sum(link.startswith("https://raw.githubusercontent.com/OWNER/REPO/") for _, link in links) == 1


def test_what_is_to_be_installed_is_in_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = re.findall(
        r"^pip install '?([\w.]+)(?:\[(\w+)\])?( @ git\+https://\S+)?(?='|$|\s)", README.read_text(), re.M
    )
    assert {name for name, _, _ in told} == {project["name"], "."}
    assert {extra for _, extra, _ in told} - {""} == {"ics", "monitor", "server"}
    assert {address.partition("+")[2].rstrip("'") for _, _, address in told} == {"", project["urls"]["Repository"]}


def test_the_make_targets_exist() -> None:
    targets = re.findall(r"^make (\w+)", blocks(README, "sh", below="See it work")[0].text, re.MULTILINE)
    assert targets == ["demo", "test"]
    for target in targets:
        assert f"\n{target}: " in (ROOT / "Makefile").read_text()
