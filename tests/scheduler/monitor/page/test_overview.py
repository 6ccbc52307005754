"""The front page: whether all is well, what is wrong and what to do, who is on duty, and how the day goes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ajsync.asyncjobs.outcome import STATES, WorkOutcome, schedule_outcome
from ajsync.asyncjobs.presence import Presence, PresenceRole, SchedulerPresence
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.election.watermark import WATERMARK_KEY
from ajsync.scheduler.monitor.day import SPAN, SPANS, Span
from ajsync.scheduler.monitor.page.overview import LISTED, overview
from ajsync.scheduler.monitor.page.query import Query
from ajsync.scheduler.monitor.queues import QueueStatus
from ajsync.scheduler.monitor.status import ScheduleProblem
from ajsync.scheduler.monitor.view import View
from ajsync.timestamp import NANOSECONDS
from tests.scheduler.monitor.page.parsed import Document
from tests.scheduler.monitor.test_status import NOW, status
from tests.scheduler.monitor.views import HOUR, failed, failing, scheduled, view_of

WRONG = "What is wrong"
HOSTILE = "</bdi></td><script>alert(1)</script><img src=x onerror=alert(1)>\"' style=x \u202egnp.\x1b[2J"


def shown(view: View, query: Query | None = None, *ahead: Any) -> Document:
    return Document(overview(view, query or Query(), *ahead))


def tone(document: Document) -> str | None:
    """The colour of the head."""
    return next(attributes["class"] for tag, attributes in document.elements if tag == "header")


def problem(name: str = "tick", **changes: Any) -> ScheduleProblem:
    found = ScheduleProblem(name, "the queue CRM does not exist", 17, NOW - HOUR, f"ajc queues add CRM && fix {name}")
    return replace(found, **changes)


def wrong(document: Document) -> list[list[str]]:
    return document.tables[WRONG][1:]


def test_if_nothing_is_wrong_the_head_is_green_and_says_so() -> None:
    document = shown(view_of(scheduled()))
    assert (tone(document), document.headings[0]) == ("good", "All is well")
    assert WRONG not in document.headings


def test_a_failing_worker_turns_the_head_red_and_is_named_in_it() -> None:
    document = shown(failing(view_of(scheduled("tick"), scheduled("tock")), tick=failed(times=3)))
    assert (tone(document), document.headings[0]) == ("bad", "1 problem")
    assert "tick It has used up its tries" in document.text.partition("Overview")[0]
    ((what, since, times, todo),) = wrong(document)
    assert what.startswith("tick It has used up its tries, or its deadline has passed. Error: no such host")
    assert (since, times, todo) == ("07:30:04 2 h ago", "3 \u00d7", "ajsync history tick")


def test_failures_that_were_not_counted_back_to_a_success_may_have_begun_earlier() -> None:
    cut_short = failed(times=3)._replace(is_whole=False)
    ((_, since, times, _),) = wrong(shown(failing(view_of(scheduled("tick")), tick=cut_short)))
    assert (since, times) == ("07:30:04 or earlier 2 h ago", "3 \u00d7 or more")


def test_a_schedule_that_cannot_be_fired_is_a_problem_with_its_cure() -> None:
    document = shown(view_of(scheduled(), problems={"tick": problem()}))
    (row,) = wrong(document)
    assert row == [
        "tick The queue CRM does not exist.",
        "08:30:04 1 h ago",
        "17 \u00d7",
        "ajc queues add CRM && fix tick",
    ]


@pytest.mark.parametrize("reason", ["no answer", "There was no answer. Try again."])
def test_a_sentence_with_the_reason_of_somebody_else_ends_with_one_full_stop(reason: str) -> None:
    view = failing(view_of(scheduled(), shown=status(role=RoleState.STAND_BY, reason=reason)))
    assert view.work is not None
    document = shown(replace(view, work=replace(view.work, trouble=reason)))
    assert [row[0][-10:] for row in wrong(document)] == [f"{reason.removesuffix('.')}."[-10:]] * 2
    assert ".." not in document.text


def test_one_schedule_is_one_problem_whatever_is_wrong_with_it() -> None:
    view = failing(view_of(scheduled(), problems={"tick": problem()}), tick=failed())
    assert view.work is not None
    assert (
        len(
            wrong(
                shown(
                    replace(
                        view,
                        work=replace(
                            view.work,
                            overdue={"tick": (NOW, failed(times=1, state="new"))},
                            all_overdue=frozenset({"tick"}),
                        ),
                    )
                )
            )
        )
        == 1
    )


def test_work_that_is_overdue_is_as_bad_as_its_alert_says() -> None:
    view = view_of(scheduled())
    assert view.work is not None
    waiting = replace(
        view.work,
        overdue={"tick": (NOW - HOUR, failed(times=1, state="new"))},
        all_overdue=frozenset({"tick"}),
        states={"tick": "new"},
    )
    document = shown(replace(view, work=waiting))
    assert (tone(document), document.headings[0]) == ("bad", "1 problem")
    ((what, since, _, todo),) = wrong(document)
    assert what == "tick It should have succeeded by now. No worker has taken it yet."
    assert (since, todo) == ("08:30:04 1 h ago", "ajsync info")


@pytest.mark.parametrize(
    ("changes", "about", "says", "level"),
    [
        ({"connected": False}, "This scheduler", "There is no connection to nats://127.0.0.1:4222.", "bad"),
        ({"role": RoleState.STAND_BY, "leader": None}, "Leadership", "No scheduler leads, so nothing is fired.", "bad"),
        (
            {"reason": "it is mute", "ready": False},
            "This scheduler",
            "This scheduler could not lead: it is mute.",
            "bad",
        ),
        (
            {"reason": "NATS did not answer. Try again.", "ready": False},
            "This scheduler",
            "This scheduler could not lead: NATS did not answer. Try again.",
            "bad",
        ),
        ({"watermark_age": 60.0}, "Leadership", "It is not certain that what was due in the last", "bad"),
        ({"clock_skew": -3.0}, "This scheduler", "3.0 s behind the server's, so tasks are fired late.", "warn"),
        ({"moves": (NOW,) * 4}, "Leadership", "The leadership moves often", "warn"),
    ],
)
def test_what_is_wrong_with_the_scheduling_is_said_with_a_command(
    changes: dict[str, Any], about: str, says: str, level: str
) -> None:
    document = shown(view_of(scheduled(), shown=status(**changes)))
    assert tone(document) == level
    ((what, _, _, todo),) = wrong(document)
    assert what.startswith(about)
    assert says in what
    assert ".." not in what
    assert todo in ("ajsync info", "ajsync scheduler", "timedatectl")


def test_while_a_go_scheduler_leads_there_is_no_watermark_to_miss_and_no_word_of_the_work() -> None:
    document = shown(view_of(scheduled(), shown=status(watermark_age=999.0, leader_is_go=True)))
    assert (tone(document), document.headings[0]) == ("good", "Everything is fired")


def test_a_watermark_that_is_not_written_is_a_problem_of_no_schedule() -> None:
    view = view_of(
        scheduled(), problems={WATERMARK_KEY: problem(WATERMARK_KEY, problem="the watermark is not written")}
    )
    ((what, *_),) = wrong(shown(view))
    assert what == "Watermark The watermark is not written."


def test_a_schedule_whose_last_fire_waits_after_a_failure_is_said_to_have_failed() -> None:
    before = schedule_outcome([WorkOutcome(NOW - HOUR, "2Zb1", "expired", NOW, 10, "no such host")])
    waits = schedule_outcome([WorkOutcome(NOW, "2Zb2", "new", NOW)], before)
    assert waits is not None
    ((what, *_),) = wrong(shown(failing(view_of(scheduled("A")), A=waits)))
    told = "It has failed, and has not succeeded since. Its last fire: No worker has taken it yet."
    assert what == f"A {told}"


def test_a_full_queue_is_a_problem_and_an_unlimited_one_is_not() -> None:
    full = QueueStatus("EMAIL", 1000, NOW - HOUR, 1000)
    ((what, since, *_),) = wrong(shown(view_of(scheduled(), queues=(full, QueueStatus("CRM", 10**6, NOW)))))
    assert what == "Queue EMAIL It is full: 1,000 work items wait or are being handled."
    assert since == "08:30:04 1 h ago"


def test_a_queue_that_is_missing_is_a_problem_before_a_fire_fails_for_it() -> None:
    queues = (QueueStatus("EMAIL", missing=True), QueueStatus("UNUSED", missing=True))
    view = view_of(scheduled(), scheduled("other"), scheduled("third", queue="CRM"), queues=queues)
    document = shown(replace(view, ajc="ajc --context prod"))
    assert (tone(document), document.headings[0]) == ("bad", "1 problem")
    ((what, *_, todo),) = wrong(document)
    assert what == "Queue EMAIL It does not exist, so no worker gets the tasks of 2 schedules."
    assert todo == "ajc --context prod queues add EMAIL"


def test_the_worst_comes_first_and_of_very_many_the_first_are_shown() -> None:
    names = [f"bad-{i}" for i in range(30)]
    view = failing(view_of(*map(scheduled, names)), **{name: failed() for name in names})
    assert view.work is not None
    others = frozenset(f"other-{i}" for i in range(1_204))
    tasks = {**view.tasks, **{name: scheduled(name) for name in others}}
    work = replace(view.work, all_failing=view.work.all_failing | others)
    view = replace(view, status=replace(view.status, clock_skew=5.0), tasks=tasks, work=work)
    document = shown(view)
    assert document.headings[0] == "1,235 problems"
    assert [row[0].partition(" ")[0] for row in wrong(document)] == names[:LISTED]
    assert "And 1,215 more." in document.text
    assert "schedules?state=trouble" in document.links()


def test_while_the_work_is_still_looked_up_or_not_followed_the_page_does_not_say_that_all_is_well() -> None:
    view = view_of(scheduled())
    assert view.work is not None
    assert shown(replace(view, work=replace(view.work, complete=False))).headings[0] == "Looking"
    assert shown(replace(view, work=None)).headings[0] == "Everything is fired"
    bad = failing(view_of(scheduled("A")), A=failed())
    assert bad.work is not None
    assert "still being looked up" not in shown(bad).text
    looking = shown(replace(bad, work=replace(bad.work, complete=False)))
    assert (looking.headings[0], "still being looked up" in looking.text) == ("1 problem", True)
    starting = status(role=RoleState.STARTING, leader=None, ready=False, reason="the schedules are not loaded yet")
    assert shown(view_of(shown=starting)).headings[0] == "Starting"


def test_who_leads_since_when_and_how_often_that_moved_is_said() -> None:
    own = shown(view_of(scheduled(), shown=status(started=NOW - 2 * HOUR, moves=(NOW - HOUR, NOW - 2 * HOUR)))).text
    assert "sched-a, which shows this page, has fired what is due since 08:30:04." in own
    assert "The leadership has moved 2 times since 07:30:04, when this scheduler began, last at 08:30:04." in own
    long = shown(view_of(shown=status(started=NOW - 50 * HOUR, moves=(NOW - HOUR, NOW - 30 * HOUR)))).text
    assert "The leadership has moved 1 time in the last 24 hours, last at 08:30:04." in long
    other = status(role=RoleState.STAND_BY, leader="sched-b")
    assert (
        "The scheduler sched-b leads. sched-a, which shows this page, has stood by" in shown(view_of(shown=other)).text
    )
    go = shown(view_of(shown=replace(other, leader_is_go=True))).text
    assert "The Go scheduler sched-b leads." in go


def of(name: str, role: PresenceRole, **changes: Any) -> SchedulerPresence:
    return replace(SchedulerPresence(f"{name}-1", name, role, NOW - HOUR, "1.2.3", 7), **changes)


def test_all_schedulers_are_listed_with_their_roles_and_since_when() -> None:
    presence = Presence((of("sched-a", "leader"), of("sched-b", "stand-by")), more=3)
    document = shown(view_of(shown=status(presence=presence)))
    assert document.headings[0] == "All is well"
    assert document.tables["Schedulers"][1:] == [
        ["sched-a", "leader", "08:30:04  1 h ago", "7", "1.2.3"],
        ["sched-b", "stand-by", "08:30:04  1 h ago", "7", "1.2.3"],
    ]
    assert "And 3 more." in document.text
    unknown = replace(presence, schedulers=(of("sched-a", "leader"),), trouble="not permitted")
    alone = shown(view_of(shown=status(presence=unknown)))
    assert "The other schedulers are not known: not permitted." in alone.text
    assert WRONG not in alone.headings
    silent = replace(unknown, trouble="There is no connection to nats://127.0.0.1:4222.")
    assert "4222." in (text := shown(view_of(shown=status(presence=silent))).text)
    assert ".." not in text


def test_a_missing_stand_by_and_two_of_one_name_are_warnings() -> None:
    document = shown(view_of(shown=status(presence=Presence((of("sched-a", "leader"),)))))
    assert (tone(document), document.headings[0]) == ("warn", "1 warning")
    ((what, *_, todo),) = wrong(document)
    assert (what.partition(".")[0], todo) == ("Leadership No scheduler stands by", "ajsync scheduler")
    twins = (of("sched-a", "leader"), of("sched-a", "stand-by", id="other"))
    ((what, *_),) = wrong(shown(view_of(shown=status(presence=Presence(twins)))))
    assert what.startswith("Leadership Several schedulers are called sched-a")


def test_each_queue_shows_its_backlog_its_outcomes_and_how_late_its_fires_were() -> None:
    view = view_of(
        scheduled(),
        queues=(
            QueueStatus("CRM", missing=True),
            QueueStatus("EMAIL", 12, NOW - 30 * NANOSECONDS),
            QueueStatus("LOGS", trouble="not permitted"),
            QueueStatus("ZIP", 7, NOW, 10),
        ),
        lateness=(*(("EMAIL", number / 1000) for number in range(1, 101)), ("OLD", -0.5)),
    )
    assert view.work is not None
    view = replace(view, work=replace(view.work, counts={("EMAIL", "complete"): 3, ("EMAIL", "queue_error"): 2}))
    dash = "\u2013"
    assert shown(view).tables["Queues"][1:] == [
        ["CRM", "no such queue", "", "", dash, dash],
        ["EMAIL", "12", "09:29:34 30 s ago", "2 queue error 3 complete", "50 ms", "100 ms"],
        ["LOGS", " not permitted", "", "", dash, dash],
        ["OLD", dash, dash, "", "0 ms", "0 ms"],
        ["ZIP", "7 of 10", "09:30:04 0 ms ago", "", dash, dash],
    ]


def test_the_last_day_is_told_in_words_and_says_since_when_it_was_counted() -> None:
    first = NOW // SPAN * SPAN - (SPANS - 1) * SPAN
    spans = [Span(first + number * SPAN, known=number > 10) for number in range(SPANS)]
    spans[20] = replace(spans[20], fired=5, missed=2, failed=1)
    document = shown(view_of(scheduled(), last_day=tuple(spans)))
    assert (
        "5 tasks made, 2 fires missed by this scheduler, 1 task failed. Counted since this scheduler began"
        in document.text
    )
    assert "20:00 to 20:30: 5 fired, 2 missed, 1 failed" in document.text
    whole = shown(view_of(scheduled(), last_day=tuple(replace(span, known=True) for span in spans)))
    assert "Counted since" not in whole.text
    alone = shown(view_of(scheduled(), last_day=tuple(spans), work=None))
    assert "This scheduler has made 5 tasks and missed 2 fires. Counted" in alone.text


def test_the_next_day_says_when_most_is_due_and_that_it_is_still_counted() -> None:
    assert "The fires are being counted." in shown(view_of(scheduled())).text
    counts = [1] * SPANS
    counts[3] = 90
    assert (
        "137 fires due, most of them from 11:00 to 11:30: 90."
        in shown(view_of(), None, counts, NOW // SPAN * SPAN).text
    )
    assert "0 fires due." in shown(view_of(), None, [0] * SPANS, NOW).text


def test_times_are_in_the_zone_that_is_asked_for_and_it_stands_at_the_top() -> None:
    document = shown(view_of(shown=status(watermark=NOW)), Query(zone="Asia/Tokyo"))
    assert "18:30:04" in document.text
    fields = [attributes for tag, attributes in document.elements if tag == "input" and attributes["name"] == "zone"]
    assert [field["value"] for field in fields] == ["Asia/Tokyo"]
    assert "schedules?zone=Asia%2FTokyo" in document.links()


def test_a_zone_that_does_not_exist_is_said_and_utc_is_shown() -> None:
    document = shown(view_of(shown=status()), Query(zone="Mars/Olympus"))
    assert '"Mars/Olympus" is not an IANA name' in document.text
    assert "As of 09:30:04, UTC." in document.text


def test_the_page_loads_itself_again_unless_told_not_to() -> None:
    reload = ("meta", {"http-equiv": "refresh", "content": "5"})
    moving, still = shown(view_of(), Query(zone="Asia/Tokyo")), shown(view_of(), Query(still=True))
    assert reload in moving.elements
    assert "./?zone=Asia%2FTokyo&still=" in moving.links()
    assert reload not in still.elements
    assert "./" in still.links()


def test_a_keyboard_reaches_what_stops_the_reloading_before_anything_else_of_the_page() -> None:
    document = shown(failing(view_of(scheduled()), tick=failed()))
    assert document.links()[:3] == ["./", "schedules", "./?still="]
    assert document.text.index("Stop") < document.text.index("Times in")


def test_nothing_of_others_is_more_than_text() -> None:
    honest = full("tick")
    hostile = full(HOSTILE)
    written = HOSTILE.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")
    assert hostile.text.count(written) > 5
    harmless = {"small", "wbr", "bdi"}
    assert {tag for tag, _ in hostile.elements} - harmless == {tag for tag, _ in honest.elements} - harmless
    names = {name for _, attributes in hostile.elements for name in attributes}
    assert names == {name for _, attributes in honest.elements for name in attributes}


def full(name: str) -> Document:
    """A page with a name of others wherever one can be."""
    presence = Presence((of(name, "leader", version=name), of(name, "leader", id=name)), trouble=name)
    state = status(name=name, leader=name, server=name, version=name, reason=name, ready=False, presence=presence)
    view = view_of(
        scheduled(name),
        scheduled("tock", queue=name),
        shown=replace(state, role=RoleState.STAND_BY),
        problems={name: problem(name, problem=name, remedy=name)},
        queues=(QueueStatus(name, 1000, NOW, 1000), QueueStatus(f"{name}2", trouble=name)),
        lateness=((name, 0.1),),
    )
    view = failing(view, tock=failed(error=name, state=name))
    assert view.work is not None
    return shown(replace(view, work=replace(view.work, counts={(name, name): 1})), Query(zone=name))


def test_a_very_long_text_is_cut() -> None:
    view = failing(view_of(scheduled()), tick=failed(error="x" * 100_000))
    assert len(wrong(shown(view))[0][0]) < 400


def test_each_state_of_the_work_has_a_mark_of_its_own_form() -> None:
    counts = {("EMAIL", state): 1 for state in STATES}
    view = view_of(queues=(QueueStatus("EMAIL"),))
    assert view.work is not None
    page = overview(replace(view, work=replace(view.work, counts=counts)), Query())
    (cell,) = Document(page).column("Queues", "Last outcomes")
    for words in STATES.values():
        assert f"1 {words.word}" in cell
        assert f".{words.tone}::before" in page.decode()


def test_the_page_needs_nothing_from_elsewhere_and_no_script() -> None:
    document = full("tick")
    places = [attributes.get(name) for _, attributes in document.elements for name in ("href", "src", "action", "data")]
    outside = [place for place in places if place and ":" in place and not place.startswith("data:")]
    assert outside == []
    tags = {tag for tag, _ in document.elements}
    assert not tags & {"script", "img", "iframe", "object"}
    assert "style" not in {name for _, attributes in document.elements for name in attributes}


def test_a_name_as_long_as_can_be_leaves_room_in_the_head_for_the_others() -> None:
    names = ["A" * 255, "B" * 255, "C"]
    view = failing(view_of(*map(scheduled, names)), **{name: failed(error="e" * 300) for name in names})
    head = shown(view).text.partition("What is wrong")[0]
    assert "A" * 60 + "… (195 characters more)" in head.replace("\u200b", "")
    assert "A" * 61 not in head.replace("\u200b", "")
    assert len(head) < 1500
