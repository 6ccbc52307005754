"""The table of schedules: what it shows of each, what it selects, how it is sorted, and its pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.model import Managed, Pause
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.schedules import ROWS, schedules_page, select
from ajsync.scheduler.monitor.page.strips import fires_ahead
from ajsync.scheduler.monitor.pages import NextDues
from ajsync.scheduler.monitor.status import ScheduleProblem
from ajsync.scheduler.monitor.view import View
from ajsync.timestamp import NANOSECONDS
from tests.scheduler.monitor.page.parsed import Document
from tests.scheduler.monitor.test_status import NOW
from tests.scheduler.monitor.views import HOUR, failed, failing, scheduled, view_of

TABLE = "Schedules"


def selected(view: View, **query: Any) -> list[str]:
    dues = NextDues(lambda: None)
    return [*select(view, Query(**query), lambda: dues.of(view.tasks, view.status.now)).names]


def shown(view: View, **query: Any) -> Document:
    asked = Query(**query)
    found = select(view, asked, dict)
    outcomes = view.work.failing if view.work else {}
    return Document(schedules_page(view, asked, found, outcomes))


def crowd() -> View:
    """Five schedules of all kinds: one fails, one cannot be fired, one is paused, one is no schedule."""
    view = view_of(
        scheduled("tick"),
        scheduled("tock", queue="CRM", managed=Managed("billing", labels=(("team", "pay"), ("tier", "gold")))),
        scheduled("BACKUP", schedule="30 2 * * *", managed=None),
        paused={"LETTERS": (Pause(NOW - HOUR, "ann", "disks", NOW + 20 * HOUR), scheduled("LETTERS"))},
        problems={
            "BACKUP": ScheduleProblem("BACKUP", "the queue EMAIL does not exist", 2, NOW, "x"),
            "BROKEN": ScheduleProblem("BROKEN", "it is no JSON", 1, NOW, "y"),
        },
        invalid=frozenset({"BROKEN"}),
    )
    return failing(view, tick=failed(times=3))


def test_each_schedule_has_a_row_with_all_that_is_known_of_it() -> None:
    head, *rows = shown(crowd()).tables[TABLE]
    assert head == ["Schedule", "Last outcome", "Due", "Late", "Next", "Queue", "Owner", "Labels"]
    assert rows == [
        ["BROKEN", "not valid  it is no JSON", "", "", "\u2013", "", "", ""],
        ["BACKUP", "not fired  the queue EMAIL does not exist", "", "", "8 Oct 02:30", "EMAIL", "", ""],
        ["tick", "expired  3 failed in a row", "09:30:04", "5 ms", "10:00", "EMAIL", "ops", ""],
        ["LETTERS", "paused", "", "", "paused until 8 Oct 05:30:04", "EMAIL", "ops", ""],
        ["tock", " none known", "", "", "10:00", "CRM", "billing", "team=pay, tier=gold"],
    ]


def test_failures_that_were_not_counted_back_to_a_success_may_be_more() -> None:
    view = failing(view_of(scheduled()), tick=failed(times=3)._replace(is_whole=False))
    _, row = shown(view).tables[TABLE]
    assert row[1] == "expired  3 or more failed in a row"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"name": "TI"}, {"tick"}),
        ({"name": "b*p"}, {"BACKUP"}),
        ({"name": "letters"}, {"LETTERS"}),
        ({"queue": "CRM"}, {"tock"}),
        ({"owner": "ops"}, {"tick", "LETTERS"}),
        ({"label": "team"}, {"tock"}),
        ({"label": "tier!=gold"}, {"tick", "BACKUP", "LETTERS"}),
        ({"label": "tier=gold", "owner": "ops"}, set()),
        ({"state": "trouble"}, {"BROKEN", "BACKUP", "tick"}),
        ({"state": "failing"}, {"tick", "BACKUP"}),
        ({"state": "expired"}, {"tick"}),
        ({"state": "complete"}, {"tock", "BACKUP"}),
        ({"state": "invalid"}, {"BROKEN"}),
        ({"state": "paused"}, {"LETTERS"}),
        ({"state": "fine"}, {"tock"}),
        ({"state": "no such state"}, set()),
    ],
)
def test_parameters_select(query: dict[str, str], names: set[str]) -> None:
    assert {*selected(crowd(), **query)} == names


def test_what_should_have_succeeded_by_now_is_late_and_has_to_be_found() -> None:
    view = view_of(scheduled("tick"), scheduled("tock"))
    assert view.work is not None
    view = replace(
        view,
        work=replace(
            view.work, overdue={"tock": (NOW - HOUR, failed(times=1, state="new"))}, all_overdue=frozenset({"tock"})
        ),
    )
    assert selected(view, state="late") == selected(view, state="trouble") == ["tock"]


def test_an_unreadable_label_selects_nothing_less_and_says_why() -> None:
    document = shown(crowd(), label="a b")
    assert len(document.tables[TABLE]) == 6
    assert 'The label "a b" is not valid' in document.text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["BROKEN", "BACKUP", "tick", "LETTERS", "tock"]),
        ({"sort": "name"}, ["BACKUP", "BROKEN", "LETTERS", "tick", "tock"]),
        ({"sort": "name", "down": True}, ["tock", "tick", "LETTERS", "BROKEN", "BACKUP"]),
        ({"sort": "queue"}, ["BROKEN", "tock", "BACKUP", "LETTERS", "tick"]),
        ({"sort": "owner"}, ["BACKUP", "BROKEN", "tock", "LETTERS", "tick"]),
        ({"sort": "next"}, ["tick", "tock", "BACKUP", "BROKEN", "LETTERS"]),
    ],
)
def test_parameters_sort(query: dict[str, Any], names: list[str]) -> None:
    assert selected(crowd(), **query) == names


def test_a_heading_sorts_by_its_column_and_once_more_the_other_way_round() -> None:
    plain, sorted_ = shown(crowd(), queue="EMAIL"), shown(crowd(), queue="EMAIL", sort="name")
    assert "schedules?queue=EMAIL&sort=name" in plain.links()
    assert "schedules?queue=EMAIL&sort=name&down=" in sorted_.links()
    orders = [attributes["aria-sort"] for tag, attributes in sorted_.elements if "aria-sort" in attributes]
    assert orders == ["ascending"]


def test_fifty_are_on_a_page_and_links_lead_to_the_others() -> None:
    view = view_of(*(scheduled(f"s-{number:03}") for number in range(120)))
    first, second, last = (shown(view, sort="name", page=number) for number in (1, 2, 99))
    assert [len(each.tables[TABLE]) - 1 for each in (first, second, last)] == [ROWS, ROWS, 20]
    assert "1 to 50 of 120" in first.text
    assert "101 to 120 of 120" in last.text
    assert "schedules?sort=name&page=2" in first.links()
    assert {"schedules?sort=name", "schedules?sort=name&page=3"} <= {*second.links()}
    assert "Next" not in last.text.partition("101 to")[2].partition("As of")[0]


def test_if_none_is_selected_the_way_back_is_there() -> None:
    assert "No schedule matches. Show all" in shown(crowd(), name="nobody").text
    assert "There are no schedules." in shown(view_of()).text


def test_the_form_keeps_what_was_asked_for() -> None:
    document = shown(crowd(), name='"><b>', label="team", state="failing", sort="name", zone="Asia/Tokyo")
    fields = {attributes["name"]: attributes.get("value") for tag, attributes in document.elements if tag == "input"}
    assert fields["name"] == '"><b>'
    assert (fields["label"], fields["sort"], fields["zone"]) == ("team", "name", "Asia/Tokyo")
    chosen = [attributes["value"] for tag, attributes in document.elements if "selected" in attributes]
    assert chosen == ["failing"]


def test_a_paused_schedule_that_cannot_be_read_is_listed_all_the_same() -> None:
    view = view_of(paused={"LETTERS": (Pause(0, "", ""), None)})
    assert shown(view).tables[TABLE][1][:5] == ["LETTERS", "paused", "", "", "paused"]


def test_each_due_instant_is_searched_once_until_it_has_passed_or_the_schedule_has_changed() -> None:
    searched: list[str] = []
    dues = NextDues(lambda: searched.append("one"))
    tasks = {name: scheduled(name) for name in ("tick", "tock")}
    found = dues.of(tasks, NOW)
    assert {*found.values()} == {NOW // HOUR * HOUR + HOUR}
    assert dues.of(tasks, NOW + NANOSECONDS) == found
    assert len(searched) == 2
    dues.of(tasks | {"tick": scheduled("tick", schedule="30 9 1 1 *")}, NOW)
    assert len(searched) == 3
    assert {*dues.of(tasks, NOW + HOUR).values()} == {NOW // HOUR * HOUR + 2 * HOUR}


def test_the_fires_of_the_next_day_are_counted_in_half_hours() -> None:
    start = NOW // HOUR * HOUR
    tasks = [scheduled("tick"), scheduled("fast", schedule="@every 60s"), scheduled("never", schedule="0 0 30 2 *")]
    rests: list[None] = []
    counts = fires_ahead(tasks, start, lambda: rests.append(None))
    assert counts == [31, 30] * 24
    assert rests
