"""Unquoted scalars are read as YAML 1.2 says."""

from __future__ import annotations

import math

import pytest

from ajsync.config.scalars import TOO_LONG, read_scalar


@pytest.mark.parametrize(
    "text",
    [
        *("on", "off", "yes", "no", "y", "n", "On", "YES"),
        *("22:30", "12:30:45", "2020-01-01", "2020-01-01T10:00:00Z", "1_000", "0b11", "1,000", "1.2.3", "1e", "+", "-"),
        *(
            "=",
            "<<",
            ".",
            "..",
            "0x",
            "0o8",
            "0xg",
            "-0x5",
            "+.nan",
            "tRUE",
            "nULL",
            "Infinity",
            "NaN",
            "1 ",
            "٣",
            "e5",
        ),
    ],
)
def test_what_yaml_1_2_does_not_name_is_a_string(text: str) -> None:
    assert read_scalar(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        *(("0", 0), ("10", 10), ("-7", -7), ("+7", 7), ("010", 10), ("0o10", 8), ("0x1F", 31)),
        *(("1.5", 1.5), ("-.5", -0.5), ("1.", 1.0), ("1e3", 1000.0), ("1E-2", 0.01), ("+12.5e+1", 125.0)),
        *((".inf", math.inf), ("+.Inf", math.inf), ("-.INF", -math.inf)),
    ],
)
def test_null_booleans_and_numbers_are_read(text: str, value: object) -> None:
    read = read_scalar(text)
    assert (read, type(read)) == (value, type(value))


def test_not_a_number_is_a_number() -> None:
    read = read_scalar(".NaN")
    assert isinstance(read, float)
    assert math.isnan(read)


@pytest.mark.parametrize("text", ["1" * 501, "-" + "1" * 500, "0x" + "f" * 499])
def test_an_integer_without_end_is_refused(text: str) -> None:
    assert read_scalar(text) is TOO_LONG
