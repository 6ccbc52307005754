"""A plan says of each of its formats which schedules are paused, and that their changes do not resume them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ajsync.asyncjobs.model import Pause
from ajsync.reconcile.plan import Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.wording import pause_told, paused_rows
from ajsync.timestamp import NANOSECONDS, to_nanoseconds
from tests.reconcile.render.test_json import PLAN_VALIDATOR
from tests.reconcile.samples import CREATED_AT, HOUR, NOW, delete, make_plan, ours, update
from tests.tasks import task

MALTA = ZoneInfo("Europe/Malta")
NOW_NANOSECONDS = to_nanoseconds(NOW)
PAUSES = (
    ("A", Pause(CREATED_AT, "ann@host", "new disks", NOW_NANOSECONDS + HOUR)),
    ("B", Pause(CREATED_AT, "", "why")),
    ("C", Pause(CREATED_AT, "bob", "old", NOW_NANOSECONDS - NANOSECONDS)),
)
PLAN = make_plan(
    replace(update(task("A", managed=ours()), schedule="@hourly"), paused=True),
    replace(delete("D"), paused=True),
    update(task("E", managed=ours()), queue="Q"),
    paused=PAUSES,
)


def shown(style: str, plan: Plan = PLAN, **options: Any) -> str:
    return RENDERERS[style](plan, (), RenderOptions(NOW, **options))


def document(plan: Plan) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(shown("json", plan))
    PLAN_VALIDATOR.validate(value)
    return value


def test_the_text_marks_changes_of_paused_schedules_and_lists_all_that_are_paused() -> None:
    lines = shown("text").splitlines()
    assert "~ A  paused  schedules/email.yaml" in lines
    assert "- D  paused  was in schedules/email.yaml" in lines
    assert "~ E  schedules/email.yaml" in lines
    begin = lines.index("Paused, and not resumed by an apply:")
    assert lines[begin + 1 : begin + 4] == [
        "  ‖ A: until Tue 2026-11-24 06:47:30 UTC by ann@host (new disks)",
        "  ‖ B: since Mon 2026-11-23 14:09:53 UTC (why)",
        "  ‖ C: until Tue 2026-11-24 05:47:29 UTC by bob (old); the pause has ended, so a scheduler or the next apply "
        "resumes it",
    ]


def test_a_paused_schedule_has_no_next_fires() -> None:
    active = make_plan(update(task("A", managed=ours()), schedule="@hourly"))
    assert "    next " in shown("text", active)
    assert document(active)["changes"][0]["next"]
    assert "    next " not in shown("text")
    assert document(PLAN)["changes"][0]["next"] == []


@pytest.mark.parametrize(
    ("pause", "told"),
    [
        (Pause(CREATED_AT, "ann", "disks", NOW_NANOSECONDS), "until Tue 2026-11-24 06:47:30 +01:00 by ann (disks)"),
        (Pause(CREATED_AT, "ann", ""), "since Mon 2026-11-23 15:09:53 +01:00 by ann"),
        (Pause(CREATED_AT, "", "disks"), "since Mon 2026-11-23 15:09:53 +01:00 (disks)"),
        (Pause(CREATED_AT, "a\n", "b\n"), r'since Mon 2026-11-23 15:09:53 +01:00 by "a\n" ("b\n")'),
    ],
)
def test_a_pause_is_told_by_its_end_or_begin_in_the_zone_and_by_what_else_is_known(pause: Pause, told: str) -> None:
    assert pause_told(pause, MALTA) == told


def test_a_pause_has_ended_at_its_end() -> None:
    plan = make_plan(paused=(("A", Pause(CREATED_AT, "", "", NOW_NANOSECONDS)),))
    (ended,) = paused_rows(plan, NOW_NANOSECONDS, MALTA)
    assert ended.startswith("A: until Tue 2026-11-24 06:47:30 +01:00; the pause has ended")
    (lasting,) = paused_rows(plan, NOW_NANOSECONDS - 1, MALTA)
    assert lasting == "A: until Tue 2026-11-24 06:47:30 +01:00"


def test_a_pause_stands_out_and_what_does_not_fit_is_indented_below_its_name() -> None:
    plan = make_plan(paused=(("A", Pause(CREATED_AT, "ann@host", "new disks in all of the machines")),), unchanged=1)
    assert shown("text", plan, colour=True, width=64, zone=MALTA).splitlines()[-5:] == [
        "Paused, and not resumed by an apply:",
        "  \x1b[1;33m‖\x1b[0m A: since Mon 2026-11-23 15:09:53 +01:00 by ann@host (new",
        "    disks in all of the machines)",
        "",
        "\x1b[1mNo changes: 1 schedule is up to date.\x1b[0m",
    ]


def test_the_text_lists_ten_and_counts_the_others() -> None:
    ten = shown("text", make_plan(paused=tuple((f"P{number}", PAUSES[1][1]) for number in range(10))))
    assert (ten.count("‖"), " more" in ten) == (10, False)
    many = tuple((f"P{number}", PAUSES[1][1]) for number in range(1012))
    text = shown("text", make_plan(paused=many))
    assert text.count("‖") == 10
    assert "and 1,002 more" in text


def test_the_document_says_who_paused_what_until_when_and_why() -> None:
    value = document(PLAN)
    assert value["paused"][0] == {
        "name": "A",
        "since": "2026-11-23T14:09:53.902271558Z",
        "until": "2026-11-24T06:47:30Z",
        "by": "ann@host",
        "reason": "new disks",
    }
    assert value["paused"][1]["until"] is None
    assert [change.get("paused") for change in value["changes"]] == [True, True, None]
    assert "paused" not in document(make_plan())


@pytest.mark.parametrize("style", ["markdown", "github"])
def test_the_other_formats_name_them_too(style: str) -> None:
    text = shown(style)
    assert "new disks" in text or "Paused: A, B, C." in text
    assert "A  paused" in text or "update A (paused)" in text
    assert "aused" not in shown(style, make_plan())
