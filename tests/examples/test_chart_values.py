"""The values of the Helm chart: each is described, and a mistake is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator

from ajsync.config.schema import PROJECT_SCHEMA, strict_schema
from tests.examples.chart import CHART, render, values
from tests.examples.chart_values import EVERYTHING, VARIANTS

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
VALIDATOR = Draft7Validator(SCHEMA)


def described(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties of a schema and of those in it, by their paths."""
    for name, member in schema.get("properties", {}).items():
        yield f"{path}{name}", member
        yield from described(member, f"{path}{name}.")
    if "items" in schema:
        yield from described(schema["items"], path)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_schema_takes_the_values(variant: str) -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert [*VALIDATOR.iter_errors(values(**VARIANTS[variant]))] == []


def test_the_schema_takes_what_helm_gives_a_dependency() -> None:
    assert [*VALIDATOR.iter_errors(values(enabled=True, **{"global": {"imageRegistry": "registry"}}))] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"replica": 2},
        {"replicas": 0},
        {"logFormat": "xml"},
        {"image": {"name": "ajsync"}},
        {"image": {"tag": "a b"}},
        {"image": {"digest": "sha256:0a"}},
        {"nameOverride": "My Name"},
        {"fullnameOverride": "-a"},
        {"nats": {"existingSecret": "", "context": "AJC"}},
        {"project": {"owner": "team", "files": ["*.yaml"]}},
        {"project": {"owner": "team", "default": {}}},
        {"project": {"owner": "my team"}},
        {"schedules": {"ajsync": "schedules: {}"}},
        {"schedules": {"email.yaml": "schedules: {}"}},
        {"schedules": {"email": {"schedules": {}}}},
        {"configFile": "ajsync.yaml"},
        {"environment": "prod --allow-empty"},
        {"takeoverAfter": "soon"},
        {"takeoverAfter": 5},
        {"initContainers": [{"image": "git"}]},
        {"serviceAccount": {"create": "no"}},
        {"networkPolicy": {"natsPorts": []}},
        {"networkPolicy": {"monitorFrom": [{"cidr": "10.0.0.0/8"}]}},
        {"networkPolicy": {"extraEgress": [{"from": []}]}},
        {"affinity": {"nodeAffinities": {}}},
        {"dashboard": {"labels": {"grafana_dashboard": 1}}},
        {"resources": {"limit": {"memory": "1Gi"}}},
    ],
    ids=str,
)
def test_the_schema_refuses_a_mistake(changes: dict[str, Any]) -> None:
    assert [*VALIDATOR.iter_errors(values(**changes))]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Texts and numbers in maps and lists, with the names that lead to them; empty maps and lists as such."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(each, f"{path}.{name}")
    elif isinstance(value, list) and value:
        for each in value:
            yield from leaves(each, path)
    elif not isinstance(value, bool):
        yield path, str(value)


def test_every_value_that_is_set_reaches_an_object() -> None:
    made = [*leaves(render(values(**EVERYTHING)))]
    for path, value in leaves(
        {name: each for name, each in EVERYTHING.items() if name not in ("project", "schedules")}
    ):
        last = path.rpartition(".")[2]
        direct = any(value == other and end.endswith(f".{last}") for end, other in made)
        assert direct or any(re.search(rf"(^|[=:/]){re.escape(value)}(:|$)", other) for _, other in made), path


def test_every_value_is_described_and_has_a_default() -> None:
    chosen = values()
    for path, member in described(SCHEMA):
        assert re.fullmatch(r"[A-Z].*\.", member["description"]), path
        top, _, below = path.partition(".")
        assert top in chosen or top in ("global", "enabled"), path
        if below and member.get("type") != "array" and top not in ("affinity", "resources"):
            assert "." in below or below in chosen[top], path


def test_the_project_has_the_members_of_a_project_file_but_those_of_the_chart() -> None:
    members = SCHEMA["properties"]["project"]["propertyNames"]["enum"]
    assert {*members} == {*strict_schema(PROJECT_SCHEMA)["properties"]} - {"files", "context"}


def test_the_page_sets_values_that_the_chart_has() -> None:
    page = (CHART / "README.md").read_text()
    paths = re.findall(r"--set(?:-file)? ([a-zA-Z.]+)=", page)
    paths += re.findall(r"`([a-zA-Z]+\.[a-zA-Z.]+)`", page)
    assert len(paths) > 15
    for path in (path for path in paths if not path.endswith((".yaml", ".json"))):
        top, _, below = path.partition(".")
        assert top in values(), path
        assert top == "schedules" or below in values()[top], path
    assert re.findall(r"--from-file=(\S+)", page) == [f"{values()['nats']['context']}.json", "nats.creds"]
