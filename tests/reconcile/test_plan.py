"""The plan says what has to change, and never names what belongs to others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Live, LiveSchedule, Managed, ScheduledTask
from ajsync.reconcile.plan import UNKNOWN, Adopt, Conflict, Create, Delete, Destination, Plan, Update, plan
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
