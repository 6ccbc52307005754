"""`ajsync apply --watch`: apply, and apply again when the files change; optionally with a scheduler beside it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ajsync.cli.options.values import Creation, FiringOptions, Scope
from ajsync.cli.project import load, unmatched_text
from ajsync.cli.session import chosen_context, destination, elsewhere, goal, open_bucket, stop_on_signals
from ajsync.config import Configuration
from ajsync.config.content import FileCache
from ajsync.config.file_watcher import FileWatcher
from ajsync.config.inputs import Inputs
from ajsync.reconcile.apply.watch_loop import WatchLoop
from ajsync.safety import Opened
from ajsync.text import counted
from ajsync.transport.connection import Connection, connect
from ajsync.waiting import unless

log = logging.getLogger(__name__)


class _Followed:
    """The configuration that is followed, and the inputs that were read to load it."""

    def __init__(self, scope: Scope) -> None:
        self._folder = working_folder()
        self._cache = FileCache()
        self.inputs = Inputs()
        self.configuration = load(scope, folder=self._folder, inputs=self.inputs, cache=self._cache)
        # From now on the file is found by its path: while a release is swapped it is missing, and one in a folder above
        # belongs to another project.
        self._scope = replace(scope, config=self.configuration.project)

    def reload(self, *, whole: bool) -> Configuration:
        """Load again: all of it if `whole`, else what has changed. Raises as `load` does, and then keeps the old
        one."""
        known, inputs = self.configuration.unmatched, Inputs()
        if whole:
            self._cache.forget()
        try:
            self.configuration = load(self._scope, folder=self._folder, inputs=inputs, cache=self._cache, again=True)
        finally:
            self.inputs = inputs  # even for invalid files: the change that repairs them may be elsewhere
        if self.configuration.unmatched != known:
            self.warn()
        return self.configuration

    def warn(self) -> None:
        """Log the files that match no pattern."""
        if self.configuration.unmatched:
            log.warning("%s", unmatched_text(self.configuration))


async def follow_files(
    scope: Scope,
    opened: Opened,
    creation: Creation | None,
    resync: float,
    scheduler: str | None,
    firing: FiringOptions,
) -> None:
    """Follow the files until SIGINT or SIGTERM; `scheduler` is the name of a scheduler beside it, "" for the default
    name."""
    gc.enable()  # this command keeps running
    stop = stop_on_signals()
    followed = _Followed(scope)
    context = chosen_context(scope, followed.configuration.context)
    async with AsyncExitStack() as stack:
        connecting = connect(context, timeout=scope.timeout, reconnect_timeout=None)
        connection = await unless(stop, stack.enter_async_context(connecting))
        if connection is None:
            log.info("Stopped")
            return

        loop = WatchLoop(
            goal(followed.configuration, opened),
            lambda whole: goal(followed.reload(whole=whole), opened),
            connection,
            partial(open_bucket, connection, creation),
            stop,
            destination(connection, scope, followed.configuration),
        )
        watcher = FileWatcher(lambda: followed.inputs, stop)
        jobs: list[Coroutine[Any, Any, None]] = [watcher.run(), loop.run(watcher.changed, resync)]
        if scheduler is not None:
            from ajsync.cli.schedule_loop import monitored, scheduler_settings

            name = scheduler or os.environ.get("AJC_SCHEDULER_NAME")
            settings = scheduler_settings(name, firing, creation.replicas if creation else 1)
            beside = await stack.enter_async_context(monitored(connection, settings, firing))
            beside.on_lead = watcher.changed.set
            loop.may_apply = lambda: beside.leads
            jobs.append(beside.run(stop))
        _announce(followed, connection, scope)
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
    log.info("Stopped")


def _announce(followed: _Followed, connection: Connection, scope: Scope) -> None:
    configuration = followed.configuration
    if warning := elsewhere(scope, configuration.context):
        log.warning("%s", warning)
    followed.warn()
    where, read = destination(connection, scope, configuration), counted(len(configuration.sources), "file")
    at = f" at {where.server}" if where.reached != where.server else ""
    log.info("Following %s of %s for %s%s; stop with Ctrl-C", read, configuration.owner, where, at)


def working_folder() -> Path:
    """Return the working directory as `pwd` shows it: absolute, with the links through which the shell went there.

    After `cd current` that is the link `current`, and not the release that the link points to at the moment.
    """
    named = os.environ.get("PWD", "")
    if named.startswith("/") and os.path.normpath(named) == named:
        try:
            if os.path.samefile(named, "."):  # noqa: PTH121 - a path is text here
                return Path(named)
        except OSError:
            pass  # the shell's variable is out of date
    return Path.cwd()
