"""`for_each` makes one schedule for each combination, as if each had been written out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.config import load_configuration
from ajsync.config.for_each import MOST_COMBINATIONS, Combination, combinations, misfits, told
from ajsync.config.variables import Scalar
from ajsync.errors import ConfigurationError
from tests.config.projects import OWNER, load, problems, write

KEYS = st.sampled_from(["region", "kind", "a-b", "n_1"])
VALUES: st.SearchStrategy[Scalar] = st.sampled_from(["EU", "US", "x y", "5", ""]) | st.integers(0, 59) | st.booleans()
LISTS = st.dictionaries(KEYS, st.lists(VALUES, min_size=1, max_size=3), min_size=1, max_size=3)
MAPPINGS = st.sets(KEYS, min_size=1).flatmap(
    lambda keys: st.lists(st.fixed_dictionaries(dict.fromkeys(sorted(keys), VALUES)), min_size=1, max_size=5)
)


@given(LISTS)
def test_lists_make_every_combination_once_and_the_last_changes_fastest(lists: dict[str, list[Scalar]]) -> None:
    found = combinations(lists)
    assert not [*misfits(lists)]
    expected: list[Combination] = [{}]
    for key, values in lists.items():
        expected = [{**each, key: value} for each in expected for value in values]
    assert found == expected


@given(MAPPINGS)
def test_mappings_are_the_combinations_in_their_order(mappings: list[dict[str, Scalar]]) -> None:
    assert combinations(mappings) == mappings
    assert not [*misfits(mappings)]


@given(LISTS | MAPPINGS)
def test_one_combination_for_each_way_to_choose(for_each: Any) -> None:
    found = combinations(for_each)
    count = 1
    for values in for_each.values() if isinstance(for_each, dict) else [for_each]:
        count *= len(values)
    assert len(found) == count
    assert all(each.keys() == found[0].keys() for each in found)


@pytest.mark.parametrize(
    ("for_each", "wrong"),
    [
        ({"a": [1] * 10, "b": [1] * 100}, []),
        ({"a": [1] * 11, "b": [1] * 91}, ["for_each: 1,001 combinations are too many"]),
        ({"a": [1] * 10**6, "b": [1] * 10**6}, ["for_each: 1,000,000,000,000 combinations are too many"]),
        ([{"a": 1}] * MOST_COMBINATIONS, []),
        ([{"a": 1}] * 1001, ["for_each: 1,001 combinations are too many"]),
        ([{"a": 1, "b": 2}, {"a": 1}, {"c": 1}], ["for_each: c is missing here", "for_each: b, c is missing here"]),
    ],
)
def test_what_a_schema_cannot_say_is_told(for_each: Any, wrong: list[str]) -> None:
    found = [each.message for each in misfits(for_each)]
    assert found[: len(wrong)] == wrong
    assert bool(found) == bool(wrong)


@pytest.mark.parametrize(
    ("combination", "text"),
    [
        ({"region": "EU"}, "region=EU"),
        ({"region": "EU", "at": "0 2 * * *", "n": 5, "x": False}, 'region=EU, at="0 2 * * *", n=5, x=false'),
        ({"a": ""}, 'a=""'),
        ({"a": "\x1b[2J\n"}, r'a="\x1b[2J\n"'),
        ({f"k{number}": number for number in range(12)}, ", ".join(f"k{n}={n}" for n in range(10)) + ", …"),
    ],
)
def test_a_combination_is_told_in_a_line(combination: Combination, text: str) -> None:
    assert told(combination) == text


MATRIX = """
schedules:
  REPORT_${region}_${kind}:
    for_each: {region: [EU, US], kind: [full, delta]}
    schedule: "0 2 * * *"
    task_type: report:${kind}
    queue: Q_${region}
    payload: {region: "${region}", deep: [{kind: "${kind}"}]}
    suspend: false
"""


def test_keys_are_variables_of_the_schedule_and_of_its_name(tmp_path: Path) -> None:
    found = load(tmp_path, MATRIX)
    assert [*found.tasks] == ["REPORT_EU_full", "REPORT_EU_delta", "REPORT_US_full", "REPORT_US_delta"]
    task = found.tasks["REPORT_US_delta"]
    assert (task.name, task.queue, task.task_type) == ("REPORT_US_delta", "Q_US", "report:delta")
    assert task.payload == b'{"deep":[{"kind":"delta"}],"region":"US"}'
    assert {str(place) for place in found.locations.values()} == {"schedules/a.yaml:3:3"}


def test_a_list_of_mappings_makes_a_schedule_of_each(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "schedules: {'A_${r}': {for_each: [{r: EU, at: '0 2 * * *', n: 3, off: false}, "
        "{r: US, at: '0 8 * * *', n: 4, off: true}], "
        "schedule: '${at}', task_type: t, max_tries: '${n}', suspend: '${off}'}}",
    )
    assert {name: (task.schedule, task.max_tries) for name, task in found.tasks.items()} == {"A_EU": ("0 2 * * *", 3)}
    assert found.suspended == {"A_US"}


def test_keys_hide_variables_of_the_environment_and_of_others_there_are_all(tmp_path: Path) -> None:
    project = "owner: team\nenvironments: {prod: {variables: {r: WRONG, stage: PROD, list: EU}}}"
    schedules = (
        "schedules:\n"
        "  A_${r}_${stage}: {for_each: {r: ['${list}', 'U${stage}']}, schedule: daily, task_type: 't:${r}'}\n"
        "  B_${r}: {schedule: daily, task_type: t}\n"
    )
    found = load(tmp_path, schedules, project, "prod")
    assert {name: task.task_type for name, task in found.tasks.items()} == {
        "A_EU_PROD": "t:EU",
        "A_UPROD_PROD": "t:UPROD",
        "B_WRONG": "t",
    }


def test_an_anchor_that_a_schedule_refers_to_knows_its_keys(tmp_path: Path) -> None:
    schedules = (
        "x-common: &common {schedule: daily, task_type: 't:${r}', for_each: {r: [EU, US]}}\n"
        "schedules:\n  A_${r}: *common\n  B_${r}: {<<: *common, queue: '${r}'}\n"
    )
    assert [*load(tmp_path, schedules).tasks] == ["A_EU", "A_US", "B_EU", "B_US"]


def test_each_combination_may_have_a_payload_file_of_its_own_which_is_watched(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/EU.json": "1", "schedules/US.json": "2"})
    found = load(
        tmp_path,
        "schedules: {'A_${r}': {for_each: {r: [EU, US]}, schedule: daily, task_type: t, payload_file: '${r}.json'}}",
    )
    assert [task.payload for task in found.tasks.values()] == [b"1", b"2"]
    assert [path.name for path in found.sources] == ["ajsync.yaml", "a.yaml", "EU.json", "US.json"]


HEAD = "schedules:\n  J_${r}:\n    for_each: {r: [EU, US, APAC]}\n    schedule: '@daily'\n    task_type: t\n    "


@pytest.mark.parametrize(
    ("members", "lines"),
    [
        ("max_tries: 0", ["6:16: max_tries: 0 is too small; the minimum is 1"]),
        ("queue: '${r}'\n    max_tries: '${r}'", [
            f'7:16: max_tries: "{region}" is a string, not an integer, for r={region}; write for example 3'
            for region in ("APAC", "EU", "US")
        ]),
        ("payload_file: '${r}.json'", [
            f'6:19: payload_file: "{region}.json" cannot be read: schedules/{region}.json: No such file or directory, '
            f"for r={region}; name a file of at most 588,000 bytes, by a path relative to the folder of this file"
            for region in ("APAC", "US")
        ]),
        ("queue: 'Q_${x}'", [
            '6:12: the variable "x" is not defined; known are r, or define it in the variables of an environment in '
            "ajsync.yaml, or write $${ for a literal ${"
        ]),
        ("quue: '${r}'", ['6:5: unknown member "quue"; did you mean "queue"?']),
    ],
)  # fmt: skip
def test_an_error_points_at_its_line_and_names_the_combination_unless_all_have_it(
    tmp_path: Path, members: str, lines: list[str]
) -> None:
    write(tmp_path, {"schedules/EU.json": "1"})
    assert problems(tmp_path, f"{HEAD}{members}\n") == [f"schedules/a.yaml:{line}" for line in lines]


def test_the_error_of_several_combinations_names_the_first_and_counts_the_others(tmp_path: Path) -> None:
    schedules = (
        "schedules: {'J_${r}': {for_each: [{r: A, n: 0}, {r: B, n: 0}, {r: C, n: 1}], "
        "schedule: daily, task_type: t, max_tries: '${n}'}}"
    )
    (line,) = problems(tmp_path, schedules)
    assert line.endswith(": max_tries: 0 is too small, for r=A, n=0 and 1 more combination; the minimum is 1")


def test_the_error_of_the_only_combination_names_it(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, HEAD.replace(", US, APAC", "") + "max_tries: 0\n")
    assert line.endswith(": max_tries: 0 is too small, for r=EU; the minimum is 1")


@pytest.mark.parametrize(
    ("schedules", "lines"),
    [
        ("J: {for_each: {r: [EU, US]}, schedule: daily, task_type: t}", [
            '2:3: the schedule "J" is made twice, by "J" for r=EU and for r=US; put ${r} into the name'
        ]),
        ("J_${r}: {for_each: {r: [EU, EU]}, schedule: daily, task_type: t}", [
            '2:3: the schedule "J_EU" is made twice, by "J_${r}" for r=EU and for r=EU; remove one of the values'
        ]),
        ("J_${r}: {for_each: {r: [EU]}, schedule: daily, task_type: t}\n  J_EU: {schedule: daily, task_type: t}", [
            '3:3: the schedule "J_EU" is made twice, by "J_${r}" for r=EU at schedules/a.yaml:2:3 and by "J_EU"; '
            "rename or remove one of them"
        ]),
        ("J: {for_each: {r: [" + ",".join(map(str, range(1000))) + "]}, schedule: daily, task_type: t}", [
            '2:3: the schedule "J" is made twice, by "J" for r=0 and for r=1; put ${r} into the name'
        ]),
        ("J_${r}: {for_each: {r: [5, '5']}, schedule: daily, task_type: t}", [
            '2:3: the schedule "J_5" is made twice, by "J_${r}" for r=5 and for r=5; remove one of the values'
        ]),
        ("J_${r}: {for_each: {r: [a b, c]}, schedule: daily, task_type: t}", [
            '2:3: "J_a b" is not a valid name of a schedule, for r="a b"; use letters, digits, _ and -'
        ]),
        ("J_${s}: {for_each: {r: [a, b]}, schedule: daily, task_type: t}", [
            '2:3: the variable "s" is not defined; known are r, or define it in the variables of an environment in '
            "ajsync.yaml, or write $${ for a literal ${"
        ]),
    ],
)  # fmt: skip
def test_names_that_cannot_be_are_told(tmp_path: Path, schedules: str, lines: list[str]) -> None:
    assert problems(tmp_path, f"schedules:\n  {schedules}\n") == [f"schedules/a.yaml:{line}" for line in lines]


@pytest.mark.parametrize(
    ("for_each", "line"),
    [
        ("", '3:14: for_each is empty, not a mapping or a list; write for example {"region": ["EU", "US"]}'),
        ("EU", '3:15: for_each: "EU" is a string, not a mapping or a list; '
         'write for example {"region": ["EU", "US"]}'),
        ("{}", '3:15: for_each: a mapping is empty; write for example {"region": ["EU", "US"]}'),
        ("[]", '3:15: for_each: a list is empty; write for example {"region": ["EU", "US"]}'),
        ("{r: []}", '3:19: r: a list is empty; write for example ["EU", "US"]'),
        ("{r: EU}", '3:19: r: "EU" is a string, not a list; write a list: ["EU"]'),
        ("{r: [[EU]]}", '3:20: r is a list, not a string, an integer, a number or true or false; '
         'write for example "EU"'),
        ("{a b: [EU]}", '3:16: "a b" is not a valid name of a variable; use letters, digits, _ and -'),
        ("[EU]", '3:16: for_each: "EU" is a string, not a mapping; '
         'write for example {"region": "EU", "at": "0 2 * * *"}'),
        ("[{}]", '3:16: for_each: a mapping is empty; write for example {"region": "EU", "at": "0 2 * * *"}'),
        ("[{r: EU}, {r: US, at: x}]", "3:16: for_each: at is missing here; let every mapping have the same keys"),
        ("{r: ['${x}']}", '3:20: the variable "x" is not defined; define it in the variables of an environment in '
         "ajsync.yaml, or write $${ for a literal ${"),
    ],
)  # fmt: skip
def test_a_for_each_that_is_wrong_is_told_once_and_nothing_else(tmp_path: Path, for_each: str, line: str) -> None:
    schedules = f"schedules:\n  J_${{r}}:\n    for_each: {for_each}\n    schedule: ${{r}}\n"
    assert problems(tmp_path, schedules) == [f"schedules/a.yaml:{line}"]


def test_what_a_few_lines_may_grow_to_has_a_limit(tmp_path: Path) -> None:
    lists = "{a: [" + "1," * 10 + "], b: [" + "1," * 100 + "]}"
    each = f"{{for_each: {lists}, schedule: daily, task_type: t, payload: [{'1,' * 2000}]}}"
    (line,) = problems(tmp_path, f"schedules:\n  J_${{a}}: {each}\n")
    assert line == (
        "schedules/a.yaml:2:22: the file has more than 1,000,000 values or 20,000,000 characters with for_each "
        "expanded; use several files"
    )
    doubled = "${v}" * 1000
    each = f"{{for_each: {{v: [{'x' * 30_000}]}}, schedule: daily, task_type: t, description: '{doubled}'}}"
    (line,) = problems(tmp_path, f"schedules:\n  J: {each}\n")
    assert ": the file has more than 20,000,000 characters with its variables replaced, for v=" in line


def test_thousands_of_problems_end_the_search(tmp_path: Path) -> None:
    lists = "{a: [" + ",".join(map(str, range(1000))) + "]}"
    members = f"for_each: {lists}, schedule: daily, task_type: t, queue: 'a ${{a}}', max_tries: 'a ${{a}}'"
    lines = problems(tmp_path, f"schedules:\n  J_${{a}}: {{{members}}}\n")
    assert len(lines) == 1001
    assert lines[-1] == "There are more problems than these; they were not looked for."


BODY = st.fixed_dictionaries(
    {"schedule": st.sampled_from(["@daily", "${n_1} 5 * * *", "0 2 * * *"])},
    optional={
        "task_type": st.sampled_from(["t", "t:${region}"]),
        "description": st.sampled_from(["${region}", "a ${kind} b", "$${region}", "${kind}${kind}"]),
        "payload": st.recursive(
            VALUES | st.sampled_from(["${region}", "x${n_1}"]),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("${kind}"), inner),
        ),
        "max_tries": st.just("${n_1}"),
        "suspend": st.booleans() | st.just("${a-b}"),
    },
)


def by_hand(value: Any, combination: Combination) -> Any:
    """A value in which the placeholders of a combination are written out."""
    if isinstance(value, dict):
        return {key: by_hand(each, combination) for key, each in value.items()}
    if isinstance(value, list):
        return [by_hand(each, combination) for each in value]
    for key, found in combination.items() if isinstance(value, str) else ():
        if value == f"${{{key}}}":
            return found
        text = found if isinstance(found, str) else json.dumps(found)
        value = value.replace("$${", "\0").replace(f"${{{key}}}", text).replace("\0", "$${")
    return value


def outcome(schedules: Mapping[str, Any]) -> tuple[Mapping[str, ScheduledTask], frozenset[str]] | None:
    """What loading a project with these schedules gives; None if they are wrong."""
    with TemporaryDirectory() as folder:
        write(Path(folder), {"ajsync.yaml": OWNER, "schedules/a.yaml": json.dumps({"schedules": schedules})})
        try:
            found = load_configuration(Path(folder))
        except ConfigurationError:
            return None
        return found.tasks, found.suspended


@given(MAPPINGS, BODY)
def test_it_is_as_if_each_schedule_had_been_written_out(mappings: list[Combination], body: dict[str, Any]) -> None:
    """Where something is wrong, both are."""
    numbered = [{**each, "i": number} for number, each in enumerate(mappings)]
    written = {f"J_{each['i']}": by_hand(body, each) for each in numbered}
    assert outcome({"J_${i}": {**body, "for_each": numbered}}) == outcome(written)


@given(LISTS, BODY)
def test_lists_are_as_if_their_combinations_had_been_listed(
    lists: dict[str, list[Scalar]], body: dict[str, Any]
) -> None:
    name = "_".join(f"${{{key}}}" for key in lists)
    listed = outcome({name: {**body, "for_each": combinations(lists)}})
    assert outcome({name: {**body, "for_each": lists}}) == listed
