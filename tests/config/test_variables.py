"""Variables come from the environment and from beside the files, and stand in names too."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.config import load_configuration, load_context
from ajsync.config.scalars import read_scalar
from ajsync.config.variables import Given, Scalar, Spelled
from ajsync.config.wording import flow
from ajsync.errors import ConfigurationError
from tests.config.projects import load, problems, write

PROJECT = """\
owner: team
environments:
  prod: {owner: team-prod, variables: {stage: PROD, tries: 5, version: "1"}}
  dev: {context: nats-dev, variables: {stage: DEV}}
"""
NAMED = "schedules: {'A_${stage}': {schedule: daily, task_type: t, queue: 'Q_${stage}'}}"


@pytest.mark.parametrize(("environment", "owner", "name"), [("prod", "team-prod", "A_PROD"), ("dev", "team", "A_DEV")])
def test_an_environment_has_names_and_an_owner_of_its_own(
    tmp_path: Path, environment: str, owner: str, name: str
) -> None:
    found = load(tmp_path, NAMED, PROJECT, environment)
    (task,) = found.tasks.values()
    assert (found.owner, task.owner, task.name, [*found.tasks]) == (owner, owner, name, [name])
    assert str(found.locations[name]) == "schedules/a.yaml:1:13"


def test_a_digest_tells_owners_and_names_apart_and_not_where_they_come_from(tmp_path: Path) -> None:
    prod, dev = (load(tmp_path, NAMED, PROJECT, environment) for environment in ("prod", "dev"))
    plain = NAMED.replace("${stage}", "PROD")
    assert prod.digest != dev.digest
    assert load(tmp_path, plain, "owner: team-prod").digest == prod.digest
    assert load(tmp_path, plain, "owner: team").digest != prod.digest


def test_the_owner_that_is_expected_is_that_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": PROJECT, "schedules/a.yaml": NAMED})
    assert load_configuration(tmp_path, environment="prod", owner="team-prod").owner == "team-prod"
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path, environment="prod", owner="team")
    assert str(error.value) == (
        'ajsync.yaml:3:17: the files belong to the owner "team-prod", but --owner is "team"; '
        "correct the one that is wrong"
    )


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("A_${none}", '1:13: the variable "none" is not defined; known are stage, tries, version, '
         "or write $${ for a literal ${"),
        ("A_$${stage}", '1:13: "A_${stage}" is not a valid name of a schedule; use letters, digits, _ and -'),
        ("A_${", "1:13: ${ begins a placeholder, but no name and } follow; write ${name}, "
         "or write $${ for a literal ${"),
        ("A ${tries}", '1:13: "A 5" is not a valid name of a schedule; use letters, digits, _ and -'),
    ],
)  # fmt: skip
def test_a_name_that_comes_out_wrong_is_told(tmp_path: Path, key: str, line: str) -> None:
    schedules = f"schedules: {{'{key}': {{schedule: daily, task_type: t}}}}"
    assert problems(tmp_path, schedules, PROJECT, "prod") == [f"schedules/a.yaml:{line}"]


def test_a_variable_that_makes_a_name_too_long_is_told(tmp_path: Path) -> None:
    project = f"owner: x\nenvironments: {{e: {{variables: {{v: {'V' * 200}}}}}}}"
    (line,) = problems(tmp_path, "schedules: {'${v}${v}': {schedule: daily, task_type: t}}", project, "e")
    assert line.endswith("has 400 characters; the maximum is 255")


def test_two_names_that_come_out_alike_are_told_with_both(tmp_path: Path) -> None:
    schedules = "schedules:\n  A_${stage}: {schedule: daily, task_type: t}\n  A_PROD: {schedule: daily, task_type: t}\n"
    assert problems(tmp_path, schedules, PROJECT, "prod") == [
        'schedules/a.yaml:3:3: the schedule "A_PROD" is made twice, by "A_${stage}" at schedules/a.yaml:2:3 and by '
        '"A_PROD"; rename or remove one of them'
    ]
    assert len(load(tmp_path, schedules, PROJECT, "dev").tasks) == 2


def loaded(folder: Path, text: str, variables: Given, environment: str | None = "prod") -> object:
    """The payload of a schedule that is this text, loaded with variables beside the files."""
    schedules = f"schedules: {{A: {{schedule: daily, task_type: t, payload: '{text}'}}}}"
    write(folder, {"ajsync.yaml": PROJECT, "schedules/a.yaml": schedules})
    payload = load_configuration(folder, environment=environment, variables=variables).tasks["A"].payload
    return payload.decode() if payload is not None else None


def test_given_variables_are_over_those_of_the_environment_and_need_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "${stage}", {"stage": "X"}) == '"X"'
    assert loaded(tmp_path, "${stage} ${more}", {"more": "Y"}) == '"PROD Y"'
    assert loaded(tmp_path, "${stage}", {"stage": "X"}, None) == '"X"'


@pytest.mark.parametrize(
    ("spelled", "value"),
    [
        *(("5", "5"), ("-5", "-5"), ("0.5", "0.5"), ("true", "true"), ("false", "false")),
        *(("", '""'), ("null", '"null"'), ("010", '"010"'), ("1.10", '"1.10"'), ("1e3", '"1e3"'), ("True", '"True"')),
        *((".inf", '".inf"'), ("9" * 600, f'"{"9" * 600}"'), ("0x1f", '"0x1f"'), ("${stage}", '"${stage}"')),
    ],
)
def test_what_is_typed_is_a_number_or_a_boolean_only_if_nothing_is_lost(
    tmp_path: Path, spelled: str, value: str
) -> None:
    assert loaded(tmp_path, "${n}", {"n": Spelled(spelled)}) == value


@given(st.text() | st.integers().map(str) | st.floats(allow_nan=False).map(str) | st.sampled_from(["true", "false"]))
def test_within_a_text_it_is_as_it_was_typed(text: str) -> None:
    value = Spelled(text).read(None)
    assert (value if isinstance(value, str) else flow(value)) == text
    assert isinstance(value, str) or value == read_scalar(text)


@pytest.mark.parametrize(("declared", "value"), [("1", "7"), ("", "7"), (1, 7), (None, 7), (True, 7)])
def test_it_stays_a_string_where_the_environment_has_one(declared: Scalar | None, value: Scalar) -> None:
    assert Spelled("7").read(declared) == value


def test_values_of_programs_keep_their_types(tmp_path: Path) -> None:
    assert loaded(tmp_path, "${n}", {"n": "5"}) == '"5"'
    assert loaded(tmp_path, "${n}", {"n": 5}) == "5"


def unused(folder: Path, schedules: str, variables: Given, project: str = PROJECT) -> tuple[str, ...]:
    write(folder, {"ajsync.yaml": project, "schedules/a.yaml": schedules})
    return load_configuration(folder, environment="prod", variables=variables).unused


def test_variables_that_are_used_nowhere_are_known(tmp_path: Path) -> None:
    assert unused(tmp_path, NAMED, {"stage": "X", "version": "2"}) == ()
    assert unused(tmp_path, NAMED, {"stgae": "X", "a": 1}) == ("a", "stgae")
    in_defaults = PROJECT + "defaults: {queue: '${q}'}\nfiles: [{match: schedules/*, defaults: {jitter: '${j}'}}]\n"
    assert unused(tmp_path, NAMED, {"q": "Q", "j": "1s"}, in_defaults) == ()
    in_for_each = "schedules: {'A_${r}': {for_each: {r: ['${list}']}, schedule: daily, task_type: 't:${more}'}}"
    assert unused(tmp_path, in_for_each, {"list": "EU", "more": "m"}) == ()
    assert unused(tmp_path, in_for_each, {"list": "EU", "more": "m", "r": "EU"}) == ("r",)


def test_the_context_can_be_found_with_given_variables_and_without_them(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": PROJECT + "defaults: {queue: '${q}'}\n"})
    assert load_context(tmp_path, environment="dev", variables={"q": "Q"}) == "nats-dev"
    assert load_context(tmp_path, environment="dev") == "nats-dev"


def test_what_is_ignored_may_have_any_placeholder(tmp_path: Path) -> None:
    schedules = "x-own: ['${', '${none}']\nschedules: {A: {schedule: daily, task_type: t}}"
    assert [*load(tmp_path, schedules, PROJECT, "prod").tasks] == ["A"]
