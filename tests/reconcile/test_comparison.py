"""A comparison that goes on comes to the plan that one from scratch comes to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Live, LiveSchedule, Managed, Pause, ScheduledTask
from ajsync.reconcile import comparison as module
from ajsync.reconcile.comparison import Comparison
from ajsync.reconcile.fields import ignored_by_go
from ajsync.reconcile.plan import Plan, plan
from ajsync.selection import EVERYTHING, Selection
from tests.tasks import OWNER, TARGET, live, task

NAMES = ("A", "B", "C", "D", "E")
SOME = Selection.of(names=["A", "B"])
VALUES = st.builds(
    lambda name, queue, owner, overlap: task(
        name, queue=queue, managed=None if owner is None else Managed(owner, "a.yaml", overlap=overlap)
    ),
    st.sampled_from(NAMES),
    st.sampled_from(("DEFAULT", "EMAIL")),
    st.sampled_from((OWNER, OWNER, "other", None)),
    st.sampled_from(("allow", "skip")),
)


@dataclass(frozen=True)
class Step:
    """What changes before the next plan."""

    desired: tuple[ScheduledTask | str, ...] = ()
    """Schedules that the files define anew, and names of those that they define no more."""
    stored: tuple[ScheduledTask | str, ...] = ()
    """Values that the bucket gets, and names of those that are deleted."""
    paused: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    purged: tuple[str, ...] = ()
    applied: bool = False
    """Whether the bucket comes to hold what the files define."""
    to_come: tuple[str, ...] = ()
    whole: bool = False
    """Whether the bucket was read as a whole."""


def steps() -> st.SearchStrategy[list[Step]]:
    """Any sequence of changes."""
    names = st.lists(st.sampled_from(NAMES), max_size=2).map(tuple)
    values = st.lists(st.one_of(VALUES, st.sampled_from(NAMES)), max_size=3).map(tuple)
    return st.lists(
        st.builds(
            Step,
            desired=values,
            stored=values,
            paused=names,
            broken=names,
            purged=names,
            applied=st.booleans(),
            to_come=st.one_of(st.just(()), names),
            whole=st.sampled_from((False, False, False, True)),
        ),
        min_size=1,
        max_size=8,
    )


@dataclass
class World:
    """The files and the bucket."""

    desired: dict[str, ScheduledTask] = field(default_factory=dict)
    entries: dict[str, LiveSchedule] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)
    revision: int = 0

    def take(self, step: Step) -> set[str]:
        """Change as a step says; returns the names whose value in the bucket may be another one."""
        desired, changed = dict(self.desired), set[str]()
        for each in step.desired:
            if isinstance(each, str):
                desired.pop(each, None)
            else:
                desired[each.name] = replace(each, managed=replace(each.settings, owner=OWNER))
        self.desired = desired if step.desired else self.desired
        entries: dict[str, LiveSchedule | None] = {}
        for each in (*step.stored, *(self.desired.values() if step.applied else ())):
            self.revision += 1
            if isinstance(each, str):
                entries[each] = None
                self.deleted[each] = self.revision
            else:
                entries[each.name] = LiveSchedule(each.name, self.revision, each)
                self.deleted.pop(each.name, None)
        for name in step.paused:
            held = entries.get(name, self.entries.get(name))
            if held is not None:
                entries[name] = replace(held, pause=Pause(1, "me", "because"))
        for name in step.broken:
            entries[name] = LiveSchedule(name, self.revision, None, "not JSON")
            self.deleted.pop(name, None)
        for name in step.purged:
            entries[name] = None
            self.deleted.pop(name, None)
        for name, entry in entries.items():
            changed.add(name)
            if entry is None:
                self.entries.pop(name, None)
            else:
                self.entries[name] = entry
        return changed


def from_scratch(world: World, to_come: dict[str, LiveSchedule], *, adopt: bool, selection: Selection) -> Plan:
    """The plan of all there is."""
    bucket = Live(TARGET, {**world.entries, **to_come}, world.deleted)
    return plan(world.desired, bucket, owner=OWNER, digest="d", adopt=adopt, selection=selection)


@settings(max_examples=150, deadline=None)
@given(steps(), st.booleans(), st.sampled_from((EVERYTHING, EVERYTHING, SOME)))
def test_it_comes_to_the_plan_that_one_from_scratch_comes_to(
    sequence: list[Step], adopt: bool, selection: Selection
) -> None:
    world, comparison = World(), Comparison(OWNER, adopt=adopt, selection=selection)
    for step in sequence:
        changed = world.take(step)
        # The same dictionaries each time, as a reader of the bucket gives them.
        bucket = Live(TARGET, world.entries, world.deleted)
        comparison.update(world.desired, bucket, None if step.whole else changed)
        to_come = {name: LiveSchedule(name, 99, task(name, managed=Managed(OWNER))) for name in step.to_come}
        to_come = {name: each for name, each in to_come.items() if name not in world.entries}
        found = comparison.plan(to_come, digest="d")
        assert found == from_scratch(world, to_come, adopt=adopt, selection=selection)
        selected = [each for each in world.desired.values() if selection.matches(each)]
        ignored = {each.name: members for each in selected if (members := ignored_by_go(each))}
        assert dict(comparison.ignored) == ignored
        unsettled = {each.name for each in comparison.unsettled()}
        assert {each.name for each in found.changes if each.after is not None} <= unsettled


def test_only_what_has_changed_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    def counting(desired: dict[str, ScheduledTask], bucket: Live, **rest: object) -> Plan:
        compared.append(len(desired.keys() | bucket.entries.keys()))
        return plan(desired, bucket, **rest)  # type: ignore[arg-type]  # as the comparison gives them

    ours = [task(f"N{number}", managed=Managed(OWNER)) for number in range(50)]
    others = [task(f"O{number}", managed=Managed("other")) for number in range(50)]
    desired, bucket = {each.name: each for each in ours}, live([*ours, *others])
    monkeypatch.setattr(module, "plan", counting)
    comparison = Comparison(OWNER)
    for changed in (None, set(), {"N1"}, {"O1", "N2"}):
        comparison.update(desired, bucket, changed)
        comparison.plan({}, digest="d")
    edited = {**desired, "N3": replace(desired["N3"], queue="OTHER")}
    comparison.update(edited, bucket, set())
    assert [each.name for each in comparison.plan({}, digest="d").changes] == ["N3"]
    comparison.update({name: each for name, each in edited.items() if name != "N4"}, bucket, set())
    assert [each.name for each in comparison.plan({}, digest="d").changes] == ["N3", "N4"]
    assert compared == [100, 0, 1, 2, 1, 2]
