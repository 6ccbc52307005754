"""What formatting a file changes, and above all what it never changes."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ajsync.config.document import parse_document
from ajsync.config.export import export_yaml
from ajsync.config.formatting import formatted
from ajsync.config.order import SCHEDULE_MEMBERS, project_order
from ajsync.config.schema import PROJECT_SCHEMA, SCHEDULES_SCHEMA, strict_schema
from ajsync.errors import Problem
from tests.config.formats import Drawn, schedules_files
from tests.docs.pages import ROOT, blocks
from tests.tasks import task

FILES = sorted(
    path
    for folder in ("examples", "tests")
    for ending in ("*.yaml", "*.yml", "*.json")
    for path in (ROOT / folder).rglob(ending)
)


def fmt(text: str) -> str:
    """The formatted text."""
    problems: list[Problem] = []
    result = formatted(text.encode(), "a.yaml", problems, is_project="owner: team" in text)
    assert not problems
    assert result is not None
    return result.decode()


def refused(text: str | bytes) -> str:
    """The only problem of a text that cannot be formatted."""
    problems: list[Problem] = []
    data = text if isinstance(text, bytes) else text.encode()
    assert formatted(data, "a.yaml", problems) is None
    (problem,) = problems
    return str(problem)


def meaning(text: str) -> Any:
    """The value of a text as the loader reads it, and payloads as they are stored."""
    problems: list[Problem] = []
    document = parse_document(text.encode(), "a.yaml", problems)
    assert document is not None
    assert not problems
    schedules = document.value.get("schedules") if isinstance(document.value, dict) else None
    members = schedules if isinstance(schedules, dict) else {}
    payloads = [each.get("payload") for each in members.values() if isinstance(each, dict)]
    return document.value, json.dumps([payloads, [*members]])


def composed(text: str) -> Any:
    """The nodes of a text, as PyYAML makes them."""
    return yaml.compose(text, Loader=yaml.BaseLoader)


def comments(text: str) -> list[str]:
    return sorted(re.findall(r"# c\d+;", text))


def bare(line: str) -> str:
    """A line without its indentation, and with one space behind a dash."""
    return re.sub(r"^(- )?- +", lambda match: "- " * match[0].count("-"), line.strip())


@given(schedules_files())
def test_no_value_changes_and_no_comment_is_lost(drawn: Drawn) -> None:
    result = fmt(drawn.text)
    assert meaning(result) == meaning(drawn.text)
    assert comments(result) == comments(drawn.text)


@given(schedules_files())
def test_what_is_formatted_stays_as_it_is(drawn: Drawn) -> None:
    result = fmt(drawn.text)
    assert fmt(result) == result
    assert result.endswith("\n")


@given(schedules_files())
def test_a_line_is_moved_and_never_written_anew(drawn: Drawn) -> None:
    before, after = (Counter(map(bare, text.splitlines())) for text in (drawn.text, fmt(drawn.text)))
    before[""] = after[""] = 0
    if drawn.has_flow:
        before, after = (Counter("".join(each.elements()).replace(" ", "")) for each in (before, after))
    assert +before == +after


@given(schedules_files())
def test_a_comment_above_a_member_stays_above_it(drawn: Drawn) -> None:
    lines = [line.strip() for line in fmt(drawn.text).splitlines()]
    for comment, member in drawn.above.items():
        below = lines[lines.index(comment.strip()) :]
        first = next((line for line in below if line and not line.startswith("#")), "")
        assert first.startswith(member), (comment, member)


@given(schedules_files())
def test_each_key_is_indented_by_two_spaces_for_each_level(drawn: Drawn) -> None:
    text = fmt(drawn.text)
    keys = [line for line in text.splitlines() if re.fullmatch(r" *(?:- )*(?!key:)[\w-]+:.*", line)]
    assert drawn.has_flow or {(len(line) - len(line.lstrip(" "))) % 2 for line in keys} <= {0}
    root = composed(text)
    for key, section in root.value:
        assert key.start_mark.column == 0
        if key.value == "schedules":
            for name, schedule in section.value:
                assert name.start_mark.column == 2
                assert schedule.flow_style or {member.start_mark.column for member, _ in schedule.value} == {4}


@given(schedules_files())
def test_the_members_of_a_schedule_have_the_order_of_the_reference(drawn: Drawn) -> None:
    text = fmt(drawn.text)
    for key, section in composed(text).value:
        if key.value == "schedules" and "*q" not in text:
            for _, schedule in section.value:
                names = [member.value for member, _ in schedule.value]
                assert names == sorted(names, key=("<<", *SCHEDULE_MEMBERS).index)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_any_file_of_the_repository_keeps_its_meaning(path: Path) -> None:
    """Many of them are no files of a project, or break it on purpose: those are refused."""
    data = path.read_bytes()
    is_project = path.name == "ajsync.yaml"
    result = formatted(data, path.name, [], is_project=is_project)
    if result is not None:
        assert formatted(result, path.name, [], is_project=is_project) == result
        assert meaning(result.decode()) == meaning(data.decode())
        if path.is_relative_to(ROOT / "examples") and path.parent.name != "kubernetes":
            assert result == data


@given(st.binary() | st.text(alphabet="a:-# \n\t&*|>+2[]{},\"'?<").map(lambda text: f"schedules:\n{text}".encode()))
def test_any_bytes_are_formatted_or_refused(data: bytes) -> None:
    problems: list[Problem] = []
    result = formatted(data, "a.yaml", problems)
    assert (result is None) == bool(problems)
    if result is not None:
        assert formatted(result, "a.yaml", problems) == result


SHOWN = """\
schedules:
    # Nightly, when nobody is there.
    CLEAN_UP:
        task_type: clean-up   # see the handler
        # In UTC.
        schedule: "0 2 * * *"
"""


def test_members_move_with_their_comments() -> None:
    assert fmt(SHOWN) == (
        "schedules:\n"
        "  # Nightly, when nobody is there.\n"
        "  CLEAN_UP:\n"
        "    # In UTC.\n"
        '    schedule: "0 2 * * *"\n'
        "    task_type: clean-up   # see the handler\n"
    )


def test_the_page_shows_what_becomes_of_a_file() -> None:
    before, after = (each.text for each in blocks(ROOT / "docs" / "file-format.md", "yaml", below="Formatting"))
    assert fmt(before) == after
    assert before != after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("schedules: {}", "schedules: {}\n"),
        ("schedules: {}\n\n\n# end\n\n", "schedules: {}\n\n\n# end\n"),
        ("\ufeffschedules: {}\n", "schedules: {}\n"),
        ("schedules: {A: {}}\r\ndefaults:\r\n    queue: Q\r\n", "defaults:\r\n  queue: Q\r\nschedules: {A: {}}\r\n"),
        ("schedules:\r\n A: {payload: x}", "schedules:\r\n  A: {payload: x}\r\n"),
        ("schedules:\n A:\n  payload: |\n   x", "schedules:\n  A:\n    payload: |-\n      x\n"),
        ("schedules:\n A:\n  payload: >2+\n     x", "schedules:\n  A:\n    payload: >2-\n       x\n"),
        ("schedules:\n A:\n  payload: |+\n   x\n\n\n", "schedules:\n  A:\n    payload: |+\n      x\n\n\n"),
        ("# a\n\n---\nschedules: {}\n...\n# b\n\n", "# a\n\n---\nschedules: {}\n...\n# b\n"),
        ("--- # a\nschedules: {}\n", "--- # a\nschedules: {}\n"),
        ("{schedules: {}, defaults: {queue: Q}}\n", "{defaults: {queue: Q}, schedules: {}}\n"),
        (
            "schedules: {A: {task_type: t, # why\n  schedule: daily}}\n",
            "schedules: {A: {task_type: t, # why\n  schedule: daily}}\n",
        ),
        ("schedules: {A: {suspend: , schedule: x}}\n", "schedules: {A: {schedule: x, suspend: }}\n"),
        ('schedules: {A: {"suspend":, schedule: x}}\n', 'schedules: {A: {"suspend":, schedule: x}}\n'),
        ("schedules: {A: {queue: 'a, b' ,schedule: [ü, 1]}}\n", "schedules: {A: {schedule: [ü, 1] ,queue: 'a, b'}}\n"),
        (
            "schedules:\n\n- not a mapping\n-   with: its own\n    owner: x\n",
            "schedules:\n\n  - not a mapping\n  - with: its own\n    owner: x\n",
        ),
        ("schedules:\n  A:\n  # b\n  B:\n", "schedules:\n  A:\n  # b\n  B:\n"),
    ],
)
def test_ends_marks_and_styles_are_kept(before: str, after: str) -> None:
    assert fmt(before) == after
    assert fmt(after) == after


def test_what_is_at_the_top_of_a_file_stays_there() -> None:
    text = "# yaml-language-server: $schema=x\n# These.\nschedules: {}\n# Those.\ndefaults: {}\n"
    assert fmt(text) == "# yaml-language-server: $schema=x\n# Those.\ndefaults: {}\n# These.\nschedules: {}\n"
    text = "# About the file.\n\n# These.\nschedules: {}\n\ndefaults: {}\n"
    assert fmt(text) == "# About the file.\n\ndefaults: {}\n\n# These.\nschedules: {}\n"


def test_an_alias_stays_behind_its_anchor() -> None:
    text = "schedules:\n  A:\n    description: &d words\n    labels: {}\n    task_type: *d\n    queue: *d\n"
    assert (
        fmt(text) == "schedules:\n  A:\n    description: &d words\n    queue: *d\n    task_type: *d\n    labels: {}\n"
    )
    text = "schedules: {A: &a {}}\nx-of: *a\ndefaults: {}\n"
    assert fmt(text) == "defaults: {}\nschedules: {A: &a {}}\nx-of: *a\n"


def test_the_project_file_is_ordered_as_a_whole() -> None:
    text = (
        "safety: {allow_empty: true, max_delete: 1}\n"
        "environments:\n  b:\n    defaults: {queue: Q, timezone: UTC}\n    context: c\n  a: {}\n"
        "files:\n- optional: true\n  # where\n  match: a\n- b\n"
        "queues: {Z: {max_age: 1h, max_tries: 3}, A: {}}\n"
        "owner: team\n"
    )
    assert fmt(text) == (
        "owner: team\n"
        "files:\n  # where\n  - match: a\n    optional: true\n  - b\n"
        "environments:\n  b:\n    context: c\n    defaults: {timezone: UTC, queue: Q}\n  a: {}\n"
        "queues: {Z: {max_tries: 3, max_age: 1h}, A: {}}\n"
        "safety: {max_delete: 1, allow_empty: true}\n"
    )


def test_comments_at_the_end_of_what_is_nested_stay_in_it() -> None:
    text = "schedules:\n  A:\n      queue: Q\n      # in A\n\n  # off:\n  B: {}\n  # in all\n# end\n"
    assert fmt(text) == "schedules:\n  A:\n    queue: Q\n    # in A\n\n  # off:\n  B: {}\n  # in all\n# end\n"


@pytest.mark.parametrize("below", ["\n", "\n    # c\n", "\n\n  B: {}\n"])
def test_no_empty_line_becomes_a_part_of_a_text_that_keeps_them(below: str) -> None:
    text = f"schedules:\n  A:\n    description: |+\n      x\n    queue: Q\n\n    schedule: daily\n{below}"
    result = fmt(text)
    assert result.startswith("schedules:\n  A:\n    schedule: daily\n    queue: Q\n\n    description: |+\n      x\n")
    assert meaning(result) == meaning(text)
    text = f"defaults:\n  description: |+\n    x\n\n  queue: Q\n\nschedules:\n  A: {{}}\n{below}"
    assert "  queue: Q\n  description: |+\n    x\n\nschedules:" in fmt(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("schedules: {A: [}\n", "a.yaml:1:17: not valid YAML"),
        ("schedules: {A: !!map {}}\n", "a.yaml:1:16: the tag !!map is not supported"),
        ("schedules: {}\n---\nschedules: {}\n", "a.yaml:2:1: a second document begins here"),
        ("schedules:\n  ? A\n  : {}\n", "a.yaml:2:1: cannot be formatted: a key behind a question mark"),
        ("spec: {}\n", "a.yaml: is not a schedules file; it has no member schedules"),
        ("- schedules\n", "a.yaml: is not a schedules file; it has no member schedules"),
        ("# nothing\n", "a.yaml: is not a schedules file; it has no member schedules"),
        (b"schedules: \xff", "a.yaml:1:12: the byte 0xff is not UTF-8"),
        (
            "defaults: &d {queue: Q, timezone: UTC}\nschedules: {A: {payload: *d}}\n",
            "a.yaml: cannot be formatted: in the order of the reference it would mean something else",
        ),
    ],
)
def test_what_cannot_be_formatted_is_refused_and_told(text: str | bytes, told: str) -> None:
    assert refused(text).startswith(told)


def test_an_export_is_formatted() -> None:
    text = export_yaml([task("B", payload=b'{"b": [1, {"a": []}], "a": "x\\ny\\n"}'), task("A")], "x").text
    assert fmt(text) == text


def test_each_member_of_a_schedule_has_a_place() -> None:
    for name in ("schedule", "defaults"):
        assert strict_schema(SCHEDULES_SCHEMA, "$defs", name)["properties"].keys() <= {*SCHEDULE_MEMBERS}


def test_other_members_have_the_order_of_the_reference() -> None:
    members = strict_schema(PROJECT_SCHEMA)["properties"]
    assert [*project_order().members] == [*members]
    environments = project_order().within("environments")
    assert environments is not None
    of_one = environments.within("any")
    assert of_one is not None
    assert [*of_one.members] == [*members["environments"]["additionalProperties"]["properties"]]
