"""Patterns of subjects: what they take in, and what takes in several of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.transport.subjects import covering, matches, overlap

TOKENS = st.sampled_from(["a", "b", "c"])
SUBJECTS = st.lists(TOKENS, min_size=1, max_size=4).map(".".join)
PATTERNS = st.tuples(st.lists(st.sampled_from(["a", "b", "*"]), min_size=1, max_size=3), st.booleans()).map(
    lambda parts: ".".join([*parts[0], *([">"] if parts[1] else [])])
)


@pytest.mark.parametrize(
    ("pattern", "subject", "taken"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.*", "a", False),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        (">", "a", True),
        ("*.b", "a.c", False),
    ],
)
def test_what_a_pattern_takes_in(pattern: str, subject: str, taken: bool) -> None:
    assert matches(pattern, subject) is taken


def test_the_nearest_pattern_that_takes_in_several() -> None:
    assert covering(["$KV.B.s.*"]) == "$KV.B.s.*"
    assert covering(["$KV.B.s.*", "$KV.B.j.*"]) == "$KV.B.>"
    assert covering(["a", "b"]) == ">"


@given(st.lists(PATTERNS, min_size=1, max_size=3), SUBJECTS)
def test_what_one_of_them_takes_in_the_covering_one_does_too(patterns: list[str], subject: str) -> None:
    if any(matches(pattern, subject) for pattern in patterns):
        assert matches(covering(patterns), subject)


@given(PATTERNS, PATTERNS, SUBJECTS)
def test_two_patterns_that_take_in_the_same_subject_overlap(one: str, other: str, subject: str) -> None:
    if matches(one, subject) and matches(other, subject):
        assert overlap(one, other)
        assert overlap(other, one)
