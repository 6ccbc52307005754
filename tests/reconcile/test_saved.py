"""Saved plans come back exactly as they were, or not at all."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.errors import AjsyncError, InvalidError, UsageError, WriteError
from ajsync.reconcile.plan import Adopt, Create, Plan
from ajsync.reconcile.saved import SavedPlan, _checksum, load_plan, save_plan
from ajsync.safety import Opened
from ajsync.selection import Selection
from tests.reconcile.samples import full_plan, large_plan, make_plan, plans
from tests.tasks import TEXTS


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved plan."""
    path = tmp_path / "change.plan"
    save_plan(SavedPlan(full_plan()), path)
    return path


@given(plans(), st.integers(0, 100), st.booleans(), st.booleans(), TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2))
def test_any_plan_comes_back_as_it_was_with_the_gates_that_were_open(
    plan: Plan, deletes: int, empty: bool, older: bool, project: str, variables: dict[str, str]
) -> None:
    saved = SavedPlan(plan, Opened(plan.count(Adopt) > 0, deletes, empty, older), project, variables)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "change.plan"
        save_plan(saved, path)
        # What was applied last, what Go ignores and what is paused is not saved: it says how things are now, and the
        # plan is made anew. Of a schedule that was paused meanwhile the revision is another one.
        changes = tuple(
            replace(each, pause=None) if isinstance(each, Create) else replace(each, paused=False)
            for each in plan.changes
        )
        kept = replace(plan, changes=changes, last=None, ignored=(), paused=())
        assert load_plan(path) == replace(saved, plan=kept)


def test_a_gate_that_older_versions_do_not_know_is_saved_only_if_it_is_open(tmp_path: Path) -> None:
    """So plans that were saved before there was such a gate are still read, and others read what is saved now."""
    path = tmp_path / "change.plan"
    for opened, members in (
        (Opened(), {"allow_deletes", "allow_empty"}),
        (Opened(allow_older=True), {"allow_deletes", "allow_empty", "allow_older"}),
    ):
        save_plan(SavedPlan(full_plan(), opened), path)
        assert json.loads(path.read_text())["plan"]["opened"].keys() == members
        assert load_plan(path).opened.allow_older is opened.allow_older


def test_a_large_plan_comes_back_as_it_was(tmp_path: Path) -> None:
    plan = large_plan(2_000)
    save_plan(SavedPlan(plan), tmp_path / "p")
    assert load_plan(tmp_path / "p").plan == plan


def test_only_its_owner_can_read_it_from_the_first_instant_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    really = os.fsync

    def look(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", look)
    path = tmp_path / "p"
    path.write_text("an older one, for all to read")
    path.chmod(0o666)
    before = os.umask(0)
    try:
        save_plan(SavedPlan(full_plan()), path)
    finally:
        os.umask(before)
    assert modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_failed_save_leaves_the_older_plan_and_nothing_else(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match=r"cannot be saved to .*: No space left on device"):
        save_plan(SavedPlan(make_plan()), saved)
    monkeypatch.undo()
    assert load_plan(saved).plan == full_plan()
    assert not list(saved.parent.glob(".ajsync*"))


@pytest.mark.parametrize(("where", "error"), [("missing/p", WriteError), (".", UsageError)])
def test_a_place_where_no_file_can_be_is_refused(tmp_path: Path, where: str, error: type[AjsyncError]) -> None:
    with pytest.raises(error, match="cannot be saved"):
        save_plan(SavedPlan(full_plan()), tmp_path / where)
    with pytest.raises(UsageError, match="cannot be read"):
        load_plan(tmp_path / where)
    assert [*tmp_path.iterdir()] == []


def test_a_pipe_or_a_device_is_never_replaced_by_a_plan(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="not a regular file"):
        save_plan(SavedPlan(full_plan()), pipe)
    assert pipe.is_fifo()


@pytest.mark.parametrize("there", [True, False], ids=["a file", "nothing"])
def test_no_plan_is_saved_through_a_link(tmp_path: Path, there: bool) -> None:
    target, link = tmp_path / "profile", tmp_path / "change.plan"
    if there:
        target.write_text("mine")
    link.symlink_to("profile")
    with pytest.raises(WriteError, match=r"change\.plan is a symbolic link, and nothing is written through one"):
        save_plan(SavedPlan(full_plan()), link)
    assert link.is_symlink()
    assert (target.read_text() if there else target.exists()) == ("mine" if there else False)
    assert not list(tmp_path.glob(".ajsync*"))


def test_no_plan_is_saved_through_a_folder_that_leads_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "project" / "plans").symlink_to("../secret")
    (tmp_path / "project" / "inside").symlink_to(".")
    monkeypatch.chdir(tmp_path / "project")
    with pytest.raises(WriteError, match="plans is a symbolic link that leads out of the working directory"):
        save_plan(SavedPlan(full_plan()), Path("plans/change.plan"))
    assert not list((tmp_path / "secret").iterdir())
    # Whoever says where, or stays in the folder, has it so.
    for path in (Path("../secret/a.plan"), tmp_path / "project" / "plans" / "b.plan", Path("inside/c.plan")):
        save_plan(SavedPlan(full_plan()), path)
        assert load_plan(path).plan == full_plan()


def test_a_truncated_plan_is_refused_wherever_it_ends(saved: Path) -> None:
    data = saved.read_bytes().rstrip()
    for length in range(0, len(data), 97):
        saved.write_bytes(data[:length])
        with pytest.raises(
            InvalidError, match="not a saved plan that can be applied: it is not JSON, or it is cut off"
        ):
            load_plan(saved)


@given(st.data())
def test_an_edited_plan_is_refused_wherever_it_was_edited(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        save_plan(SavedPlan(full_plan()), path)
        content = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[position]))
        path.write_bytes(content)
        with suppress(InvalidError):
            assert load_plan(path).plan == full_plan()  # only white space, or another spelling of the same


def test_an_edited_value_is_named_as_such(saved: Path) -> None:
    saved.write_text(saved.read_text().replace('"revision": 12', '"revision": 13'))
    with pytest.raises(InvalidError, match="it was changed after it was saved"):
        load_plan(saved)


@pytest.mark.parametrize("version", [0, 3, "1", None, [], "\x1b[31m"])
def test_a_plan_of_another_format_is_refused(saved: Path, version: object) -> None:
    saved.write_text(json.dumps({**json.loads(saved.read_text()), "ajsync_plan": version}))
    with pytest.raises(InvalidError, match=r"its format is .*, and this ajsync reads 2") as caught:
        load_plan(saved)
    assert str(caught.value).isprintable()


def test_a_plan_of_an_older_ajsync_is_refused_as_such(saved: Path) -> None:
    saved.write_text(json.dumps({**json.loads(saved.read_text()), "ajsync_plan": 1}))
    with pytest.raises(InvalidError, match=r"it was made by an older ajsync, .* Make it again"):
        load_plan(saved)


@pytest.mark.parametrize("content", [b"{}", b"[]", b"1", b"null", b'"x"', b'{"schedules": {}}'])
def test_something_else_is_refused(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    with pytest.raises(InvalidError, match="it is something else"):
        load_plan(saved)


@pytest.mark.parametrize("content", [b"", b"schedules: {}", b"\xff\xfe\x00", b"[" * 100_000, b'{"ajsync_plan": 1'])
def test_what_is_not_json_is_refused(saved: Path, content: bytes) -> None:
    saved.write_bytes(content)
    with pytest.raises(InvalidError, match="it is not JSON, or it is cut off"):
        load_plan(saved)


SELECTED: dict[str, Any] = {"names": ["A*"], "labels": ["a=b"], "queue": "Q", "owner": "", "not_selected": 3}


def test_only_a_plan_of_a_selection_says_so_in_its_file(saved: Path) -> None:
    # So that the plans which were saved before there were selections can still be applied.
    assert "selection" not in json.loads(saved.read_text())["plan"]
    selection = Selection.of(names=["A*"], labels=["a=b"], queue="Q")
    save_plan(SavedPlan(make_plan(selection=selection, not_selected=3)), saved)
    assert json.loads(saved.read_text())["plan"]["selection"] == SELECTED


def _edit(*path: str | int, to: object = None, drop: bool = False) -> Any:
    def edit(plan: Any) -> None:
        for step in path[:-1]:
            plan = plan[step]
        if drop:
            del plan[path[-1]]
        else:
            plan[path[-1]] = to

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        _edit("owner", drop=True),
        _edit("extra", to=1),
        _edit("owner", to=None),
        _edit("unchanged", to=True),
        _edit("unchanged", to=1.0),
        _edit("target", to="CHORIA_AJ_CONFIGURATION"),
        _edit("project", to=None),
        _edit("variables", to={}),
        _edit("variables", to=[{"name": "a"}]),
        _edit("variables", to=[{"name": "a", "value": 1}]),
        _edit("destination", to="prod"),
        _edit("destination", "environment", to=None),
        _edit("destination", "server", drop=True),
        _edit("changes", to={}),
        _edit("changes", 0, "action", to="replace"),
        _edit("changes", 0, "action", to="delete"),
        _edit("changes", 0, "action", to=["create"]),
        _edit("changes", 0, "name", to="ANOTHER"),
        _edit("changes", 0, "name", to=7),
        _edit("changes", 0, "after", to=None),
        _edit("changes", 0, "after", "queue", to=7),
        _edit("changes", 0, "after", "payload", to="%"),
        _edit("changes", 0, "after", "ajsync", "catchup", to="some"),
        _edit("changes", 0, "revision", to="0"),
        _edit("changes", 0, "revision", to=2**64),
        _edit("changes", 0, "before", drop=True),
        _edit("conflicts", 0, "kind", to="odd"),
        _edit("opened", to=[]),
        _edit("opened", "allow_older", to=1),
        _edit("opened", "allow_all", to=True),
        _edit("conflicts", 0, to="CLEANUP"),
        _edit("unreadable", 0, to=["BROKEN", "not JSON"]),
        _edit("selection", to=None),
        _edit("selection", to={**SELECTED, "labels": ["a b"]}),
        _edit("selection", to={**SELECTED, "names": "A"}),
        _edit("selection", to={**SELECTED, "queue": None}),
        _edit("selection", to={**SELECTED, "more": 1}),
    ],
)
def test_a_plan_of_the_wrong_shape_is_refused_even_with_a_fitting_checksum(saved: Path, edit: Any) -> None:
    document = json.loads(saved.read_text())
    edit(document["plan"])
    document["sha256"] = _checksum(document["plan"])
    saved.write_text(json.dumps(document))
    with pytest.raises(InvalidError, match="is not a saved plan that can be applied"):
        load_plan(saved)


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_a_plan_is_read_from_no_device_or_pipe(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "plan"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="it is not a regular file"):
        load_plan(path)
