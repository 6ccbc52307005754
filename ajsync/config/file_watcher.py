"""Watch the inputs of a configuration: the files, which files there are, and the links that lead to them.

All inputs are checked once a second. Notifications of the operating system only trigger the check sooner, because they
do not exist for missing files or for file systems of other hosts.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from ajsync.config.inputs import FileState, Inputs, Watched
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SHARE = 0.002
"""The share of time that checks may take. With very many files they are less frequent."""
_REPORTED_SHARE = 0.1
"""The same while the operating system keeps reporting changes."""
_STEP_SECONDS = 0.1
"""A change is complete after this long without another one, because an editor writes, renames and deletes."""
_STEPS = 10
"""The most steps to wait, so that continuous changes, such as a checkout, are collected for up to a second."""
_DEAF_SECONDS = 5.0
"""The pause before listening again after the operating system refused."""
_ENDINGS = (".yaml", ".yml")

Snapshot = tuple[Inputs, FileState]
"""The inputs and their state at one moment."""
Identities = frozenset[tuple[str, int, int]]


class FileWatcher:
    """Sets `changed` whenever the inputs have changed, until `stop` is set.

    `current` returns the inputs of the last load. `changed` is also set at the start and when the inputs become other
    ones, because a change between that load and the first look at them would be missed.
    """

    def __init__(self, current: Callable[[], Inputs], stop: asyncio.Event) -> None:
        self.changed = asyncio.Event()
        self._current = current
        self._stop = stop
        self._reported = asyncio.Event()
        """Set when the operating system has reported something in the watched folders."""
        self._appeared = False
        """Set if that has the ending of a schedules file, perhaps one that no pattern matches."""
        self._moved = asyncio.Event()
        """Set when the folders to watch may have changed."""
        self._deaf = ""
        """Why the operating system reports no changes; "" while it does."""

    async def run(self) -> None:
        """Look and listen until stopped, whatever happens to the files."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking())
            group.create_task(self._keep_listening())

    async def _keep_looking(self) -> None:
        known: Snapshot | None = None
        while not self._stop.is_set():
            self._reported.clear()
            seen, took = await self._look()
            if seen != known or self._appeared:
                known = await self._settled(seen)
                self._appeared = False
                self._moved.set()
                self.changed.set()
            await first_of(self._stop, timeout=took / _REPORTED_SHARE)
            await first_of(self._stop, self._reported, timeout=max(_LOOK_SECONDS, took / _SHARE))

    async def _look(self) -> tuple[Snapshot, float]:
        """The inputs and their state, and the seconds of processor time that the look took."""
        inputs = self._current()

        def look() -> tuple[Snapshot, float]:
            began = time.thread_time()
            state = inputs.state()
            return (inputs, state), time.thread_time() - began

        return await asyncio.to_thread(look)

    async def _settled(self, seen: Snapshot) -> Snapshot:
        """The state when nothing changes any longer."""
        for _ in range(_STEPS):
            await first_of(self._stop, timeout=_STEP_SECONDS)
            before = seen
            seen, _ = await self._look()
            if seen == before or self._stop.is_set():
                break
        return seen

    async def _keep_listening(self) -> None:
        while not self._stop.is_set():
            listening = await self._folders()
            ended = asyncio.Event()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._listen(listening[0].deep, ended, recursive=True))
                    group.create_task(self._listen(listening[0].shallow, ended, recursive=False))
                    await self._until_elsewhere(listening)
                    ended.set()
            except* (OSError, RuntimeError) as errors:  # the system has no more watches, or a folder has disappeared
                self._complain(errors.exceptions[0])
                await first_of(self._stop, self._moved, timeout=_DEAF_SECONDS)

    async def _listen(self, folders: frozenset[Path], ended: asyncio.Event, *, recursive: bool) -> None:
        if not folders:
            return
        step = int(_STEP_SECONDS * 1000)
        async for changes in awatch(
            *folders,
            watch_filter=None,
            debounce=step * _STEPS,
            step=step,
            stop_event=ended,
            recursive=recursive,
            ignore_permission_denied=True,
        ):
            self._appeared |= recursive and any(path.endswith(_ENDINGS) for _, path in changes)
            self._reported.set()

    async def _until_elsewhere(self, listening: tuple[Watched, Identities]) -> None:
        """Wait until there are other folders to watch."""
        while not self._stop.is_set():
            self._moved.clear()
            if await self._folders() != listening:
                return
            await first_of(self._stop, self._moved)

    async def _folders(self) -> tuple[Watched, Identities]:
        watched = await asyncio.to_thread(self._current().watched)
        return watched, watched.identities()

    def _complain(self, error: Exception) -> None:
        if isinstance(error, FileNotFoundError) or str(error) == self._deaf:
            return
        self._deaf = str(error)
        log.warning("The operating system does not report changes of the files, which are checked instead: %s", error)
