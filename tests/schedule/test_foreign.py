"""Schedules of other systems, and of people, are answered with one that is valid here and fires as they mean."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import ScheduleError
from ajsync.schedule import parse

ANY = 'write five fields such as "0 6 * * 1-5", a name such as "@daily", or "@every 10m"'
SUGGESTION = re.compile(r'(?:write|as in|such as) "([^"]*)"')


def message(text: str) -> str:
    with pytest.raises(ScheduleError) as error:
        parse(text)
    return str(error.value)


CASES = {
    # a zone in another place
    "0 6 * * * Europe/Berlin": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "Europe/Berlin 0 6 * * *": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "0 6 * * * (UTC)": "CRON_TZ=UTC 0 6 * * *",
    "0 6 * * * PST": "CRON_TZ=America/Los_Angeles 0 6 * * *",
    "0 6 * * * GMT+3": "CRON_TZ=Africa/Nairobi 0 6 * * *",
    "0 6 * * * IST": "CRON_TZ=Asia/Kolkata 0 6 * * *",
    "0 6 * * * EST": "CRON_TZ=EST 0 6 * * *",  # an IANA name too
    "0 0 6 * * * Europe/Berlin": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "TZ:Europe/Malta 0 6 * * *": "CRON_TZ=Europe/Malta 0 6 * * *",
    "cron_tz=Europe/Berlin 0 6 * * *": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "TZ=Europe/Malta 0 0 6 * * *": "CRON_TZ=Europe/Malta 0 6 * * *",
    "TZ=Europe/Malta\n0,30 6 * * *": "CRON_TZ=Europe/Malta 0,30 6 * * *",
    "tz=UTC+2 0,30 6 * * *": "CRON_TZ=Africa/Johannesburg 0,30 6 * * *",
    "tz: PST '0 6 * * *'": "CRON_TZ=America/Los_Angeles 0 6 * * *",
    'timezone="" 0 6 * * *': "CRON_TZ=UTC 0 6 * * *",
    "0 6 * * * tz=PST": "CRON_TZ=America/Los_Angeles 0 6 * * *",
    "0 6 * * * (PST)": "CRON_TZ=America/Los_Angeles 0 6 * * *",
    "0 6 * * *, Europe/Berlin": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "0 6 * * * , (UTC)": "CRON_TZ=UTC 0 6 * * *",
    "0 6 * * *,New York": "CRON_TZ=America/New_York 0 6 * * *",
    "0 6 * * *, tz=Berlin": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "every day at 6am Europe/Berlin": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "TZ=Europe/Malta": "CRON_TZ=Europe/Malta 0 6 * * *",
    # a zone in words
    "0 6 * * * (Pacific Standard Time)": "CRON_TZ=America/Los_Angeles 0 6 * * *",
    "0 6 * * * W. Europe Standard Time": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "0 6 * * MON-FRI US Eastern Standard Time": "CRON_TZ=America/Indiana/Indianapolis 0 6 * * MON-FRI",
    "0 6 * * * New York": "CRON_TZ=America/New_York 0 6 * * *",
    "0 6 * * * America/New York": "CRON_TZ=America/New_York 0 6 * * *",
    "0 6 * * * timezone=New York": "CRON_TZ=America/New_York 0 6 * * *",
    "0 6 * * * US Eastern": "CRON_TZ=US/Eastern 0 6 * * *",
    "0 6 * * * Berlin": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "0 6 * * * new york": "CRON_TZ=America/New_York 0 6 * * *",
    "New York 0 6 * * *": "CRON_TZ=America/New_York 0 6 * * *",
    "0 0 6 * * * New York": "CRON_TZ=America/New_York 0 6 * * *",
    "every monday at 6am New York": "CRON_TZ=America/New_York 0 6 * * MON",
    "@daily Berlin": "CRON_TZ=Europe/Berlin @daily",
    "@every 5m New York": "@every 5m",
    "@every 90m Berlin": "@every 90m",
    "CRON_TZ=W. Europe Standard Time 0 6 * * *": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "CRON_TZ=Pacific Standard Time 0 6 * * *": "CRON_TZ=America/Los_Angeles 0 6 * * *",
    "CRON_TZ=America/New York 0 6 * * *": "CRON_TZ=America/New_York 0 6 * * *",
    # a command, though its name or what it is given could be one
    "0 6 * * * deploy Berlin": "0 6 * * *",
    "0 6 * * * cat": "0 6 * * *",
    "0 6 * * * bin/backup": "0 6 * * *",
    "0 6 * * * singapore": "0 6 * * *",
    # seconds, years, Quartz, Spring
    "0 0 6 * * *": "0 6 * * *",
    "*/10 * * * * *": "@every 10s",
    "0/30 * * * * ?": "@every 30s",
    "* * * * * *": "@every 1s",
    "30 0 6 * * *": "0 6 * * *",
    "*/10 0 6 * * *": "0 6 * * *",
    "0 0 6 * * 1-5": "0 6 * * 1-5",
    "0 0 6 ? * 2-6": "0 6 * * MON-FRI",
    "0 0 6 ? * MON-FRI": "0 6 * * MON-FRI",
    "0 0 6 ? * 1": "0 6 * * SUN",
    "0 0 12 1/5 * ? *": "0 12 1/5 * *",
    "0 0 6 ? * 2-6 2026": "0 6 * * MON-FRI",
    "0 6 1 1 * 2026": "0 6 1 1 *",
    "0 6 * * 2-6 2026": "0 6 * * 2-6",
    "0 6 ? * 2-6 2026": "0 6 * * MON-FRI",
    "0 0 6 ? * 2/2": "0 6 * * MON/2",
    "0 0 6 * * 0,1 *": "0 6 * * 0,1",
    "15 10 31 12 2 *": "15 10 31 12 2",
    # AWS, Kubernetes, Jenkins, OpenBSD
    "cron(0 10 * * ? *)": "0 10 * * *",
    "cron(0 18 ? * 2-6 *)": "0 18 * * MON-FRI",
    "cron(0 6 * * 1-5)": "0 6 * * 1-5",
    "cron(0 6 * * monday)": "0 6 * * MON",
    "cron(0 6 * * 2-6 *)": "0 6 * * MON-FRI",
    "0 10 * * ? *": "0 10 * * *",
    "cron('0 6 * * *')": "0 6 * * *",
    "rate(5 minutes)": "@every 5m",
    "every(5 minutes)": "@every 5m",
    "rate(1 hour)": "@every 1h",
    "rate(1 day)": "@every 24h",
    "H H * * *": "7 3 * * *",
    "H/15 * * * *": "*/15 * * * *",
    "H(0-29)/10 * * * *": "0-29/10 * * * *",
    "H(5-10) * * * *": "5 * * * *",
    "h h * * *": "7 3 * * *",
    "h/15 * * * *": "*/15 * * * *",
    "h(0-29)/10 * * * *": "0-29/10 * * * *",
    "h(5-10) * * * *": "5 * * * *",
    "0~30 * * * *": "0 * * * *",
    "~ * * * *": "7 * * * *",
    # names and intervals
    "@Daily": "@daily",
    "daily!": "@daily",
    "@every_minute": "* * * * *",
    "@minutely": "* * * * *",
    "@weekdays": "0 0 * * 1-5",
    "@every 5 minutes": "@every 5m",
    "@every 1d": "@every 24h",
    "@every5m": "@every 5m",
    "@every 6h00": "@every 6h",
    "@every 00:05:00": "@every 5m",
    "@every 1:30:00": "@every 1h30m",
    "CRON_TZ=UTC @every 00:00:30": "@every 30s",
    "@every day at 6:30": "30 6 * * *",
    "@every 5": "@every 5s",
    "15m": "@every 15m",
    "PT15M": "@every 15m",
    "pt15m": "@every 15m",
    # systemd
    "Mon..Fri *-*-* 09:00": "0 9 * * MON-FRI",
    "*-*-* 06:00:00": "0 6 * * *",
    "*-*-01 04:00:00": "0 4 1 * *",
    "OnCalendar=*:0/15": "0/15 * * * *",
    "Sat,Sun 10:00": "0 10 * * SAT,SUN",
    "Monday..Friday *-*-* 09:00": "0 9 * * MON-FRI",
    "*-*-01..07 06:00:0": "0 6 1-7 * *",
    "06:30": "30 6 * * *",
    "18:30:00": "30 18 * * *",
    # people
    "every day at 6am": "0 6 * * *",
    "Every Day At 6PM": "0 18 * * *",
    "every day at 12am": "0 0 * * *",
    "every day at 1pm": "0 13 * * *",
    "every day at 6": "0 6 * * *",
    "every day 9:30": "30 9 * * *",
    "daily at noon": "0 12 * * *",
    "daily at midnight": "0 0 * * *",
    "every day at noon and at midnight": "0 12,0 * * *",
    "every day": "@daily",
    "every minute": "* * * * *",
    "every 5 minutes": "@every 5m",
    "EACH 5 MINUTES": "@every 5m",
    "every 1 second": "@every 1s",
    "every hour": "@hourly",
    "every other day": "@every 48h",
    "every monday at 9:30am": "30 9 * * MON",
    "every monday": "0 0 * * MON",
    "mon-fri at 9am": "0 9 * * MON-FRI",
    "weekdays at 9:00": "0 9 * * 1-5",
    "mondays and fridays at 5pm": "0 17 * * MON,FRI",
    "workdays at 9:00": "0 9 * * 1-5",
    "weekends at 10:00": "0 10 * * 6,0",
    "monday to friday at 8am": "0 8 * * MON-FRI",
    "monday through friday at 8am": "0 8 * * MON-FRI",
    "on the 1st of each month at 6am": "0 6 1 * *",
    "first day of every month at 6am": "0 6 1 * *",
    "monthly at 6am": "0 6 1 * *",
    "monthly on the 15th at 6am": "0 6 15 * *",
    "every day at 6am and 6pm": "0 6,18 * * *",
    "hourly at 15": "15 * * * *",
    # one field
    "0 6 * * 7": "0 6 * * 0",
    "0 6 * * 5-7": "0 6 * * 5-6,0",
    "0 6 * * 1-7": "0 6 * * 0-6",
    "0 6 * * monday": "0 6 * * MON",
    "0 6 * * 1..5": "0 6 * * 1-5",
    "0 6 * january *": "0 6 * JAN *",
    "0 24 * * *": "0 0 * * *",
    "60 * * * *": "0 * * * *",
    "0 6-6 * * monday": "0 6-6 * * MON",
    "0 6 * * monday,friday": "0 6 * * MON,FRI",
    "0 6 * * MON, FRI": "0 6 * * MON,FRI",
    "0 6 * * mon, fri": "0 6 * * mon,fri",
    "0 22-6/2 * * *": "0 22,0,2,4,6 * * *",
    "0 23-2,12 * * *": "0 23,0-2,12 * * *",
    "0 0 1 11-2/2 *": "0 0 1 11,1 *",
    "0 0 1 nov-feb *": "0 0 1 11-12,1-2 *",
    "0 6 * * fri-mon": "0 6 * * 5-6,0-1",
    # what came along when it was copied
    "0 6 * * * /usr/bin/backup": "0 6 * * *",
    "0 6 * * * root /usr/bin/backup --all": "0 6 * * *",
    "0, 30 6 * * *": "0,30 6 * * *",
    "\u201c0 6 * * *\u201d": "0 6 * * *",
    "'0 6 * * *'": "0 6 * * *",
    "`0 6 * * *`": "0 6 * * *",
    "0 6 * * 1\u20135": "0 6 * * 1-5",
    r"*/5 \* \* \* \*": "*/5 * * * *",
    "cron: 0 6 * * *": "0 6 * * *",
    "- cron: '0 6 * * *'": "0 6 * * *",
    "'@daily',": "@daily",
    "[Europe/Berlin] 0 6 * * *": "CRON_TZ=Europe/Berlin 0 6 * * *",
    "0 6 * * 1-5 [Europe/Berlin]": "CRON_TZ=Europe/Berlin 0 6 * * 1-5",
    "0 6 * * * +02:00": "CRON_TZ=Africa/Johannesburg 0 6 * * *",
    "Z 0 6 * * *": "CRON_TZ=UTC 0 6 * * *",
    "@ every 1h": "@every 1h",
    "@5m": "@every 5m",
    "@every_5_minutes": "@every 5m",
    "6h00": "0 6 * * *",
    "every 1 day at 6am": "0 6 * * *",
    "0 6 * *": "0 6 * * *",
    "*/15": "*/15 * * * *",
}


@pytest.mark.parametrize("text", CASES)
def test_a_schedule_of_another_system_is_answered_with_one_of_ours(text: str) -> None:
    told = message(text)
    assert not told.endswith(ANY)
    assert SUGGESTION.findall(told)[-1] == CASES[text], told
    parse(CASES[text])


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("0 6 L * *", "no field means the last day: write 28-31 as day of month"),
        ("0 6 LW * *", "no field means the last workday: write 26-31 as day of month"),
        ("0 6 L-3 * *", "no field counts from the last day: write 25-28 as day of month"),
        ("0 6 31W * *", "no field means the nearest workday: write 29-31 as day of month"),
        ("0 6 * * L", "L alone as day of week means Saturday: write SAT"),
        ("cron(0 10 ? * L *)", "L alone as day of week means Saturday: write SAT"),
        (
            "0 6 * * 1-5 *",
            'write "6 * * 1-5 *" if the first field is seconds, "0 6 * * 1-5" if the last field is years',
        ),
        ("0 6 * * * Local", "write the zone first, by its IANA name, as in CRON_TZ=Europe/Malta"),
        ("0 6 * * * Mars/Phobos", "write the zone first, by its IANA name, as in CRON_TZ=Europe/Malta"),
        ("0 6 * * * BST", 'write "CRON_TZ=Europe/London 0 6 * * *", or the same with Asia/Dhaka'),
        ("0 15 10 L * ?", "no field means the last day"),
        ("0 6 15W * *", "no field means the nearest workday: write 14-17 as day of month"),
        ("0 6 27W * *", "no field means the nearest workday: write 26-29 as day of month"),
        ("0 6 28W * *", "no field means the nearest workday: write 26-30 as day of month"),
        ("0 6 1W * *", "no field means the nearest workday: write 1-3 as day of month"),
        ("0 6 * * 5#3", "check whether the date is from 15 to 21"),
        ("0 6 * * 5#5", "check whether the date is from 29 to 31"),
        ("15 10 31 12 2 *", 'write "15 10 31 12 2": there is no field for years'),
        ("0 15 10 ? * FRI#1", "check whether the date is from 1 to 7"),
        ("0 6 * * 5L", "no field means the last weekday: name the weekday alone"),
        ("@reboot", "no schedule fires when a host starts"),
        ("at(2026-01-01T00:00:00)", "a schedule cannot name a single instant"),
        ("2026-01-01 06:00", "a schedule cannot name a single instant"),
        ("30 0 6 * * *", "there is no field for seconds, and it fires once in such a minute"),
        ("0 0 6 ? * 2-6 2026", "there is no field for seconds or years, and it fires every year"),
        ("0 6 * * * IST", "or the same with Asia/Jerusalem or Europe/Dublin"),
        ("30 0 6 ? * 2-6 2026", "seconds or years, and it fires every year, and it fires once in such a minute"),
        ("cron(0 10 * * ? 2026)", "there is no field for years, and it fires every year"),
        ("0 6 * *", 'if the weekday is missing, write "0 6 * * *"'),
        ("0 6", 'if the last fields are missing, write "0 6 * * *"'),
        ("H H * * *", "jitter spreads schedules"),
        ("@every 5", "if these are seconds"),
        ("@every 0:30", '"0:30"); write numbers with the units h, m and s, such as "@every 1h30m"'),
        ("@every 00:00:00", 'write numbers with the units h, m and s, such as "@every 1h30m"'),
        ("nonsense", 'write five fields such as "0 6 * * 1-5"'),
        ("", 'write five fields such as "0 6 * * 1-5"'),
        ("every day at 25:00", 'write five fields such as "0 6 * * 1-5"'),
        ("Mon *-*-13 09:00", 'write five fields such as "0 6 * * 1-5"'),
    ],
)
def test_what_cannot_be_written_is_told_with_what_comes_near(text: str, hint: str) -> None:
    assert hint in message(text)


def test_weekdays_of_quartz_are_not_those_of_cron() -> None:
    suggested = parse(SUGGESTION.findall(message("0 0 6 ? * 2"))[-1])
    found = suggested.next(datetime(2026, 1, 10, tzinfo=UTC))
    assert found is not None
    assert found.strftime("%A") == "Monday"


PIECES = (
    "0 6 * ? */5 1-5 L H 15W 5#3 2026 MON mon-fri every day at 6am PST UTC Europe/Berlin GMT+3 TZ= CRON_TZ= root "
    "@every 5 minutes ~ 7 and *-*-* 06:00 Mon..Fri rate( ) cron( monthly 1st 7-2 24 60 \u2013 noon PT5M "
    "New York W. Europe Standard Time Berlin"
)
WORDS = st.sampled_from(PIECES.split())


def test_a_zone_of_which_no_word_is_known_is_told_as_any_other() -> None:
    assert message("CRON_TZ=Foo Bar 0 6 * * *") == 'time zone: "Foo" is not an IANA name such as Europe/Malta'


def test_a_wrong_zone_of_one_word_in_front_is_told_as_any_other() -> None:
    assert message("CRON_TZ=PST 0 6 * * *").endswith("; did you mean America/Los_Angeles?")


def test_a_wrong_zone_before_a_schedule_in_words_is_told_with_the_schedule() -> None:
    assert message("CRON_TZ=GMT+3 every day at 6am") == (
        'time zone: "GMT+3" is not an IANA name such as Europe/Malta; '
        'the zone comes first, by its IANA name: write "CRON_TZ=Africa/Nairobi 0 6 * * *"'
    )


@given(st.lists(WORDS, max_size=8).map(" ".join) | st.text(max_size=40))
def test_whatever_is_suggested_is_accepted(text: str) -> None:
    try:
        parse(text)
    except ScheduleError as error:
        told = str(error)
        assert told.isprintable()
        for suggestion in re.findall(r'write "([^"]*)"', told.rpartition('")')[2]):
            parse(suggestion)


@pytest.mark.parametrize(
    "text",
    [
        *("a" * 119, "mon" * 39, "*/" * 59, "0 0 0 * * " + "aaa" * 30 + "!", ",2020" * 23, "every " + "and " * 28),
        *("1 1 1 1 1 2020" + ",2020" * 20, "at 6 " * 23, "\t" * 119, "H(" * 59, "1st " * 29, "((((" * 29),
    ],
)
def test_a_hostile_schedule_is_answered_at_once(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("every 2 days at 6am", "monday at 9 and tuesday at 10", "9am to 5pm", "9:00-17:00", "every day at 5 to 6"),
        *(
            "12.30",
            "every 3 hours at 6am",
            "1 2 3 4 5 6 7 8",
            "15 10 31 12 2 5",
            "every day at 6:15 and 7:30",
            "2026-*-01 06:00",
            "every 1, 5 hours",
            "Europe/Berlin TZ=UTC 0 6 * * *",
            "half an hour",
        ),
        *("every month at 6am", "every 15th at 6am", "monday and the 1st of each month at 6am"),
    ],
)
def test_nothing_is_told_that_would_mean_something_else(text: str) -> None:
    assert message(text).endswith(f"; {ANY}")


@pytest.mark.parametrize("text", ["0 6 * * monday,funday", "0 30-2/2 * * *", "0 fri-mon * * *", "0 6 * * foo-bar"])
def test_nothing_is_told_for_a_field_that_is_not_understood_as_a_whole(text: str) -> None:
    assert message(text).endswith(f'(in "{text}")')


def test_a_schedule_in_quotes_is_told_without_them_and_nothing_else_is_said() -> None:
    assert message("'CRON_TZ=Europe/Malta 0 6 * * *'").endswith('; write "CRON_TZ=Europe/Malta 0 6 * * *"')


def test_only_a_number_without_a_unit_may_be_seconds() -> None:
    assert message("every 5 minutes").endswith('; write "@every 5m"')
    assert message("every 5").endswith('; write "@every 5s" if these are seconds')


def test_seconds_of_zero_are_left_out_without_a_warning() -> None:
    assert message("00 0 6 * * *").endswith('write "0 6 * * *": there is no field for seconds')


@pytest.mark.parametrize("between", [" | ", "; ", ", ", " && ", "\n"])
def test_of_several_schedules_in_one_none_is_lost(between: str) -> None:
    hint = 'these are several schedules: write "0 6 * * *" here, and the others under names of their own'
    assert message(f"0 6 * * *{between}30 7 * * 1").endswith(hint)
