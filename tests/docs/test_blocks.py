"""Whatever a page shows is valid: files, command lines, links."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ajsync.cli.commands import COMMANDS
from ajsync.cli.main import cli
from ajsync.config import load_configuration
from tests.docs.pages import PAGES, ROOT, Block, blocks, headings

YAML = [block for page in PAGES for block in blocks(page, "yaml")]
COMMAND = re.compile(r"^ *(?:\$ |- |run: |.*&& )?(ajsync [a-z][^;&|>#\n]*)", re.MULTILINE)
"""In a block; what a shell makes of the rest of the line is not looked at."""


def files_of(language: str) -> list[Block]:
    """The blocks that are a schedules file or an `ajsync.yaml`."""
    return [block for block in YAML if re.search(rf"^{language}:", block.text, re.MULTILINE)]


@pytest.mark.parametrize("block", files_of("schedules"), ids=str)
def test_every_schedules_file_of_a_page_is_valid(block: Block, tmp_path: Path) -> None:
    variables = "variables: {stage: PROD, tries: 5, paused: false}"
    project = f"owner: team\nfiles: [a.yaml]\nenvironments: {{prod: {{{variables}}}}}\n"
    (tmp_path / "ajsync.yaml").write_text(f"{project}calendars: {{holidays: [2026-12-25]}}\n")
    (tmp_path / "a.yaml").write_text(block.text)
    configuration = load_configuration(tmp_path, environment="prod")
    assert configuration.tasks


@pytest.mark.parametrize("block", files_of("owner"), ids=str)
def test_every_project_file_of_a_page_is_valid(block: Block, tmp_path: Path) -> None:
    (tmp_path / "ajsync.yaml").write_text(block.text)
    shutil.copytree(ROOT / "examples" / "calendars" / "calendars", tmp_path / "calendars")
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules" / "a.yaml").write_text("schedules: {}\n")
    for environment in ("dev", "prod") if "environments:" in block.text else (None,):
        load_configuration(tmp_path, environment=environment)


def test_every_yaml_block_of_a_page_is_checked() -> None:
    assert {*map(str, YAML)} == {*map(str, files_of("schedules")), *map(str, files_of("owner"))}


def command_lines() -> Iterator[tuple[Path, str]]:
    """The command lines in the blocks of all pages and in their text."""
    for page in PAGES:
        shown = [block.text for language in ("sh", "yaml", "console", "text") for block in blocks(page, language)]
        lines = [line for text in shown for line in COMMAND.findall(text)]
        for line in lines + re.findall(r"`(ajsync [a-z][^`]*)`", page.read_text()):
            yield page, " ".join(line.split())


def test_every_command_line_of_a_page_is_one_that_ajsync_takes() -> None:
    lines = [*command_lines()]
    assert len(lines) > 50
    for page, line in lines:
        name, *arguments = shlex.split(re.sub(r"\$\([^)]*\)", "X", line))[1:]
        with click.Context(cli) as context:
            command = cli.get_command(context, name)
            assert command is not None, (page, line)
            if arguments:  # else it is the name of the command and no more
                command.make_context(name, arguments, parent=context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_a_page_exists(page: Path) -> None:
    with click.Context(cli) as context:
        commands = [cli.get_command(context, name) for name in COMMANDS]
    known = {option for command in commands if command for parameter in command.params for option in parameter.opts}
    named = set(re.findall(r"`[^`\n]*?(--[a-z-]+)[^`\n]*`", page.read_text()))
    assert named - known - OPTIONS_OF_OTHERS == set()


OPTIONS_OF_OTHERS = frozenset(("--help", "--payload", "--write"))
"""Of every command, of the Go tool, and of the bench."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text()):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        linked = (page.parent / file) if file else page
        assert linked.exists(), target
        if anchor:
            assert anchor in {slug(heading) for heading in headings(linked)}, target


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_with_a_table_of_contents_lists_its_sections(page: Path) -> None:
    text = page.read_text()
    listed = re.findall(r"^- \[[^\]]+\]\(#([^)]+)\)$", text, re.MULTILINE)
    sections = [slug(heading) for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)]
    assert listed in ([], sections)


def test_the_pages_name_no_machine_and_no_registry() -> None:
    for page in PAGES:
        for url in re.findall(r"\w+://[^\s)\"'>]+", page.read_text()):
            host = re.sub(r"^\w+://|[/:`].*$", "", url)
            assert host in ALLOWED_HOSTS or url.startswith("env://"), url
    assert not [page for page in PAGES if str(ROOT) in page.read_text()]


ALLOWED_HOSTS = frozenset(
    (
        "github.com",
        "ghcr.io",
        "www.contributor-covenant.org",
        "keepachangelog.com",
        "semver.org",
        "nats.example.net",
        "127.0.0.1",
        "…",
    )
)
