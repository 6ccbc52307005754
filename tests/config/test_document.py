"""YAML files are read with a place for everything, and what is not right in them is told in plain words."""

from __future__ import annotations

import pytest

from ajsync.config import document, nodes
from ajsync.config.document import Document, parse_document
from ajsync.errors import Location, Problem


@pytest.fixture(params=["libyaml", "pure Python"])
def _composer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test on libyaml and, as on a machine without that, on PyYAML alone."""
    if request.param == "pure Python":
        monkeypatch.setattr(nodes, "_Composer", nodes._PurePythonComposer)


def read(text: str | bytes) -> Document:
    problems: list[Problem] = []
    found = parse_document(text if isinstance(text, bytes) else text.encode(), "f", problems)
    assert problems == []
    assert found is not None
    return found


def problems(text: str | bytes) -> list[str]:
    found: list[Problem] = []
    parse_document(text if isinstance(text, bytes) else text.encode(), "f", found)
    return [str(problem) for problem in found]


@pytest.mark.usefixtures("_composer")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("\ufeffa: b", {"a": "b"}),
        ("a: [1, '1', on, 22:30, 2020-01-01, ~, true]", {"a": [1, "1", "on", "22:30", "2020-01-01", None, True]}),
        ("on: 1\nno: 2\n'5': 3", {"on": 1, "no": 2, "5": 3}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", {"a": "x\ny\n", "b": "x y"}),
        ("a: &x [1, {b: 2}]\nc: *x", {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}),
        ("a: &x {b: 1, c: 2}\nd:\n  c: 3\n  <<: *x", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("a: {<<: [{b: 1}, {b: 2, c: 3}], c: 4}", {"a": {"b": 1, "c": 4}}),
        ("a: {<<: {<<: {b: 1, c: 1}, c: 2}, d: 3}", {"a": {"b": 1, "c": 2, "d": 3}}),
        ("a: {'<<': {b: 1}}", {"a": {"<<": {"b": 1}}}),
    ],
)
def test_a_file_is_read_as_yaml_1_2_with_merge_keys(text: str, value: object) -> None:
    assert read(text).value == value


ANCHOR = "a value that begins with * refers to an anchor, but"


@pytest.mark.usefixtures("_composer")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("schedule: @daily", 'f:1:11: an unquoted value cannot begin with @; quote it: "@daily"'),
        ("a:\n- schedule: @daily # x", 'f:2:13: an unquoted value cannot begin with @; quote it: "@daily"'),
        ("a: @daily", "f:1:4: an unquoted value cannot begin with @; put the value in quotes"),
        ("a: `x`", "f:1:4: an unquoted value cannot begin with `; put the value in quotes"),
        ("schedule: */5 * * * *", f'f:1:11: {ANCHOR} no name follows; quote it: "*/5 * * * *"'),
        ("schedule: * * * * *", f'f:1:11: {ANCHOR} no name follows; quote it: "* * * * *"'),
        ("schedule: *", f'f:1:11: {ANCHOR} no name follows; quote it: "*"'),
        ("a: *x", f"f:1:4: {ANCHOR} no anchor has this name; put the value in quotes"),
        ("a: 'x", "f:1:4: the quotes that open here are never closed; close them"),
        ("a: 1\n---\nb: 2", "f:2:1: a second document begins here; write one document in each file"),
        ("a: 1\n---\n", "f:2:1: a second document begins here; write one document in each file"),
        (
            "a: &x 1\nb: &x 2",
            "f:2:4: an anchor of this name is already defined at f:1:4; give it another name",
        ),
        ("a: !x 1", "f:1:4: the tag !x is not supported; write the value without a tag"),
        ("a: !!str x", "f:1:4: the tag !!str is not supported; write the value without a tag"),
        (
            "a: !!python/object/apply:os.system [id]",
            "f:1:4: the tag !!python/object/apply:os.system is not supported; write the value without a tag",
        ),
        ("a: 1\n\nb: 2\na: 3", 'f:4:1: the key "a" is defined twice; remove this one or the first, at f:1:1'),
        ("a: {b: 1, b: 1}", 'f:1:11: the key "b" is defined twice; remove this one or the first, at f:1:5'),
        ("<<: {}\n<<: {}", 'f:2:1: the key "<<" is defined twice; remove this one or the first, at f:1:1'),
        ("a: {<<: 1}", "f:1:9: << merges mappings, but this is an integer; name the anchor of a mapping"),
        ("1: a", 'f:1:1: the key 1 is not a string; put it in quotes: "1"'),
        ("true: a", 'f:1:1: the key true is not a string; put it in quotes: "true"'),
        ("a: {~: b}", 'f:1:5: the key ~ is not a string; put it in quotes: "~"'),
        ("? [a]\n: b", "f:1:3: a list cannot be a key; write a string"),
        ("a: &x [1, *x]", "f:1:4: an alias refers to a value that contains it; write the value out"),
        ("a: &x {<<: *x}", "f:1:4: an alias refers to a value that contains it; write the value out"),
        ("a: " + "9" * 600, "f:1:4: the number has too many digits; write it as a string in quotes"),
        (
            "a: b\x00",
            "f:1:5: the character U+0000 is not allowed; remove it, or write it as an escape in double quotes",
        ),
        (
            "a: b\nc: é\x1b",
            "f:2:5: the character U+001B is not allowed; remove it, or write it as an escape in double quotes",
        ),
        (b"a: b\n\xc3\xa9: \xe9", "f:2:4: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("a: b".encode("utf-16"), "f:1:1: the byte 0xff is not UTF-8; save the file as UTF-8"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_what_would_be_right(text: str | bytes, problem: str) -> None:
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "schedule: ? * * * *",
            'f:1:11: not valid YAML: mapping keys are not allowed in this context; quote it: "? * * * *"',
        ),
        (
            "a: b: c",
            "f:1:5: not valid YAML: mapping values are not allowed in this context; quote a value that contains a "
            "colon, and begin the members of a mapping in one column",
        ),
        (
            "a: [1, 2",
            "f:2:1: not valid YAML: did not find expected ',' or ']', while parsing a flow sequence that begins on "
            "line 1; separate items by commas, and close the bracket",
        ),
        (
            "a:\n\tb: 1",
            "f:2:1: YAML allows no tab here; indent with spaces",
        ),
        (
            '"a" "b"',
            "f:1:5: not valid YAML: did not find expected <document start>; "
            "look for a missing quote, colon or space here or on the line above",
        ),
    ],
)
def test_other_mistakes_are_told_in_the_words_of_libyaml_with_a_hint(text: str, problem: str) -> None:
    assert problems(text) == [problem]


@pytest.mark.usefixtures("_composer")
@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 50_000, "- " * 100_000, "? " * 50_000, "a: " + "[" * 200])
def test_deep_nesting_is_a_problem_and_no_crash(text: str) -> None:
    (problem,) = problems(text)
    assert problem.endswith(": nested deeper than 100 levels; flatten the data")


@pytest.mark.usefixtures("_composer")
def test_half_a_surrogate_pair_is_a_problem() -> None:
    (problem,) = problems('a: "\\ud800"')
    assert problem.startswith("f:1:")


def test_nesting_a_hundred_levels_deep_is_allowed() -> None:
    read("[" * 99 + "x" + "]" * 99)


def test_nesting_through_aliases_counts() -> None:
    chain = "".join(f"k{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 200))
    assert problems("k0: &a0 [1]\n" + chain) == [
        "f:1:5: nested deeper than 100 levels through aliases; flatten the data"
    ]


@pytest.mark.parametrize(
    ("first", "others"),
    [
        ("k0: &a0 [1]\n", "k{}: &a{} [{}]\n"),
        ("k0: &a0 {{b: 1}}\n", "k{}: &a{} {{<<: [{}]}}\n"),
    ],
)
def test_aliases_that_multiply_are_stopped(first: str, others: str) -> None:
    laughs = "".join(others.format(level, level, ", ".join([f"*a{level - 1}"] * 10)) for level in range(1, 12))
    (problem,) = problems(first.format() + laughs)
    assert problem.endswith(
        "the file has more than 1,000,000 values with its aliases replaced; use fewer aliases, or several files"
    )


def test_a_long_string_that_aliases_multiply_is_stopped() -> None:
    (problem,) = problems(f"a: &a {'x' * 1_000_000}\nb: [{'*a, ' * 30}]")
    assert problem == (
        "f:2:4: the file has more than 20,000,000 characters with its aliases replaced; "
        "use fewer aliases, or several files"
    )


def test_a_file_of_very_many_values_is_stopped_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "MAX_NODES", 1000)
    assert problems(f"a: [{'b,' * 2000}]") == ["f:1:4: the file has more than 1,000,000 values; use several files"]


def test_several_problems_of_one_file_are_told_together() -> None:
    assert [problem.split(":")[1] for problem in problems("1: a\nb: !x c\nb: d\n")] == ["1", "2", "3"]


def test_every_value_and_every_key_has_a_place() -> None:
    found = read("a:\n  - b: 1\n    c: &x {d: 2}\ne:\n  <<: *x\n  f: *x\n")
    assert found.location() == Location("f", 1, 1)
    assert found.location(("a", 0, "c", "d")) == Location("f", 3, 15)
    assert found.location(("a", 0, "c", "d"), of_key=True) == Location("f", 3, 12)
    assert found.location(("e", "d")) == Location("f", 3, 15)
    assert found.location(("e", "f")) == Location("f", 3, 8)
    assert found.location(("e", "f"), of_key=True) == Location("f", 6, 3)


def test_places_are_known_beside_keys_that_are_wrong() -> None:
    found = parse_document(b"? [a]\n: b\nc: 1\nc: 2\n", "f", [])
    assert found is not None
    assert found.location(("c",)) == Location("f", 3, 4)


def test_a_path_that_is_not_there_is_the_whole_file() -> None:
    assert read("a: 1").location(("b", 3)) == Location("f", 1, 1)
    assert document.Document("f", None, None).location() == Location("f", 1, 1)
