"""The page of one schedule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ajsync.asyncjobs.history import PastFire
from ajsync.asyncjobs.model import Managed, Pause
from ajsync.asyncjobs.outcome import ScheduleOutcome
from ajsync.cli.output.source import source_text
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.page.schedule import schedule_page
from ajsync.scheduler.monitor.status import ScheduleProblem
from ajsync.scheduler.monitor.view import Past, View
from ajsync.timestamp import NANOSECONDS
from tests.scheduler.monitor.page.parsed import Document
from tests.scheduler.monitor.page.test_overview import HOSTILE
from tests.scheduler.monitor.test_status import NOW
from tests.scheduler.monitor.views import HOUR, failed, failing, scheduled, view_of


def shown(
    view: View, name: str = "tick", past: Past | None = None, outcome: ScheduleOutcome | None = None, **query: Any
) -> Document:
    return Document(schedule_page(view, Query(name=name, **query), outcome, past or Past(), source_text))


def test_it_shows_the_next_fires_in_the_zone_that_is_asked_for() -> None:
    rows = shown(view_of(scheduled()), zone="Asia/Kolkata").tables["Next fires"]
    assert rows[:3] == [["Due", "When"], ["15:30:00", "in 29 min 56 s"], ["16:30:00", "in 1 h 29 min"]]
    assert len(rows) == 6


def test_it_shows_the_last_fires_with_what_became_of_them() -> None:
    hour = NOW // HOUR * HOUR
    past = Past(
        (
            PastFire(hour, "id1", "complete", 1, "", NANOSECONDS // 200, True),
            PastFire(hour - HOUR, "id2", "retry", 2, "no such host", NANOSECONDS // 200),
            PastFire(hour - 2 * HOUR, "id3", skipped_for="id2"),
            PastFire(hour - 3 * HOUR, "id4"),
        )
    )
    document = shown(view_of(scheduled()), past=past)
    assert document.tables["Last fires"][1:] == [
        ["09:00:00", "complete", "\u2264 5 ms", "1", "id1"],
        ["08:00:00", "retry", "5 ms", "2", "id2 no such host"],
        ["07:00:00", "skipped", "", "", " Its previous task was not finished, so none was made. id2"],
        ["06:00:00", "no task", "", "", ""],
    ]
    assert "ajsync history --last 100 tick" in document.text or "ajsync history tick --last 100" in document.text


def test_a_schedule_that_has_not_been_due_and_a_server_that_does_not_answer_are_said() -> None:
    assert "It has not been due yet." in shown(view_of(scheduled())).text
    assert "could not be looked up: no answer" in shown(view_of(scheduled()), past=Past(trouble="no answer")).text


def test_what_is_wrong_with_it_is_said_with_the_command() -> None:
    view = failing(view_of(scheduled()), tick=failed())
    assert (
        "Error: no such host\nSince 07:30:04, 3 \u00d7. To do: ajsync history tick"
        in shown(view, outcome=failed()).text
    )
    problem = ScheduleProblem("tick", "the queue EMAIL does not exist", 1, NOW, "ajc queues add EMAIL")
    text = shown(view_of(scheduled(), problems={"tick": problem})).text
    assert "the queue EMAIL does not exist.\nSince 09:30:04. To do: ajc queues add EMAIL" in text
    view = view_of(scheduled())
    assert view.work is not None
    late = shown(
        replace(
            view,
            work=replace(
                view.work, overdue={"tick": (NOW, failed(times=1, state="new"))}, all_overdue=frozenset({"tick"})
            ),
        )
    )
    assert "It should have succeeded by now. No worker has taken it yet.\nSince 09:30:04." in late.text


def test_failures_that_were_not_counted_back_to_a_success_may_have_begun_earlier() -> None:
    cut_short = failed()._replace(is_whole=False)
    text = shown(failing(view_of(scheduled()), tick=cut_short), outcome=cut_short).text
    assert "\nSince 07:30:04 or earlier, 3 \u00d7 or more. To do: ajsync history tick" in text


def test_it_shows_the_yaml_without_the_payload() -> None:
    task = scheduled(payload=b'{"password":"secret"}', managed=Managed("ops", source="mail.yaml", description="Mails."))
    text = shown(view_of(task)).text
    assert 'tick:\n    schedule: "0 * * * *"\n    queue: EMAIL' in text
    assert "# Its payload is not shown here: ajsync export tick" in text
    assert "secret" not in text
    assert "From mail.yaml." in text
    assert "payload" not in shown(view_of(scheduled())).text


def test_a_schedule_that_no_file_can_express_says_why() -> None:
    assert "# A file cannot express it: " in shown(view_of(scheduled(queue="a b"))).text


def test_a_paused_schedule_says_until_when_by_whom_and_why() -> None:
    pause = Pause(NOW - HOUR, "ann@example.net", "new disks", NOW + HOUR)
    document = shown(view_of(paused={"tick": (pause, scheduled())}))
    says = "Paused since 08:30:04 until 10:30:04 by ann@example.net: new disks. ajsync resume tick"
    assert says in document.text
    assert "Next fires" not in document.headings
    unreadable = shown(view_of(paused={"tick": (Pause(0, "", ""), None)}))
    assert "Paused until somebody resumes it. ajsync resume tick" in unreadable.text


def test_an_entry_that_is_no_schedule_and_a_name_without_one_have_a_page() -> None:
    problem = ScheduleProblem("odd", "it is no JSON", 1, NOW, "ajsync view odd")
    assert "it is no JSON" in shown(view_of(problems={"odd": problem}, invalid=frozenset({"odd"})), "odd").text
    document = shown(view_of(scheduled()), "ti")
    assert "There is no such schedule." in document.text
    assert "schedules?name=ti" in document.links()


def test_nothing_of_others_is_more_than_text() -> None:
    def full(name: str) -> Document:
        task = scheduled(name, queue=name, managed=Managed("ops", source=name, description=name))
        past = Past((PastFire(NOW, name, name, 1, name), PastFire(NOW, name, skipped_for=name)))
        return shown(failing(view_of(task), **{name: failed(error=name)}), name, past, failed(error=name))

    honest, hostile = full("tick"), full(HOSTILE)
    harmless = {"small", "wbr", "bdi"}
    assert {tag for tag, _ in hostile.elements} - harmless == {tag for tag, _ in honest.elements} - harmless
    names = {name for _, attributes in hostile.elements for name in attributes}
    assert names == {name for _, attributes in honest.elements for name in attributes}
    assert "\u202e" not in hostile.text
    assert "\x1b" not in hostile.text
