"""What a shell offers behind TAB: asked as the shells' scripts ask, and in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ajsync.inspect.rules import RULES
from tests.cli.commands.inspected import fill
from tests.cli.processes import DEADLINE_SECONDS, ajsync, silent_server
from tests.cli.terminals import Terminal
from tests.nats_server import NatsServer
from tests.values import put_values

Offered = Callable[[str], list[str]]


@pytest.fixture
def project(project: Path) -> Path:
    """A project with two environments."""
    (project / "ajsync.yaml").write_text("owner: team\nenvironments: {prod: {}, staging: {}}\n")
    (project / "schedules" / "a.yaml").write_text("schedules: {ONLY_IN_FILES: {schedule: '@daily', task_type: a}}\n")
    return project


@pytest.fixture
def offered(project: Path) -> Offered:
    """What is offered for the last word of a line."""

    def offered(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
        done = ajsync(project, _AJSYNC_COMPLETE="bash_complete", **words)
        assert done.stderr == ""
        return [item.removeprefix("plain,") for item in done.stdout.split()]

    return offered


@pytest.fixture
def context(server: NatsServer, home: Path) -> str:
    """The name of a context, in whose bucket NEVER, NIGHTLY and TICK are, and a value that is no schedule."""
    fill(server.url)
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "one.json").write_text(f'{{"url": "{server.url}"}}')
    (contexts / "other.json").write_text("{}")
    assert ajsync(home, "delete", "LOST", "--owner", "team", "--force", "--context", "one").returncode == 0
    return "one"


def test_commands_are_offered_under_their_own_names(offered: Offered) -> None:
    assert offered("ajsync pl") == ["plan"]
    assert offered("ajsync li") == ["lint", "list"]
    assert offered("ajsync task cron vi") == ["view"]


def test_options_and_their_choices_are_offered(offered: Offered) -> None:
    assert offered("ajsync list --na") == ["--name", "--names"]
    assert offered("ajsync list -o ") == ["table", "json", "yaml"]
    assert offered("ajsync --qu") == ["--quiet"]


def test_a_command_is_completed_without_importing_any(project: Path) -> None:
    script = "import sys; from ajsync.cli.main import cli; from click.shell_completion import BashComplete as B;"
    script += "B(cli, {}, 'ajsync', 'X').get_completions([], 'pl');"
    script += (
        "print(*(name for name in sys.modules if name in ('nats', 'yaml', 'asyncio', 'ajsync.cli.commands.plan')))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_schedules_of_the_bucket_are_offered_where_one_is_asked_for(offered: Offered, context: str) -> None:
    for command in ("view", "run", "export", "task cron rm"):
        assert offered(f"ajsync {command} --context {context} N") == ["NEVER", "NIGHTLY"], command
    assert offered(f"ajsync --context {context} view T") == ["TICK"]
    assert offered(f"ajsync delete --context {context} B") == ["BAD", "BROKEN"]
    assert offered(f"ajsync view --context {context} L") == []  # it was deleted
    assert offered(f"ajsync next NEVER --context {context} N") == ["NIGHTLY"]
    assert offered(f"ajsync add --context {context} T") == []
    assert offered("ajsync next --files O") == ["ONLY_IN_FILES"]


def test_contexts_are_offered_from_disk_and_environments_from_the_project(offered: Offered, context: str) -> None:
    assert offered("ajsync list --context o") == ["one", "other"]
    assert offered("ajsync --context on") == ["one"]
    assert offered("ajsync plan --environment ") == ["prod", "staging"]
    assert offered("ajsync plan -e p") == ["prod"]


def test_time_zones_and_rules_are_offered(offered: Offered) -> None:
    for command in ("next", "timeline", "history A", "add A @daily b", "task cron add A @daily b"):
        assert offered(f"ajsync {command} --timezone Europe/Ma") == [
            "Europe/Madrid",
            "Europe/Malta",
            "Europe/Mariehamn",
        ]
    assert offered("ajsync lint --rule never") == ["never-fires"]
    assert offered("ajsync lint --ignore leap-day-only --ignore ") == [
        rule.name for rule in RULES if rule.name != "leap-day-only"
    ]


def test_a_name_that_a_shell_would_run_or_a_command_take_for_an_option_is_not_offered(
    offered: Offered, project: Path, context: str, server: NatsServer
) -> None:
    names = ["$(id)", "`id`", "A;id", "A&id", "A|id", "A'B", 'A"B', "-rf", "--force", "\x1b[31m", "\u202eA", "GOOD"]
    put_values(server.url, dict.fromkeys(names, b"{}"))
    everything = offered(f"ajsync view --context {context} ")
    assert everything == ["BAD", "BROKEN", "EVIL", "GOOD", "NEVER", "NIGHTLY", "TICK"]
    (project / "ajsync.yaml").write_text("owner: team\nenvironments: {'$(id)': {}, '-x': {}, prod: {}}\n")
    assert offered("ajsync plan -e ") == ["prod"]


def test_nothing_is_offered_and_nothing_said_where_something_is_wrong(
    offered: Offered, project: Path, context: str
) -> None:
    assert offered("ajsync view --context nosuch T") == []
    assert offered("ajsync view --server nats://127.0.0.1:1 T") == []
    (project / "ajsync.yaml").write_text("owner: [\n")
    assert offered(f"ajsync view --context {context} T") == []
    assert offered("ajsync plan -e p") == []


def test_a_server_that_does_not_answer_keeps_nobody_waiting(offered: Offered) -> None:
    with silent_server() as url:
        start = time.monotonic()
        assert offered(f"ajsync view --server {url} --timeout 1h T") == []
        assert time.monotonic() - start < DEADLINE_SECONDS / 2


@pytest.mark.parametrize(
    ("name", "start"), [("bash --norc", ""), ("zsh -f", "autoload -U compinit; compinit -u -D; ")], ids=["bash", "zsh"]
)
def test_a_shell_completes(project: Path, context: str, name: str, start: str) -> None:
    shell, option = name.split()
    terminal = Terminal(program(shell), option, "-i", folder=project, environment=with_ajsync())
    terminal.type(f"{start}source <(ajsync completion {shell}); echo re''ady\n")
    terminal.wait_for("ready\r\n")
    terminal.type("ajsync val\t--help\n")
    terminal.wait_for("Usage: ajsync validate")
    terminal.type(f"ajsync view --context {context} TI\t--no-pager\n")
    terminal.wait_for("Scheduled Task TICK created")
    terminal.type("exit\n")
    terminal.end()


def test_fish_completes(project: Path, context: str) -> None:
    lines = ["ajsync completion fish | source", "complete -C 'ajsync val'"]
    lines.append(f"complete -C 'ajsync view --context {context} TI'")
    done = subprocess.run(
        [program("fish"), "--no-config", "-c", "; ".join(lines)],
        cwd=project,
        env={**os.environ, **with_ajsync()},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
    )
    assert done.stdout == "validate\tCheck the files, without a server.\nTICK\n", done.stderr


def with_ajsync() -> dict[str, str]:
    """An environment in which a shell finds the command."""
    return {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def program(name: str) -> str:
    """A shell, if it is installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found
