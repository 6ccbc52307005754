"""What counts as a change of the files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_WATCH = """
import asyncio, sys
from pathlib import Path
from ajsync.config.watch import FileWatcher, Folders

async def main():
    stop = asyncio.Event()
    watcher = FileWatcher(lambda: Folders(frozenset(), frozenset([Path.cwd()])), stop)
    job = asyncio.create_task(watcher.run())
    await watcher.changed.wait()  # the watch has begun
    for write in (lambda: print("a line", file=sys.stderr, flush=True), lambda: Path("other").write_text("x")):
        await asyncio.sleep(0.5)
        watcher.changed.clear()
        write()
        try:
            await asyncio.wait_for(watcher.changed.wait(), 2)
        except TimeoutError:
            pass
        print(watcher.changed.is_set())
    stop.set()
    await job

asyncio.run(main())
"""


def test_what_this_process_logs_is_no_change(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        watched = subprocess.run(
            [sys.executable, "-c", _WATCH], cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True, timeout=60
        )
    assert watched.stdout.split() == ["False", "True"], (tmp_path / "log").read_text()
