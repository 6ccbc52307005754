"""Zones are IANA names that exist, and travel in front of a schedule."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule import load_zone, parse, split_zone, stored_schedule

NOON = datetime(2026, 1, 10, 12, tzinfo=UTC)


def test_a_known_name_gives_its_zone() -> None:
    assert load_zone("Europe/Malta") == ZoneInfo("Europe/Malta")


@pytest.mark.parametrize("name", ["UTC", ""])
def test_utc_and_the_empty_name_are_utc(name: str) -> None:
    assert load_zone(name) is UTC
    assert parse("@daily", name).zone == "UTC"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("Europe/Matla", "Europe/Malta"),
        ("europe/malta", "Europe/Malta"),
        ("utc", "UTC"),
        ("New York", "America/New_York"),
        ("berlin", "Europe/Berlin"),
        ("Asia/Tokyo\t0", "Asia/Tokyo"),
    ],
)
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(wrong: str, right: str) -> None:
    with pytest.raises(ScheduleError, match=f"^time zone: .*; did you mean {right}\\?$"):
        load_zone(wrong)


@pytest.mark.parametrize(
    "name",
    [
        "..",
        "../../etc/passwd",
        "Europe/../Europe/Malta",
        "/etc/localtime",
        "/usr/share/zoneinfo/UTC",
        "\\UTC",
        "Europe//Malta",
        "Europe/Malta/",
        "Europe",
        "zone.tab",
        "__init__.py",
        "localtime",
        "right/UTC",
        "posix/Europe/Malta",
        "Local",
        "UTC\x00",
        "UTC\n",
        "Europe/M\u0430lta",
        "\ud800",
        "A" * 1_000_000,
        "A/" * 500_000 + "A",
    ],
)
def test_paths_and_strange_names_are_refused_in_a_line(name: str) -> None:
    with pytest.raises(ScheduleError, match=r"^time zone: ") as error:
        load_zone(name)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 200


def test_the_zone_of_the_machine_is_none_though_it_has_a_file(tmp_path: Path) -> None:
    for name in ("localtime", "Europe/Malta"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes((files("tzdata.zoneinfo.Europe") / "Malta").read_bytes())
    zoneinfo.reset_tzpath([tmp_path])
    try:
        assert str(load_zone("Europe/Malta")) == "Europe/Malta"
        with pytest.raises(ScheduleError):
            load_zone("localtime")
    finally:
        zoneinfo.reset_tzpath(())


def test_nothing_is_suggested_for_a_name_that_is_like_no_other() -> None:
    with pytest.raises(ScheduleError) as error:
        load_zone("qqqqqqqq")
    assert str(error.value) == 'time zone: "qqqqqqqq" is not an IANA name such as Europe/Malta'


@pytest.mark.parametrize("text", ["0 9 * * *", "@daily", "@every 5m"])
@given(zone=st.sampled_from(["UTC", "Europe/Malta", "America/Argentina/Buenos_Aires", "Etc/GMT+12"]))
def test_a_zone_that_was_put_in_front_comes_off_again(text: str, zone: str) -> None:
    prefixed = f"CRON_TZ={zone} {text}"
    assert split_zone(prefixed) == (zone, text)
    assert parse(prefixed).zone == zone
    assert stored_schedule(text, zone) == (text if text.startswith("@every") else prefixed)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("0 9 * * *", ("", "0 9 * * *")),
        ("TZ=Asia/Tokyo  0 9 * * * ", ("Asia/Tokyo", "0 9 * * *")),
        ("CRON_TZ= @daily", ("UTC", "@daily")),
        ("TZ=UTC \x1f@daily", ("UTC", "\x1f@daily")),
        ("CRON_TZ=UTC", ("", "CRON_TZ=UTC")),
        (" TZ=UTC @daily", ("", " TZ=UTC @daily")),
    ],
)
def test_a_stored_schedule_is_split_as_go_splits_it(text: str, parts: tuple[str, str]) -> None:
    assert split_zone(text) == parts


def test_no_zone_leaves_the_schedule_alone() -> None:
    assert stored_schedule("0 9 * * *") == "0 9 * * *"


def test_a_second_zone_is_refused() -> None:
    with pytest.raises(ScheduleError, match="already names a zone"):
        stored_schedule("TZ=UTC 0 9 * * *", "Europe/Malta")


def test_the_prefix_wins_over_the_zone_given() -> None:
    timetable = parse("TZ=Asia/Tokyo 0 9 * * *", "Europe/Malta")
    assert timetable.zone == "Asia/Tokyo"
    assert timetable.next(NOON) == datetime(2026, 1, 11, 0, tzinfo=UTC)


def test_local_is_the_zone_given() -> None:
    assert parse("TZ=Local 0 9 * * *", "Asia/Tokyo").zone == "Asia/Tokyo"


def test_a_wrong_zone_given_is_refused() -> None:
    with pytest.raises(ScheduleError, match=r'^time zone: "Mars" is not an IANA name'):
        parse("0 9 * * *", "Mars")
