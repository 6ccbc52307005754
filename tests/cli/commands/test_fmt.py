"""`ajsync fmt` as a user and a build machine run it."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from ajsync.files import rewrite
from tests.cli.processes import ajsync

UNTIDY = "schedules:\n    A:\n        task_type: t # why\n        schedule: daily"
TIDY = "schedules:\n  A:\n    schedule: daily\n    task_type: t # why\n"


@pytest.fixture
def project(project: Path) -> Path:
    """A project with a file that is not formatted and one that is."""
    (project / "schedules" / "a.yaml").write_text(UNTIDY)
    (project / "schedules" / "b.yaml").write_text("schedules: {}\n")
    return project


def fmt(project: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = ajsync(project, "fmt", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def content(project: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in project.rglob("*") if path.is_file()}


def test_every_file_of_the_project_is_formatted_and_named(project: Path) -> None:
    (project / "ajsync.yaml").write_text("context: c\nowner: team\n")
    assert fmt(project).stdout == "Formatted ajsync.yaml.\nFormatted schedules/a.yaml.\n"
    assert content(project) == {
        "ajsync.yaml": "owner: team\ncontext: c\n",
        "a.yaml": TIDY,
        "b.yaml": "schedules: {}\n",
    }
    assert fmt(project).stdout == "3 files are formatted.\n"


def test_only_the_files_that_are_named_are_formatted(project: Path) -> None:
    assert fmt(project, "schedules/b.yaml").stdout == "1 file is formatted.\n"
    assert fmt(project / "schedules", "a.yaml", "./a.yaml").stdout == "Formatted a.yaml.\n"
    assert content(project)["a.yaml"] == TIDY


def test_a_check_changes_nothing_and_ends_with_2_if_something_would_change(project: Path) -> None:
    before = content(project)
    done = fmt(project, "--check", code=2)
    assert done.stdout == "schedules/a.yaml is not formatted.\n"
    assert done.stderr == "1 of 3 files is not formatted. 'ajsync fmt' does it.\n"
    assert content(project) == before
    fmt(project, "--check", "schedules/b.yaml")
    fmt(project)
    assert fmt(project, "--check").stdout == "3 files are formatted.\n"


def test_a_diff_changes_nothing_and_can_be_applied(project: Path) -> None:
    before = content(project)
    done = fmt(project, "--diff")
    assert done.stdout.startswith("--- a/schedules/a.yaml\n+++ b/schedules/a.yaml\n@@ -1,4 +1,4 @@\n schedules:\n")
    assert "\\ No newline at end of file\n" in done.stdout
    assert content(project) == before
    assert fmt(project, "--diff", "--check", code=2).stdout == done.stdout
    subprocess.run(["git", "apply", "-"], cwd=project, input=done.stdout, text=True, check=True)
    assert content(project)["a.yaml"] == TIDY


def test_a_program_gets_a_document(project: Path) -> None:
    diff = fmt(project, "--diff").stdout
    found = json.loads(fmt(project, "-o", "json", "--check", code=2).stdout)
    assert found == {
        "files": [
            {"file": "ajsync.yaml", "formatted": True},
            {"file": "schedules/a.yaml", "formatted": False},
            {"file": "schedules/b.yaml", "formatted": True},
        ]
    }
    found = json.loads(fmt(project, "--json", "--diff").stdout)
    assert [each["diff"] for each in found["files"]] == ["", diff, ""]
    fmt(project, "-o", "yaml", "schedules/a.yaml")
    assert content(project)["a.yaml"] == TIDY


def test_a_diff_shows_nothing_that_steers_a_terminal(project: Path) -> None:
    (project / "schedules" / "a.yaml").write_text(f"{UNTIDY}   # \u202eodd ##[error]\n")
    done = fmt(project, "--diff")
    assert "\u202e" not in done.stdout
    assert "##[" not in done.stdout
    assert "\\u202eodd" in done.stdout


def test_nothing_is_written_if_one_file_is_not_valid(project: Path) -> None:
    (project / "schedules" / "b.yaml").write_text("schedules: {A: [}\n")
    before = content(project)
    done = fmt(project, code=3)
    assert done.stderr.startswith("schedules/b.yaml:1:17: not valid YAML")
    assert content(project) == before
    assert fmt(project, "ajsync.yaml", "schedules/none.yaml", "schedules", code=3).stderr.splitlines() == [
        "Error: schedules: cannot be read: Is a directory; name a readable file",
        "schedules/none.yaml: cannot be read: No such file or directory; name a readable file",
    ]


def test_placeholders_and_mistakes_in_values_are_no_reason_not_to_format(project: Path) -> None:
    (project / "ajsync.yaml").write_text("defaults: {deadline: soon, queue: '${q}'}\nowner: team\n")
    (project / "schedules" / "a.yaml").write_text("schedules: {A: {max_tries: '${tries}', schedule: never}}\n")
    fmt(project)
    assert content(project)["ajsync.yaml"] == "owner: team\ndefaults: {queue: '${q}', deadline: soon}\n"
    assert content(project)["a.yaml"] == "schedules: {A: {schedule: never, max_tries: '${tries}'}}\n"


def test_nothing_is_written_through_a_link(project: Path, tmp_path: Path) -> None:
    (project / "more").mkdir()
    (project / "more" / "c.yaml").write_text(UNTIDY.replace("A", "C"))
    (project / "schedules" / "a.yaml").unlink()
    for link, target in (("file.yaml", "../more/c.yaml"), ("folder", "../more")):
        (project / "schedules" / link).symlink_to(target)
        before = content(project)
        done = fmt(project, code=1)
        assert "cannot be written: there is a symbolic link in its path" in done.stderr
        assert content(project) == before
        fmt(project, "--check", code=2)
        (project / "schedules" / link).unlink()
    (tmp_path / "d.yaml").write_text(UNTIDY)
    (project / "d.yaml").symlink_to(tmp_path / "d.yaml")
    for outside in ("d.yaml", "../d.yaml", str(tmp_path / "d.yaml")):
        assert "leads out of the project's folder" in fmt(project, outside, code=3).stderr
    assert (tmp_path / "d.yaml").read_text() == UNTIDY


def test_a_project_behind_a_link_is_formatted(project: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project)
    fmt(tmp_path, "-c", "link/ajsync.yaml")
    assert content(project)["a.yaml"] == TIDY


def test_a_file_keeps_its_mode_and_one_that_must_not_be_written_stays(project: Path) -> None:
    path = project / "schedules" / "a.yaml"
    path.chmod(0o640)
    fmt(project)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(each.name for each in path.parent.iterdir()) == ["a.yaml", "b.yaml"]
    if os.geteuid():
        path.write_text(UNTIDY)
        path.chmod(0o440)
        assert "schedules/a.yaml cannot be written: Permission denied." in fmt(project, code=1).stderr
        assert path.read_text() == UNTIDY


def test_what_somebody_has_written_in_between_is_not_lost(project: Path) -> None:
    path = project / "schedules" / "a.yaml"
    for other in (b"schedules: {}\n", UNTIDY.encode() + b"\n", b""):
        path.write_bytes(other)
        with pytest.raises(OSError, match="has changed since it was read"):
            rewrite(path, UNTIDY.encode(), b"new", project)
        assert path.read_bytes() == other
    assert len([*path.parent.iterdir()]) == 2


def test_a_link_that_takes_the_place_of_a_file_is_not_followed(project: Path, tmp_path: Path) -> None:
    path = project / "schedules" / "a.yaml"
    path.rename(tmp_path / "a.yaml")
    path.symlink_to(tmp_path / "a.yaml")
    with pytest.raises(OSError, match="symbolic link"):
        rewrite(path, UNTIDY.encode(), b"new", project)
    assert path.is_symlink()
    assert path.read_text() == UNTIDY


def test_words_of_other_tools_are_answered(project: Path) -> None:
    assert re.search(r"Did you mean '.*ajsync fmt'", ajsync(project, "format").stderr)
    assert "Did you mean --check?" in ajsync(project, "fmt", "-check").stderr


def test_what_init_writes_is_formatted(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    assert ajsync(folder, "init", "--context", "nats-prod").returncode == 0
    assert fmt(folder, "--check").stdout == "2 files are formatted.\n"
