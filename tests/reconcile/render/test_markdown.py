"""The plan as a comment on a pull request, read as a renderer of Markdown reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ajsync.reconcile.plan import Change, Conflict, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.markdown import LIMIT, code, prose
from tests.reconcile.samples import (
    ANY_TEXTS,
    HOSTILE,
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

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = re.compile(
    r"<!-- ajsync plan [A-Za-z0-9_-]* -->\n|<details>\n<summary><b>\d+ to \w+</b></summary>\n|</details>\n?"
)
MENTION = re.compile(r"[@#][A-Za-z0-9]|https?://|www\.[a-z]")


def markdown(plan: Plan, *, refused: bool = False, **options: object) -> str:
    made = RenderOptions(NOW, **options)  # type: ignore[arg-type]  # each test names options that exist
    return RENDERERS["markdown"](plan, full_refusals() if refused else (), made)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def tokens(text: str) -> Iterator[Token]:
    for token in READER.parse(text):
        yield token
        yield from token.children or ()


def assert_contained(text: str) -> None:
    """Nothing that others wrote became HTML, a link, an image, a mention or emphasis, or left its block of code."""
    for token in tokens(text):
        assert token.type not in ("html_inline", "link_open", "image", "em_open", "s_open", "code_block", "hr"), token
        if token.type == "html_block":
            assert OUR_HTML.fullmatch(token.content), token.content
        if token.type == "text":
            assert not MENTION.search(token.content), token.content
        if token.type == "heading_open":
            assert token.tag == "h3"
    assert text.count("<details>\n") == sum("<details>" in t.content for t in tokens(text) if t.type == "html_block")


def test_the_comment_begins_with_a_marker_and_what_matters_most() -> None:
    lines = markdown(full_plan(), refused=True, locations=full_locations()).splitlines()
    assert lines[0] == "<!-- ajsync plan team -->"
    assert lines[1] == "### ajsync plan for `team`"
    order = [
        "| 3 | 1 | 1 | 1 | 120 | 3 |",
        "> This plan will not be applied:",
        "**Conflicts.** Nothing is applied until they are resolved.",
        "Left alone: 12 without an owner, 1 of other owners, 1 unreadable.",
        "<summary><b>1 to delete</b></summary>",
        "<summary><b>1 to update</b></summary>",
        "<summary><b>1 to adopt</b></summary>",
        "<summary><b>3 to create</b></summary>",
    ]
    assert [line for line in lines if line in order] == order


def test_conflicts_say_where_and_what_to_do() -> None:
    assert (
        "- CLEANUP is already in the bucket and has no owner (`schedules/email.yaml:49`). "
        "To take it over, pass --adopt; otherwise remove it from the files.\n"
    ) in markdown(full_plan(), locations=full_locations())


def test_a_change_is_shown_as_a_difference() -> None:
    shown = markdown(make_plan(update(task("A", deadline=HOUR), deadline=2 * HOUR)))
    assert "```diff\n! A\n!   deadline        1h0m0s → 2h0m0s\n\n```\n" in shown


def test_the_payload_is_shown_when_asked_for_and_cut_when_it_is_long() -> None:
    long = b"\n".join([b"x" * 1_000] * 100)
    shown = markdown(make_plan(create(payload=long)), show_payload=True)
    assert shown.count("│ xxx") == 60
    assert "│ … and more" in shown
    assert max(map(len, shown.splitlines())) < 400


def test_without_changes_there_is_no_table_and_nothing_to_unfold() -> None:
    shown = markdown(make_plan(unchanged=3))
    assert "No changes: 3 schedules are up to date." in shown
    assert "|" not in shown
    assert "<details>" not in shown


def test_the_comment_is_well_formed() -> None:
    assert_contained(markdown(full_plan(), refused=True, show_payload=True, locations=full_locations()))


@pytest.mark.parametrize("show_payload", [False, True])
def test_hostile_content_stays_content(show_payload: bool) -> None:
    assert_contained(markdown(hostile_plan(), refused=True, show_payload=show_payload))


@given(plans(), st.booleans())
def test_what_others_wrote_stays_content_in_any_plan(plan: Plan, show_payload: bool) -> None:
    shown = markdown(plan, show_payload=show_payload)
    assert_contained(shown)
    assert units(shown) <= LIMIT


@given(ANY_TEXTS.filter(str.isprintable).filter(str.strip))
def test_prose_and_code_are_read_as_they_were_written(text: str) -> None:
    written = text.strip()
    assert "".join(t.content for t in tokens(prose(text)) if t.type == "text").replace("\u200b", "") == written
    (span,) = [token for token in tokens(f"- {code(written)}") if token.type == "code_inline"]
    assert span.content == written


def test_a_comment_of_what_fits_leaves_nothing_out() -> None:
    shown = markdown(large_plan(100))
    assert units(shown) <= LIMIT
    assert "leaves out" not in shown
    assert shown.count("next  ") == 100


def test_fire_times_are_the_first_to_go_and_those_of_the_last_schedules() -> None:
    shown = markdown(large_plan(160))
    assert units(shown) <= LIMIT
    kept = shown.count("next  ")
    assert 0 < kept < 160
    assert shown.rindex("next  ") < shown.index(f"JOB_{kept:06}")
    assert shown.count("task_type") == 160
    assert shown.endswith(f"To fit into a comment, this leaves out the next fires of {160 - kept} of the 160 changes.")


def test_fields_go_before_names() -> None:
    shown = markdown(large_plan(500))
    kept = shown.count("task_type")
    assert 0 < kept < 500
    assert shown.count("\n+ JOB_") == 500
    assert shown.endswith(f"the next fires of 500 and the fields of {500 - kept} of the 500 changes.")


def test_names_that_are_not_shown_are_counted() -> None:
    shown = markdown(large_plan(5_000))
    assert LIMIT - 2_048 < units(shown) <= LIMIT
    kept = shown.count("\n+ JOB_")
    assert shown.endswith(f"and the names of {5_000 - kept} of the 5000 changes.")
    assert_contained(shown)


def test_deletes_outlast_creates() -> None:
    many: list[Change] = [create(f"C{number:05}") for number in range(5_000)]
    shown = markdown(make_plan(*many, *(delete(f"D{number}", queue="KEPT") for number in range(20))))
    assert shown.count("KEPT") == 0
    assert shown.count("- D") == 20
    shown = markdown(make_plan(*many[:500], *(delete(f"D{number}", queue="KEPT") for number in range(20))))
    assert shown.count("KEPT") == 20


def test_a_kind_of_which_nothing_fits_is_still_counted() -> None:
    deletes = [delete(f"D{number}" + "x" * 300) for number in range(400)]
    shown = markdown(make_plan(create("LAST"), *deletes))
    assert "<summary><b>1 to create</b></summary>\n\n</details>" in shown
    assert units(shown) <= LIMIT


@pytest.mark.parametrize("text", [*HOSTILE, "\U0001f600" * 399, "`" * 399, "\x00" * 399, "*" * 399])
def test_the_limit_holds_however_long_things_are(text: str) -> None:
    plan = make_plan(
        *(delete(f"D{number}", queue=text, payload=text.encode() * 9, managed=ours(text)) for number in range(200)),
        conflicts=tuple(Conflict(text, "unreadable", text) for _ in range(400)),
        unreadable=tuple((f"{text}{number}", text) for number in range(400)),
    )
    shown = markdown(plan, refused=True, show_payload=True)
    assert units(shown) <= LIMIT
    assert re.search(r"^and \d+ more\.$", shown, re.MULTILINE)
    assert_contained(shown)
