"""Whatever a page shows is valid: files, command lines, links; and the CI recipes run."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.cli.commands import COMMANDS
from ajsync.cli.main import cli
from ajsync.config import load_configuration
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from tests.cli.processes import DEADLINE_SECONDS
from tests.conftest import StartServer
from tests.docs.pages import DOCS, PAGES, ROOT, Block, blocks, headings
from tests.docs.users import PASSWORD, PASSWORD_VARIABLES, authorization

PLAN_PAGE = DOCS / "plan-and-apply.md"
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
    recipes = blocks(PLAN_PAGE, "yaml", below="CI")
    assert len(recipes) == 2
    assert {*map(str, YAML)} == {*map(str, files_of("schedules")), *map(str, files_of("owner")), *map(str, recipes)}


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


OPTIONS_OF_OTHERS = frozenset(("--help", "--payload"))


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


@pytest.fixture
def repository(tmp_path: Path, start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository as the recipes want it: schedules; and beside it a context for each user."""
    for variable in (*PASSWORD_VARIABLES, "NATS_PASSWORD"):
        monkeypatch.setenv(variable, PASSWORD)
    server = start_server(authorization())
    folder = tmp_path / "repository"
    (folder / "schedules").mkdir(parents=True)
    (folder / "ajsync.yaml").write_text("owner: team\n")
    (folder / "schedules" / "a.yaml").write_text("schedules: {A: {schedule: daily, task_type: x}}\n")
    (shown,) = blocks(PLAN_PAGE, "json", below="CI")
    contexts = tmp_path / "contexts"
    contexts.mkdir()
    for name in ("plan", "apply"):
        text = shown.text.replace("ajsync-plan", f"ajsync-{name}").replace("ajsync_plan", f"ajsync_{name}")
        (contexts / name).write_text(json.dumps({**json.loads(text), "url": server.url}))
    admin = context_for_server(server.url.replace("://", f"://admin:{PASSWORD}@"))

    async def prepare() -> None:
        async with connect(admin) as connection:
            await ConfigurationBucket.create(connection)

    asyncio.run(prepare())
    return folder


def job(folder: Path, scripts: Sequence[str], user: str) -> str:
    """Run the scripts of a job with the context of a user, the way that GitHub and GitLab pass it; what they print."""
    context = folder.parent / "contexts" / user
    temp = folder.parent / f"temp-{user}"
    temp.mkdir(exist_ok=True)
    variables = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ENV": str(temp / "env"),
        "GITHUB_STEP_SUMMARY": "summary.md",
        "RUNNER_TEMP": str(temp),
        "TMPDIR": str(temp),
        "NATS_CONTEXT": context.read_text(),
    }
    output = ""
    for script in scripts:
        output += step(folder, script, **variables)
        if (temp / "env").exists():
            variables |= dict(line.split("=", 1) for line in (temp / "env").read_text().splitlines())
    return output


def step(folder: Path, script: str, **variables: str) -> str:
    """Run a step of a job; its output."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without_installation(scripts: Sequence[str]) -> list[str]:
    return [script for script in scripts if not script.startswith("pip install")]


def test_the_recipe_for_github_plans_and_applies(repository: Path) -> None:
    (recipe,) = blocks(PLAN_PAGE, "yaml", below="GitHub Actions")
    workflow: dict[str, Any] = yaml.safe_load(recipe.text)
    steps = {
        name: without_installation([each["run"] for each in workflow["jobs"][name]["steps"] if "run" in each])
        for name in ("plan", "apply")
    }
    assert "::notice file=schedules/a.yaml,line=1" in job(repository, steps["plan"], "plan")
    assert (repository / "summary.md").read_text().startswith("<!-- ajsync plan team -->\n### ajsync plan for `team`")
    assert "Applied: 1 created." in job(repository, steps["apply"], "apply")
    again = [steps["plan"][0], "ajsync plan --detailed-exitcode --context nats-prod"]
    assert "No changes:" in job(repository, again, "plan")


def test_the_recipe_for_gitlab_applies_the_plan_that_it_saved(repository: Path) -> None:
    (recipe,) = blocks(PLAN_PAGE, "yaml", below="GitLab")
    jobs: dict[str, Any] = yaml.safe_load(recipe.text)
    before = without_installation(jobs["default"]["before_script"])

    def run(name: str, user: str) -> str:
        script = "\n".join([*before, *jobs[name]["script"]])
        context = {"NATS_CONTEXT": str(repository.parent / "contexts" / user), "GITLAB_CI": "true"}
        return step(repository, script, TMPDIR=str(repository.parent), **context)

    for name in ("merge-request", "plan"):
        assert "Plan: 1 to create" in run(name, "plan")
    assert jobs["plan"]["artifacts"]["paths"] == ["change.plan"]
    assert "Applied: 1 created." in run("apply", "apply")


def test_the_pages_name_no_machine_and_no_registry() -> None:
    for page in PAGES:
        for url in re.findall(r"\w+://[^\s)\"'>]+", page.read_text()):
            host = re.sub(r"^\w+://|[/:`].*$", "", url)
            assert host in ALLOWED_HOSTS or url.startswith("env://"), url
    assert not [page for page in PAGES if str(ROOT) in page.read_text()]


ALLOWED_HOSTS = frozenset(
    (
        "github.com",
        "www.contributor-covenant.org",
        "keepachangelog.com",
        "semver.org",
        "nats.example.net",
        "127.0.0.1",
        "…",
    )
)
