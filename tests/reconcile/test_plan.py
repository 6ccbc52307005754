"""The plan says what has to change, and never names what belongs to others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Live, LiveSchedule, Managed, Pause, ScheduledTask
from ajsync.reconcile.fields import content
from ajsync.reconcile.plan import (
    UNKNOWN,
    Adopt,
    Change,
    Conflict,
    Create,
    Delete,
    Destination,
    Plan,
    Update,
    plan,
    told_counts,
    with_verbs,
)
from ajsync.selection import Selection
from tests.tasks import OWNER, TARGET, desired, live, managed, scheduled_tasks, task


def make(wanted: list[ScheduledTask], found: Live, **options: Any) -> Plan:
    return plan(desired(wanted), found, owner=OWNER, digest="d", **options)


def test_what_only_the_files_have_is_created() -> None:
    made = make([task("A")], live())
    assert made.changes == (Create("A", task("A"), 0),)


def test_a_create_over_a_delete_marker_expects_its_revision() -> None:
    assert make([task("A")], live(deleted={"A": 7})).changes == (Create("A", task("A"), 7),)


@pytest.mark.parametrize(
    "differently",
    [
        lambda one: replace(one, schedule="@hourly"),
        lambda one: replace(one, queue="OTHER"),
        lambda one: replace(one, task_type="other"),
        lambda one: replace(one, payload=b"1"),
        lambda one: replace(one, deadline=60),
        lambda one: replace(one, max_tries=3),
        lambda one: replace(one, managed=Managed(OWNER, description="new")),
        lambda one: replace(one, managed=Managed(OWNER, catchup="all")),
        lambda one: replace(one, managed=Managed(OWNER, catchup_window=1)),
        lambda one: replace(one, managed=Managed(OWNER, overlap="skip")),
        lambda one: replace(one, managed=Managed(OWNER, jitter=1)),
    ],
)
def test_what_differs_is_updated_and_keeps_its_time_of_creation(
    differently: Callable[[ScheduledTask], ScheduledTask],
) -> None:
    old = task("A", created_at=42)
    new = differently(old)
    assert make([new], live([old])).changes == (Update("A", old, new, 1),)


def test_the_time_of_creation_and_the_source_are_not_compared() -> None:
    old = task("A", created_at=42, managed=Managed(OWNER, source="old.yaml"))
    made = make([task("A", managed=Managed(OWNER, source="new.yaml"))], live([old]))
    assert (made.changes, made.unchanged) == ((), 1)
    assert made.empty


def test_what_the_files_no_longer_have_is_deleted() -> None:
    made = make([], live([task("A")]))
    assert made.changes == (Delete("A", task("A"), 1),)
    assert made.owned == 1


def test_what_nobody_manages_is_left_alone_and_counted() -> None:
    made = make([], live([task("A", owner=None)]))
    assert (made.changes, made.unmanaged) == ((), 1)
    assert made.empty


def test_what_nobody_manages_and_a_file_names_is_a_conflict_until_it_is_adopted() -> None:
    found = live([task("A", owner=None, created_at=42)])
    assert make([task("A")], found).conflicts == (Conflict("A", "unmanaged"),)
    adopted = make([task("A")], found, adopt=True)
    assert adopted.conflicts == ()
    assert adopted.changes == (Adopt("A", task("A", owner=None, created_at=42), task("A", created_at=42), 1),)


@pytest.mark.parametrize("adopt", [False, True])
def test_what_another_owner_has_is_a_conflict_always(adopt: bool) -> None:
    made = make([task("A")], live([task("A", owner="others"), task("B", owner="others")]), adopt=adopt)
    assert made.conflicts == (Conflict("A", "foreign", "others"),)
    assert (made.changes, made.foreign) == ((), 1)


def test_a_value_that_cannot_be_read_is_listed_and_never_touched() -> None:
    made = make([task("A")], live(broken=["A", "B"]), adopt=True)
    assert made.changes == ()
    assert made.conflicts == (Conflict("A", "unreadable", "not JSON"),)
    assert made.unreadable == (("A", "not JSON"), ("B", "not JSON"))


def test_a_plan_says_what_it_was_made_from_and_where_it_goes() -> None:
    prod = Destination("prod", "nats-prod", "tls://prod:4222")
    made = make([], live(), destination=prod)
    assert (made.target, made.owner, made.digest, made.destination) == (TARGET, OWNER, "d", prod)
    assert make([], live()).destination == UNKNOWN


@pytest.mark.parametrize(
    ("destination", "shown"),
    [
        (Destination("prod", "nats-prod", "tls://prod:4222"), "prod (nats-prod)"),
        (Destination("prod", "", "tls://prod:4222"), "prod (tls://prod:4222)"),
        (Destination("", "nats-prod", "tls://prod:4222"), "nats-prod"),
        (UNKNOWN, ""),
    ],
)
def test_a_destination_is_its_environment_and_how_it_is_reached(destination: Destination, shown: str) -> None:
    assert str(destination) == shown


@pytest.mark.parametrize(
    ("conflict", "shown"),
    [
        (Conflict("A", "unmanaged"), "A is already in the bucket and has no owner"),
        (Conflict("A", "foreign", "others"), "A belongs to the owner others"),
        (Conflict("A", "unreadable", "not JSON"), "the value of A in the bucket is unreadable: not JSON"),
    ],
)
def test_a_conflict_says_why_the_name_cannot_be_had(conflict: Conflict, shown: str) -> None:
    assert str(conflict) == shown


ANY_OWNER = st.none() | managed(st.sampled_from([OWNER, "others"]))
OURS = scheduled_tasks(managed())


@st.composite
def lives(draw: st.DrawFn) -> Live:
    """Any bucket."""
    tasks = draw(st.lists(scheduled_tasks(ANY_OWNER), max_size=8))
    found = live({each.name: each for each in tasks}.values(), broken=draw(st.sets(st.sampled_from(["x", "A", "B"]))))
    return replace(found, deleted=dict.fromkeys(draw(st.sets(st.sampled_from(["C", "0", "y"]))), 99))


WANTED = st.lists(OURS, max_size=8).map(lambda tasks: list({each.name: each for each in tasks}.values()))


def applied(made: Plan, found: Live) -> Live:
    """What a bucket holds after the plan."""
    entries = dict(found.entries)
    for change in made.changes:
        if isinstance(change, Delete):
            del entries[change.name]
        else:
            entries[change.name] = LiveSchedule(change.name, 100, change.after)
    return Live(TARGET, entries, {})


@given(WANTED, lives(), st.booleans())
def test_a_plan_applied_leaves_nothing_to_plan(wanted: list[ScheduledTask], found: Live, adopt: bool) -> None:
    made = make(wanted, found, adopt=adopt)
    again = make(wanted, applied(made, found), adopt=adopt)
    assert again.changes == ()
    assert again.conflicts == made.conflicts


@given(WANTED, lives(), st.booleans())
def test_a_plan_never_touches_what_is_not_the_owners(wanted: list[ScheduledTask], found: Live, adopt: bool) -> None:
    for change in make(wanted, found, adopt=adopt).changes:
        entry = found.entries.get(change.name)
        if entry is None:
            assert isinstance(change, Create)
            continue
        assert entry.task is not None
        assert change.revision == entry.revision
        if entry.task.managed is None:
            assert adopt
            assert isinstance(change, Adopt)
        else:
            assert entry.task.managed.owner == OWNER


@given(WANTED, lives(), st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_files_or_keys(
    wanted: list[ScheduledTask], found: Live, random: Any
) -> None:
    entries = list(found.entries.items())
    shuffled = list(wanted)
    random.shuffle(entries)
    random.shuffle(shuffled)
    assert make(shuffled, replace(found, entries=dict(entries))) == make(wanted, found)


@given(WANTED, lives())
def test_every_entry_and_every_wish_is_accounted_for(wanted: list[ScheduledTask], found: Live) -> None:
    made = make(wanted, found)
    wishes = made.count(Create) + made.count(Update) + made.count(Adopt) + made.unchanged + len(made.conflicts)
    assert wishes == made.desired == len(wanted)
    unread = [name for name, entry in found.entries.items() if entry.task is None]
    named = {each.name for each in wanted}
    others = sum(conflict.kind != "unreadable" for conflict in made.conflicts)
    assert made.owned + made.unmanaged + made.foreign + others + len(unread) == len(found.entries)
    assert [name for name, _ in made.unreadable] == sorted(unread)
    assert {change.name for change in made.changes if isinstance(change, Delete)}.isdisjoint(named)


SELECTIONS = st.builds(
    Selection,
    names=st.sampled_from([(), ("A*", "[0-9]*"), ("?",)]),
    queue=st.sampled_from([None, "EMAIL"]),
    owner=st.sampled_from([None, OWNER]),
)


@given(WANTED, lives(), st.booleans(), SELECTIONS)
def test_a_selection_leaves_out_and_counts_what_neither_value_of_a_schedule_matches(
    wanted: list[ScheduledTask], found: Live, adopt: bool, selection: Selection
) -> None:
    whole, made = (make(wanted, found, adopt=adopt, selection=each) for each in (Selection(), selection))

    def selected(name: str) -> bool:
        entry = found.entries.get(name)
        return selection.matches(desired(wanted).get(name)) or (entry is not None and selection.matches(entry.task))

    assert made.changes == tuple(change for change in whole.changes if selected(change.name))
    assert made.conflicts == tuple(conflict for conflict in whole.conflicts if selected(conflict.name))
    left = len(whole.changes) + len(whole.conflicts) - len(made.changes) - len(made.conflicts)
    assert (made.selection, made.not_selected) == (selection, left)
    assert whole.not_selected == 0
    moved = {each.name for each in (*whole.changes, *whole.conflicts)}
    assert made.unchanged == sum(selected(each.name) for each in wanted if each.name not in moved)
    assert (made.desired, made.owned, made.foreign, made.unmanaged, made.unreadable) == (
        *(whole.desired, whole.owned, whole.foreign, whole.unmanaged, whole.unreadable),
    )


@pytest.mark.parametrize("before", [True, False], ids=["taken away", "added"])
def test_a_label_selects_the_change_that_adds_it_or_takes_it_away(before: bool) -> None:
    plain, gold = task("A"), task("A", managed=Managed(OWNER, labels=(("tier", "gold"),)))
    old, new = (gold, plain) if before else (plain, gold)
    made = make([new], live([old]), selection=Selection.of(labels=["tier=gold"]))
    assert made.count(Update) == 1


def test_a_schedule_that_only_gets_another_name_is_renamed_and_keeps_its_time_of_creation() -> None:
    old = task("OLD", created_at=42, schedule="@every 10m")
    made = make([task("NEW", schedule="@every 10m"), task("KEPT")], live([old, task("KEPT")], deleted={"NEW": 7}))
    new = replace(old, name="NEW")
    assert made.changes == (Create("NEW", new, 7, renamed_from="OLD"), Delete("OLD", old, 1, renamed_to="NEW"))
    assert told_counts(made.changes) == {"create": 0, "update": 0, "adopt": 0, "rename": 1, "delete": 0}
    assert [*with_verbs(made.changes)] == [("rename", made.changes[0])]
    assert (made.count(Create), made.count(Delete)) == (1, 1)


@pytest.mark.parametrize("members", [{"schedule": "@hourly"}, {"managed": Managed(OWNER, description="x")}])
def test_with_another_content_it_is_a_create_and_a_delete(members: dict[str, Any]) -> None:
    made = make([task("NEW", **members)], live([task("OLD")]))
    assert [*told_counts(made.changes).items()][-2:] == [("rename", 0), ("delete", 1)]
    assert not any(getattr(change, "renamed_from", "") or getattr(change, "renamed_to", "") for change in made.changes)


def test_another_file_is_no_other_content() -> None:
    old, new = (task(name, managed=Managed(OWNER, source=f"{name}.yaml")) for name in ("OLD", "NEW"))
    (created, _) = make([new], live([old])).changes
    assert isinstance(created, Create)
    assert (created.renamed_from, created.after.settings.source) == ("OLD", "NEW.yaml")


def test_of_several_with_the_same_content_each_is_renamed_once_in_the_order_of_the_names() -> None:
    made = make([task("X"), task("Y"), task("Z")], live([task("A"), task("B")]))
    renames = [(each.renamed_from, each.name) for each in made.changes if isinstance(each, Create)]
    assert renames == [("A", "X"), ("B", "Y"), ("", "Z")]
    made = make([task("X")], live([task("A"), task("B")]))
    assert [each.renamed_to for each in made.changes if isinstance(each, Delete)] == ["X", ""]


def test_what_nobody_or_somebody_else_owns_is_not_renamed() -> None:
    made = make([task("NEW")], live([task("FREE", owner=None), task("THEIRS", owner="others")]), adopt=True)
    assert [*with_verbs(made.changes)] == [("create", Create("NEW", task("NEW"), 0))]


def test_half_of_a_rename_is_what_it_is() -> None:
    """As when the delete failed, or a selection has left it out."""
    created, deleted = make([task("NEW")], live([task("OLD")])).changes
    assert [verb for verb, _ in with_verbs([created])] == ["create"]
    assert [verb for verb, _ in with_verbs([deleted])] == ["delete"]
    selected = make([task("NEW")], live([task("OLD")]), selection=Selection.of(names=["OLD"]))
    assert selected.changes == (Delete("OLD", task("OLD"), 1),)


FEW_CONTENTS = st.dictionaries(
    st.sampled_from("ABCDEFGH"), st.tuples(st.sampled_from(["@daily", "@hourly"]), st.integers(1, 99)), max_size=8
).map(lambda each: [task(name, schedule=one, created_at=made) for name, (one, made) in each.items()])


@given(FEW_CONTENTS, FEW_CONTENTS)
def test_renames_are_pairs_of_equal_content_and_change_no_count(
    wanted: list[ScheduledTask], before: list[ScheduledTask]
) -> None:
    made = make(wanted, live(before))
    creates = {each.name: each for each in made.changes if isinstance(each, Create)}
    deletes = {each.name: each for each in made.changes if isinstance(each, Delete)}
    assert {(each.renamed_from, name) for name, each in creates.items() if each.renamed_from} == {
        (name, each.renamed_to) for name, each in deletes.items() if each.renamed_to
    }
    for created in creates.values():
        if created.renamed_from:
            old = deletes[created.renamed_from].before
            assert content(old) == content(created.after)
            assert old.created_at == created.after.created_at
        else:
            assert created.after.created_at == 0
    left = {content(each.after) for each in creates.values() if not each.renamed_from}
    assert left.isdisjoint(content(each.before) for each in deletes.values() if not each.renamed_to)
    counts = told_counts(made.changes)
    assert counts["create"] + counts["rename"] == len(creates)
    assert counts["delete"] + counts["rename"] == len(deletes)


@given(WANTED, lives(), st.booleans(), st.data())
def test_a_paused_schedule_is_planned_like_any_other_and_marked(
    wanted: list[ScheduledTask], found: Live, adopt: bool, data: st.DataObject
) -> None:
    paused = data.draw(st.sets(st.sampled_from(sorted(found.entries)))) if found.entries else set()
    pause = Pause(1, "ann", "why")
    entries = {name: replace(each, pause=pause if name in paused else None) for name, each in found.entries.items()}
    plain, marked = make(wanted, found, adopt=adopt), make(wanted, replace(found, entries=entries), adopt=adopt)
    assert [each.name for each in marked.changes if each.paused and not isinstance(each, Create)] == [
        each.name for each in plain.changes if each.name in paused
    ]
    created = [each for each in marked.changes if isinstance(each, Create)]
    assert [each.paused for each in created] == [each.renamed_from in paused for each in created]
    assert [*map(_as_active, marked.changes)] == [*map(_as_active, plain.changes)]
    assert replace(marked, changes=(), paused=()) == replace(plain, changes=())
    ours = {name for name, each in entries.items() if each.task is not None and each.task.owner == OWNER}
    assert [name for name, _ in marked.paused] == sorted(paused & ours)


def test_an_update_keeps_the_memory_of_pauses_which_no_plan_compares() -> None:
    old = task("A", pauses=((1, 2),))
    assert make([task("A")], live([old])).unchanged == 1
    (change,) = make([task("A", queue="Q")], live([old])).changes
    assert change.after is not None
    assert change.after.pauses == ((1, 2),)


def _as_active(change: Change) -> Change:
    """A change as if nothing was paused or renamed."""
    if isinstance(change, Create):
        return replace(change, after=replace(change.after, created_at=0), renamed_from="", pause=None)
    change = replace(change, paused=False)
    return replace(change, renamed_to="") if isinstance(change, Delete) else change


def test_a_paused_schedule_that_is_renamed_stays_paused() -> None:
    found = live([task("OLD", created_at=42)])
    pause = Pause(1, "ann", "why")
    entries = {name: replace(each, pause=pause) for name, each in found.entries.items()}
    made = make([task("NEW")], replace(found, entries=entries))
    assert [verb for verb, _ in with_verbs(made.changes)] == ["rename"]
    created = made.changes[0]
    assert isinstance(created, Create)
    assert (created.paused, created.pause, created.after.created_at) == (True, pause, 42)


@pytest.mark.parametrize("is_paused", [False, True])
def test_an_update_and_an_adoption_say_whether_the_schedule_is_paused(is_paused: bool) -> None:
    found = live([task("A", owner=None), task("B")])
    pause = Pause(1, "ann", "why") if is_paused else None
    entries = {name: replace(each, pause=pause) for name, each in found.entries.items()}
    made = make([task("A"), task("B", queue="OTHER")], Live(TARGET, entries, {}), adopt=True)
    assert [(type(each), each.paused) for each in made.changes] == [(Adopt, is_paused), (Update, is_paused)]


def test_a_selection_leaves_what_it_matches_of_each_kind() -> None:
    kept = [task(f"{letter}_SAME") for letter in "AB"]
    found = live([*kept, *(task(f"{letter}_THEIRS", owner="others") for letter in "AB")])
    pause = Pause(1, "ann", "why")
    entries = {
        name: replace(each, pause=pause) if name.endswith("SAME") else each for name, each in found.entries.items()
    }
    wanted = [*kept, *(task(f"{letter}_{kind}") for letter in "AB" for kind in ("THEIRS", "NEW"))]
    made = make(wanted, Live(TARGET, entries, {}), selection=Selection.of(names=["A_*"]))
    assert [each.name for each in made.changes] == ["A_NEW"]
    assert made.conflicts == (Conflict("A_THEIRS", "foreign", "others"),)
    assert made.paused == (("A_SAME", pause),)
    assert (made.unchanged, made.not_selected) == (1, 2)
