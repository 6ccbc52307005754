"""Labels: read with their rules, merged one by one through all defaults, and taken away by null."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.config.projects import HEAD, OWNER, load, load_one, problems, problems_of_one

VALUE = "is not a valid value of a label; use letters, digits, _, . and -"
LEVEL = st.none() | st.dictionaries(st.sampled_from("abc"), st.none() | st.sampled_from("xyz"), max_size=3)
"""The labels of one place: None if it has no member of that name."""


def labels(level: dict[str, str | None] | None) -> dict[str, object]:
    return {} if level is None else {"labels": level}


@settings(deadline=None)
@given(st.lists(LEVEL, min_size=4, max_size=4))
def test_labels_are_merged_one_by_one(levels: list[dict[str, str | None] | None]) -> None:
    project, environment, file, own = map(labels, levels)
    settings_of_project = {"owner": "team", "defaults": project, "environments": {"prod": {"defaults": environment}}}
    schedules = {"defaults": file, "schedules": {"A": {"schedule": "@daily", "task_type": "t", **own}}}
    with tempfile.TemporaryDirectory() as folder:
        found = load(Path(folder), json.dumps(schedules), json.dumps(settings_of_project), "prod").tasks["A"].labels
    merged = {name: value for level in levels for name, value in (level or {}).items()}
    assert found == {name: value for name, value in merged.items() if value is not None}


def test_the_labels_of_one_schedule_are_not_those_of_the_next(tmp_path: Path) -> None:
    second = "  B:\n    schedule: '@daily'\n    task_type: t\n"
    found = load(tmp_path, f"defaults: {{labels: {{a: x}}}}\n{HEAD}    labels: {{a: null, b: x}}\n{second}").tasks
    assert (found["A"].labels, found["B"].labels) == ({"b": "x"}, {"a": "x"})


def test_a_value_may_be_a_variable(tmp_path: Path) -> None:
    project = f"{OWNER}environments: {{prod: {{variables: {{stage: PROD}}}}}}"
    assert load_one(tmp_path, 'labels: {stage: "${stage}.1"}', project, "prod").labels == {"stage": "PROD.1"}


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{team: a b}", f'5:20: team: "a b" {VALUE}'),
        ("{team: ''}", f'5:20: team: "" {VALUE}'),
        ('{team: "a\\n"}', f'5:20: team: "a\\n" {VALUE}'),
        ("{team: 1.10}", '5:20: team: 1.1 is a number, not a string or null; put it in quotes: "1.1"'),
        ("{team: true}", '5:20: team: true is a boolean, not a string or null; put it in quotes: "true"'),
        (f"{{team: {'x' * 64}}}", f'5:20: team: "{"x" * 60}..." has 64 characters; the maximum is 63'),
        (f"{{{'x' * 64}: a}}", f'5:14: "{"x" * 60}..." has 64 characters; the maximum is 63'),
        ("{a/b: c}", '5:14: "a/b" is not a valid name of a label; use letters, digits, _, . and -'),
        ("[team]", '5:13: labels is a list, not a mapping; write for example {"team": "payments", "tier": "gold"}'),
        ("null", '5:13: labels is empty, not a mapping; write for example {"team": "payments", "tier": "gold"}'),
    ],
)
def test_labels_that_are_wrong_are_told(tmp_path: Path, written: str, problem: str) -> None:
    assert problems_of_one(tmp_path, f"labels: {written}") == [problem]


def test_a_true_and_a_text_are_not_taken_for_each_other(tmp_path: Path) -> None:
    # The results of checks are kept, and 1 equals True.
    schedules = "".join(
        f"  {name}:\n    schedule: '@daily'\n    task_type: t\n    labels: {{a: {value}}}\n"
        for name, value in (("A", "1"), ("B", "true"), ("C", "1.0"))
    )
    assert [line.split(" is a")[0] for line in problems(tmp_path, f"schedules:\n{schedules}")] == [
        "schedules/a.yaml:5:17: a: 1",
        "schedules/a.yaml:9:17: a: true",
        "schedules/a.yaml:13:17: a: 1.0",
    ]


def test_labels_of_a_wrong_kind_do_not_hide_other_problems(tmp_path: Path) -> None:
    schedules = f"defaults: {{labels: 5}}\n{HEAD}    labels: [x]\n    queue: a b\n"
    assert len(problems(tmp_path, schedules)) == 3


def test_a_misnamed_member_is_recognised(tmp_path: Path) -> None:
    assert problems_of_one(tmp_path, "tags: {a: b}") == ['5:5: unknown member "tags"; did you mean "labels"?']
