"""The plan in a terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.applied import Commit, RecordedApply
from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.errors import Location
from ajsync.reconcile.gates import loosened
from ajsync.reconcile.impact import Impact, QueueImpact
from ajsync.reconcile.plan import Adopt, Conflict, Destination, Plan
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.safety import Safety
from ajsync.selection import Selection
from tests.reconcile.samples import (
    CREATED_AT,
    HOUR,
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

STYLE = re.compile("\x1b\\[([0-9;]*)m")
COLOURS = {
    "0": "/",
    "1": "bold",
    "2": "faint",
    "31": "red",
    "32": "green",
    "1;31": "bold red",
    "1;32": "bold green",
    "1;33": "bold yellow",
    "1;36": "bold cyan",
}


def text(plan: Plan, *, refused: bool = False, **options: object) -> str:
    made = RenderOptions(NOW, **options)  # type: ignore[arg-type]  # each test names options that exist
    return RENDERERS["text"](plan, full_refusals() if refused else (), made)


def coloured(plan: Plan, *, refused: bool = False, **options: object) -> str:
    """A plan with colours, each named in brackets where it begins."""
    shown = text(plan, refused=refused, colour=True, **options)
    return STYLE.sub(lambda found: f"<{COLOURS[found[1]]}>", shown)


def heading(destination: Destination) -> str:
    """The first line of a plan that goes there."""
    return coloured(make_plan(destination=destination)).splitlines()[0]


def test_a_plan_of_every_kind_reads_like_this() -> None:
    shown = text(full_plan(), refused=True, locations=full_locations(), zone=ZoneInfo("Europe/Malta"))
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

To see how payloads differ, pass --show-payload.

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


def test_colours_tell_kinds_of_changes_old_values_from_new_ones_and_what_stands_in_the_way() -> None:
    nobodys, read = task("TAKEN", owner=None), task("READ", payload=b"one\ntwo")
    plan = make_plan(
        create("NEVER", schedule="0 0 30 2 *", payload=b"1", managed=ours("The newsletter")),
        Adopt("TAKEN", nobodys, replace(nobodys, managed=ours()), 3),
        update(read, payload=b"one\nthree"),
        delete("OLD"),
        conflicts=(Conflict("MINE", "unmanaged"),),
        unreadable=(("BAD", "not JSON"),),
    )
    locations = {"NEVER": Location("a.yaml", 3), "MINE": Location("a.yaml", 9)}
    shown = coloured(
        plan, refused=True, show_payload=True, locations=locations, loosened=loosened(Safety(max_delete=11))
    )
    assert (
        shown
        == """\
Bucket <bold>CHORIA_AJ_CONFIGURATION</>, owner <bold>team</>
<bold green>+</> create   <bold yellow>~</> update   <bold cyan>&</> adopt   <bold red>-</> delete

<bold yellow>The files loosen the safety limits: safety.max_delete is 11 (default 10).</>

<bold green>+</> <bold>NEVER</>  <faint>a.yaml:3</>
    schedule        0 0 30 2 *
    queue           EMAIL
    task_type       email:new
    payload         1 B, sha256 6b86b273ff34
                    <faint>│ </>1
    max_tries       10
    description     <faint>The newsletter</>
    next            <bold yellow>never fires</>

<bold cyan>&</> <bold>TAKEN</>  <faint>schedules/email.yaml</>
    owner           <red>(none)</> <faint>→</> <green>team</>

<bold yellow>~</> <bold>READ</>
    payload         <red>7 B, sha256 21066d108d53</> <faint>→</> <green>9 B, sha256 8dfd12eeeeca</>
                    <faint>│ </>  one
                    <faint>│ </><red>- two</>
                    <faint>│ </><green>+ three</>

<bold red>-</> <bold>OLD</>  <faint>was in schedules/email.yaml</>
    schedule        @daily
    queue           EMAIL
    task_type       email:new
    max_tries       10

<bold red>Conflicts: nothing is applied until they are resolved.</>
  <bold red>!</> MINE is already in the bucket and has no owner  <faint>a.yaml:9</>
    To take it over, pass --adopt; otherwise remove it from the files.

Left alone: 1 unreadable.
  <faint>·</> BAD: <faint>not JSON</>

<bold>Plan: 1 to create, 1 to update, 1 to adopt, 1 to delete; 0 unchanged, 1 conflict.</>

<bold red>This plan will not be applied:</>
  <bold red>•</> 1 conflict to resolve.
  <bold red>•</> 12 schedules would be deleted, more than safety.max_delete allows (10). Pass --allow-deletes 12."""
    )


def test_colours_point_out_pauses_queues_and_what_is_not_shown_or_not_known_to_go() -> None:
    queues = QueueSurvey((QueueSettings("EMAIL", max_tries=3),), (("SMS", "max_tries is 3 and not 10"),))
    change = replace(update(task("A"), queue="OTHER"), paused=True)
    assert coloured(make_plan(change, queues=queues, ignored=(("A", ("except",)),))).splitlines()[1:-1] == [
        "<bold yellow>~</> update",
        "",
        "<bold yellow>~</> <bold>A</>  <bold yellow>paused</>",
        "    queue           <red>EMAIL</> <faint>→</> <green>OTHER</>",
        "",
        "<bold green>+</> queue <bold>EMAIL</>  <faint>max_tries 3</>",
        "",
        "<bold yellow>The queue SMS is not as the files declare it: max_tries is 3 and not 10. ajsync leaves it as it "
        "is; 'ajc queues configure SMS' changes its settings.</>",
        "",
        "<bold yellow>A Go scheduler watches this bucket, and fires as if these members were absent:</>",
        "  <bold yellow>!</> A: except",
        "",
    ]
    deletes = make_plan(*(delete(f"D{number:03}") for number in range(201)))
    assert "\n\n<bold yellow>Not shown: 101 to delete. To see every change, pass --full.</>\n\n" in coloured(
        deletes, short=True
    )


def test_what_goes_on_in_the_next_line_is_indented_and_times_are_in_the_zone() -> None:
    plan = make_plan(
        update(task("A", queue="a queue with many words"), queue="another queue that has more words than that"),
        create(
            schedule="0 0 1 1 *",
            managed=ours("A description of what it does that is longer than a line of this terminal"),
        ),
        conflicts=(Conflict("B", "foreign", "somebody else with a name that is longer than most of them are"),),
        last=RecordedApply(CREATED_AT, "me"),
        ignored=(("LONG", ("except", "jitter", "overlap", "catchup", "catchup_window", "from", "until", "pauses")),),
        unreadable=(("BAD", "a reason for which an entry cannot be read that is longer than a line"),),
    )
    malta, locations = ZoneInfo("Europe/Malta"), {"B": Location("a.yaml", 3)}
    shown = text(plan, width=84, locations=locations, zone=malta, impact=IMPACT)
    assert shown == (
        """\
Bucket CHORIA_AJ_CONFIGURATION, owner team
Last applied Mon 2026-11-23 15:09:53 +01:00 (15 h 37 min ago) by me.
+ create   ~ update

~ A
    queue           a queue with many words → another queue that has more words than
                    that

+ A  schedules/email.yaml
    schedule        0 0 1 1 *
    queue           EMAIL
    task_type       email:new
    max_tries       10
    description     A description of what it does that is longer than a line of this
                    terminal
    next            Fri 2027-01-01 01:00 +01:00  in 37 d
                    Sat 2028-01-01 01:00 +01:00  in 402 d
                    Mon 2029-01-01 01:00 +01:00  in 768 d

Fires in the next 24 h, of all schedules in the bucket:
    EMAIL           1,200 → 1,344
    "Q`\\x1b"        24    → 20
    busiest minute  12 at Mon 2026-11-23 15:09 +01:00 → 15 at Mon 2026-11-23 16:39
                    +01:00

Conflicts: nothing is applied until they are resolved.
  ! B belongs to the owner somebody else with a name that is longer than most of
    them are  a.yaml:3
    Choose another name, or ask that owner to remove it first.

A Go scheduler watches this bucket, and fires as if these members were absent:
  ! LONG: except, jitter, overlap, catchup, catchup_window, from, until, pauses

Left alone: 1 unreadable.
  · BAD: a reason for which an entry cannot be read that is longer than a line

Plan: 1 to create, 1 to update, 0 to adopt, 0 to delete; 0 unchanged, 1 conflict."""
    )


@pytest.mark.parametrize(
    ("destination", "line"),
    [
        (
            Destination("prod", "nats-prod", "tls://one"),
            "Environment <bold>prod</>, context <bold>nats-prod</>, server tls://one",
        ),
        (
            Destination("prod", "nats-stage", "tls://two", "nats-prod"),
            "Environment <bold>prod</>, context <bold>nats-stage</> <bold red>instead of nats-prod</>, "
            "server tls://two",
        ),
        (
            Destination("prod", "", "tls://two", "nats-prod"),
            "Environment <bold>prod</>, server <bold>tls://two</> <bold red>instead of nats-prod</>",
        ),
        (Destination("", "nats-prod", "tls://one"), "Context <bold>nats-prod</>, server tls://one"),
        (Destination("", "", "tls://one"), "Server <bold>tls://one</>"),
        (Destination("two\nlines", "", "::x"), r'Environment <bold>"two\nlines"</>, server <bold>"::x"</>'),
    ],
)
def test_the_first_line_says_where_a_plan_goes_and_warns_of_a_context_that_is_not_the_environments(
    destination: Destination, line: str
) -> None:
    assert heading(destination) == line


def test_arrows_line_up_behind_old_values_of_ordinary_width() -> None:
    old = task("A", queue="x" * 40, task_type="漢字", managed=ours("d" * 41))
    shown = text(make_plan(update(old, queue="Q", task_type="t", managed=ours("new"))))
    assert [line[20:] for line in shown.splitlines() if "→" in line] == [
        f"{'x' * 40} → Q",
        f"漢字{' ' * 36} → t",  # two columns a character
        f"{'d' * 41} → new",
    ]


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


@pytest.mark.parametrize(("count", "named", "more"), [(10, 10, []), (11, 10, ["    and 1 more"])])
def test_ten_unreadable_entries_are_named_and_the_others_counted(count: int, named: int, more: list[str]) -> None:
    lines = text(make_plan(unreadable=tuple((f"N{number}", "not JSON") for number in range(count)))).splitlines()
    entries = [f"  · N{number}: not JSON" for number in range(named)]
    assert lines[2:-2] == [f"Left alone: {count} unreadable.", *entries, *more]


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


@given(plans(), st.booleans(), impacts())
def test_no_line_of_any_plan_has_controls_or_spaces_at_its_end(
    plan: Plan, show_payload: bool, impact: Impact | None
) -> None:
    for line in text(plan, show_payload=show_payload, impact=impact).split("\n"):
        assert line.isprintable()
        assert line == line.rstrip()


def test_a_large_plan_is_shown_in_full() -> None:
    shown = text(large_plan(2_000))
    assert shown.count("\n+ JOB_") == 2_000


def test_a_shortened_plan_shows_the_first_changes_of_each_kind_and_the_deletes_and_counts_the_others() -> None:
    numbers = [f"{number:03}" for number in range(150)]
    updates = [update(task(f"update_{number}"), queue="OTHER") for number in numbers]
    others = [kind(f"{kind.__name__}_{number}") for kind in (create, delete) for number in numbers]
    large = make_plan(*others[:150], *updates, *others[150:], desired=300)
    shown = text(large, short=True)
    names = [line.split()[1] for line in shown.splitlines() if re.match(r"[+~-] \w+_\d", line)]
    some = [f"{kind}_{number:03}" for kind in ("create", "update") for number in range(5)]
    assert names == some + [f"delete_{number:03}" for number in range(100)]
    assert "\nNot shown: 145 to create, 145 to update, 50 to delete. To see every change, pass --full.\n" in shown
    assert shown.splitlines()[-1] == text(large).splitlines()[-1]


def test_of_a_shortened_plan_only_kinds_that_are_not_shown_in_full_are_counted() -> None:
    updates = [update(task(f"U{number}"), queue="OTHER") for number in range(6)]
    deletes = [delete(f"D{number:03}") for number in range(200)]
    shown = text(make_plan(*(create(f"C{number}") for number in range(5)), *updates, *deletes), short=True)
    assert "\nNot shown: 1 to update, 100 to delete. To see every change, pass --full.\n" in shown


def test_a_plan_with_few_changes_is_never_shortened_and_one_of_deletes_alone_only_beyond_a_hundred() -> None:
    assert text(large_plan(200), short=True) == text(large_plan(200))
    assert "Not shown: 196 to create. To see" in text(large_plan(201), short=True)
    assert "Not shown" not in text(make_plan(*(delete(f"D{number:03}") for number in range(200))), short=True)
    shown = text(make_plan(*(delete(f"D{number:03}") for number in range(201))), short=True)
    assert "\nNot shown: 101 to delete. To see" in shown


def test_only_text_is_shortened() -> None:
    plan = large_plan(201)
    for style, render in RENDERERS.items():
        if style != "text":
            assert render(plan, (), RenderOptions(NOW, short=True)) == render(plan, (), RenderOptions(NOW))


def test_what_is_selected_follows_the_bucket() -> None:
    selection = Selection.of(names=["MAIL*", "\x1b[2J"], labels=["tier!=gold"])
    lines = text(make_plan(selection=selection, not_selected=2)).splitlines()
    assert lines[1] == "Selected by --name 'MAIL*' --name \"'\\x1b[2J'\" -l 'tier!=gold'"
    assert lines[-1].endswith("; 2 changes not selected.")
    assert "Selected" not in text(make_plan())


def test_what_a_go_scheduler_ignores_is_named_above_the_summary() -> None:
    many = tuple((f"N{number:02}", ("except", "jitter")) for number in range(12))
    shown = text(make_plan(ignored=many, unchanged=12), locations={"N01": Location("a.yaml", 3)}).splitlines()
    assert shown[2:] == [
        "A Go scheduler watches this bucket, and fires as if these members were absent:",
        "  ! N00: except, jitter",
        "  ! N01: except, jitter  a.yaml:3",
        *(f"  ! N{number:02}: except, jitter" for number in range(2, 10)),
        "    and 2 more",
        "",
        "No changes: 12 schedules are up to date.",
    ]


def test_of_ten_schedules_of_which_a_go_scheduler_ignores_something_none_is_left_out() -> None:
    ten = tuple((f"N{number}", ("jitter",)) for number in range(10))
    shown = coloured(make_plan(ignored=ten), locations={"N9": Location("a.yaml", 3)}).splitlines()
    assert shown[-4:-1] == ["  <bold yellow>!</> N8: jitter", "  <bold yellow>!</> N9: jitter  <faint>a.yaml:3</>", ""]


def test_refusals_and_members_that_do_not_fit_are_indented_below_their_names() -> None:
    ignored = (("LONG", ("except", "jitter", "overlap", "catchup", "catchup_window", "from", "until")),)
    lines = text(make_plan(ignored=ignored, unchanged=1), refused=True, width=60).splitlines()
    assert lines[-10:] == [
        "A Go scheduler watches this bucket, and fires as if these",
        "members were absent:",
        "  ! LONG: except, jitter, overlap, catchup, catchup_window,",
        "    from, until",
        "",
        "No changes: 1 schedule is up to date.",
        "",
        "This plan will not be applied:",
        "  • 12 schedules would be deleted, more than",
        "    safety.max_delete allows (10). Pass --allow-deletes 12.",
    ]


@given(st.integers(24, 120))
def test_sentences_are_broken_at_their_spaces_where_the_terminal_ends(width: int) -> None:
    whole = text(full_plan(), refused=True, locations=full_locations())
    shown = text(full_plan(), refused=True, locations=full_locations(), width=width)
    assert shown.split() == whole.split()
    sentences = ("Applied", "Plan:", "Conflicts:", "Left alone", "This plan", "Bucket")
    assert all(len(line) <= width for line in shown.splitlines() if line.startswith(sentences))


def test_what_was_applied_last_is_broken_between_words() -> None:
    last = RecordedApply(CREATED_AT, "jane@example.net", Commit("3f2a1b9c0d" * 4, ref="main"))
    lines = coloured(make_plan(last=last), width=50).splitlines()
    assert lines[1:3] == [
        "<faint>Last applied Mon 2026-11-23 14:09:53 UTC (15 h 37</>",
        "<faint>min ago) by jane@example.net from 3f2a1b9c0d of</>",
    ]


def test_the_impact_follows_the_changes_with_its_arrows_below_one_another() -> None:
    lines = text(make_plan(create()), impact=IMPACT).split("\n")
    start = lines.index("Fires in the next 24 h, of all schedules in the bucket:")
    assert lines[start:] == [
        "Fires in the next 24 h, of all schedules in the bucket:",
        "    EMAIL           1,200 → 1,344",
        '    "Q`\\x1b"        24    → 20',
        "    busiest minute  12 at Mon 2026-11-23 14:09 UTC → 15 at Mon 2026-11-23 15:39 UTC",
        "",
        "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete; 0 unchanged.",
    ]
    assert lines[start - 1] == ""


def test_only_what_changes_of_the_impact_is_shown() -> None:
    same = replace(IMPACT, after=IMPACT.before)
    assert "busiest" not in text(make_plan(), impact=same)
    emptied = Impact(IMPACT.start, (), IMPACT.before, None)
    assert "    busiest minute  12 at Mon 2026-11-23 14:09 UTC → none\n" in text(make_plan(), impact=emptied)
    many = replace(same, queues=tuple(QueueImpact(f"Q{number}", 0, 1) for number in range(22)))
    assert [line.strip() for line in text(make_plan(), impact=many).split("\n")[-4:-1]] == [
        "Q19  0 → 1",
        "and 2 more queues",
        "",
    ]


def test_a_plan_says_how_to_see_in_what_payloads_differ() -> None:
    hint = "To see how payloads differ, pass --show-payload."
    differs = make_plan(update(task("A", payload=b"1"), payload=b"2"))
    assert hint in text(differs)
    assert hint not in text(differs, show_payload=True)
    for other in (update(task("A", payload=b"1"), max_tries=2), create(payload=b"1"), delete(payload=b"1")):
        assert hint not in text(make_plan(other))
