"""The plan as a comment on a pull request, read as a renderer of Markdown reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ajsync.asyncjobs.applied import RecordedApply
from ajsync.asyncjobs.model import Pause
from ajsync.errors import Location
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.impact import Impact, QueueImpact
from ajsync.reconcile.plan import Adopt, Change, Conflict, Delete, Destination, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.markdown import LIMIT, marker
from ajsync.reconcile.render.markdown_changes import fit
from ajsync.reconcile.render.markdown_text import code, fence, prose
from ajsync.safety import Safety
from ajsync.selection import Selection
from tests.reconcile.samples import (
    ANY_TEXTS,
    CREATED_AT,
    HOSTILE,
    IMPACT,
    NOW,
    create,
    delete,
    full_locations,
    full_plan,
    full_refusals,
    hostile_plan,
    impacts,
    large_plan,
    make_plan,
    ours,
    plans,
    update,
)
from tests.tasks import task

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OUR_HTML = re.compile(
    r"<!-- ajsync plan [A-Za-z0-9_-]*(?: [A-Za-z0-9_-]+)? -->\n"
    r"|<details>\n<summary><b>\d+ (?:to )?\w+</b></summary>\n|</details>\n?"
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


def test_a_comment_reads_like_this() -> None:
    nobodys, read = task("TAKEN", owner=None), task("READ", payload=b"one\ntwo")
    plan = make_plan(
        create("NEVER", schedule="0 0 30 2 *", payload=b'{"a":1}', managed=ours("The newsletter")),
        update(read, payload=b"one\nthree", schedule="0 6 * * *"),
        Adopt("TAKEN", nobodys, replace(nobodys, managed=ours()), 3),
        delete("OLD"),
        conflicts=(Conflict("MINE", "unmanaged"), Conflict("*X*", "unreadable", "no <b>")),
        unchanged=7,
        unmanaged=2,
        unreadable=(("`", "not *JSON*"), ("BAD", "empty")),
    )
    shown = markdown(
        plan,
        refused=True,
        show_payload=True,
        locations={"NEVER": Location("a.yaml", 3), "MINE": Location("a.yaml", 9)},
        loosened=loosened(Safety(max_delete=11)),
    )
    assert (
        shown == r"""<!-- ajsync plan team -->
### ajsync plan for `team`

Bucket `CHORIA_AJ_CONFIGURATION`. Plan: 1 to create, 1 to update, 1 to adopt, 1 to delete; 7 unchanged, 2 conflicts.

| create | update | adopt | delete | unchanged | conflicts |
| ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | 1 | 1 | 1 | 7 | 2 |

> [!WARNING]
> The files loosen the safety limits: safety.max\_delete is 11 (default 10).

> [!CAUTION]
> This plan will not be applied:
>
> - 2 conflicts to resolve.
> - 12 schedules would be deleted, more than safety.max\_delete allows (10). Pass --allow-deletes 12.

**Conflicts.** Nothing is applied until they are resolved.

- MINE is already in the bucket and has no owner (`a.yaml:9`). To take it over, pass --adopt; otherwise """
        r"""remove it from the files.
- the value of \*X\* in the bucket is unreadable: no \<b\>. Look at it with 'ajsync view', and delete it if it is """
        r"""not needed.

Left alone: 2 without an owner, 2 unreadable.

- `` ` ``: not \*JSON\*
- `BAD`: empty

<details>
<summary><b>1 to delete</b></summary>

```diff
- OLD  was in schedules/email.yaml
-   schedule        @daily
-   queue           EMAIL
-   task_type       email:new
-   max_tries       10

```

</details>

<details>
<summary><b>1 to update</b></summary>

```diff
! READ
!   schedule        @daily → 0 6 * * *
!   payload         7 B, sha256 21066d108d53 → 9 B, sha256 8dfd12eeeeca
                    │   one
-                   │ - two
+                   │ + three
    next            Tue 2026-11-24 06:00 UTC  in 12 min 30 s
                    Wed 2026-11-25 06:00 UTC  in 1 d
                    Thu 2026-11-26 06:00 UTC  in 2 d

```

</details>

<details>
<summary><b>1 to adopt</b></summary>

```diff
! TAKEN  schedules/email.yaml
!   owner           (none) → team

```

</details>

<details>
<summary><b>1 to create</b></summary>

```diff
+ NEVER  a.yaml:3
+   schedule        0 0 30 2 *
+   queue           EMAIL
+   task_type       email:new
+   payload         7 B, sha256 015abd7f5cc5
                    │ {
                    │   "a": 1
                    │ }
+   max_tries       10
+   description     The newsletter
    next            never fires

```

</details>"""
    )


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        ("team-1_A", "<!-- ajsync plan team-1_A -->"),
        ("a.b --> c", "<!-- ajsync plan a_b_--__c -->"),
        ("x" * 201, f"<!-- ajsync plan {'x' * 200} -->"),
    ],
)
def test_the_marker_of_a_comment_is_made_of_its_owner(owner: str, line: str) -> None:
    assert marker(owner) == line
    assert marker(owner, "prod --> @all") == line.replace(" -->", " prod_--___all -->")
    assert markdown(replace(make_plan(), owner=owner)).splitlines()[0] == line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, as it is: 5 of 7 (a-b)", "plain, as it is: 5 of 7 (a-b)"),
        (r"\ ` * _ [ ] < > & ~ | $ !", r"\\ \` \* \_ \[ \] \< \> \& \~ \| \$ \!"),
        ("  around  ", "around"),
        ("# no heading", r"\# no heading"),
        ("- no list", r"\- no list"),
        ("12. no list", r"12\. no list"),
        ("7) no list", r"7\) no list"),
        ("=== no heading", r"\=== no heading"),
        (": no definition", r"\: no definition"),
        ("@someone or #5", "@\u200bsomeone or #\u200b5"),
        (
            "https://a HTTP://b mailto:c xmpp:d ftp://e",
            "https:\u200b//a HTTP:\u200b//b mailto:\u200bc xmpp:\u200bd ftp:\u200b//e",
        ),
        ("www.a Www.b", "www.\u200ba Www.\u200bb"),
        ("a @ b, awww.c", "a @ b, awww.c"),
    ],
)
def test_what_would_be_markdown_is_escaped_and_what_would_be_a_link_is_broken(text: str, shown: str) -> None:
    assert prose(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("a```b``c", "````a```b``c````"),
        ("`a", "`` `a ``"),
        ("a`", "`` a` ``"),
    ],
)
def test_a_code_span_has_more_ticks_than_its_content(text: str, shown: str) -> None:
    assert code(text) == shown


@pytest.mark.parametrize(("text", "ticks"), [("", 3), ("a ``b`` c", 3), ("```", 4), ("` ````` ``", 6)])
def test_a_fence_has_three_ticks_or_more_than_its_content(text: str, ticks: int) -> None:
    assert fence(text) == "`" * ticks


PIECES = [("aaaa", "aa", "a"), ("bbbb", "bb", "b"), ("cccc", "cc", "c")]


@pytest.mark.parametrize(
    ("room", "shown"),
    [
        (12, ["aaaa", "bbbb", "cccc"]),
        (11, ["aaaa", "bbbb", "cc"]),
        (10, ["aaaa", "bbbb", "cc"]),
        (9, ["aaaa", "bb", "cc"]),
        (6, ["aa", "bb", "cc"]),
        (5, ["aa", "bb", "c"]),
        (3, ["a", "b", "c"]),
        (2, ["a", "b", ""]),
        (1, ["a", "", ""]),
        (0, ["", "", ""]),
        (-1, ["", "", ""]),
    ],
)
def test_the_last_pieces_are_shortened_first_and_none_twice_before_all_were_once(room: int, shown: list[str]) -> None:
    texts, steps = fit(PIECES, room)
    assert list(texts) == shown
    assert list(steps) == [[4, 2, 1, 0].index(len(text)) for text in shown]


def test_a_character_beyond_the_first_plane_takes_two_units() -> None:
    assert fit([("\U0001f600", "x")], 2) == (["\U0001f600"], [0])
    assert fit([("\U0001f600", "x")], 1) == (["x"], [1])


def test_nothing_fits_anywhere() -> None:
    assert fit([], 0) == ([], [])


@pytest.mark.parametrize(("count", "more"), [(64, []), (65, ["and 1 more."]), (70, ["and 6 more."])])
def test_a_list_above_the_changes_takes_8192_units_and_the_rest_is_counted(count: int, more: list[str]) -> None:
    around = len("- N00 belongs to the owner . Choose another name, or ask that owner to remove it first.\n")
    conflicts = tuple(Conflict(f"N{number:02}", "foreign", "x" * (128 - around)) for number in range(count))
    lines = markdown(make_plan(conflicts=conflicts)).splitlines()
    assert [line[:5] for line in lines if line.startswith("- N")] == [f"- N{number:02}" for number in range(64)]
    assert [line for line in lines if line.endswith(" more.")] == more


def test_a_payload_is_shown_when_asked_for_up_to_60_lines_of_200_characters() -> None:
    long = make_plan(create(payload=b"\n".join([b"  " + b"x" * 210] * 61)))
    content = [line.strip() for line in markdown(long, show_payload=True).splitlines() if "│" in line]
    assert content == [f"│   {'x' * 198}… (12 characters more)"] * 60 + ["│ … and more"]
    assert "│" not in markdown(long)
    wide = make_plan(create(payload=b"y" * 200))
    assert f"│ {'y' * 200}\n" in markdown(wide, show_payload=True)


def test_a_comment_says_where_the_plan_goes() -> None:
    where = Destination("prod", "nats-stage", "tls://two", "nats-prod")
    shown = markdown(make_plan(unchanged=2, destination=where)).splitlines()
    assert shown[3] == "Environment `prod`, context `nats-stage` instead of `nats-prod`, server `tls://two`"


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


@given(plans(), st.booleans(), impacts())
def test_what_others_wrote_stays_content_in_any_plan(plan: Plan, show_payload: bool, impact: Impact | None) -> None:
    shown = markdown(plan, show_payload=show_payload, impact=impact)
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


def test_the_room_for_long_fences_is_reckoned_and_no_more() -> None:
    fenced, nobodys = "`" * 400, task("C", queue="`" * 399, owner=None)
    plan = make_plan(
        Delete("A", nobodys, 1),
        update(replace(nobodys, name="B"), queue="Q"),
        Adopt("C", nobodys, replace(nobodys, managed=ours()), 1),
        *(create(f"D{number}") for number in range(3_000)),
    )
    shown = markdown(plan)
    assert [line.rstrip("dif") for line in shown.splitlines() if line.startswith("`")] == [fenced] * 8
    assert LIMIT - 1_024 < units(shown) <= LIMIT


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


def test_what_is_selected_is_code() -> None:
    shown = markdown(make_plan(selection=Selection.of(names=["`*`<b>"], queue="Q"), not_selected=3))
    assert "\nSelected by ``--name '`*`<b>' --queue Q``" in shown
    assert "3 changes not selected" in shown


def test_what_a_go_scheduler_ignores_is_a_warning() -> None:
    shown = markdown(make_plan(ignored=(("A", ("except", "catchup_window")), ("B`", ("jitter",)))))
    assert (
        "> [!WARNING]\n> A Go scheduler watches this bucket, and fires as if these members were absent:\n>\n"
        "> - `A`: `except`, `catchup_window`\n> - `` B` ``: `jitter`"
    ) in shown


def test_the_impact_and_how_to_see_payloads_follow_the_changes() -> None:
    changed = make_plan(update(task("A", payload=b"1"), payload=b"2"))
    shown = markdown(changed, impact=IMPACT)
    assert shown.endswith(
        "</details>\n\n"
        "To see how payloads differ, pass --show-payload.\n\n"
        "Fires in the next 24 h, of all schedules in the bucket:\n\n"
        "- `EMAIL`: 1,200 → 1,344\n"
        '- ``"Q`\\x1b"``: 24 → 20\n'
        "- busiest minute: 12 at Mon 2026-11-23 14:09 UTC → 15 at Mon 2026-11-23 15:39 UTC"
    )
    assert_contained(shown)
    many = replace(IMPACT, queues=tuple(QueueImpact("Q" * 300 + str(number), 0, 1) for number in range(25)))
    assert "\n- and 5 more queues\n" in markdown(changed, impact=many)


def test_room_is_left_for_the_impact() -> None:
    plan = large_plan(5_000)
    assert "busiest minute" in markdown(plan, impact=IMPACT)
    assert units(markdown(plan, impact=IMPACT)) <= LIMIT


def test_the_comment_is_that_of_an_environment_and_its_times_are_in_the_zone() -> None:
    plan = make_plan(
        create(schedule="0 6 * * *"),
        destination=Destination("prod", "nats-prod", "tls://one"),
        last=RecordedApply(CREATED_AT, "me"),
        paused=(("P", Pause(CREATED_AT, "ann", "why")),),
    )
    shown = markdown(plan, zone=ZoneInfo("Europe/Malta"), impact=IMPACT)
    assert shown.startswith(f"{marker('team', 'prod')}\n")
    for told in (
        "Last applied Mon 2026-11-23 15:09:53 +01:00",
        "P: since Mon 2026-11-23 15:09:53 +01:00",
        "Tue 2026-11-24 07:00 +01:00",
        "busiest minute: 12 at Mon 2026-11-23 15:09 +01:00",
    ):
        assert told in shown.replace("\\", ""), told
