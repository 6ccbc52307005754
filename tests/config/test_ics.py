"""iCalendar files: which days are in them, and that no file takes long or is misread in silence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.config import load_configuration
from ajsync.config.ics import LARGEST_ICS, read_ics
from ajsync.config.inputs import Inputs
from ajsync.errors import ConfigurationError, ScheduleError
from ajsync.schedule.days import days_text, merged
from tests.config.projects import HEAD, OWNER, write

STAMP = "DTSTAMP:20260110T120000Z"
CHRISTMAS = ["DTSTART;VALUE=DATE:19701225", "RRULE:FREQ=YEARLY"]


def calendar(*events: Sequence[str], around: Sequence[str] = ()) -> bytes:
    """A file with these events, each given by its lines."""
    inner = [line for event in events for line in ("BEGIN:VEVENT", *event, "END:VEVENT")]
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", *around, *inner, "END:VCALENDAR", ""]).encode()


def days(data: bytes, until: str = "") -> list[str]:
    spans = read_ics(data, date.fromisoformat(until).toordinal() if until else None)
    return [days_text(span) for span in merged(spans)]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (["DTSTART;VALUE=DATE:20261225"], ["2026-12-25"]),
        (["DTSTART:20261225"], ["2026-12-25"]),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261227"], ["2026-12-25..2026-12-26"]),
        (["DTSTART;VALUE=DATE:20261225", "DTEND;VALUE=DATE:20261225"], ["2026-12-25"]),
        (["DTSTART;VALUE=DATE:20261225", "DURATION:P1W"], ["2026-12-25..2026-12-31"]),
        (
            ["DTSTART;VALUE=DATE:20261225", "RDATE;VALUE=DATE:20270101,20270106"],
            ["2026-12-25", "2027-01-01", "2027-01-06"],
        ),
        (["DTSTART;VALUE=DATE:20261225", "TRANSP:TRANSPARENT", "SUMMARY:Chr", " istmas"], ["2026-12-25"]),
        (["DTSTART;VALUE=DATE:20260201", "RRULE:FREQ=WEEKLY;COUNT=3"], ["2026-02-01", "2026-02-08", "2026-02-15"]),
        (["DTSTART;VALUE=DATE:20260201", "RRULE:FREQ=DAILY;UNTIL=20260203"], ["2026-02-01..2026-02-03"]),
        (["DTSTART;VALUE=DATE:20260201", "RRULE:FREQ=DAILY;UNTIL=20260203T235959Z"], ["2026-02-01..2026-02-03"]),
        (
            ["DTSTART;VALUE=DATE:20260528", "RRULE:FREQ=YEARLY;BYMONTH=5;BYDAY=-1MO;UNTIL=20280101"],
            ["2026-05-28", "2027-05-31"],
        ),
        (
            [
                "DTSTART;VALUE=DATE:20260201",
                "RRULE:FREQ=DAILY;COUNT=4",
                "EXDATE:20260202",
                "EXDATE;TZID=X:20260204T000000",
            ],
            ["2026-02-01", "2026-02-03"],
        ),
    ],
)
def test_the_days_of_an_all_day_event(event: list[str], expected: list[str]) -> None:
    assert days(calendar([*event, STAMP])) == expected


def test_an_event_without_an_end_recurs_around_the_newest_year_of_the_file() -> None:
    found = days(calendar([*CHRISTMAS, STAMP]))
    assert found == [f"{year}-12-25" for year in range(2025, 2037)]
    assert days(calendar([*CHRISTMAS, "LAST-MODIFIED:20280101T000000Z", STAMP]))[0] == "2027-12-25"
    assert days(calendar(CHRISTMAS)) == [f"{year}-12-25" for year in range(1970, 1981)]
    listed = ["DTSTART;VALUE=DATE:20300419"]
    assert days(calendar([*CHRISTMAS, STAMP], listed))[:1] + days(calendar([*CHRISTMAS, STAMP], listed))[-1:] == [
        "2025-12-25",
        "2040-12-25",
    ]
    assert days(calendar([*CHRISTMAS, STAMP]), until="2027-12-25") == ["2025-12-25", "2026-12-25", "2027-12-25"]


def test_a_changed_instance_takes_the_place_of_its_own_and_a_cancelled_one_is_gone() -> None:
    series = ["UID:a", "DTSTART;VALUE=DATE:20260201", "RRULE:FREQ=DAILY;COUNT=4", STAMP]
    moved = ["UID:a", "RECURRENCE-ID;VALUE=DATE:20260202", "DTSTART;VALUE=DATE:20260210"]
    gone = ["UID:a", "RECURRENCE-ID;VALUE=DATE:20260203", "DTSTART;VALUE=DATE:20260203", "STATUS:CANCELLED"]
    other = ["UID:b", "DTSTART;VALUE=DATE:20260202"]
    assert days(calendar(series, moved, gone)) == ["2026-02-01", "2026-02-04", "2026-02-10"]
    assert days(calendar(moved, gone, series, other)) == ["2026-02-01..2026-02-02", "2026-02-04", "2026-02-10"]


def test_events_with_times_and_all_that_is_no_event_is_ignored() -> None:
    endless = ["BEGIN:VTIMEZONE", "TZID:X", "BEGIN:STANDARD", "DTSTART:19700101T000000", "RRULE:FREQ=SECONDLY"]
    endless += ["TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "END:STANDARD", "END:VTIMEZONE"]
    timed = ["DTSTART;TZID=X:20260101T090000", "RRULE:FREQ=SECONDLY"]
    alarm = ["DTSTART;VALUE=DATE:20261225", "BEGIN:VALARM", "DTSTART:x", "RRULE:x", "END:VALARM"]
    assert days(calendar(timed, alarm, around=endless)) == ["2026-12-25"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is not an iCalendar file"),
        (b"owner: team\n", "it is not an iCalendar file"),
        (b"owner\n", 'the line "owner" is not valid'),
        (b"\xff\xfe", "it is not UTF-8"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n", "it is not an iCalendar file"),
        (b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20261225\r\n", "it is cut off"),
        (b"BEGIN:VCALENDAR\r\nEND:VEVENT\r\n", '"END:VEVENT" ends what has not begun'),
        (calendar(), "it has no all-day events; only whole days can be left out"),
        (calendar(["DTSTART:20260101T090000Z"]), "it has no all-day events but 1 event with times"),
        (calendar(["DTSTART;VALUE=DATE:20260230"]), '"20260230" is not a date of iCalendar'),
        (calendar(["DTSTART;VALUE=DATE:20260202", "DTEND;VALUE=DATE:20260201"]), "before it begins"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "DURATION:PT5H"]), 'has the duration "PT5H"'),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=SECONDLY"]), "does not recur by days"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=DAILY;BYHOUR=5"]), "has BYHOUR, which is not supported"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=DAILY;RSCALE=HEBREW"]), "has RSCALE, which is not"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=DAILY;INTERVAL=0"]), "is not valid"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=DAILY;BYMONTH=13"]), "is not valid"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=YEARLY;BYMONTH=5L"]), "is not valid"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:x"]), "does not recur by days"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RRULE:FREQ=DAILY;BYDAY=XX"]), "is not valid"),
        (calendar(["DTSTART;VALUE=DATE:20260202", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260202"]), "RANGE"),
    ],
)
def test_what_cannot_be_used_says_why(data: bytes, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        read_ics(data)


def test_rules_without_an_end_that_never_match_take_no_time_and_too_many_are_refused() -> None:
    never = ["DTSTART;VALUE=DATE:20260101", "RRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", STAMP]
    assert days(calendar(*[never] * 10)) == ["2026-01-01"]  # the first day of an event is one of it in any case
    counted = ["DTSTART;VALUE=DATE:00010101", "RRULE:FREQ=DAILY;COUNT=999999999", STAMP]
    with pytest.raises(ScheduleError, match="its recurring events take too long to work out"):
        read_ics(calendar(*[counted] * 100))


LINES = st.sampled_from(
    [
        *("BEGIN:VEVENT", "END:VEVENT", "BEGIN:VCALENDAR", "END:VCALENDAR", "DTSTART;VALUE=DATE:20260202", "UID:a"),
        *("DTSTART:99991231", "RRULE:FREQ=YEARLY;BYDAY=5MO", "DTEND:99991231", "DURATION:P999999D", "EXDATE:20260202"),
        *("RECURRENCE-ID:20260202", "RRULE:FREQ=MONTHLY;BYSETPOS=-9;UNTIL=0", "DTSTAMP:99990101T000000Z", "X;;:", ":"),
        *("RRULE:FREQ=WEEKLY;INTERVAL=99999999999999999999", "RRULE:", "RDATE:,", "DTSTAMP:٣٣٣٣", " folded", "\ud7ff"),
    ]
) | st.text(max_size=20)


@given(st.lists(LINES, max_size=12))
def test_any_lines_are_days_or_refused(lines: list[str]) -> None:
    for data in ("\n".join(lines).encode(), calendar(lines)):
        try:
            found = read_ics(data)
        except ScheduleError:
            continue
        assert all(1 <= first <= last <= date.max.toordinal() for first, last in found)


def project(folder: Path, data: bytes, file: str = "calendars/malta.ics", more: str = "") -> None:
    calendars = f"calendars: {{malta: {{file: '{file}'{more}}}}}\n"
    write(folder, {"ajsync.yaml": OWNER + calendars, "calendars/malta.ics": data})
    write(folder, {"schedules/a.yaml": f"{HEAD}    except: [malta, 2027-01-02]\n"})


def test_a_project_leaves_out_the_days_of_a_file(tmp_path: Path) -> None:
    project(tmp_path, calendar(["DTSTART;VALUE=DATE:20270101"]))
    inputs = Inputs()
    found = load_configuration(tmp_path, inputs=inputs)
    assert found.tasks["A"].settings.except_ == ("2027-01-01..2027-01-02",)
    assert tmp_path / "calendars" / "malta.ics" in found.sources
    before = inputs.state()
    write(tmp_path, {"calendars/malta.ics": calendar(["DTSTART;VALUE=DATE:20270106"])})
    assert inputs.state() != before
    assert tmp_path / "calendars" in inputs.watched().shallow


def test_the_last_day_of_what_recurs_can_be_given(tmp_path: Path) -> None:
    project(tmp_path, calendar([*CHRISTMAS, STAMP]), more=", until: 2025-12-31")
    assert load_configuration(tmp_path).tasks["A"].settings.except_ == ("2025-12-25", "2027-01-02")


def problem(folder: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_configuration(folder)
    (found,) = str(caught.value).split("\n")
    return found


@pytest.mark.parametrize(
    ("file", "data", "expected"),
    [
        (
            "calendars/malta.ics",
            b"x",
            '2:27: malta: "calendars/malta.ics" cannot be used: the line "x" is not valid; exp',
        ),
        ("none.ics", b"", '2:27: malta: "none.ics" cannot be read: none.ics: No such file or directory; name a file'),
        ("../malta.ics", b"", '2:27: malta: "../malta.ics" leads out of the project\'s folder; copy the file into'),
        ("/etc/passwd", b"", '2:27: malta: "/etc/passwd" leads out of the project\'s folder; copy the file into'),
        (".git/x.ics", b"", '2:27: malta: ".git/x.ics" leads to ".git", and files with such a name are not read; copy'),
        ("calendars/malta.ics", b"x" * (LARGEST_ICS + 1), '2:27: malta: "calendars/malta.ics" cannot be read: '),
        ("", b"", '2:27: file: "" is empty'),
    ],
)
def test_a_file_that_is_wrong_is_told_once_where_it_is_named(
    tmp_path: Path, file: str, data: bytes, expected: str
) -> None:
    project(tmp_path / "project", data, file)
    assert problem(tmp_path / "project").startswith(f"ajsync.yaml:{expected}")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (", until: 2026-02-30", '2:57: until: there is no day "2026-02-30"; write a date of the calendar'),
        (", until: soon", '2:57: until: "soon" is not a valid date; write a date such as 2040-12-31'),
        (", url: x", '2:50: unknown member "url"; known are file, until'),
    ],
)
def test_a_mapping_that_is_wrong_is_told_once(tmp_path: Path, more: str, expected: str) -> None:
    project(tmp_path, calendar(["DTSTART;VALUE=DATE:20270101"]), more=more)
    assert problem(tmp_path) == f"ajsync.yaml:{expected}"


def test_without_icalendar_the_error_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(tmp_path, calendar(["DTSTART;VALUE=DATE:20270101"]))
    monkeypatch.setitem(sys.modules, "icalendar.parser", None)
    assert problem(tmp_path).endswith("needs the package icalendar; install it with: pip install 'ajsync[ics]'")
