"""The same data as a table, as JSON and as YAML."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ajsync.cli.main import main
from ajsync.cli.output.data import encoded
from ajsync.config.document import parse_document
from tests.cli.commands.inspected import fill
from tests.nats_server import NatsServer

Run = Callable[..., str]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture
def run(tmp_path: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """What a command prints in a project: its `main`, in this process, since others start slowly."""
    fill(server.url)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gc, "disable", lambda: None)  # what a command may do to its process, and not to the tests'
    (tmp_path / "ajsync.yaml").write_text("owner: team\nfiles: ['a.yaml']\n")
    (tmp_path / "a.yaml").write_text("schedules: {NIGHTLY: {schedule: '@daily', task_type: a}}\n")

    def run(*arguments: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["ajsync", *arguments, "--server", server.url])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        assert ended.value.code == code, errors
        return errors if code else output

    return run


@given(DOCUMENTS)
def test_yaml_and_json_of_a_document_say_the_same_and_nothing_that_moves_a_cursor(document: Any) -> None:
    for output, read in (("json", json.loads), ("yaml", yaml.safe_load)):
        text = encoded(output, document)
        assert text.replace("\n", "").isprintable()
        assert read(text) == document


def test_yaml_is_read_alike_by_yaml_1_1_and_1_2() -> None:
    words = ["on", "no", "y", "0o17", "1e3", "22:30", "2026-11-23", "~", "null", "0x1f", ""]
    text = encoded("yaml", {"words": words})
    assert yaml.safe_load(text) == {"words": words}
    document = parse_document(text.encode(), "text", [])
    assert document is not None
    assert document.value == {"words": words}


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "list --names",
        "view TICK",
        "next NIGHTLY --from 2027-10-31",
        "timeline --from 2027-10-31",
        "history TICK",
        "info",
        "lint --herd 100",
    ],
)
def test_every_command_that_shows_data_shows_it_in_both_ways(run: Run, command: str) -> None:
    as_json = run(*command.split(), "-o", "json")
    assert yaml.safe_load(run(*command.split(), "--output", "yaml")) == json.loads(as_json)
    if not command.startswith("lint"):
        assert run(*command.split(), "--json") == as_json
    table = run(*command.split(), "-o", "table")
    assert table != as_json


def test_the_plan_is_data_too(run: Run) -> None:
    as_json = json.loads(run("plan", "-o", "json", "--allow-deletes", "9"))
    as_yaml = yaml.safe_load(run("plan", "-o", "yaml", "--allow-deletes", "9"))
    assert {**as_yaml, "now": ""} == {**as_json, "now": ""}
    assert run("plan", "-o", "table", "--allow-deletes", "9").rstrip().endswith("unchanged.")
    assert run("plan", "--format", "text", "--allow-deletes", "9").rstrip().endswith("unchanged.")


def test_a_task_that_was_made_is_data_too(run: Run) -> None:
    assert yaml.safe_load(run("run", "TICK", "-o", "yaml"))["queue"] == "EMAIL"


def test_two_ways_at_once_are_refused(run: Run) -> None:
    assert "cannot be combined with -o yaml" in run("list", "--json", "-o", "yaml", code=64)
    assert "'table', 'json', 'yaml'" in run("list", "-o", "xml", code=64)
