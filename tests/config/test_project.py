"""`ajsync.yaml` says whose schedules these are, which files hold them, and what is different in an environment."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

from ajsync.config import load_configuration
from ajsync.errors import ConfigurationError
from ajsync.safety import Safety
from tests.config.projects import HEAD, OWNER, load, names, problems, write

FULL = """
owner: team
files: ["schedules/*.yaml"]
context: main
defaults: {queue: "Q_${stage}"}
environments:
  staging: {context: nats-staging, variables: {stage: STAGING}}
  prod:
    context: nats-prod
    variables: {stage: PROD, tries: 5, half: 0.5, paused: false, name: nightly run}
    defaults: {max_tries: "${tries}"}
safety: {max_delete: 5, max_delete_percent: 20, allow_empty: true}
x-own: anything
"""


def test_every_member_reaches_the_configuration(tmp_path: Path) -> None:
    found = load(tmp_path, HEAD, FULL, "prod")
    assert found.project == tmp_path / "ajsync.yaml"
    assert (found.owner, found.context) == ("team", "nats-prod")
    assert found.safety == Safety(max_delete=5, max_delete_percent=20, allow_empty=True)
    assert (found.tasks["A"].queue, found.tasks["A"].max_tries) == ("Q_PROD", 5)


def test_only_the_owner_is_required(tmp_path: Path) -> None:
    found = load(tmp_path, HEAD)
    assert (found.owner, found.context, found.safety) == ("team", None, Safety())


def test_the_context_of_the_project_is_that_of_environments_without_one(tmp_path: Path) -> None:
    project = "owner: team\ncontext: main\nenvironments: {a: {}, b: {context: other}}\n"
    assert load(tmp_path, HEAD, project).context == "main"
    assert load(tmp_path, HEAD, project, "a").context == "main"
    assert load(tmp_path, HEAD, project, "b").context == "other"


@pytest.mark.parametrize(
    ("written", "description"),
    [
        ("${name}", "nightly run"),
        ("the ${name} of ${stage}", "the nightly run of PROD"),
        ("${tries} times, ${half}, ${paused}", "5 times, 0.5, false"),
        ("$${name} $$ $name ${stage}", "${name} $$ $name PROD"),
        ("$$${stage}", "$${stage}"),
    ],
)
def test_placeholders_are_replaced_within_strings(tmp_path: Path, written: str, description: str) -> None:
    managed = load(tmp_path, f"{HEAD}    description: '{written}'\n", FULL, "prod").tasks["A"].managed
    assert managed is not None
    assert managed.description == description


def test_a_string_that_is_a_placeholder_takes_the_type_of_its_variable(tmp_path: Path) -> None:
    members = "max_tries: ${tries}\n    suspend: ${paused}\n    payload: ['${half}', 'x${half}', {'${stage}': 1}]"
    task = load(tmp_path, f"{HEAD}    {members}\n", FULL, "prod").tasks["A"]
    assert task.max_tries == 5
    assert task.payload == b'[0.5,"x0.5",{"${stage}":1}]'


def test_a_placeholder_may_be_spelled_by_escapes(tmp_path: Path) -> None:
    managed = load(tmp_path, f'{HEAD}    description: "\\x24{{stage}}"\n', FULL, "prod").tasks["A"].managed
    assert managed is not None
    assert managed.description == "PROD"


def test_a_variable_of_the_wrong_type_is_wrong_where_it_is_used(tmp_path: Path) -> None:
    assert problems(tmp_path, f"{HEAD}    max_tries: ${{stage}}\n    description: ${{tries}}\n", FULL, "prod") == [
        'schedules/a.yaml:5:16: max_tries: "PROD" is a string, not an integer; write for example 3',
        'schedules/a.yaml:6:18: description: 5 is an integer, not a string; put it in quotes: "5"',
    ]


LITERAL = "or write $${ for a literal ${"


@pytest.mark.parametrize(
    ("project", "environment", "hint"),
    [
        (FULL.replace("stage", "other"), "prod", "known are half, name, other, paused, tries"),
        ("owner: team\nenvironments: {prod: {}}", "prod", "define it in the variables of the environment prod"),
        (
            "owner: team\nenvironments: {prod: {}, dev: {}}",
            None,
            "choose dev or prod with --environment",
        ),
        ("owner: team", None, "define it in the variables of an environment in ajsync.yaml"),
    ],
)
def test_a_variable_that_is_not_declared_is_told_once(
    tmp_path: Path, project: str, environment: str | None, hint: str
) -> None:
    schedules = "schedules: {A: {schedule: '${stage} * * * *', queue: 'x ${stage}', task_type: t}}"
    message = f'the variable "stage" is not defined; {hint}, {LITERAL}'
    assert problems(tmp_path, schedules, project, environment) == [
        f"schedules/a.yaml:1:27: {message}",
        f"schedules/a.yaml:1:54: {message}",
    ]


@pytest.mark.parametrize("text", ["${", "a ${x", "${a b}", "${}", "${é}"])
def test_what_only_begins_as_a_placeholder_is_told(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, f"{HEAD}    description: '{text}'\n", FULL, "prod") == [
        f"schedules/a.yaml:5:18: ${{ begins a placeholder, but no name and }} follow; write ${{name}}, {LITERAL}"
    ]


def test_an_unknown_environment_is_told_with_all_else_that_is_wrong(tmp_path: Path) -> None:
    schedules = f"{HEAD}    queue: ${{stage}}\n    max_tries: 0\n"
    assert problems(tmp_path, schedules, FULL, "prd") == [
        'ajsync.yaml:6:1: there is no environment "prd"; did you mean "prod"?',
        "schedules/a.yaml:6:16: max_tries: 0 is too small; the minimum is 1",
    ]
    assert problems(tmp_path, HEAD, FULL, "x") == [
        'ajsync.yaml:6:1: there is no environment "x"; known are prod, staging'
    ]
    assert problems(tmp_path, HEAD, OWNER, "prod") == [
        'ajsync.yaml:1:1: there is no environment "prod"; ajsync.yaml has no environments'
    ]


def test_the_defaults_of_every_environment_are_checked(tmp_path: Path) -> None:
    project = """
owner: team
environments:
  a: {defaults: {max_tries: 0}}
  b: {variables: {n: x}, defaults: {max_tries: "${n}", queue: "${m}"}}
"""
    assert problems(tmp_path, HEAD, project, "a") == [
        "ajsync.yaml:4:29: max_tries: 0 is too small; the minimum is 1",
        'ajsync.yaml:5:48: max_tries: "x" is a string, not an integer; write for example 3',
        f'ajsync.yaml:5:63: the variable "m" is not defined; known are n, {LITERAL}',
    ]


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("", ['1:1: the file is empty, not a mapping; write for example {"owner": "billing-team"}']),
        ("context: x", ['1:1: owner is missing; add owner: "billing-team"']),
        ("owner: a b", ['1:8: owner: "a b" is not a valid name of an owner; use letters, digits, _ and -']),
        ("owner: 5", ['1:8: owner: 5 is an integer, not a string; put it in quotes: "5"']),
        ("owner: x\nownr: y", ['2:1: unknown member "ownr"; did you mean "owner"?']),
        ("owner: x\nowner: y", [
            '2:1: the key "owner" is defined twice; remove this one or the first, at ajsync.yaml:1:1'
        ]),
        ("owner: x\nfiles: a.yaml", [
            '2:8: files: "a.yaml" is a string, not a list; write a list: ["a.yaml"]'
        ]),
        ("owner: x\nfiles: []", ['2:8: files: a list is empty; write for example ["schedules/**/*.yaml"]']),
        ("owner: x\nfiles: [5]", [
            '2:9: files: 5 is an integer, not a string or a mapping; write for example "schedules/**/*.yaml"'
        ]),
        ("owner: x\ncontext: ''", ['2:10: context: "" is empty; write for example "nats-prod"']),
        ("owner: x\nsafety: {max_delete: -1, max_delete_percent: 101, allow_empty: 1}", [
            "2:22: max_delete: -1 is too small; the minimum is 0",
            "2:46: max_delete_percent: 101 is too large; the maximum is 100",
            "2:64: allow_empty: 1 is an integer, not true or false; write true or false, without quotes",
        ]),
        ("owner: x\nsafety: {max_delete: .inf}", [
            "2:22: max_delete: Infinity is a number, not an integer; write for example 10"
        ]),
        ("owner: x\nenvironments: {a b: {}, c: {colour: red}}", [
            '2:16: "a b" is not a valid name of an environment; use letters, digits, _ and -',
            '2:29: unknown member "colour"; known are context, defaults, owner, variables',
        ]),
        ("owner: x\nenvironments: {c: }", [
            '2:19: c is empty, not a mapping; '
            'write for example {"context": "nats-prod", "variables": {"stage": "PROD"}}'
        ]),
        ("owner: x\nenvironments: {c: {variables: {a b: 1, c: [1], d: }}}", [
            '2:32: "a b" is not a valid name of a variable; use letters, digits, _ and -',
            '2:43: c is a list, not a string, an integer, a number or true or false; write for example "PROD"',
            '2:51: d is empty, not a string, an integer, a number or true or false; write for example "PROD"',
        ]),
        ("owner: x\ndefaults: {schedule: daily, deadline: 1s}", [
            '2:12: unknown member "schedule"; known are catchup, catchup_window, deadline, except, from, jitter, '
            "labels, max_tries, overlap, queue, task_type, timezone, until",
            '2:39: deadline: "1s" is too short; the minimum is 30s',
        ]),
    ],
)  # fmt: skip
def test_a_project_that_is_wrong_is_told(tmp_path: Path, project: str, expected: list[str]) -> None:
    assert problems(tmp_path, "schedules: {}", project) == [f"ajsync.yaml:{line}" for line in expected]


EMPTY = "schedules: {}\n"


@pytest.mark.parametrize(
    ("patterns", "matched"),
    [
        ("", ["schedules/a.yaml", "schedules/deep/down/c.yaml"]),
        ('files: ["schedules/*"]', ["schedules/a.yaml", "schedules/b.yml"]),
        ('files: ["schedules/*.y*ml", "schedules/a.yaml"]', ["schedules/a.yaml", "schedules/b.yml"]),
        ('files: ["./schedules/./b.yml"]', ["schedules/b.yml"]),
        ('files: ["**/c.yaml", {match: "none/*", optional: true}]', ["schedules/deep/down/c.yaml"]),
        ('files: ["**/*.yaml"]', ["schedules/a.yaml", "schedules/deep/down/c.yaml"]),
        ('files: ["schedules/deep/**"]', ["schedules/deep/down/c.yaml"]),
        ('files: ["schedules/[a-c].*"]', ["schedules/a.yaml", "schedules/b.yml"]),
        ('files: ["schedules/?.yml"]', ["schedules/b.yml"]),
        ('files: ["*/.hidden/*"]', ["schedules/.hidden/d.yaml"]),
    ],
)
def test_patterns_match_files_sorted_and_each_once(tmp_path: Path, patterns: str, matched: list[str]) -> None:
    files = dict.fromkeys(
        ("schedules/a.yaml", "schedules/b.yml", "schedules/deep/down/c.yaml", "schedules/.hidden/d.yaml"), EMPTY
    )
    write(tmp_path, {**files, "ajsync.yaml": f"owner: team\n{patterns}\n"})
    assert names(tmp_path) == matched


def test_a_mounted_config_map_is_read_once(tmp_path: Path) -> None:
    mount = tmp_path / "schedules"
    write(
        mount,
        {"..2026_11_24/a.yaml": f"{HEAD}    payload_file: p\n", "..2026_11_24/p": "x", "..2026_11_24/s/b.yaml": EMPTY},
    )
    (mount / "..data").symlink_to("..2026_11_24")
    for name in ("a.yaml", "p", "s"):
        (mount / name).symlink_to(f"..data/{name}")
    write(tmp_path, {"ajsync.yaml": OWNER})
    assert names(tmp_path) == ["schedules/a.yaml", "schedules/s/b.yaml", "schedules/p"]


def test_links_that_lead_in_circles_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": EMPTY, "schedules/b/c.yaml": EMPTY})
    (tmp_path / "schedules/b/round").symlink_to("..")
    (tmp_path / "schedules/again").symlink_to("b")
    assert names(tmp_path) == ["schedules/a.yaml", "schedules/again/c.yaml"]


def test_a_pattern_must_name_files(tmp_path: Path) -> None:
    assert problems(tmp_path, EMPTY, "owner: team\nfiles: [./.]") == [
        'ajsync.yaml:2:9: the pattern "./." names no file; write for example schedules/**/*.yaml'
    ]


@pytest.mark.parametrize("pattern", ["../*.yaml", "/etc/*.yaml", "schedules/../../x.yaml", '"a\\0.yaml"'])
def test_a_pattern_must_not_lead_out_of_the_folder(tmp_path: Path, pattern: str) -> None:
    (line,) = problems(tmp_path, EMPTY, f"owner: team\nfiles: [{pattern}]")
    assert line.startswith("ajsync.yaml:2:9: the pattern ")
    assert line.endswith(" leads out of the folder of ajsync.yaml; write a path relative to that folder")


def test_a_link_must_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    project = tmp_path / "project"
    write(tmp_path, {"outside.yaml": EMPTY, "project/schedules/x.txt": ""})
    (project / "schedules/link.yaml").symlink_to("../../outside.yaml")
    assert problems(project, EMPTY) == [
        'ajsync.yaml:1:1: the pattern "schedules/**/*.yaml" matches schedules/link.yaml, '
        "which leads out of the project's folder; "
        "copy the file into the folder"
    ]


READABLE = "let `files` match only readable files"


def test_files_that_cannot_be_read_are_told_with_the_reason(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/b.yaml/x": "", "schedules/large.yaml": b"#" * 10_000_001})
    (tmp_path / "schedules/nowhere.yaml").symlink_to("missing")
    os.mkfifo(tmp_path / "schedules/pipe.yaml")
    assert problems(tmp_path, EMPTY) == [
        f"schedules/b.yaml: cannot be read: Is a directory; {READABLE}",
        f"schedules/large.yaml: cannot be read: it is larger than 10,000,000 bytes; {READABLE}",
        f"schedules/nowhere.yaml: cannot be read: No such file or directory; {READABLE}",
        f"schedules/pipe.yaml: cannot be read: it is not a regular file; {READABLE}",
    ]


def refuse(path: str | Path, *_: object) -> NoReturn:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


# The two are told by a stand-in for the system call: whoever runs the tests may be root, for whom nothing is forbidden.
def test_a_file_without_permission_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER})
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert str(error.value) == "ajsync.yaml: cannot be read: Permission denied; name a readable YAML file"


def test_a_folder_that_cannot_be_listed_is_told_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": EMPTY})
    listed = os.scandir  # pathlib lists with it too, from Python 3.13 on, and so what an import reads

    def scandir(path: str) -> Any:
        return refuse(path) if Path(path) == tmp_path / "schedules" else listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert str(error.value) == (
        f'ajsync.yaml:1:1: the pattern "schedules/**/*.yaml": {tmp_path}/schedules cannot be listed: '
        "Permission denied; make everything below it readable"
    )
