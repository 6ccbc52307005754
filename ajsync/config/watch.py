"""Notice when what a configuration is made from changes: files, the set of them, and the links that lead to them.

What counts is a look at all of it, once a second. The system's own word of a change only makes the look come sooner:
it is not to be had of what is not there yet, nor of a file system of another host.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles import awatch

from ajsync.config.inputs import Inputs, Watched
from ajsync.waiting import first_of

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_SHARE = 0.02
"""Looking takes no more of the time than this: where there are very many files, the looks are further apart."""
_TOLD_SHARE = 0.1
"""The same while the system keeps telling of changes."""
_STEP_SECONDS = 0.1
"""So long must nothing change before a change counts as whole: an editor writes, renames and deletes."""
_STEPS = 10
"""So many steps at most: changes that keep coming, as in a checkout of a branch, are gathered for a second."""
_DEAF_SECONDS = 5.0
"""How soon to listen again where the system did not let us."""
_ENDINGS = (".yaml", ".yml")

KeyChange = tuple[Inputs, bytes]
Identities = frozenset[tuple[str, int, int]]


class FileWatcher:
    """Sets `changed` whenever what the inputs name has changed, until `stop` is set.

    `current` gives the inputs of the last load. It is set at first too, and where the inputs are new: what changed
    between that load and the first look at them went unseen.
    """

    def __init__(self, current: Callable[[], Inputs], stop: asyncio.Event) -> None:
        self.changed = asyncio.Event()
        self._current = current
        self._stop = stop
        self._told = asyncio.Event()
        """The system has told of something in the folders that it listens to for us."""
        self._appeared = False
        """That something has the ending of a schedules file; it may be one that no pattern matches."""
        self._moved = asyncio.Event()
        """The folders to listen to may be others by now."""
        self._deaf = ""
        """Why the system does not tell of changes; "" while it does."""

    async def run(self) -> None:
        """Look and listen until stopped, whatever becomes of the files."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_looking())
            group.create_task(self._keep_listening())

    async def _keep_looking(self) -> None:
        known: KeyChange | None = None
        while not self._stop.is_set():
            self._told.clear()
            seen, took = await self._look()
            if seen != known or self._appeared:
                known = await self._settled(seen)
                self._appeared = False
                self._moved.set()
                self.changed.set()
            await first_of(self._stop, timeout=took / _TOLD_SHARE)
            await first_of(self._stop, self._told, timeout=max(_LOOK_SECONDS, took / _SHARE))

    async def _look(self) -> tuple[KeyChange, float]:
        """The inputs and their state, and the seconds of computing that it took."""
        inputs = self._current()

        def look() -> tuple[KeyChange, float]:
            began = time.thread_time()
            state = inputs.state()
            return (inputs, state), time.thread_time() - began

        return await asyncio.to_thread(look)

    async def _settled(self, seen: KeyChange) -> KeyChange:
        """What there is once nothing changes any more."""
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
            except* (OSError, RuntimeError) as errors:  # it has no more watches, or a folder has gone meanwhile
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
            self._told.set()

    async def _until_elsewhere(self, listening: tuple[Watched, Identities]) -> None:
        """Wait until there are other folders to listen to."""
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
        log.warning("The system does not tell of changes of the files, which are looked at instead: %s", error)
