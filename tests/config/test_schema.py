"""The schemas are sound, documented in every member, and say the same to an editor as the loader says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from ajsync.asyncjobs import model, names
from ajsync.asyncjobs.model import Managed
from ajsync.asyncjobs.names import DEFAULT_QUEUE
from ajsync.asyncjobs.size import MAX_PAYLOAD
from ajsync.config import explain, schema, schema_file
from ajsync.config.schema import PROJECT_SCHEMA, SCHEDULES_SCHEMA, read_schema, strict_schema
from ajsync.safety import Safety

SCHEMAS = (PROJECT_SCHEMA, SCHEDULES_SCHEMA)
_REGISTRY: Registry[Any] = Registry().with_resources(
    (name, Resource.from_contents(json.loads(schema_file(name).read_text(encoding="utf-8")))) for name in SCHEMAS
)

Part = tuple[str, Mapping[str, Any]]


def parts(name: str, value: Any, path: str = "#") -> Iterator[Part]:
    """Each schema that stands in a schema, itself first, with its pointer."""
    yield f"{name}{path}", value
    for keyword in ("properties", "patternProperties", "$defs"):
        for key, inner in value.get(keyword, {}).items():
            yield from parts(name, inner, f"{path}/{keyword}/{key}")
    for keyword in ("additionalProperties", "items"):
        if isinstance(value.get(keyword), dict):
            yield from parts(name, value[keyword], f"{path}/{keyword}")


ALL_PARTS = [part for name in SCHEMAS for part in parts(name, read_schema(name))]
MEMBERS = [part for part in ALL_PARTS if "$ref" not in part[1]]
IDS = [pointer for pointer, _ in MEMBERS]


def as_an_editor(pointer: str) -> Draft202012Validator:
    """What checks values as an editor does: with the schema as it is written, references followed."""
    return Draft202012Validator({"$ref": pointer}, registry=_REGISTRY)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_draft_2020_12(name: str) -> None:
    written = read_schema(name)
    assert written["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert re.fullmatch(rf"https://raw\.githubusercontent\.com/[^/]+/[^/]+/main/schemas/{name}", written["$id"])
    Draft202012Validator.check_schema(written)
    Draft202012Validator.check_schema(strict_schema(name))


def test_each_schema_can_be_used_alone() -> None:
    project = {"owner": "team", "defaults": {"max_tries": 0}, "environments": {"a": {"defaults": {"colour": "red"}}}}
    errors = {error.message for error in Draft202012Validator(read_schema(PROJECT_SCHEMA)).iter_errors(project)}
    assert errors == {
        "0 is not valid under any of the given schemas",
        "Additional properties are not allowed ('colour' was unexpected)",
    }
    for file in schema_file(PROJECT_SCHEMA).parent.glob("*.json"):
        assert re.findall(r'"\$ref": "[^#]', file.read_text(encoding="utf-8")) == [], file


def test_the_project_describes_defaults_in_the_words_of_the_schedules_files() -> None:
    project, schedules = (read_schema(name)["$defs"] for name in (PROJECT_SCHEMA, SCHEDULES_SCHEMA))
    shared = project.keys() - {"owner", "context", "environment", "queue_settings"}
    assert "defaults" in shared
    assert {name: project[name] for name in shared} == {name: schedules[name] for name in shared}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_has_only_keywords_whose_errors_are_put_into_words(name: str) -> None:
    annotations = {"$schema", "$id", "title", "description", "examples", "default", "patternErrorMessage"}
    passed_on = {"properties", "patternProperties", "items", "contentEncoding"}
    own_words = {"type", "additionalProperties", "propertyNames", "required", "allOf"}
    for pointer, part in parts(name, strict_schema(name)):
        assert part.keys() <= annotations | passed_on | own_words | explain._EXPLAINED.keys(), pointer


@pytest.mark.parametrize(("pointer", "member"), MEMBERS, ids=IDS)
def test_each_member_has_title_description_and_examples(pointer: str, member: Mapping[str, Any]) -> None:
    assert member["title"] == member["title"].strip()
    assert member["description"].endswith(".")
    assert member["examples"]


@pytest.mark.parametrize(("pointer", "member"), MEMBERS, ids=IDS)
def test_each_example_and_default_is_valid(pointer: str, member: Mapping[str, Any]) -> None:
    validator = as_an_editor(pointer)
    for value in (*member["examples"], *([member["default"]] if "default" in member else [])):
        validator.validate(value)


@pytest.mark.parametrize(("pointer", "member"), ALL_PARTS, ids=[pointer for pointer, _ in ALL_PARTS])
def test_each_pattern_says_in_words_what_it_wants(pointer: str, member: Mapping[str, Any]) -> None:
    for part in (member, member.get("propertyNames", {}), *member.get("anyOf", [])):
        if "pattern" in part and "placeholder" not in pointer:
            assert part["patternErrorMessage"]


def test_the_defaults_are_those_of_the_code() -> None:
    schedule = strict_schema(SCHEDULES_SCHEMA, "$defs", "schedule")["properties"]
    assert {name: member["default"] for name, member in schedule.items() if "default" in member} == {
        "queue": DEFAULT_QUEUE,
        "max_tries": model.DEFAULT_MAX_TRIES,
        "catchup": Managed("x").catchup,
        "overlap": Managed("x").overlap,
        "suspend": False,
    }
    safety = strict_schema(PROJECT_SCHEMA)["properties"]["safety"]["properties"]
    assert Safety(**{name: member["default"] for name, member in safety.items()}) == Safety()
    assert MAX_PAYLOAD == 588_000, "the descriptions of the payloads say so"


def test_names_are_what_they_are_on_the_wire() -> None:
    def pattern(part: Mapping[str, Any]) -> str:
        return str(part["pattern"]).removeprefix("^").removesuffix("\\Z")

    schedules = strict_schema(SCHEDULES_SCHEMA)["properties"]["schedules"]
    members = schedules["additionalProperties"]["properties"]
    assert pattern(schedules["propertyNames"]) == names.SCHEDULE_NAME.pattern
    assert pattern(members["queue"]) == names.QUEUE_NAME.pattern
    assert pattern(members["task_type"]) == names.TASK_TYPE.pattern
    assert pattern(strict_schema(PROJECT_SCHEMA)["properties"]["owner"]) == names.OWNER_NAME.pattern


def test_defaults_may_hold_what_a_schedule_may_but_for_what_is_its_own() -> None:
    definitions = read_schema(SCHEDULES_SCHEMA)["$defs"]
    own = {"schedule", "payload", "payload_file", "payload_base64", "description", "suspend", "for_each"}
    schedule, defaults = definitions["schedule"]["properties"], definitions["defaults"]["properties"]
    assert defaults == {name: member for name, member in schedule.items() if name not in own}


PLACEHOLDERS = """
defaults: {queue: "Q_${stage}", max_tries: "${tries}", catchup: "${policy}", timezone: "${zone}"}
schedules:
  A:
    schedule: "${hour} 5 * * *"
    task_type: "${type}"
    deadline: "${hours}h"
    payload_file: "${stage}.json"
    description: "in ${stage}"
    catchup_window: "${window}"
    overlap: "${policy}"
    jitter: "${jitter}"
    suspend: "${paused}"
    for_each: {type: [a, "${b}"]}
  B_${stage}: {schedule: "@daily", payload_base64: "${content}", jitter: 30s}
"""


def test_an_editor_takes_placeholders_where_strings_stand() -> None:
    as_an_editor(SCHEDULES_SCHEMA).validate(yaml.safe_load(PLACEHOLDERS))
    as_an_editor(PROJECT_SCHEMA).validate({"owner": "x", "defaults": {"queue": "${q}", "max_tries": "${tries}"}})


@pytest.mark.parametrize(
    "member",
    [
        *({"max_tries": "x${tries}"}, {"suspend": "not ${paused}"}, {"catchup": "${a}${b}"}, {"overlap": "$${x}x"}),
        *({"queue": "a b"}, {"deadline": "1d"}, {"jitter": "5"}, {"timezone": "Europe Malta"}, {"colour": "red"}),
        *({"payload": 1, "payload_file": "x"}, {"payload_base64": "?"}, {"schedule": "daily at five"}),
    ],
    ids=json.dumps,
)
def test_an_editor_refuses_what_the_loader_refuses(member: dict[str, object]) -> None:
    file = {"schedules": {"A": {"schedule": "@daily", "task_type": "t"} | member}}
    assert not as_an_editor(SCHEDULES_SCHEMA).is_valid(file)


def test_the_pattern_of_schedules_takes_every_schedule_that_go_takes() -> None:
    pattern = re.compile(strict_schema(SCHEDULES_SCHEMA, "$defs", "cron")["pattern"])
    vectors = (Path(__file__).parent.parent / "schedule/vectors.jsonl").read_text(encoding="utf-8")
    cases = [json.loads(line) for line in vectors.strip().split("\n")]
    accepted = {case["schedule"] for case in cases if "error" not in case}
    assert len(accepted) > 100
    assert [schedule for schedule in accepted if not pattern.search(schedule)] == []


def test_a_wheel_carries_the_schemas_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "ajsync"
    (package / "config").mkdir(parents=True)
    monkeypatch.setattr(schema, "__file__", str(package / "config/schema.py"))
    assert schema_file("x.json") == tmp_path / "schemas/x.json"
    (package / "schemas").mkdir()
    (package / "schemas/x.json").touch()
    assert schema_file("x.json") == package / "schemas/x.json"


def test_a_type_that_needs_no_validator_is_one_of_which_the_validator_takes_every_value() -> None:
    values: tuple[Any, ...] = (None, True, 0, -1, 1.5, "", "text", "\n", [], ["a"], {}, {"a": 1})
    checked = 0
    for kind in ("schedule", "defaults"):
        for member in schema.shape(strict_schema(SCHEDULES_SCHEMA, "$defs", kind)).members.values():
            for value in values:
                allowed = isinstance(value, member.allowed)
                assert not allowed or member.validator.is_valid(value)
                checked += allowed
    assert checked
