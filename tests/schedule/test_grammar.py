"""A wrong schedule is answered with the field, what was found and what is allowed; a right one means one thing."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule import parse, spell_out, stored_schedule
from ajsync.schedule.fields import SteppedItem, parse_fields, read_steps
from ajsync.schedule.units import SECOND

ANY = 'write five fields such as "0 6 * * 1-5", a name such as "@daily", or "@every 10m"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("61 * * * *", 'minute: 61 is above the maximum, 59 (in "61 * * * *")'),
        ("0 24 * * *", 'hour: 24 is above the maximum, 23 (in "0 24 * * *"); write "0 0 * * *"'),
        ("0 0 0 * *", 'day of month: 0 is below the minimum, 1 (in "0 0 0 * *")'),
        ("0 0 * 13 *", 'month: 13 is above the maximum, 12 (in "0 0 * 13 *")'),
        (
            "0 0 * * 7",
            'day of week: 7 is above the maximum, 6, because Sunday is 0 (in "0 0 * * 7"); write "0 0 * * 0"',
        ),
        (
            "0 0 * * Monday",
            'day of week: "Monday" is not a number from 0 to 6 or SUN to SAT (in "0 0 * * Monday"); '
            'write "0 0 * * MON"',
        ),
        (
            "0 0 L * *",
            'day of month: "L" is not a number from 1 to 31 (in "0 0 L * *"); no field means the last day: '
            "write 28-31 as day of month, and let the task itself check whether the next day is the 1st",
        ),
        ("0 0 JAN * *", 'day of month: "JAN" is not a number from 1 to 31 (in "0 0 JAN * *")'),
        ("5- * * * *", 'minute: a value is missing in "5-"; write a number from 0 to 59 (in "5- * * * *")'),
        ("1-2-3 * * * *", 'minute: "1-2-3" has more than one "-" (in "1-2-3 * * * *")'),
        ("*/5/5 * * * *", 'minute: "*/5/5" has more than one "/" (in "*/5/5 * * * *")'),
        ("*/0 * * * *", 'minute: the step "0" is not a whole number of at least 1 (in "*/0 * * * *")'),
        (
            "0 22-2 * * *",
            'hour: "22-2" ends before it begins, and ranges do not wrap (in "0 22-2 * * *"); write "0 22-23,0-2 * * *"',
        ),
        (
            "0 0 * * SAT-SUN",
            'day of week: "SAT-SUN" ends before it begins, and ranges do not wrap (in "0 0 * * SAT-SUN"); '
            'write "0 0 * * 6,0"',
        ),
        (
            "0 0 * * * *",
            'a schedule has five fields (minute, hour, day of month, month, day of week), found 6 (in "0 0 * * * *"); '
            'write "0 * * * *": there is no field for seconds',
        ),
        ("", f"the schedule is empty; {ANY}"),
        ("daily", '"daily" has no @; write "@daily"'),
        ("every 10m", '"every 10m" has no @; write "@every 10m"'),
        (
            "@reboot",
            '"@reboot" is not one of '
            "@yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly; no schedule fires when a host starts: "
            "name a time, such as \"@daily\", or make one task with 'ajsync run'",
        ),
        ("@every 5", 'duration: 5 has no unit such as h, m, s or ms (in "5"); write "@every 5s" if these are seconds'),
        (
            "TZ=UTC",
            'time zone: there is no space between the zone and the schedule (in "TZ=UTC"); '
            'write a schedule after the zone, such as "CRON_TZ=UTC 0 6 * * *"',
        ),
    ],
)
def test_a_wrong_schedule_is_explained(text: str, message: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse(text)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "text",
    [
        "9" * 1_000_000 + " * * * *",
        "*/" + "9" * 1_000_000 + " * * * *",
        "-" * 1_000_000 + " * * * *",
        "/" * 1_000_000 + " * * * *",
        "x" * 1_000_000,
        " " * 1_000_000,
        "* " * 500_000,
        "@" * 1_000_000,
        "@every " + "h" * 1_000_000,
        "TZ=" + "A" * 1_000_000 + " 0 9 * * *",
        "\x00 * * * *",
        "0 0 * * MON\x00",
        "\u0665 * * * *",
        "\uff15 * * * *",
        "\ud800 * * * *",
        "\u202e5 * * * *",
        "9223372036854775808 * * * *",
        "*/9223372036854775808 * * * *",
        "1\n2 * * * * *",
    ],
)
def test_a_hostile_schedule_is_refused_in_a_line(text: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse(text)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 400


def test_a_schedule_has_at_most_a_thousand_characters() -> None:
    longest = ",".join(["10"] * 331) + " * * * *"
    assert len(longest) == 1000
    assert parse(longest).next(datetime(2026, 5, 5, tzinfo=UTC)) == datetime(2026, 5, 5, 0, 10, tzinfo=UTC)
    with pytest.raises(ScheduleError, match=r"^a schedule of 1,001 characters is too long; the limit is 1,000$"):
        parse(f"{longest} ")


def test_a_list_without_end_is_read_like_a_short_one() -> None:
    assert parse_fields("1," * 500_000 + "2 * * * *") == parse_fields("1,2 * * * *")


@given(st.text(alphabet="0123456789*?,-/@ LW#\t\u00a0\x00abcJANmonTZ=") | st.text())
def test_any_text_gives_a_timetable_or_an_explanation(text: str) -> None:
    problem = ""
    try:
        parse(text)
    except ScheduleError as error:
        problem = str(error)
    assert problem.isprintable()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("? ? ? ? ?", "* * * * *"),
        ("5-5/10 * * * *", "5 * * * *"),
        ("*/100 * * * *", "0 * * * *"),
        ("50/4 * * * *", "50,54,58 * * * *"),
        ("*-foo/7 * * * *", "*/7 * * * *"),
        ("1,2, * * * *", "1,2 * * * *"),
        ("+5,005 * * * *", "5 * * * *"),
        ("00000000000000000000000000000005 * * * *", "5 * * * *"),
        ("0 0 * jan-Mar FRI", "0 0 * 1-3 5"),
        ("0 0 * * FR\u0130", "0 0 * * 5"),
        ("\t0\u00a00\u3000*\x85*\v*\n", "0 0 * * *"),
    ],
)
def test_two_spellings_mean_the_same(one: str, other: str) -> None:
    assert parse_fields(one) == parse_fields(other)


@pytest.mark.parametrize(
    ("field", "star"),
    [("*", True), ("?", True), ("*/1", True), ("2,*", True), ("*/2", False), ("1-31", False), ("*/2,3", False)],
)
def test_only_a_star_without_a_step_sets_the_star_bit(field: str, star: bool) -> None:
    assert parse_fields(f"0 0 {field} * *").day.star is star


def test_the_items_with_a_step_are_told_with_what_they_match() -> None:
    assert read_steps("*/5,*/5,30 6-8/2 * JAN/6 ?/7") == [
        SteppedItem(0, "*/5", range(0, 60, 5)),
        SteppedItem(1, "6-8/2", range(6, 9, 2)),
        SteppedItem(3, "JAN/6", range(1, 13, 6)),
        SteppedItem(4, "?/7", range(0, 7, 7)),
    ]


@pytest.mark.parametrize(
    ("spelling", "schedule"),
    [
        *((name, f"@{name}") for name in ("yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly")),
        ("every 10m", "@every 10m"),
    ],
)
def test_spellings_of_the_command_line_get_their_at_sign(spelling: str, schedule: str) -> None:
    assert spell_out(spelling) == schedule
    assert spell_out(f" TZ=UTC {spelling}") == f"TZ=UTC {schedule}"
    assert stored_schedule(spelling) == schedule


@pytest.mark.parametrize("text", ["@daily", "0 9 * * *", "Daily", "every", "everyday", "", "nonsense", "\x1f@daily"])
def test_everything_else_is_left_alone(text: str) -> None:
    assert spell_out(text) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("@every 1h30m", 5400),
        ("@every 1.999s", 1),
        ("@every 500ms", 1),
        ("@every -5m", 1),
        ("TZ=Asia/Tokyo @every 90s", 90),
    ],
)
def test_an_interval_is_whole_seconds_and_at_least_one(text: str, seconds: int) -> None:
    timetable = parse(text)
    assert timetable.is_every
    assert (timetable.text, timetable.interval) == (text, seconds * SECOND)


def test_a_schedule_by_the_clock_has_no_interval() -> None:
    timetable = parse("@daily")
    assert not timetable.is_every
    assert timetable.interval == 0


def test_the_same_schedule_is_read_once() -> None:
    assert parse("0 9 * * *", "Europe/Malta") is parse("0 9 * * *", zone="Europe/Malta")


def test_a_timetable_is_a_value() -> None:
    timetable = parse("0 9 * * *", "Europe/Malta")
    assert (timetable.text, timetable.zone) == ("0 9 * * *", "Europe/Malta")
    assert {timetable, parse("TZ=Europe/Malta 0 9 * * *")} == {timetable, parse("TZ=Europe/Malta 0 9 * * *")}
    assert timetable != parse("0 9 * * *", "UTC")


def test_checking_a_schedule_loads_no_zones() -> None:
    program = (
        "import sys; from ajsync.schedule import parse; parse('0 9 * * MON-FRI')\n"
        "print([name for name in ('zoneinfo', 'difflib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
