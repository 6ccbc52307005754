"""An entry of `files` may have defaults for the files that it matches."""

from __future__ import annotations

from pathlib import Path

import pytest

from ajsync.config import load_configuration
from ajsync.errors import ConfigurationError
from tests.config.projects import load, problems, write

LAYERS = {
    "project": "defaults: {{{}}}",
    "environment": "environments: {{e: {{defaults: {{{}}}}}}}",
    "entry": "files: [{{match: schedules/*.yaml, defaults: {{{}}}}}]",
    "file": "defaults: {{{}}}",
}


@pytest.mark.parametrize("least", range(5))
def test_the_nearest_of_all_layers_wins(tmp_path: Path, least: int) -> None:
    """Each layer sets a member less than the one before, so that each is the nearest one that sets a member."""
    members = ["queue: Q{}", "deadline: {}h", "max_tries: {}", "jitter: {}s", "task_type: t{}"]
    project = ["owner: team"]
    for number, layer in enumerate(("project", "environment", "entry"), 1):
        project.append(LAYERS[layer].format(", ".join(each.format(number) for each in members[number - 1 :])))
    project += [] if "environments" in "".join(project) else ["environments: {e: {}}"]
    own = ", ".join(each.format(5) for each in members[4:])
    schedules = LAYERS["file"].format(", ".join(each.format(4) for each in members[3:]))
    found = load(tmp_path, f"{schedules}\nschedules: {{A: {{schedule: daily, {own}}}}}", "\n".join(project), "e")
    task = found.tasks["A"]
    nearest = (task.queue, task.deadline, task.max_tries, task.settings.jitter, task.task_type)
    assert nearest[least] == ("Q1", 2 * 3600 * 10**9, 3, 4 * 10**9, "t5")[least]


TWO = """\
owner: team
files:
  - match: billing/**/*.yaml
    defaults: {task_type: bill, queue: "BILL_${stage}"}
  - {match: email/*.yaml, defaults: {task_type: mail}}
  - common.yaml
environments: {e: {variables: {stage: E}}}
"""
ONE = "schedules: {%s: {schedule: daily}}"


def test_only_the_files_that_it_matches_get_them(tmp_path: Path) -> None:
    files = {"billing/deep/a.yaml": ONE % "A", "email/b.yaml": ONE % "B"}
    write(tmp_path, {"ajsync.yaml": TWO, "common.yaml": "schedules: {C: {schedule: daily, task_type: c}}", **files})
    found = load_configuration(tmp_path, environment="e")
    assert {name: (task.task_type, task.queue) for name, task in found.tasks.items()} == {
        "A": ("bill", "BILL_E"),
        "B": ("mail", "DEFAULT"),
        "C": ("c", "DEFAULT"),
    }
    assert found.without_queue == {"B", "C"}


def test_labels_of_all_layers_are_merged_one_by_one(tmp_path: Path) -> None:
    labels = "defaults: {{labels: {{a: {0}, {1}: {0}}}}}"
    entry = labels.format("entry", "d")
    project = f"owner: x\nfiles: [{{match: s/*, {entry}}}]\n{labels.format('project', 'b')}\n"
    environment = f"environments: {{e: {{{labels.format('environment', 'c')}}}}}"
    schedules = "schedules: {A: {schedule: daily, task_type: t, labels: {e: own, d: null}}}"
    write(tmp_path, {"ajsync.yaml": project + environment, "s/a.yaml": schedules})
    managed = load_configuration(tmp_path, environment="e").tasks["A"].settings
    assert dict(managed.labels) == {"a": "entry", "b": "project", "c": "environment", "e": "own"}


def test_a_file_that_two_entries_with_defaults_match_is_an_error(tmp_path: Path) -> None:
    project = "owner: x\nfiles:\n- {match: s/*.yaml, defaults: {queue: A}}\n- {match: s/a*, defaults: {queue: A}}\n"
    write(tmp_path, {"ajsync.yaml": project, "s/a.yaml": ONE % "A", "s/ab.yaml": ONE % "B"})
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert str(error.value).split("\n")[0] == (
        'ajsync.yaml:4:11: the pattern "s/a*" has defaults and matches "s/a.yaml", for which "s/*.yaml" at '
        "ajsync.yaml:3:11 has defaults too; make one of them narrower, or give defaults in only one of them"
    )
    assert str(error.value).count("has defaults and matches") == 1


@pytest.mark.parametrize("order", [1, -1])
def test_a_pattern_without_defaults_may_match_the_same_file(tmp_path: Path, order: int) -> None:
    entries = ["s/**/*.yaml", "{match: s/a.yaml, defaults: {task_type: t}}"][::order]
    write(tmp_path, {"ajsync.yaml": f"owner: x\nfiles: [{', '.join(entries)}]", "s/a.yaml": ONE % "A"})
    assert load_configuration(tmp_path).tasks["A"].task_type == "t"


def test_a_file_of_several_names_is_matched_by_both(tmp_path: Path) -> None:
    project = "owner: x\nfiles: [{match: s/*, defaults: {task_type: s}}, {match: t/*, defaults: {}}]"
    write(tmp_path, {"ajsync.yaml": project, "s/a.yaml": ONE % "A", "t/x": "schedules: {}"})
    (tmp_path / "t/b.yaml").symlink_to("../s/a.yaml")
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert "has defaults too" in str(error.value)


@pytest.mark.parametrize(
    ("defaults", "line"),
    [
        ("{schedule: daily}", '2:46: unknown member "schedule"; known are '),
        ("{max_tries: 0}", "2:57: max_tries: 0 is too small; the minimum is 1"),
        ("{queue: '${x}'}", '2:53: the variable "x" is not defined; '),
        ("[]", "2:45: defaults is a list, not a mapping; "),
    ],
)
def test_defaults_that_are_wrong_are_told(tmp_path: Path, defaults: str, line: str) -> None:
    project = f"owner: team\nfiles: [{{match: schedules/*.yaml, defaults: {defaults}}}]"
    (found,) = problems(tmp_path, "schedules: {}", project)
    assert found.startswith(f"ajsync.yaml:{line}")
