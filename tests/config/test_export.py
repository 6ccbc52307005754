"""Export: a schedules file that comes back as the same tasks, reads well, and leaves out what no file can say."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed, ScheduledTask, sorted_labels
from ajsync.config import load_configuration
from ajsync.config.emit import scalar
from ajsync.config.export import Exported, export_yaml
from ajsync.errors import InvalidError

OWNER = "team"
SECOND = 1_000_000_000
HOUR = 3600 * SECOND

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
LINES = st.text(" ab\n:#-'\"\\{$", max_size=12)
"""Texts of all that YAML is particular about."""
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | LINES
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS | LINES, inner, max_size=3)
)
NUMBER_LIKE = st.sampled_from(
    ["1e3", "0o17", "0x1F", "12", "1_000", "null", "no", "Y", "22:30", "2026-01-01", "-", "on"]
)
LABELS = st.text("ABCabc019_-.", min_size=1, max_size=63) | st.sampled_from(["1.5", ".5", "null", "true", "no", "1e3"])
WORDS = st.text("ABCabc019_-", min_size=1, max_size=8) | NUMBER_LIKE.map(lambda text: text.replace(":", "-"))
SCHEDULES = st.sampled_from(
    [
        *("@daily", "*/5 * * * *", "CRON_TZ=Europe/Malta 0 9 * * 1", "TZ=UTC 0 0 1 * *", "CRON_TZ=Local @hourly"),
        *(
            "@every 1h30m",
            "CRON_TZ=UTC @every 10m",
            "0  9\t* * mon",
            "CRON_TZ=Asia/Tokyo  0 9 * * *",
            "CRON_TZ= 0 9 * * *",
        ),
    ]
)
DURATIONS = st.integers(1, 2**62)


def compact(value: Any) -> bytes:
    """The bytes that the loader makes of a payload."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@st.composite
def scheduled_tasks(draw: st.DrawFn) -> ScheduledTask:
    """Any task that a file can say."""
    payload = (
        st.none() | st.binary(max_size=20) | JSON.map(compact) | JSON.map(lambda value: json.dumps(value).encode())
    )
    managed = Managed(
        OWNER,
        source=draw(WORDS),
        description=draw(TEXTS | LINES | NUMBER_LIKE),
        catchup=draw(st.sampled_from(["none", "latest", "all"])),
        catchup_window=draw(st.just(0) | DURATIONS),
        overlap=draw(st.sampled_from(["allow", "skip"])),
        jitter=draw(st.just(0) | DURATIONS),
        labels=draw(st.dictionaries(LABELS, LABELS, max_size=3).map(sorted_labels)),
        from_=draw(st.sampled_from(["", "2026-12-01", "2026-12-01T08:00:00Z"])),
        until=draw(st.sampled_from(["", "2027-03-31", "2027-03-31T08:00:00.5Z"])),
        except_=draw(st.sampled_from([(), ("2026-12-25",), ("2026-12-20..2027-01-02", "2027-06-01")])),
    )
    return ScheduledTask(
        name=draw(WORDS),
        schedule=draw(SCHEDULES),
        queue=draw(WORDS),
        task_type=draw(WORDS | st.sampled_from(["email:new", "a:", "1:30"])),
        payload=draw(payload),
        deadline=draw(st.just(0) | st.integers(30, 2**33).map(lambda seconds: seconds * SECOND)),
        max_tries=draw(st.integers(1, 2**31 - 1)),
        created_at=draw(st.integers(0, 2**62)),
        managed=managed,
    )


def task(name: str = "NAME", **fields: Any) -> ScheduledTask:
    """A task with something simple in each field that is not given; `fields` are those of `Managed` too."""
    managed = Managed(OWNER, **{key: fields.pop(key) for key in [*fields] if key in Managed.__slots__})
    simple = {"schedule": "@daily", "queue": "EMAIL", "task_type": "email:new", "managed": managed}
    return ScheduledTask(**{"name": name, **simple, **fields})


def load(text: str) -> Mapping[str, ScheduledTask]:
    """The tasks of a schedules file, as the project of OWNER has them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ajsync.yaml").write_text(f"owner: {OWNER}\nfiles: [export.yaml]\n")
        (folder / "export.yaml").write_bytes(text.encode())
        return load_configuration(folder).tasks


def comparable(tasks: Iterable[ScheduledTask]) -> dict[str, ScheduledTask]:
    """Tasks by name, without what a file does not hold."""
    return {
        each.name: replace(each, created_at=0, managed=replace(each.managed or Managed(OWNER), owner=OWNER, source=""))
        for each in tasks
    }


def exported(*tasks: ScheduledTask) -> Exported:
    return export_yaml(tasks, schema="../schemas/schedules.schema.json")


def written(**fields: Any) -> list[str]:
    """The lines of one task, without what all of them have."""
    lines = exported(task(**fields)).text.splitlines()
    start = lines.index("  NAME:") + 1
    usual = ("schedule: ", "queue: ", "task_type: ")
    return [line[4:] for line in lines[start:] if not line[4:].startswith(usual)]


@settings(deadline=None)
@given(st.lists(scheduled_tasks(), max_size=4, unique_by=lambda task: task.name))
def test_what_is_exported_loads_as_the_same_tasks(tasks: list[ScheduledTask]) -> None:
    result = export_yaml(tasks)
    assert result.skipped == {}
    assert comparable(load(result.text).values()) == comparable(tasks)


@settings(deadline=None)
@given(st.lists(scheduled_tasks(), max_size=4, unique_by=lambda task: task.name))
def test_the_order_of_the_tasks_does_not_matter(tasks: list[ScheduledTask]) -> None:
    assert export_yaml(tasks) == export_yaml(reversed(tasks))


@given(TEXTS | LINES | NUMBER_LIKE | st.from_regex(r"[0-9+._eExXoabf:-]{1,8}", fullmatch=True))
def test_a_string_is_a_string_to_readers_of_yaml_1_1_too(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}\n") == {"key": text}


def test_it_reads_as_if_somebody_had_written_it() -> None:
    first = task(
        "EMAIL_MONTHLY_UPDATE",
        schedule="CRON_TZ=Europe/Malta 0 6 1 * *",
        deadline=12 * HOUR,
        max_tries=3,
        payload=b'{"parts":[{"of":"a","size":1},["a","b"],{},[]],"segment":"all"}',
        description="Newsletter\nto all",
        catchup="all",
        catchup_window=72 * HOUR,
        overlap="skip",
        jitter=30 * SECOND,
    )
    assert exported(task("PLAIN"), first).text == dedent("""\
        # yaml-language-server: $schema=../schemas/schedules.schema.json

        schedules:
          EMAIL_MONTHLY_UPDATE:
            schedule: "0 6 1 * *"
            timezone: Europe/Malta
            queue: EMAIL
            task_type: email:new
            description: |-
              Newsletter
              to all
            deadline: 12h
            max_tries: 3
            catchup: all
            catchup_window: 72h
            overlap: skip
            jitter: 30s
            payload:
              parts:
                - of: a
                  size: 1
                - - a
                  - b
                - {}
                - []
              segment: all

          PLAIN:
            schedule: "@daily"
            queue: EMAIL
            task_type: email:new
    """)


def test_no_schedules_make_a_valid_file() -> None:
    assert load_text_of() == {}
    assert export_yaml([]).text == "schedules: {}\n"


def load_text_of(*tasks: ScheduledTask) -> Mapping[str, ScheduledTask]:
    return load(export_yaml(tasks).text)


@pytest.mark.parametrize(
    ("stored", "schedule", "timezone"),
    [
        ("CRON_TZ=Europe/Malta */5 * * * *", "*/5 * * * *", "Europe/Malta"),
        ("CRON_TZ=UTC @daily", "@daily", "UTC"),
        ("TZ=UTC @daily", "TZ=UTC @daily", None),
        ("CRON_TZ=UTC @every 10m", "CRON_TZ=UTC @every 10m", None),
        ("CRON_TZ=UTC  @daily", "CRON_TZ=UTC  @daily", None),
        ("CRON_TZ=Local @daily", "CRON_TZ=Local @daily", None),
        ("CRON_TZ= @daily", "CRON_TZ= @daily", None),
    ],
)
def test_a_zone_is_a_member_only_where_it_comes_back_as_it_was(
    stored: str, schedule: str, timezone: str | None
) -> None:
    text = exported(task(schedule=stored)).text
    member = yaml.safe_load(text)["schedules"]["NAME"]
    assert (member["schedule"], member.get("timezone")) == (schedule, timezone)
    assert f'schedule: "{schedule}"' in text
    assert load(text)["NAME"].schedule == stored


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (None, []),
        (b"", ['payload_base64: ""']),
        (b"null", ["payload_base64: bnVsbA=="]),
        (b"true", ["payload: true"]),
        (b'"text"', ["payload: text"]),
        (b'"no"', ['payload: "no"']),
        (b'"1e3"', ['payload: "1e3"']),
        (b"1.0", ["payload: 1.0"]),
        (b"1e5", ["payload_base64: MWU1"]),
        (b"[]", ["payload: []"]),
        (b'{"a":1}', ["payload:", "  a: 1"]),
        (b'{"a": 1}', ["payload_base64: eyJhIjogMX0="]),
        (b'{"b":1,"a":1}', ["payload_base64: eyJiIjoxLCJhIjoxfQ=="]),
        (b'{"a":1,"a":1}', ["payload_base64: eyJhIjoxLCJhIjoxfQ=="]),
        (b'"\\ud800"', ["payload_base64: Ilx1ZDgwMCI="]),
        (b"NaN", ["payload_base64: TmFO"]),
        (b"\xff", ["payload_base64: /w=="]),
        (b'"${HOME} $${"', ["payload: \"$${HOME} $$${\""]),
    ],
)  # fmt: skip
def test_a_payload_is_yaml_only_where_its_bytes_come_back(payload: bytes | None, lines: list[str]) -> None:
    assert written(payload=payload) == lines
    assert load_text_of(task(payload=payload))["NAME"].payload == payload


def test_a_payload_that_is_nested_deeper_than_files_may_be_is_written_in_base64() -> None:
    for depth in (80, 120, 100_000):
        payload = b"[" * depth + b"]" * depth
        assert load_text_of(task(payload=payload))["NAME"].payload == payload


def test_long_names_and_keys_come_back() -> None:
    name = "N" * 255
    long = task(name, payload=compact({"k" * 2000: {"a": [{"l" * 2000: 1}]}}))
    assert comparable(load_text_of(long).values()) == comparable([long])


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"deadline": 10 * SECOND}, 'deadline: "10s" is too short; the minimum is 30s'),
        ({"deadline": 30 * SECOND + 1}, "deadline: a file cannot express the stored value"),
        ({"deadline": -HOUR}, "deadline: "),
        ({"max_tries": 0}, "max_tries: 0 is too small; the minimum is 1"),
        ({"max_tries": 2**40}, "max_tries: "),
        ({"schedule": "61 * * * *"}, "schedule: "),
        ({"schedule": "daily"}, "schedule: "),
        ({"schedule": ""}, "schedule: "),
        ({"task_type": "a b"}, 'task_type: "a b" is not a valid task type'),
        ({"task_type": ""}, "task_type: "),
        ({"queue": "${Q}"}, "queue: "),
        ({"jitter": -1}, "jitter: "),
        ({"jitter": 2**70}, "jitter: "),
        ({"labels": (("a", "x y"),)}, 'a: "x y" is not a valid value of a label; '),
        ({"labels": (("a\x1b[2J", "x"),)}, '"a\\x1b[2J" is not a valid name of a label; '),
        ({"labels": (("\u202ea", ""),)}, '"\\u202ea" is not a valid name of a label; '),
        ({"catchup": "some"}, "catchup: "),
        ({"description": "\ud800"}, "description: it contains half of a surrogate pair"),
        ({"name": "N" * 256}, "its name has 256 characters; the maximum is 255"),
        ({"payload": b"x" * 588_001}, "payload_base64: 588,001 bytes are too many"),
        ({"name": "a:b"}, "its name has characters other than"),
    ],
)
def test_what_no_file_can_say_is_left_out_with_the_reason(fields: dict[str, Any], reason: str) -> None:
    bad = task(**{"name": "BAD", **fields})
    result = export_yaml([bad, task("GOOD")])
    assert result.skipped[bad.name].startswith(reason)
    assert load(result.text).keys() == {"GOOD"}


def test_a_task_of_nobody_is_exported_like_any_other() -> None:
    unmanaged = task(managed=None)
    assert comparable(load_text_of(unmanaged).values()) == comparable([unmanaged])


def test_more_than_a_file_may_hold_is_an_error() -> None:
    with pytest.raises(InvalidError, match="do not fit into one file: it would be larger than"):
        export_yaml([task(f"N{number}", payload=b"\xff" * 588_000) for number in range(13)])
