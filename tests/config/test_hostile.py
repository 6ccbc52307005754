"""What a pull request may try with files: to have others read and quoted, or to make a check take for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ajsync.config import load_configuration
from ajsync.config.problems import MOST_PROBLEMS
from ajsync.errors import ConfigurationError
from tests.config.projects import HEAD, OWNER, load, names, problems, problems_of_one, write

SECRET = "SuperSecretValue0123456789"
KEY = f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n"
EMPTY = "schedules: {}\n"
FOREIGN = {
    "scalar": SECRET,
    "quoted": f'"{SECRET}"',
    "number": "917304650",
    "key": KEY,
    "list": f"- {SECRET}\n",
    "env": f"TOKEN={SECRET}\n",
    "git": f"[core]\n\turl = https://user:{SECRET}@example.com\n",
    "netrc": f"machine example.com login me password {SECRET}\n",
    "passwd": f"root:{SECRET}:0:0:root:/root:/bin/sh\n",
    "json": f'{{"auths": {{"registry": {{"auth": "{SECRET}"}}}}}}',
    "kubeconfig": f"apiVersion: v1\nusers:\n- user: {{token: {SECRET}}}\n",
    "secret": f"kind: Secret\ndata:\n  password: {SECRET}\ncontext: [{SECRET}]\nsafety: {SECRET}\n",
    "defaults": f"defaults:\n  queue: '{SECRET} {SECRET}'\n  deadline: {SECRET}\nfiles: {SECRET}\n",
    "tag": f"!{SECRET} x\n",
    "handle": f"!{SECRET}!x y\n",
    "alias": f"*{SECRET}\n",
    "anchor": f"- &{SECRET} a\n- &{SECRET} b\n",
    "directive": f"%{SECRET} x\n---\n",
    "open": f"a: '{SECRET}\n",
    "escape": f'a: "\\q{SECRET}"\n',
    "colon": f"a: {SECRET}: {SECRET}\n",
    "tab": f"a:\n\t{SECRET}: b\n",
    "at": f"a: @{SECRET}\n",
    "bytes": b"\xff" + SECRET.encode(),
    "control": f"a: {SECRET}\x01\n",
    "documents": f"a: b\n---\n{SECRET}\n",
}


def told(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        load_configuration(folder)
    return str(error.value)


def quotes(text: str) -> bool:
    return SECRET in text or SECRET[:8] in text or "917304650" in text


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_nothing_is_quoted_of_a_file_that_is_not_ours(tmp_path: Path, content: str | bytes) -> None:
    write(tmp_path / "a", {"ajsync.yaml": content, "schedules/a.yaml": EMPTY})
    write(tmp_path / "b", {"ajsync.yaml": OWNER, "schedules/a.yaml": content})
    assert not quotes(told(tmp_path / "a"))
    assert not quotes(told(tmp_path / "b"))


def test_of_our_own_files_values_are_shown_that_have_to_be_mended(tmp_path: Path) -> None:
    assert '"bad queue"' in problems_of_one(tmp_path, "queue: bad queue")[0]


def test_a_project_file_that_is_a_link_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    write(tmp_path, {"key": KEY, "project/schedules/a.yaml": EMPTY})
    (tmp_path / "project/ajsync.yaml").symlink_to("../key")
    assert told(tmp_path / "project") == "ajsync.yaml: leads out of the project's folder; copy the file into the folder"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("../.git/config", ".git"),
        ("../.GIT/config", ".GIT"),
        ("../.env", ".env"),
        (".ssh/id_ed25519", ".ssh"),
        ("link", ".git"),
        ("round/config", ".git"),
        (".link", ".link"),
    ],
)
def test_a_payload_file_must_not_lead_to_a_hidden_one(tmp_path: Path, path: str, name: str) -> None:
    write(tmp_path, dict.fromkeys((".git/config", ".GIT/config", ".env", "schedules/.ssh/id_ed25519", "plain"), KEY))
    (tmp_path / "schedules/link").symlink_to("../.git/config")
    (tmp_path / "schedules/round").symlink_to("../.git")
    (tmp_path / "schedules/.link").symlink_to("../plain")
    (line,) = problems(tmp_path, f"{HEAD}    payload_file: {path}\n", f"{OWNER}files: [schedules/a.yaml]\n")
    assert f'leads to "{name}", and files with such a name are not read; put the file beside' in line


@pytest.mark.parametrize("target", ["../.git/x.yaml", "../.env", "../.github/x.yaml"])
def test_a_schedules_file_must_not_be_a_link_to_a_hidden_one(tmp_path: Path, target: str) -> None:
    write(tmp_path, {f"schedules/{target}": EMPTY})
    (tmp_path / "schedules/x.yaml").symlink_to(target)
    (line,) = problems(tmp_path, EMPTY)
    assert "matches schedules/x.yaml, which leads to " in line


def test_a_pattern_may_spell_a_dot_but_never_git(tmp_path: Path) -> None:
    write(tmp_path, {".ci/a.yaml": f"{HEAD}    payload_file: p\n", ".ci/p": "x", ".git/a.yaml": EMPTY})
    write(tmp_path, {"ajsync.yaml": f"{OWNER}files: ['.ci/*.yaml']\n"})
    assert names(tmp_path) == [".ci/a.yaml", ".ci/p"]
    write(tmp_path, {"ajsync.yaml": f"{OWNER}files: ['.git/*.yaml']\n"})
    assert 'matches .git/a.yaml, which leads to ".git"' in told(tmp_path)


def test_a_worktree_of_git_sync_is_read_through_its_link(tmp_path: Path) -> None:
    tree = tmp_path / ".worktrees/0123abcd"
    write(tree, {"ajsync.yaml": OWNER, "schedules/a.yaml": f"{HEAD}    payload_file: p\n", "schedules/p": "x"})
    (tmp_path / "current").symlink_to(".worktrees/0123abcd")
    assert set(load_configuration(tmp_path / "current").tasks) == {"A"}


@pytest.mark.parametrize("pattern", ["**/*.yaml", "schedules/*/x.yaml", "schedules/out/**", "schedules/out/*.yaml"])
def test_no_folder_outside_is_walked(tmp_path: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"outside/deep/x.yaml": EMPTY, "outside/x.yaml": EMPTY, "project/schedules/a.yaml": EMPTY})
    project = tmp_path / "project"
    (project / "schedules/out").symlink_to("../../outside")
    write(project, {"ajsync.yaml": f"{OWNER}files: ['{pattern}']\n"})
    listed: list[str] = []
    listdir = os.listdir

    def note(path: str) -> list[str]:
        listed.append(str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", note)
    (line,) = told(project).split("\n")
    assert f'the pattern "{pattern}" matches schedules/out, which leads out of' in line
    assert not [path for path in listed if "out" in Path(path).relative_to(project).parts]


def test_there_are_at_most_a_hundred_patterns(tmp_path: Path) -> None:
    many = ", ".join(f"none/{number}.yaml" for number in range(101))
    lines = problems(tmp_path, EMPTY, f"{OWNER}files: [{many}]\n")
    assert "files: 101 are too many; the maximum is 100" in lines[0] + lines[1]
    assert len(lines) <= 101
    all_of_them = ", ".join(["schedules/a.yaml"] * 100)
    assert load(tmp_path, EMPTY, f"{OWNER}files: [{all_of_them}]\n").tasks == {}


def test_a_pattern_of_a_thousand_stars_is_one_of_two(tmp_path: Path) -> None:
    load(tmp_path, EMPTY, f"{OWNER}files: ['{'**/' * 5000}*.yaml']\n")


def wrong(count: int) -> str:
    """A small text that is wrong in a million places: each of so many schedules is the same by an alias."""
    members = "".join(f"    wrong{number}: 1\n" for number in range(300))
    return f"schedules:\n  A: &a\n{members}" + "".join(f"  B{number}: *a\n" for number in range(count))


def different(count: int) -> str:
    return "schedules:\n" + "".join(f"  B{number}: {{x: 1}}\n" for number in range(count))


@pytest.mark.parametrize(
    "text",
    [
        wrong(1000),
        different(2_000),
        "schedules:\n" + "".join(f"  A{number}: {{schedule: 99 * * * *, queue: a b}}\n" for number in range(2_000)),
        "schedules: {}\n" + "".join(f"x{number}: 1\n" for number in range(2_000)),
        "schedules: {}\n" + "1: 1\n" * 2_000,
        "a: 1\n" * 2_000,
        "schedules:\n" + "".join(f"  A{number}: {{task_type: '${{x{number}}}'}}\n" for number in range(2_000)),
        "schedules:\n" + "".join(f"  A{number}: !!set {{}}\n" for number in range(2_000)),
    ],
    ids=["aliases", "different", "values", "members", "keys", "twice", "variables", "tags"],
)
def test_looking_ends_after_a_thousand_problems(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": text})
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert error.value.stopped
    assert len(error.value.problems) <= MOST_PROBLEMS
    assert str(error.value).endswith("\nThere are more problems than these; they were not looked for.")


def test_a_thousand_problems_are_all_told(tmp_path: Path) -> None:
    text = "schedules: {}\n" + "".join(f"x{number}: 1\n" for number in range(MOST_PROBLEMS))
    lines = problems(tmp_path, text)
    assert len(lines) == MOST_PROBLEMS
    assert all("unknown member" in line for line in lines)


def test_a_path_that_no_file_can_have_is_told_as_any_other(tmp_path: Path) -> None:
    (line,) = problems_of_one(tmp_path, f"payload_file: {'a' * 5000}")
    assert "cannot be read: " in line
    assert "File name too long" in line


def test_the_project_file_is_no_schedules_file_by_whatever_way_it_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": HEAD})
    (tmp_path / "schedules/up").symlink_to("..")
    assert set(load_configuration(tmp_path).tasks) == {"A"}
