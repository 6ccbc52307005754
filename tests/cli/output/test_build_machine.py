"""What is printed is read by build machines: no line of it is a command of theirs, unless we wrote it as one."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from ajsync.cli.output.build_machine import guard_output, print_commands
from ajsync.cli.output.data import encoded
from ajsync.config.emit import emit
from tests.cli.processes import ajsync

PIECES = st.lists(
    st.sampled_from(
        ["::", ":", "#", "##", "##[", "[", "vso[", "\r", "\n", " ", "\t", "\u00a0", "x" * 50, " " * 50, "é"]
    )
    | st.text(max_size=5),
    max_size=12,
)


def commands(printed: str) -> list[str]:
    """What a build machine takes for commands: GitHub's runner, Azure's, and that of TeamCity."""
    lines = re.split(r"\r\n|\r|\n", printed)
    return [line for line in lines if line.strip().startswith("::") or re.search(r"##\w*\[", line)]


class Terminal(io.TextIOWrapper):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(
    pieces: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    encoding: str = "utf-8",
    stream: type[io.TextIOWrapper] = io.TextIOWrapper,
) -> str:
    """What comes out of a guarded standard output; by default it is no terminal."""
    taken = io.BytesIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream(taken, encoding, "backslashreplace", newline="", write_through=True))
        patch.setattr(sys, "stderr", io.StringIO())
        guard_output()
        for piece in pieces:
            if encoding == "ascii":
                sys.stdout.buffer.write(piece.encode("utf-8", "backslashreplace"))
            else:
                sys.stdout.write(piece)
        return taken.getvalue().decode("utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@given(pieces=PIECES)
@example(pieces=[" " * 100, ":", ":error::x"])
@example(pieces=["x" * 100, "::y"])
@example(pieces=["#", "#", "w", "[", "x]"])
@example(pieces=["a\r", "::error::x"])
@example(pieces=["##", "x" * 50, "["])
@example(pieces=["##", "é", "["])
def test_no_line_is_a_command_however_it_is_written(encoding: str, pieces: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        found = printed(pieces, monkeypatch, encoding=encoding)
        assert commands(found) == []
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", found)
        whole = "".join(pieces)
        if encoding == "utf-8" and whole.replace("\n", "").isprintable() and not commands(whole):
            assert found == whole  # what is none stays as it is


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@pytest.mark.parametrize(
    "pieces",
    [
        ["\ufeff::error::x"],
        ["a\n\u200b ::error::x"],
        [":\u200b:error::x"],
        [" :\u200b:error x"],
        ["a é\n\u00ad:\u200b:error x"],
        ["\u00ad" * 100, ":", "\u2060", ":error::x"],
        ["\u2028::error::x"],
        ["\u0085::error::x"],
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_hides_no_command(
    monkeypatch: pytest.MonkeyPatch, encoding: str, pieces: list[str]
) -> None:
    found = printed(pieces, monkeypatch, encoding=encoding)
    assert "error" in found
    seen = re.sub("[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff]", "", found)
    assert commands(seen) == []


def test_a_carriage_return_hides_no_command_from_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = printed(["a é\r :\u200b:error x"], monkeypatch, stream=Terminal)
    assert commands(found.replace("\u200b", "")) == []
    assert "\r" in found


def test_our_own_commands_pass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    guard_output()
    print_commands("::error title=x::y\n::notice::z")
    print("::error::w")
    assert commands(capsys.readouterr().out) == ["::error title=x::y", "::notice::z"]


@given(text=PIECES.map("".join))
@example(text=":\n")
@example(text="a\n  ::error::x\nb ##vso[task.setvariable variable=x]y")
def test_data_says_the_same_however_it_is_guarded(text: str) -> None:
    document = {"payload": text, "list": [text, {"x": text}]}
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert json.loads(printed([encoded("json", document)], monkeypatch)) == document
        # As a command prints it: with a line end behind it, without which a block at the end has none.
        assert yaml.safe_load(printed([encoded("yaml", document), "\n"], monkeypatch)) == document
        assert yaml.safe_load(printed([emit(document)], monkeypatch)) == document


HOSTILE = "::add-mask::x"


@pytest.mark.parametrize(
    "arguments",
    [
        ("validate",),
        ("validate", "--config", f"{HOSTILE}\n{HOSTILE}"),
        ("validate", "--environment", f"\n{HOSTILE}"),
        ("plan", "--server", "nats://127.0.0.1:1", "--timeout", f"\n{HOSTILE}"),
        ("plan", "--out", f"\r{HOSTILE}/x", "--server", "nats://127.0.0.1:1", "--debug"),
        ("lint", "--rule", f"\n{HOSTILE}"),
        ("next", "--files", "--from", f"\n{HOSTILE}"),
        (f"\n{HOSTILE}",),
        ("export", "-o", f"\n{HOSTILE}"),
    ],
    ids=lambda arguments: " ".join(arguments).split("\n")[0].strip(),
)
def test_no_command_prints_one_for_the_name_of_a_file_a_key_or_an_option(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "ajsync.yaml").write_text(f"owner: team\nfiles: ['{HOSTILE}.yaml']\n'{HOSTILE}': 1\n")
    (tmp_path / f"{HOSTILE}.yaml").write_text(
        f'schedules: {{"\\n{HOSTILE}": {{schedule: "@dayly"}}, "x\\r{HOSTILE}": 1, "##[add-mask]": 2}}\n'
    )
    done = ajsync(tmp_path, *arguments, GITHUB_ACTIONS="true")
    assert done.returncode != 0
    assert done.stderr
    assert commands(done.stdout + done.stderr) == []


def test_an_annotation_names_a_file_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "ajsync.yaml").write_text(f"owner: team\nfiles: ['{HOSTILE}.yaml']\n")
    (tmp_path / f"{HOSTILE}.yaml").write_text('schedules: {"\\n::error::x": {schedule: "@dayly"}}\n')
    for command in ("validate", "lint"):
        done = ajsync(tmp_path, command, "--format", "github", GITHUB_ACTIONS="true")
        assert done.returncode == 3
        found = commands(done.stdout + done.stderr)
        assert found
        assert all(line.startswith("::error file=") for line in found), found
