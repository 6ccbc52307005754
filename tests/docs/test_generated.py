"""The reference pages say what the schemas, the commands and the errors say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ajsync
from ajsync import errors
from ajsync.cli.commands import COMMANDS
from ajsync.cli.main import cli
from ajsync.config import load_configuration
from ajsync.config.scalars import read_scalar
from ajsync.errors import ConfigurationError
from docs.generate import copies, pages
from tests.docs.pages import DOCS, ROOT, blocks, headings, rows

COMMANDS_PAGE = DOCS / "commands.md"
FILES_PAGE = DOCS / "file-format.md"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_with_generated_parts_is_up_to_date(page: Path) -> None:
    assert page.read_text() == pages()[page], "run `make docs`"


@pytest.mark.parametrize("copy", copies(), ids=lambda copy: copy.name)
def test_a_copy_in_the_chart_is_up_to_date(copy: Path) -> None:
    assert copy.read_text() == copies()[copy], "run `make docs`"


def test_the_reference_has_generated_parts() -> None:
    assert {page.name for page in pages()} == {"commands.md", "file-format.md", "monitoring.md"}


def test_the_page_has_a_section_for_each_command() -> None:
    assert {f"`ajsync {name}`" for name in COMMANDS} <= set(headings(COMMANDS_PAGE))


def test_the_exit_codes_are_those_of_the_errors_and_of_the_help() -> None:
    told = {int(row[0]): row[1] for row in rows(COMMANDS_PAGE, "Exit codes")}
    raised = {
        error.exit_code
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.AjsyncError)
    }
    assert set(told) == raised | {0, 2}
    helped = re.findall(r"(?:^|  )(\d+)  (\S.*?)(?=  +\d|$)", cli.help or "", re.MULTILINE)
    assert {int(code): text for code, text in helped} == told


def test_every_environment_variable_of_the_page_is_read_by_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "ajsync").rglob("*.py"))
    for row in rows(COMMANDS_PAGE, "Environment variables"):
        assert f'"{row[0].strip("`")}"' in code


def test_unquoted_values_are_read_as_the_page_says() -> None:
    words: dict[str, type] = {"true": bool, "null": type(None), "a number": float, "a string": str}
    for written, told in rows(FILES_PAGE, "How YAML is read"):
        kind = next(kind for word, kind in words.items() if told.startswith(word))
        for text in re.findall("`([^`]+)`", written):
            value = read_scalar(text)
            assert isinstance(value, kind if kind is not float else (int, float)), text
            assert isinstance(value, bool) == (kind is bool)
    assert read_scalar("010") == 10


def test_the_errors_on_the_page_are_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, foreign = blocks(FILES_PAGE, "text", below="Errors")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "schedules").mkdir()
    (tmp_path / "ajsync.yaml").write_text("owner: team\n")
    (tmp_path / "schedules" / "email.yaml").write_text(
        "defaults: {task_type: email:new}\nschedules:\n  A:\n    schedule: 61 * * * *\n    task_typ: email:old\n"
    )
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert shown.text == f"{error.value}\nError: 2 problems in 1 file.\n"
    (tmp_path / "schedules" / "email.yaml").write_text(
        "schedules:\n  A:\n    task_type: email:new\n    schedule: 0 0 6 ? * 2-6\n    max_tries: 3\n"
        "    deadline: 3600\n    queue: Q_$stage\n"
    )
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    assert foreign.text == f"{error.value}\n"


def test_the_changelog_knows_this_version() -> None:
    assert re.search(rf"\b{re.escape(ajsync.__version__)}\b", (ROOT / "CHANGELOG.md").read_text())
