"""What counts as a change of the files."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ajsync.config import load_configuration
from ajsync.config.file_watcher import FileWatcher
from ajsync.config.inputs import Inputs
from ajsync.errors import ConfigurationError
from tests.config.projects import HEAD, OWNER, write

pytestmark = pytest.mark.anyio

PAYLOAD = f"{HEAD}    payload_file: ../data/deep/p.json\n"


@dataclass(frozen=True)
class Case:
    """A project, and what is done to it."""

    files: Mapping[str, str]
    change: Callable[[Path], None]
    links: Mapping[str, str] = field(default_factory=dict)
    """Link → where it leads, as written in it."""


def put(name: str, text: str = "schedules: {}\n") -> Callable[[Path], None]:
    """A file is written in place."""
    return lambda folder: write(folder, {name: text})


def swap(name: str, target: str) -> Callable[[Path], None]:
    """A link is exchanged for one that leads elsewhere, in one step."""

    def change(folder: Path) -> None:
        new = folder / f"{name}.new"
        new.symlink_to(target)
        new.rename(folder / name)

    return change


ONE = {"ajsync.yaml": OWNER, "schedules/b.yaml": HEAD.replace("A:", "B:")}
SWAPPED = {f"{name}/a.yaml": HEAD for name in ("one", "two")}
CASES = {
    "a file behind a link is edited in place": Case(
        {**ONE, "store/deep/a.yaml": HEAD}, put("store/deep/a.yaml"), {"schedules/a.yaml": "../store/deep/a.yaml"}
    ),
    "a file behind two links and a folder's is edited in place": Case(
        {**ONE, "store/deep/a.yaml": HEAD},
        put("store/deep/a.yaml"),
        {"schedules/a.yaml": "../first", "first": "short/a.yaml", "short": "store/deep"},
    ),
    "a link on the way to a link is swapped": Case(
        {**ONE, **SWAPPED}, swap("now", "two"), {"schedules/a.yaml": "../first", "first": "now/a.yaml", "now": "one"}
    ),
    "a link to nowhere leads somewhere now": Case(ONE, put("later/a.yaml"), {"schedules/a.yaml": "../later/a.yaml"}),
    "a payload behind a link is edited in place": Case(
        {**ONE, "schedules/a.yaml": PAYLOAD, "store/q.json": "1"},
        put("store/q.json", "2"),
        {"data/deep/p.json": "../../store/q.json"},
    ),
    "the folder of a payload that was missed appears": Case(
        {**ONE, "schedules/a.yaml": PAYLOAD, "data/others": ""}, put("data/deep/p.json", "1")
    ),
    "a payload that led out of the project is inside now": Case(
        {**ONE, "schedules/a.yaml": PAYLOAD, "data/deep/q.json": "1"},
        swap("data/deep/p.json", "q.json"),
        {"data/deep/p.json": "/etc/hostname"},
    ),
    "the folders of a pattern appear": Case(
        {**ONE, "ajsync.yaml": f"{OWNER}files: [schedules/*.yaml, later/on/**/*.yaml]\n"}, put("later/on/and/c.yaml")
    ),
    "a pattern that was not valid finds its folder": Case(
        {**ONE, "ajsync.yaml": f"{OWNER}files: [teams/*/jobs/*.yaml]\n", "teams/a/x": ""}, put("teams/a/jobs/c.yaml")
    ),
    "a folder that a link leads to is filled": Case(ONE, put("store/c.yaml"), {"schedules/more": "../store"}),
    "a file that is not valid is mended": Case({**ONE, "schedules/a.yaml": "@"}, put("schedules/a.yaml")),
    "the project's file is edited": Case(ONE, put("ajsync.yaml", "owner: other\n")),
    "a file goes": Case({**ONE, "schedules/a.yaml": HEAD}, lambda folder: (folder / "schedules/a.yaml").unlink()),
    "a file that no pattern matches appears beside": Case(ONE, put("schedules/c.yml")),
}


def inputs_of(folder: Path) -> Inputs:
    """What a load looks at, be the files valid or not."""
    inputs = Inputs()
    with suppress(ConfigurationError):
        load_configuration(folder, inputs=inputs)
    return inputs


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_what_another_load_would_see_is_a_change(tmp_path: Path, case: Case) -> None:
    project = tmp_path / "project"
    write(project, case.files)
    for link, target in case.links.items():
        (project / link).parent.mkdir(parents=True, exist_ok=True)
        (project / link).symlink_to(target)
    inputs, stop = inputs_of(project), asyncio.Event()
    watcher = FileWatcher(lambda: inputs, stop)
    async with asyncio.timeout(30):
        job = asyncio.create_task(watcher.run())
        await watcher.changed.wait()
        watcher.changed.clear()
        case.change(project)
        await watcher.changed.wait()
        stop.set()
        await job


async def test_a_project_that_is_swapped_and_gone_in_between_is_found_again(tmp_path: Path) -> None:
    write(tmp_path, {f"{release}/{name}": text for release in ("1", "2") for name, text in ONE.items()})
    current = tmp_path / "current"
    current.symlink_to("1")
    inputs, stop = inputs_of(current), asyncio.Event()
    watcher = FileWatcher(lambda: inputs, stop)
    async with asyncio.timeout(30):
        job = asyncio.create_task(watcher.run())
        for change in (Path.unlink, lambda link: link.symlink_to("2"), put("schedules/b.yaml")):
            await watcher.changed.wait()
            watcher.changed.clear()
            inputs = inputs_of(current)
            change(current)
        await watcher.changed.wait()
        stop.set()
        await job


_WATCH = """
import asyncio, sys
from pathlib import Path
from ajsync.config.inputs import Inputs
from ajsync.config.file_watcher import FileWatcher

class Observed(FileWatcher):
    looks = 0

    async def _look(self):
        found = await super()._look()
        self.looks += 1
        return found

async def main():
    stop = asyncio.Event()
    inputs = Inputs(files={Path("other").absolute()})
    watcher = Observed(lambda: inputs, stop)
    job = asyncio.create_task(watcher.run())
    await watcher.changed.wait()
    watcher.changed.clear()
    print("a line", file=sys.stderr, flush=True)
    # One look may be under way, one would see the change, and the next that nothing changes any more.
    enough = watcher.looks + 4
    while watcher.looks < enough:
        await asyncio.sleep(0.01)
    print(watcher.changed.is_set())
    Path("other").write_text("x")
    await watcher.changed.wait()
    print("told")
    stop.set()
    await job

asyncio.run(main())
"""


def test_what_this_process_logs_is_no_change(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        watched = subprocess.run(
            [sys.executable, "-c", _WATCH], cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True, timeout=60
        )
    assert watched.stdout.split() == ["False", "told"], (tmp_path / "log").read_text()
