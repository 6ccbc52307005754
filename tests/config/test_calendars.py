"""`from`, `until` and `except` of a schedule, and the calendars of a project: what is stored, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ajsync.asyncjobs.model import Managed
from ajsync.config.export import export_yaml
from ajsync.schedule.days import MOST_SPANS, days_text
from tests.config.projects import HEAD, OWNER, load, load_one, problems, problems_of_one
from tests.tasks import task

CALENDARS = f"""{OWNER}calendars:
  holidays: [2026-12-25, 2026-12-26, 2027-01-01]
  freeze: ["2026-12-20..2026-12-31"]
  none: []
"""


def stored(folder: Path, members: str, project: str = CALENDARS) -> Managed:
    return load_one(folder, members, project).settings


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("from: 2026-12-01", {"from_": "2026-12-01"}),
        ("from: 2026-12-01T09:00:00+01:00", {"from_": "2026-12-01T08:00:00Z"}),
        ("until: '2026-12-01'", {"until": "2026-12-01"}),
        ("until: 2026-12-01t08:00:00.50z", {"until": "2026-12-01T08:00:00.5Z"}),
        ("except: []", {}),
        ("except: [none]", {}),
        ("except: [2026-12-25]", {"except_": ("2026-12-25",)}),
        ("except: [2027-01-02, 2027-01-01, 2026-12-25]", {"except_": ("2026-12-25", "2027-01-01..2027-01-02")}),
        ("except: [holidays]", {"except_": ("2026-12-25..2026-12-26", "2027-01-01")}),
        ("except: [freeze, holidays]", {"except_": ("2026-12-20..2027-01-01",)}),
        ("except: [2026-12-24, none, holidays]", {"except_": ("2026-12-24..2026-12-26", "2027-01-01")}),
    ],
)
def test_what_is_stored(tmp_path: Path, members: str, expected: dict[str, Any]) -> None:
    assert stored(tmp_path, members) == replace(Managed("team", "schedules/a.yaml"), **expected)


def test_variables_may_name_days_and_calendars(tmp_path: Path) -> None:
    project = f"{CALENDARS}environments: {{prod: {{variables: {{days: holidays, end: 2027-01-31, year: 2027}}}}}}\n"
    members = "until: ${end}\n    except: ['${days}', '${year}-01-02']"
    found = load_one(tmp_path, members, project, "prod").settings
    assert (found.until, found.except_) == ("2027-01-31", ("2026-12-25..2026-12-26", "2027-01-01..2027-01-02"))


def test_a_list_replaces_that_of_the_defaults(tmp_path: Path) -> None:
    project = f"{CALENDARS}defaults: {{except: [freeze], from: 2026-01-01}}\n"
    schedules = HEAD + "  B:\n    schedule: '@daily'\n    task_type: t\n    except: []\n    from: 2026-02-01\n"
    found = load(tmp_path, schedules, project).tasks
    assert [(each.settings.from_, each.settings.except_) for each in found.values()] == [
        ("2026-01-01", ("2026-12-20..2026-12-31",)),
        ("2026-02-01", ()),
    ]


def test_an_every_has_the_zone_that_its_days_need_and_only_then(tmp_path: Path) -> None:
    every = "schedules:\n  A:\n    schedule: '@every 1h'\n    task_type: t\n    timezone: Europe/Malta\n"
    for member in ("catchup: none", "except: []"):
        assert load(tmp_path, f"{every}    {member}\n").tasks["A"].schedule == "@every 1h"
    for member in ("except: [2026-12-25]", "from: 2026-12-25", "until: 2026-12-25"):
        found = load(tmp_path, f"{every}    {member}\n").tasks["A"]
        assert found.schedule == "CRON_TZ=Europe/Malta @every 1h"
        again = load(tmp_path, export_yaml([found]).text).tasks["A"]
        assert (again.schedule, again.settings) == (found.schedule, found.settings)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ("from: tomorrow", '5:11: from: "tomorrow" is not an instant; write a date such as 2026-12-25, or an instant'),
        ("from: 2026", "5:11: from: 2026 is an integer, not a string; write for example "),
        ("from: 2026-02-30", '5:11: from: there is no day "2026-02-30"'),
        ("from: 2026-12-01 08:00:00", '5:11: from: "2026-12-01 08:00:00" is not an instant'),
        ("from: 2026-12-01T08:00:00", '5:11: from: "2026-12-01T08:00:00" is not an instant'),
        ("until: 2026-12-1", '5:12: until: "2026-12-1" is not a date'),
        ("except: 2026-12-25", '5:13: except: "2026-12-25" is a string, not a list; write a list: ["2026-12-25"]'),
        ("except: [2026]", "5:14: except: 2026 is an integer, not a string; "),
        ("except: [2026-13-25]", '5:14: except: there is no day "2026-13-25"'),
        ("except: [holidays, 2026-12-25 to 2027-01-02]", '5:24: except: "2026-12-25 to 2027-01-02" is not a valid day'),
        ("except: [2026-12-25, 2026-12-30..2026-12-01]", '5:26: except: "2026-12-30..2026-12-01" ends before it beg'),
        ("except: [x]", '5:14: except: there is no calendar "x"; write a date, or add `calendars` to ajsync.yaml'),
        ("exclude: [2026-12-25]", '5:5: unknown member "exclude"; did you mean "except"?'),
        ("not_before: 2026-12-25", '5:5: unknown member "not_before"; did you mean "from"?'),
        ("from: 2026-12-25\n    until: 2026-12-24", "2:3: from, until and except leave no time at which it may be due"),
    ],
)
def test_a_member_that_is_wrong_is_told(tmp_path: Path, members: str, expected: str) -> None:
    (found,) = problems_of_one(tmp_path, members)
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("calendars: {holidays: [2026-02-30]}", '2:24: holidays: there is no day "2026-02-30"'),
        ("calendars: {holidays: [christmas]}", '2:24: holidays: "christmas" is not a valid day; write a date'),
        ("calendars: {holidays: 2026-12-25}", '2:23: holidays: "2026-12-25" is a string, not a list'),
        ("calendars: {2026: []}", "2:13: the key 2026 is not a string"),
        ("calendars: {'2026-12-25': []}", '2:13: "2026-12-25" is not a valid name of a calendar'),
        (
            "calendars: {holidays: []}\ndefaults: {except: [holiday]}",
            '3:21: except: there is no calendar "holiday"; di',
        ),
        ("calendars: [holidays]", "2:12: calendars is a list, not a mapping"),
    ],
)
def test_a_project_that_is_wrong_is_told_once(tmp_path: Path, project: str, expected: str) -> None:
    (found,) = problems(tmp_path, f"{HEAD}  B: {{schedule: daily, task_type: t}}\n", f"{OWNER}{project}\n")
    assert found.startswith(f"ajsync.yaml:{expected}")


def test_a_name_in_the_defaults_of_a_file_is_checked_once(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, f"defaults: {{except: [hollidays]}}\n{HEAD}", CALENDARS)
    assert found == 'schedules/a.yaml:1:21: except: there is no calendar "hollidays"; did you mean "holidays"?'


def test_more_days_than_can_be_stored_are_refused_where_they_are_named(tmp_path: Path) -> None:
    days = [days_text((day, day)) for day in range(730_000, 730_000 + 2 * MOST_SPANS + 2, 2)]
    project = f"{OWNER}calendars: {{a: [{', '.join(days)}]}}\n"
    assert problems(tmp_path, f"{HEAD}    except: [a]\n", project)[0].startswith(
        "schedules/a.yaml:5:13: except: 1,001 separate days or ranges are too many; the maximum is 1,000"
    )


def test_a_season_without_any_time_is_not_exported() -> None:
    closed = task("A", managed=Managed("team", until="2026-12-24", from_="2026-12-25"))
    assert export_yaml([closed]).skipped == {"A": "from, until and except leave no time at which it may be due"}
