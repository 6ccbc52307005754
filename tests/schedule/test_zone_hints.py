"""A zone that IANA does not know is answered with one that means the same, and never with one that only looks alike."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule import load_zone
from ajsync.schedule.zone_hints import meant_zone, possible_zones
from ajsync.schedule.zone_names import ABBREVIATIONS, FIXED, PLACES, WINDOWS

ZONE = re.compile(r"\b(?:[A-Z][A-Za-z]+/[A-Za-z_/]+|UTC\?)")


def hint(name: str) -> str:
    with pytest.raises(ScheduleError) as error:
        load_zone(name)
    return str(error.value).partition("; ")[2]


@pytest.mark.parametrize(
    ("written", "zone"),
    [
        *((name, "UTC") for name in ("utc", "Utc", "Z", "gmt", "UTC+0", "GMT-00:00", "+00:00", "zulu", " UTC ")),
        *(
            (name, "America/Los_Angeles")
            for name in ("PST", "PDT", "pst", "PST/PDT", "Pacific Standard Time", "Seattle")
        ),
        *(
            (name, "America/New_York")
            for name in ("EDT", "EST5EDT,M3.2.0,M11.1.0", "Eastern Time (US & Canada)", "New York")
        ),
        ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
        *(
            (name, "Europe/Berlin")
            for name in ("W. Europe Standard Time", "Germany", "Europe/Frankfurt", "europe/berlin")
        ),
        *((name, "Europe/Berlin") for name in ("Europe/Belin", "Europe\\Berlin", '"Europe/Berlin"', "Berln")),
        ("America/New York", "America/New_York"),
        ("USA/Chicago", "America/Chicago"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("India Standard Time", "Asia/Kolkata"),
        ("Europe/Kiyv", "Europe/Kyiv"),
        ("MSK", "Europe/Moscow"),
        ("US/East", "US/Eastern"),
        ("US Eastern", "US/Eastern"),
        ("Asia/Bombay", "Asia/Kolkata"),
        ("Europe.Berlin", "Europe/Berlin"),
        ("LHST", "Australia/Lord_Howe"),
        ("ChST", "Pacific/Guam"),
        ("'UTC'", "UTC"),
        ("(gmt-05:00) eastern time (US & Canada)", "America/New_York"),
        ("US\\Pacific", "US/Pacific"),
        ("Tokio", "Asia/Tokyo"),
        ("Germany/Hesse/Frankfurt", "Europe/Berlin"),
        ("America/Argentina/Cordova", "America/Argentina/Cordoba"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
    ],
)
def test_a_name_with_one_meaning_is_told(written: str, zone: str) -> None:
    assert hint(written) == f"did you mean {zone}?"


@pytest.mark.parametrize(
    ("written", "hours"),
    [
        *(("GMT+3", 3), ("UTC+2", 2), ("UTC-05:00", -5), ("+02:00", 2), ("GMT+5:30", 5.5), ("utc+1", 1), ("UTC +9", 9)),
        *(
            ("-0300", -3),
            ("UTC+05:45", 5.75),
            ("GMT\u22127", -7),
            ("XXX-3", 3),
            ("XXX-5:30", 5.5),
            ("QQQ8", -8),
            ("(UTC+04:00)", 4),
        ),
    ],
)
def test_an_offset_is_answered_with_a_place_that_has_it_all_the_year(written: str, hours: float) -> None:
    (zone,) = possible_zones(written)
    told = hint(written)
    assert f"all year write {zone};" in told
    for month in range(1, 13):
        assert datetime(2026, month, 15, tzinfo=UTC).astimezone(load_zone(zone)).utcoffset() == timedelta(hours=hours)
    if "Etc/" in told:  # named as what it is not
        etc = re.search(r"Etc/GMT[+-][0-9]+", told)
        assert etc
        opposite = datetime(2026, 1, 1, tzinfo=UTC).astimezone(load_zone(etc[0])).utcoffset()
        assert opposite == -timedelta(hours=hours)
        assert f"{etc[0]} is on the other side of UTC" in told


PLACE = "if clocks change there, name the zone of the place"
SIGN = "is on the other side of UTC, because its sign is that of POSIX"


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("GMT+3", f"for UTC+3 all year write Africa/Nairobi; {PLACE}; Etc/GMT+3 {SIGN}"),
        ("UTC-05:00", f"for UTC-5 all year write America/Bogota; {PLACE}; Etc/GMT-5 {SIGN}"),
        ("UTC+12", f"for UTC+12 all year write Pacific/Tarawa; {PLACE}; Etc/GMT+12 {SIGN}"),
        ("UTC+13", f"for UTC+13 all year write Pacific/Tongatapu; {PLACE}"),  # there is no Etc/GMT+13
        ("GMT+5:30", f"for UTC+5:30 all year write Asia/Kolkata; {PLACE}"),
        ("GMT+25", "no zone has this offset all year; name the zone of a place, such as Europe/Malta"),
    ],
)
def test_an_offset_is_told_with_its_place_and_the_zone_of_the_other_sign(written: str, told: str) -> None:
    assert hint(written) == told


@pytest.mark.parametrize("written", ["GMT+25", "UTC+2:15", "UTC-12:30", "+99:99"])
def test_an_offset_that_no_zone_has_is_told(written: str) -> None:
    assert hint(written).startswith("no zone has this offset all year")


@pytest.mark.parametrize("written", ["Local", "local", "localtime", "System", "default"])
def test_the_zone_of_a_host_is_no_zone(written: str) -> None:
    assert hint(written).startswith("a schedule cannot follow the zone of a host")


@pytest.mark.parametrize(("written", "zones"), [("IST", 3), ("CST", 3), ("BST", 2), ("CEST", 2), ("CET-1CEST", 2)])
def test_an_abbreviation_of_several_zones_names_them_all(written: str, zones: int) -> None:
    told = hint(written)
    assert told.startswith("it is short for several zones; write ")
    assert len([load_zone(zone) for zone in ZONE.findall(told)]) == zones


@pytest.mark.parametrize(
    "written",
    ["Mars/X", "PST/Foo", "UTC3", "GMT10", "qqqqqqqq", "Foo Standard Time", "Etc/GMT+15", "Europe", "x" * 1000, "\0"],
)
def test_nothing_is_guessed_where_nothing_is_alike(written: str) -> None:
    assert hint(written) == ""


def test_of_several_meanings_none_is_taken() -> None:
    assert meant_zone("IST") == ""


def test_every_zone_of_the_tables_exists() -> None:
    for zones in ABBREVIATIONS.values():
        assert all(map(load_zone, zones))
    for table in (WINDOWS, PLACES):
        assert all(map(load_zone, table.values()))
    for minutes, zone in FIXED.items():
        for month in (1, 7):
            offset = datetime(2026, month, 15, tzinfo=UTC).astimezone(load_zone(zone)).utcoffset()
            assert offset == timedelta(minutes=minutes), zone


@given(st.text(alphabet="UTCGMTEtcZabcPSTE/+-:0123456789 _(),.", max_size=30) | st.text(max_size=30))
def test_whatever_is_told_exists_and_is_no_zone_of_an_offset(name: str) -> None:
    for zone in {*possible_zones(name), meant_zone(name)} - {""}:
        load_zone(zone)
        assert not re.fullmatch(r"Etc/GMT[+-].*", zone) or name.lower().strip() == zone.lower()
