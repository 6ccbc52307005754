"""The schemas in ajv, which many editors and SchemaStore use, in its strict mode. Skipped without an `ajv`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from ajsync.config import schema_file
from ajsync.config.schema import PROJECT_SCHEMA, SCHEDULES_SCHEMA

ROOT = Path(__file__).parents[2]
AJV = shutil.which("ajv")
pytestmark = pytest.mark.skipif(AJV is None, reason="there is no ajv on this machine (npm install ajv-cli)")

ALL = sorted(file.name for file in schema_file(PROJECT_SCHEMA).parent.glob("*.json"))
# Editors show `patternErrorMessage`; it is no keyword of JSON Schema. Formats are in a package of their own.
ADDED = 'module.exports = ajv => { ajv.addKeyword("patternErrorMessage"); ajv.addFormat("date-time", true) }\n'


@pytest.fixture
def added(tmp_path: Path) -> Path:
    """What ajv has to be told."""
    file = tmp_path / "added.js"
    file.write_text(ADDED)
    return file


def ajv(command: str, name: str, added: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run ajv with a schema, to its end."""
    assert AJV is not None
    strict = ["--spec=draft2020", "--strict=true", "--allow-union-types"]
    command_line = [AJV, command, *strict, "-c", added, "-s", schema_file(name), *arguments]
    return subprocess.run(command_line, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("name", ALL)
def test_ajv_takes_a_schema_in_its_strict_mode(name: str, added: Path) -> None:
    done = ajv("compile", name, added)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


@pytest.mark.parametrize(("name", "pattern"), [(PROJECT_SCHEMA, "ajsync.yaml"), (SCHEDULES_SCHEMA, "schedules/*.yaml")])
def test_ajv_takes_the_files_of_the_examples(name: str, pattern: str, tmp_path: Path, added: Path) -> None:
    files = [*(ROOT / "examples").glob(f"*/{pattern}")]
    assert len(files) > 2
    options: list[str | Path] = []
    for number, file in enumerate(files):
        data = tmp_path / f"{number}.json"  # since ajv itself reads YAML 1.1, where a date is no string
        data.write_text(json.dumps(yaml.safe_load(file.read_text()), default=str))
        options += ["-d", data]
    done = ajv("validate", name, added, *options)
    assert done.returncode == 0, done.stderr


def test_ajv_refuses_two_payloads(tmp_path: Path, added: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text('schedules: {A: {schedule: "@daily", task_type: t, payload: 1, payload_file: x}}\n')
    done = ajv("validate", SCHEDULES_SCHEMA, added, "-d", file)
    assert done.returncode == 1
    assert "must NOT be valid" in done.stderr
