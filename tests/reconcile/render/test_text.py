"""The plan in a terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import Location
from ajsync.reconcile.plan import Conflict, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from tests.reconcile.samples import (
    HOUR,
    NOW,
    create,
    delete,
    full_locations,
    full_plan,
    full_refusals,
    hostile_plan,
    large_plan,
    make_plan,
    ours,
    plans,
    update,
)
from tests.tasks import task

STYLE = re.compile("\x1b\\[[0-9;]*m")


def text(plan: Plan, *, refused: bool = False, **options: object) -> str:
    made = RenderOptions(NOW, **options)  # type: ignore[arg-type]  # each test names options that exist
    return RENDERERS["text"](plan, full_refusals() if refused else (), made)


def test_a_plan_of_every_kind_reads_like_this() -> None:
    shown = text(full_plan(), refused=True, locations=full_locations())
    assert shown == (
        """\
Bucket CHORIA_AJ_CONFIGURATION, owner team
+ create   ~ update   & adopt   - delete

+ EMAIL_MONTHLY_UPDATE  schedules/email.yaml:4
    schedule        @monthly
    timezone        Europe/Malta
    queue           EMAIL
    task_type       email:monthly
    payload         17 B, sha256 939b0358ff82
    deadline        12h0m0s
    max_tries       3
    catchup         all
    catchup_window  2h0m0s
    overlap         skip
    jitter          30s
    description     The newsletter
    next            Tue 2026-12-01 00:00:28 +01:00  in 6 d 17 h
                    Fri 2027-01-01 00:00:28 +01:00  in 37 d
                    Mon 2027-02-01 00:00:28 +01:00  in 68 d

+ HEARTBEAT  schedules/email.yaml:13
    schedule        @every 90s
    queue           OPS
    task_type       ops:beat
    max_tries       10
    next            every 1m30s, counted from its creation

+ NEVER  schedules/email.yaml:22
    schedule        0 0 30 2 *
    queue           EMAIL
    task_type       email:new
    max_tries       10
    next            never fires

- OLD_REPORT  was in schedules/email.yaml
    schedule        @daily
    queue           EMAIL
    task_type       email:new
    payload         2 B, sha256 b413f47d13ee
    deadline        1m30s
    max_tries       10

~ REPORT  schedules/email.yaml:31
    schedule        30 6 * * MON-FRI          → 0 7 * * MON-FRI
    timezone        Europe/Malta              → Europe/Berlin
    payload         27 B, sha256 df2cc8a621ca → 27 B, sha256 b12d807e4d5d
    deadline        (none)                    → 1h0m0s
    description     (none)                    → For the board
    next            Tue 2026-11-24 07:00 +01:00  in 12 min 30 s
                    Wed 2026-11-25 07:00 +01:00  in 1 d
                    Thu 2026-11-26 07:00 +01:00  in 2 d

& TICK  schedules/email.yaml:40
    max_tries       10     → 2
    owner           (none) → team

Conflicts: nothing is applied until they are resolved.
  ! CLEANUP is already in the bucket and has no owner  schedules/email.yaml:49
    To take it over, pass --adopt; otherwise remove it from the files.
  ! INVOICES belongs to the owner accounting  schedules/email.yaml:58
    Choose another name, or ask that owner to remove it first.
  ! the value of MESS in the bucket is unreadable: not JSON: Expecting value: line 1 column 1 (char 0)"""
        """  schedules/email.yaml:67
    Look at it with 'ajsync view', and delete it if it is not needed.

Left alone: 12 without an owner, 1 of other owners, 1 unreadable.
  · BROKEN: it has no member "queue"

Plan: 3 to create, 1 to update, 1 to adopt, 1 to delete; 120 unchanged, 3 conflicts.

This plan will not be applied:
  • 3 conflicts to resolve.
  • 12 schedules would be deleted, more than safety.max_delete allows (10). Pass --allow-deletes 12."""
    )


def test_colours_add_nothing_but_colours() -> None:
    plain = text(full_plan(), refused=True, show_payload=True)
    coloured = text(full_plan(), refused=True, show_payload=True, colour=True)
    assert coloured != plain
    assert STYLE.sub("", coloured) == plain


@pytest.mark.parametrize(
    ("unchanged", "sentence"),
    [
        (123, "No changes: 123 schedules are up to date."),
        (1, "No changes: 1 schedule is up to date."),
        (0, "No changes: neither the files nor the bucket hold a schedule of team."),
    ],
)
def test_a_plan_without_changes_ends_in_saying_so(unchanged: int, sentence: str) -> None:
    assert text(make_plan(unchanged=unchanged, unmanaged=3)).splitlines()[-1] == sentence


def test_the_last_line_of_a_plan_that_may_be_applied_sums_it_up() -> None:
    shown = text(make_plan(create("A"), create("B"), delete("C"), unchanged=7))
    assert shown.splitlines()[-1] == "Plan: 2 to create, 0 to update, 0 to adopt, 1 to delete; 7 unchanged."


def test_the_legend_names_the_symbols_that_occur() -> None:
    assert text(make_plan(create(), delete("B"))).splitlines()[1] == "+ create   - delete"


def test_an_update_shows_only_what_changes() -> None:
    shown = text(make_plan(update(task("A", deadline=HOUR), deadline=2 * HOUR)))
    assert "    deadline        1h0m0s → 2h0m0s\n" in shown
    assert "schedule   " not in shown
    assert "next" not in shown


def test_the_payload_is_shown_when_asked_for() -> None:
    shown = text(make_plan(create(payload=b'{"b":[1.50,"\xc3\xa9"]}')), show_payload=True)
    assert [line.strip() for line in shown.splitlines() if "│" in line] == [
        "│ {",
        '│   "b": [',
        "│     1.5,",
        '│     "é"',
        "│   ]",
        "│ }",
    ]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        (b'{"a":1,"b":2}', b'{"a":1,"b":3}', ['- "b": 2', '+ "b": 3']),
        (b'{"a":1}', b'{"a": 1}', ['- {"a":1}', '+ {"a": 1}']),
        (b"one\ntwo", b"one\nthree", ["- two", "+ three"]),
        (b"\xff", b"\xfe", ["- base64 /w==", "+ base64 /g=="]),
        (None, b"new", ["+ new"]),
        (b"old", None, ["- old"]),
    ],
)
def test_the_difference_between_payloads_is_shown_when_asked_for(
    before: bytes | None, after: bytes | None, lines: list[str]
) -> None:
    shown = text(make_plan(update(task("A", payload=before), payload=after)), show_payload=True)
    found = [" ".join(line.split("│ ", 1)[1].split()) for line in shown.splitlines() if "│ " in line]
    assert [line for line in found if line[0] in "+-"] == lines


def test_payloads_too_large_to_compare_are_shown_one_after_the_other() -> None:
    old, new = (b"\n".join(b"%d" % (number + shift) for number in range(3_000)) for shift in (0, 1))
    shown = text(make_plan(update(task("A", payload=old), payload=new)), show_payload=True)
    assert shown.count("│ - ") == shown.count("│ + ") == 3_000


def test_a_difference_far_from_another_stands_apart() -> None:
    old = b"\n".join(b"%d" % number for number in range(100))
    new = old.replace(b"\n10\n", b"\nten\n").replace(b"\n90\n", b"\nninety\n")
    shown = text(make_plan(update(task("A", payload=old), payload=new)), show_payload=True)
    assert "│   …" in shown
    assert "│   50" not in shown


def test_unreadable_entries_are_named_up_to_a_limit() -> None:
    shown = text(make_plan(unreadable=tuple((f"N{number}", "not JSON") for number in range(25))))
    assert shown.count("not JSON") == 10
    assert "and 15 more" in shown


def test_an_unreadable_entry_in_conflict_is_told_once() -> None:
    shown = text(make_plan(conflicts=(Conflict("A", "unreadable", "odd"),), unreadable=(("A", "odd"),)))
    assert shown.count("odd") == 1


def test_a_place_without_a_line_is_the_file_alone() -> None:
    assert "+ A  all.yaml\n" in text(make_plan(create()), locations={"A": Location("all.yaml")})


def test_without_places_the_source_stands_in_for_them() -> None:
    assert "+ A  b.yaml\n" in text(make_plan(create(managed=ours(source="b.yaml"))))


@pytest.mark.parametrize("show_payload", [False, True])
def test_hostile_content_cannot_steer_the_terminal(show_payload: bool) -> None:
    shown = text(hostile_plan(), show_payload=show_payload)
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "[red]markup[/red]" in shown
    coloured = text(hostile_plan(), show_payload=show_payload, colour=True)
    assert STYLE.sub("", coloured) == shown


def test_hostile_content_is_no_command_to_a_build_machine() -> None:
    shown = text(hostile_plan(), show_payload=True)
    assert not [line for line in shown.splitlines() if line.lstrip().startswith("::") or "##[" in line]


def test_a_long_value_is_cut_and_its_digest_tells_it_from_another() -> None:
    shown = text(make_plan(update(task("A", queue="x" * 5_000 + "1"), queue="x" * 5_000 + "2")))
    (line,) = [line for line in shown.splitlines() if "queue" in line]
    before, _, after = line.partition(" → ")
    assert len(line) < 500
    assert before.split()[-1] != after.split()[-1]


@given(plans(), st.booleans())
def test_no_line_of_any_plan_has_controls_or_spaces_at_its_end(plan: Plan, show_payload: bool) -> None:
    for line in text(plan, show_payload=show_payload).split("\n"):
        assert line.isprintable()
        assert line == line.rstrip()


def test_a_large_plan_is_shown_in_full() -> None:
    shown = text(large_plan(2_000))
    assert shown.count("\n+ JOB_") == 2_000
