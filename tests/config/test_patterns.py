"""A pattern of `files` matches something, or says that it need not: what it held would be deleted in silence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ajsync.config import load_configuration
from ajsync.errors import ConfigurationError
from tests.config.projects import HEAD, problems, write

EMPTY = "schedules: {}\n"
NO_FILE = "matches no file; add a file, even if it only contains `schedules: {}`, "
REMEDY = "remove the pattern, or allow it to match nothing: "


def fails(folder: Path, files: str) -> list[str]:
    write(folder, {"ajsync.yaml": f"owner: team\n{files}\n"})
    with pytest.raises(ConfigurationError) as error:
        load_configuration(folder)
    return str(error.value).split("\n")


def test_each_pattern_that_matches_nothing_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/a.yaml": HEAD, "b/x.txt": ""})
    assert fails(
        tmp_path, "files: [schedules/*.yaml, c.yaml, 'b/*.yaml', {match: 'b/**/y.yaml', optional: false}]"
    ) == [
        f'ajsync.yaml:2:27: the pattern "c.yaml" {NO_FILE}{REMEDY}{{match: "c.yaml", optional: true}}',
        f'ajsync.yaml:2:35: the pattern "b/*.yaml" {NO_FILE}{REMEDY}{{match: "b/*.yaml", optional: true}}',
        f'ajsync.yaml:2:55: the pattern "b/**/y.yaml" {NO_FILE}{REMEDY}{{match: "b/**/y.yaml", optional: true}}',
    ]


def test_the_only_pattern_is_told_as_one_of_several_is(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/x.txt": ""})
    assert fails(tmp_path, "") == [f'ajsync.yaml:1:1: the pattern "schedules/**/*.yaml" {NO_FILE}or set `files`']
    (line,) = fails(tmp_path, "files: [schedules/*.yaml]")
    assert line.startswith(f'ajsync.yaml:2:9: the pattern "schedules/*.yaml" {NO_FILE}{REMEDY}')


def test_the_project_file_itself_is_no_match(tmp_path: Path) -> None:
    (line,) = fails(tmp_path, "files: ['*.yaml']")
    assert 'the pattern "*.yaml" matches no file' in line


def test_other_problems_do_not_hide_it(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/a.yaml": "schedules: 1"})
    assert [line.split(": ")[0] for line in fails(tmp_path, "files: [schedules/*.yaml, ../x, b.yaml]")] == [
        *("ajsync.yaml:2:27", "ajsync.yaml:2:33", "schedules/a.yaml:1:12")
    ]


def test_an_optional_pattern_may_match_nothing_and_is_read_once_it_does(tmp_path: Path) -> None:
    files = "files: [schedules/*.yaml, {match: later/*.yaml, optional: true}]"
    write(tmp_path, {"ajsync.yaml": f"owner: team\n{files}\n", "schedules/a.yaml": HEAD})
    found = load_configuration(tmp_path)
    assert sorted(found.tasks) == ["A"]
    assert found.patterns == ("schedules/*.yaml", "later/*.yaml")
    write(tmp_path, {"later/b.yaml": "schedules: {B: {schedule: daily, task_type: t}}"})
    assert sorted(load_configuration(tmp_path).tasks) == ["A", "B"]


def test_a_project_may_have_optional_patterns_alone(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": "owner: team\nfiles: [{match: x.yaml, optional: true}]\n"})
    assert load_configuration(tmp_path).tasks == {}


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{optional: true}", '2:9: match is missing; add match: "schedules/**/*.yaml"'),
        ("{match: a.yaml, optionl: true}", '2:25: unknown member "optionl"; did you mean "optional"?'),
        (
            "{match: a.yaml, optional: yes}",
            '2:35: optional: "yes" is a string, not true or false; write true or false, without quotes',
        ),
        ("{match: ''}", '2:17: match: "" is empty; write for example "schedules/**/*.yaml"'),
        (
            "{match: /etc/*.yaml}",
            '2:17: the pattern "/etc/*.yaml" leads out of the folder of ajsync.yaml; '
            "write a path relative to that folder",
        ),
        ("{match: 5}", '2:17: match: 5 is an integer, not a string; put it in quotes: "5"'),
    ],
)
def test_an_entry_that_is_wrong_is_told(tmp_path: Path, entry: str, problem: str) -> None:
    write(tmp_path, {"a.yaml": EMPTY})
    lines = problems(tmp_path, EMPTY, f"owner: team\nfiles: [{entry}]")
    assert [line for line in lines if "a.yaml: " not in line] == [f"ajsync.yaml:{problem}"]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("'schedules/{a,b}.yaml'", 'write a pattern for each, "schedules/a.yaml", "schedules/b.yaml"'),
        ("'!schedules/b.yaml'", "a pattern cannot exclude files: remove it"),
        ("'schedules\\*.yaml'", 'separate folders by /: "schedules/*.yaml"'),
        ("schedules/*.yml", 'there are files with the other ending: write "schedules/*.yaml"'),
        ("~/schedules/*.yaml", "~ is not expanded"),
        ("schedule/*.yaml", "there is no folder schedule: correct the path"),
    ],
)
def test_what_other_tools_call_a_pattern_is_told(tmp_path: Path, pattern: str, hint: str) -> None:
    write(tmp_path, {"schedules/a.yaml": EMPTY, "schedules/b.yaml": EMPTY})
    (line,) = fails(tmp_path, f"files: [{pattern}]")
    assert hint in line


@pytest.mark.parametrize("pattern", ["c.yaml", "none/**/*.yaml", "schedules/*.yml", "schedules/{a,b}.yaml"])
def test_what_a_hint_says_to_write_is_accepted(tmp_path: Path, pattern: str) -> None:
    write(tmp_path, {"schedules/a.yaml": EMPTY, "schedules/b.yaml": EMPTY})
    (line,) = fails(tmp_path, f"files: [{json.dumps(pattern)}]")
    hint = line.partition("; ")[2]
    entries = hint[hint.index("{match:") :] if "{match:" in hint else hint[hint.index('"') :]
    write(tmp_path, {"ajsync.yaml": f"owner: team\nfiles: [{entries}]\n"})
    assert load_configuration(tmp_path).tasks == {}
