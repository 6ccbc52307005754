"""A cache of files: every load with one is as a load without one, and reads only what has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.config import Configuration, load_configuration
from ajsync.config.content import FileCache
from ajsync.config.inputs import Inputs
from ajsync.config.schedules import SchedulesReader
from ajsync.errors import ConfigurationError, Problem
from tests.config.projects import write

Result = tuple[Configuration | frozenset[Problem], set[Path], tuple[str, ...]]

PROJECTS = (
    "owner: team",
    "owner: other\ndefaults: {queue: EMAIL}",
    "owner: team\nenvironments: {e: {}}\nfiles: [s/**/*.yaml, b.yaml]",
    "owner: team\nenvironments: {e: {variables: {at: '@daily'}}}\nfiles: [s/*.yaml]",
    "owner: team\nenvironments: {e: {variables: {at: '@hourly', unused: 1}}}\ncalendars: {holidays: [2026-12-25]}",
    "owner: team\nenvironments: {e: {}}\ncalendars: {holidays: {file: holidays.ics}}\nfiles: [s/*.yaml, b.yaml]",
    "owner: team\nfiles:\n- {match: s/*.yaml, defaults: {queue: SLOW}, optional: true}",
    "owner: team\nqueues: {EMAIL: {max_tries: 5}, DEFAULT: {}}\nfiles: [s/*.yaml, 's/deep/**/*.yaml']",
    "owner: [",
    "files: [s/*.yaml]",
)
FILES = (
    "schedules: {}",
    "schedules: {A: {schedule: '@daily', task_type: a}}",
    "schedules: {A: {schedule: '@hourly', task_type: a, queue: EMAIL}}",
    "schedules: {B: {schedule: '@hourly', task_type: a, labels: {x: y}}}",
    "schedules: {B: {schedule: '@hourly', task_type: b}, C: {schedule: '@daily', task_type: c, suspend: true}}",
    "schedules: {D: {schedule: '${at}', task_type: d}}",
    "schedules: {'E_${r}': {schedule: '@daily', task_type: '${at}', for_each: {r: [EU, US]}}}",
    "schedules: {F: {schedule: '@daily', task_type: f, except: [holidays]}}",
    "schedules: {P: {schedule: '@daily', task_type: p, payload_file: p.json}}",
    "defaults: {task_type: t}\nschedules: {G: {schedule: '@daily'}, P: {schedule: '@daily', payload_file: ../p.json}}",
    "schedules: {A: {schedule: nonsense, task_type: a}}",
    "schedules: [",
    "",
)
ICS = (
    "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VEVENT\nUID:1\nDTSTAMP:20260101T000000Z\n"
    "DTSTART;VALUE=DATE:{day}\nSUMMARY:x\nEND:VEVENT\nEND:VCALENDAR"
)
PLACES = ("s/a.yaml", "s/b.yaml", "s/deep/c.yaml", "b.yaml", "elsewhere/d.yaml")
PAYLOADS = ("s/p.json", "p.json", "s/deep/p.json")


@dataclass(frozen=True)
class Edit:
    """One change of a folder; `number` is another one for each, so that no two files are equally long."""

    told: str
    change: Callable[[Path, int], object]

    def __repr__(self) -> str:
        return self.told


def put(place: str, text: str) -> Edit:
    """Write a file in place, through a link if there is one."""

    def change(folder: Path, number: int) -> None:
        path = folder / place
        if path.is_symlink() and not path.exists():
            path.unlink()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n{'#' if 'VCALENDAR' not in text else ' '}{'-' * number}\n")

    return Edit(f"put({place!r}, {text!r})", change)


def rename(one: str, other: str) -> Edit:
    """Rename a file over another one."""

    def change(folder: Path, _number: int) -> None:
        if (folder / one).exists():
            (folder / other).parent.mkdir(parents=True, exist_ok=True)
            (folder / one).replace(folder / other)

    return Edit(f"rename({one!r}, {other!r})", change)


def link(place: str, target: str) -> Edit:
    """Swap a link, or put one in the place of a file."""

    def change(folder: Path, _number: int) -> None:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.symlink_to(os.path.relpath(folder / target, path.parent))

    return Edit(f"link({place!r}, {target!r})", change)


def remove(place: str) -> Edit:
    """Delete a file."""
    return Edit(f"remove({place!r})", lambda folder, _: (folder / place).unlink(missing_ok=True))


def nothing() -> Edit:
    """Change nothing."""
    return Edit("nothing()", lambda _folder, _number: None)


def edits() -> st.SearchStrategy[list[Edit]]:
    """Any sequence of changes."""
    places, named = st.sampled_from(PLACES), st.sampled_from((*PLACES, *PAYLOADS))
    days = st.sampled_from(("20261224", "20261225"))
    each = st.one_of(
        st.builds(put, places, st.sampled_from(FILES)),
        st.builds(put, st.just("ajsync.yaml"), st.sampled_from(PROJECTS)),
        st.builds(put, st.sampled_from(PAYLOADS), st.sampled_from(("1", "2", "{"))),
        st.builds(put, st.just("holidays.ics"), days.map(lambda day: ICS.format(day=day))),
        st.builds(rename, named, named),
        st.builds(link, named, named),
        st.builds(remove, named),
        st.just(nothing()),
    )
    return st.lists(each, min_size=1, max_size=12)


def loaded(folder: Path, cache: FileCache | None) -> Result:
    """All that a load brings."""
    inputs = Inputs()
    found: Configuration | frozenset[Problem]
    try:
        found = load_configuration(
            folder, environment="e", owner="team", inputs=inputs, variables={"at": "@weekly", "more": 1}, cache=cache
        )
    except ConfigurationError as error:
        found = frozenset(error.problems)
    return found, inputs.files, inputs.patterns


@pytest.fixture(params=["settled", "in doubt"])
def doubt(request: pytest.FixtureRequest) -> Iterator[None]:
    """Files whose status tells of each change, and files that may have changed without a trace."""
    step = -(10**18) if request.param == "settled" else 10**18
    with patch("ajsync.config.versions._STEP", step):
        yield


@pytest.mark.usefixtures("doubt")
@given(edits())
def test_a_load_with_a_cache_is_as_one_without(sequence: list[Edit]) -> None:
    cache, numbers = FileCache(), count(1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, {"ajsync.yaml": PROJECTS[2], "s/a.yaml": FILES[8], "s/b.yaml": FILES[5], "s/p.json": "1"})
        assert loaded(folder, cache) == loaded(folder, None)
        for edit in sequence:
            edit.change(folder, next(numbers))
            assert loaded(folder, cache) == loaded(folder, None)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the schedules files that are read, in order."""
    names: list[str] = []
    original = SchedulesReader.read

    def noting(self: SchedulesReader, path: Path, *arguments: object) -> object:
        names.append(path.name)
        return original(self, path, *arguments)  # type: ignore[arg-type]  # whatever it was called with

    monkeypatch.setattr(SchedulesReader, "read", noting)
    return names


@pytest.mark.usefixtures("doubt")
def test_only_the_file_that_has_changed_is_read_again(tmp_path: Path, read: list[str]) -> None:
    one = "schedules: {{{0}: {{schedule: '@daily', task_type: t, payload_file: {0}.json}}}}\n"
    write(tmp_path, {"ajsync.yaml": "owner: team\n", **{f"schedules/{each}.yaml": one.format(each) for each in "ABC"}})
    write(tmp_path, {f"schedules/{each}.json": each for each in "ABC"})
    cache = FileCache()

    def names() -> list[str]:
        read.clear()
        load_configuration(tmp_path, cache=cache)
        return list(read)

    assert names() == ["A.yaml", "B.yaml", "C.yaml"]
    assert names() == []
    write(tmp_path, {"schedules/B.yaml": one.format("B") + "# edited"})
    assert names() == ["B.yaml"]
    write(tmp_path, {"schedules/C.json": "other"})
    assert names() == ["C.yaml"]
    (tmp_path / "schedules/A.yaml").rename(tmp_path / "schedules/D.yaml")
    assert names() == ["D.yaml"]
    write(tmp_path, {"ajsync.yaml": "owner: other\n"})
    assert names() == ["B.yaml", "C.yaml", "D.yaml"]
    cache.forget()
    assert names() == ["B.yaml", "C.yaml", "D.yaml"]


@pytest.mark.usefixtures("doubt")
def test_another_content_of_the_same_length_is_read(tmp_path: Path) -> None:
    text = "schedules: {A: {schedule: '@daily', task_type: one, payload_file: p}}\n"
    write(tmp_path, {"ajsync.yaml": "owner: team\n", "schedules/a.yaml": text, "schedules/p": "1"})
    cache = FileCache()
    load_configuration(tmp_path, cache=cache)
    for name, content in (("a.yaml", text.replace("one", "two")), ("p", "2")):
        write(tmp_path, {f"schedules/{name}": content})
        os.utime(tmp_path / "schedules" / name, (0, 0))
    found = load_configuration(tmp_path, cache=cache).tasks["A"]
    assert (found.task_type, found.payload) == ("two", b"2")


def test_a_link_that_brings_other_defaults_to_a_file_has_it_read_again(tmp_path: Path) -> None:
    patterns = "[s/a.yaml, {match: t/*.yaml, defaults: {queue: SLOW}, optional: true}]"
    write(tmp_path, {"ajsync.yaml": f"owner: team\nfiles: {patterns}\n", "s/a.yaml": FILES[1], "t/x": ""})
    cache = FileCache()
    assert load_configuration(tmp_path, cache=cache).tasks["A"].queue == "DEFAULT"
    (tmp_path / "t/a.yaml").symlink_to("../s/a.yaml")
    assert load_configuration(tmp_path, cache=cache).tasks["A"].queue == "SLOW"


def test_a_payload_whose_folder_was_moved_out_of_the_project_is_refused_although_a_link_leads_there(
    tmp_path: Path,
) -> None:
    text = "schedules: {A: {schedule: '@daily', task_type: one, payload_file: ../payloads/p}}\n"
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    write(project, {"ajsync.yaml": "owner: team\n", "schedules/a.yaml": text, "payloads/p": "1"})
    cache = FileCache()
    with patch("ajsync.config.versions._STEP", -(2**62)):  # so that the status alone tells
        assert load_configuration(project, cache=cache).tasks["A"].payload == b"1"
    (project / "payloads").rename(elsewhere)
    (project / "payloads").symlink_to(elsewhere)
    with pytest.raises(ConfigurationError, match="leads out of the project's folder"):
        load_configuration(project, cache=cache)


@pytest.mark.parametrize(("before", "after"), [("1", "true"), ("1", "1.0"), ("0.0", "-0.0"), ("false", "0")])
def test_a_variable_that_is_equal_in_python_only_has_its_files_read_again(
    tmp_path: Path, before: str, after: str
) -> None:
    def project(value: str) -> str:
        return f"owner: team\nenvironments: {{e: {{variables: {{value: {value}}}}}}}\n"

    schedule = "schedules: {A: {schedule: '@daily', task_type: t, payload: {value: '${value}'}}}\n"
    write(tmp_path, {"ajsync.yaml": project(before), "schedules/a.yaml": schedule})
    cache = FileCache()
    load_configuration(tmp_path, environment="e", cache=cache)
    write(tmp_path, {"ajsync.yaml": project(after)})
    found = load_configuration(tmp_path, environment="e", cache=cache)
    assert found.tasks["A"].payload == b'{"value":%s}' % after.encode()


def test_a_change_that_leaves_no_trace_is_noticed_for_as_long_as_there_may_be_one(tmp_path: Path) -> None:
    text = "schedules: {A: {schedule: '@daily', task_type: one, payload_file: p}}\n"
    write(tmp_path, {"ajsync.yaml": "owner: team\n", "schedules/a.yaml": text, "schedules/p": "1"})
    cache = FileCache()
    found = load_configuration(tmp_path, cache=cache).tasks["A"]
    assert (found.task_type, found.payload) == ("one", b"1")
    with patch("ajsync.config.versions.file_status", return_value=(1, 2, 3, 4, 2**62)):  # a clock that stands still
        load_configuration(tmp_path, cache=cache)
        write(tmp_path, {"schedules/a.yaml": text.replace("one", "two")})
        assert load_configuration(tmp_path, cache=cache).tasks["A"].task_type == "two"
        write(tmp_path, {"schedules/p": "2"})
        assert load_configuration(tmp_path, cache=cache).tasks["A"].payload == b"2"


def test_a_payload_that_changes_while_two_schedules_read_it_is_read_again(tmp_path: Path) -> None:
    one = "{schedule: '@daily', task_type: t, payload_file: p}"
    write(tmp_path, {"ajsync.yaml": "owner: team\n", "schedules/a.yaml": f"schedules: {{A: {one}, B: {one}}}\n"})
    write(tmp_path, {"schedules/p": "1"})
    cache, original, reads = FileCache(), SchedulesReader._payload_file, count(1)

    def changing(self: SchedulesReader, *arguments: object) -> object:
        data = original(self, *arguments)  # type: ignore[arg-type]  # whatever it was called with
        write(tmp_path, {"schedules/p": "x" * (1 + next(reads))})
        return data

    with patch.object(SchedulesReader, "_payload_file", changing):
        mixed = load_configuration(tmp_path, cache=cache)
    assert (mixed.tasks["A"].payload, mixed.tasks["B"].payload) == (b"1", b"xx")
    again = load_configuration(tmp_path, cache=cache)
    assert (again.tasks["A"].payload, again.tasks["B"].payload) == (b"xxx", b"xxx")
