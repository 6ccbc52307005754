"""A change in rows: which facts there are, how each is worded, and what of a payload is shown."""

from __future__ import annotations

from hashlib import sha256

import pytest

from ajsync.reconcile.plan import Change
from ajsync.reconcile.render.fires import FireTimes
from ajsync.reconcile.render.rows import PlanRow, change_rows, next_rows
from tests.reconcile.samples import HOUR, NOW, create, delete, ours, rename, update
from tests.tasks import task

TIMES = FireTimes(NOW)


def rows(change: Change, *, most_content: int | None = None) -> list[PlanRow]:
    """The rows of a change with the content of its payloads."""
    return change_rows(change, show_payload=True, most_content=most_content)


def difference(before: bytes | None, after: bytes | None) -> list[PlanRow]:
    """The rows of an update that changes the payload alone, without the one that names the payload."""
    first, *content = rows(update(task("A", payload=before), payload=after))
    assert first.label == "payload"
    assert not any(row.label for row in content)
    return content


def numbered(count: int, **instead: str) -> bytes:
    """A payload of so many lines that is not JSON: the number of each, or what is given instead: `_3="three"`."""
    return "\n".join(instead.get(f"_{number}", f"line {number}") for number in range(count)).encode()


def test_a_new_schedule_is_told_by_its_values_and_its_description_as_a_note() -> None:
    change = create(schedule="CRON_TZ=Europe/Malta @daily", deadline=HOUR, managed=ours("The newsletter"))
    assert change_rows(change, show_payload=False) == [
        PlanRow("schedule", "@daily"),
        PlanRow("timezone", "Europe/Malta"),
        PlanRow("queue", "EMAIL"),
        PlanRow("task_type", "email:new"),
        PlanRow("deadline", "1h0m0s"),
        PlanRow("max_tries", "10"),
        PlanRow("description", "The newsletter", tone="note"),
    ]


def test_an_update_is_told_by_the_old_and_the_new_value_of_what_differs() -> None:
    change = update(task("A", max_tries=0, managed=ours("Old")), deadline=HOUR, max_tries=3, managed=ours())
    assert change_rows(change, show_payload=False) == [
        PlanRow("deadline", "1h0m0s", before="(none)"),
        PlanRow("max_tries", "3", before="0"),
        PlanRow("description", "(none)", before="Old"),
    ]


@pytest.mark.parametrize(
    ("payload", "lines"),
    [
        (b'{"b":[1.50,"\xc3\xa9"]}', ["{", '  "b": [', "    1.5,", '    "é"', "  ]", "}"]),
        (b"two\nlines\x1b[1m", ["two", r"lines\x1b[1m"]),
        (b"\xff", ["base64 /w=="]),
        (b"\xff" * 58, ["base64 " + "/" * 76, "       /w=="]),
        (b"[" * 100_000, ["[" * 100_000]),  # too deep for any reader of JSON
        (b"", []),
    ],
    ids=["JSON", "text", "binary", "long and binary", "nested too deeply", "empty"],
)
def test_the_payload_of_a_new_schedule_follows_in_lines(payload: bytes, lines: list[str]) -> None:
    found = rows(create(payload=payload))
    labels = [row.label for row in found]
    assert labels == ["schedule", "queue", "task_type", "payload", *[""] * len(lines), "max_tries"]
    assert [row for row in found if not row.label] == [PlanRow("", line, tone="content") for line in lines]


def test_a_long_payload_is_cut_where_it_was_asked_to() -> None:
    five = create(payload=numbered(5))
    assert [row.text for row in rows(five, most_content=5) if not row.label] == [f"line {n}" for n in range(5)]
    assert [row for row in rows(five, most_content=3) if not row.label] == [
        PlanRow("", "line 0", tone="content"),
        PlanRow("", "line 1", tone="content"),
        PlanRow("", "line 2", tone="content"),
        PlanRow("", "… and more", tone="content"),
    ]


def test_a_long_difference_is_cut_too() -> None:
    change = update(task("A", payload=numbered(5)), payload=b"another")
    first, *content = rows(change, most_content=2)
    assert (first.label, first.before is None) == ("payload", False)
    assert [row.text for row in content] == ["- line 0", "- line 1", "… and more"]


def test_a_difference_is_shown_with_three_equal_lines_on_either_side() -> None:
    assert difference(numbered(20), numbered(20, _10="ten\x07")) == [
        PlanRow("", "  line 7", tone="content"),
        PlanRow("", "  line 8", tone="content"),
        PlanRow("", "  line 9", tone="content"),
        PlanRow("", "- line 10", tone="removed"),
        PlanRow("", r"+ ten\x07", tone="added"),
        PlanRow("", "  line 11", tone="content"),
        PlanRow("", "  line 12", tone="content"),
        PlanRow("", "  line 13", tone="content"),
    ]


def test_an_ellipsis_stands_between_differences_that_are_far_apart() -> None:
    found = difference(numbered(40), numbered(40, _0="first", _20="middle", _39="last"))
    assert [row.text for row in found if not row.text.startswith("  line")] == [
        "- line 0",
        "+ first",
        "  …",
        "- line 20",
        "+ middle",
        "  …",
        "- line 39",
        "+ last",
    ]


def test_json_that_is_only_spelt_differently_is_shown_as_it_is_spelt() -> None:
    assert difference(b'{"a":1}', b'{"a": 1}') == [
        PlanRow("", '- {"a":1}', tone="removed"),
        PlanRow("", '+ {"a": 1}', tone="added"),
    ]


def test_spaces_at_the_end_of_a_line_can_be_seen_where_they_differ() -> None:
    assert [row.text for row in difference(b"same  \nend", b"same  \nend  ")] == ["  same  ", "- end", r"+ end\x20\x20"]


@pytest.mark.parametrize(("before", "after", "shown"), [(None, b"new", "+ new"), (b"old", None, "- old")])
def test_a_payload_that_comes_or_goes_is_shown_whole(before: bytes | None, after: bytes | None, shown: str) -> None:
    assert [row.text for row in difference(before, after)] == [shown]


@pytest.mark.parametrize(("lines", "shown"), [(2_000, 5), (2_001, 4_002)])
def test_payloads_of_more_than_4000_lines_are_not_compared_but_shown_one_after_the_other(
    lines: int, shown: int
) -> None:
    assert len(difference(numbered(lines), numbered(lines, _0="first"))) == shown


def test_the_row_of_a_payload_has_its_size_and_the_beginning_of_its_digest() -> None:
    payload = b"x" * 2_000
    told = {row.label: row.told for row in change_rows(create(payload=payload), show_payload=False)}
    assert told["payload"] == f"2.0 KiB, sha256 {sha256(payload).hexdigest()[:12]}"


def test_the_next_fires_of_a_new_schedule_follow_one_another_under_one_label() -> None:
    assert next_rows(create(schedule="0 6 * * *"), TIMES) == [
        PlanRow("next", "Tue 2026-11-24 06:00 UTC  in 12 min 30 s", tone="note"),
        PlanRow("", "Wed 2026-11-25 06:00 UTC  in 1 d", tone="note"),
        PlanRow("", "Thu 2026-11-26 06:00 UTC  in 2 d", tone="note"),
    ]


@pytest.mark.parametrize("schedule", ["0 0 30 2 *", "not a schedule"])
def test_a_schedule_that_will_never_fire_stands_out(schedule: str) -> None:
    (row,) = next_rows(create(schedule=schedule), TIMES)
    assert (row.label, row.tone) == ("next", "amiss")


def test_fires_are_shown_where_the_change_moves_them() -> None:
    old = task("A", schedule="CRON_TZ=Europe/Malta @daily")
    moved: list[Change] = [
        create(),
        update(old, schedule="CRON_TZ=Europe/Malta @hourly"),
        update(old, schedule="CRON_TZ=Europe/Berlin @daily"),
        update(old, managed=ours(jitter=HOUR)),
        update(old, managed=ours(from_="2026-01-01")),
        update(old, managed=ours(until="2028-01-01T00:00:00Z")),
        update(old, managed=ours(except_=("2026-12-25",))),
        update(old, schedule="@hourly", queue="OTHER"),
    ]
    assert [len(next_rows(change, TIMES)) for change in moved] == [3] * len(moved)
    kept: list[Change] = [update(old, queue="OTHER", deadline=HOUR), delete()]
    assert [next_rows(change, TIMES) for change in kept] == [[], []]


def test_of_long_lists_of_days_the_difference_is_shown() -> None:
    many = [f"2027-{month:02}-01" for month in range(1, 13)]
    old = task("A", managed=ours(except_=tuple(many)))
    new = [*many[1:], "2028-01-01..2028-01-03"]
    assert told(change_rows(update(old, managed=ours(except_=tuple(new))), show_payload=False)) == [
        ("except", "adds 2028-01-01..2028-01-03; removes 2027-01-01")
    ]
    (row,) = [
        row
        for row in change_rows(create(managed=ours(except_=tuple(many))), show_payload=False)
        if row.label == "except"
    ]
    assert row.text == ", ".join(many[:8]) + " and 4 more"
    few = update(task("A", managed=ours(except_=("2027-01-01",))), managed=ours())
    assert told(change_rows(few, show_payload=False)) == [("except", "2027-01-01 → (none)")]


def told(rows: list[PlanRow]) -> list[tuple[str, str]]:
    return [(row.label, row.told) for row in rows]


def test_a_rename_is_a_row_of_both_names_and_the_next_fires() -> None:
    created, _ = rename("OLD", "NEW")
    assert [(row.label, row.before, row.text) for row in change_rows(created, show_payload=True)] == [
        ("name", "OLD", "NEW")
    ]
    assert next_rows(created, FireTimes(NOW))


def test_a_drift_comes_before_the_fields() -> None:
    drifted = update(task("A", managed=ours(applied="0123456789ab")), queue="OTHER")
    assert [row.label for row in change_rows(drifted, show_payload=False)] == ["drift", "queue"]
    known = update(task("A", managed=ours()), queue="OTHER")
    assert [row.label for row in change_rows(known, show_payload=False)] == ["queue"]
