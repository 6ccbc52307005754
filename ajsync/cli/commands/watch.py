"""`ajsync apply --watch`: apply, and again whenever the files change; with a scheduler beside it if that is wanted."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from contextlib import AsyncExitStack
from dataclasses import replace

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.cli.options.options import Files, FiringOptions, Server
from ajsync.cli.options.session import chosen_context, goal, load, open_or_create, run, stop_on_signals
from ajsync.cli.options.working_folder import working_folder
from ajsync.cli.output.destination import destination, elsewhere
from ajsync.cli.output.unmatched import overlooked_told
from ajsync.config import Configuration
from ajsync.config.file_watcher import FileWatcher
from ajsync.config.inputs import Inputs
from ajsync.reconcile.apply.watch_loop import WatchLoop
from ajsync.reconcile.reconciler import Goal
from ajsync.safety import Opened
from ajsync.text import counted
from ajsync.transport.connection import connect
from ajsync.waiting import unless

log = logging.getLogger(__name__)


def follow_files(
    files: Files,
    server: Server,
    opened: Opened,
    creation: tuple[int, bool] | None,
    resync: float,
    scheduler: str | None,
    fires: FiringOptions,
) -> None:
    """Follow the files until SIGINT or SIGTERM; `scheduler` is the name of one that runs beside, "" for the default."""
    gc.enable()  # this command stays
    run(_follow(files, server, opened, creation, resync, scheduler, fires))
    log.info("Stopped")


async def _follow(
    files: Files,
    server: Server,
    opened: Opened,
    creation: tuple[int, bool] | None,
    resync: float,
    scheduler_name: str | None,
    fires: FiringOptions,
) -> None:
    stop = stop_on_signals()
    folder, inputs = working_folder(), Inputs()
    configuration = load(files, folder=folder, inputs=inputs)
    # From now on by its name: while a release is swapped it is missing, and that of a folder above is another project.
    files = replace(files, config=configuration.project)
    context = chosen_context(server, configuration.context)

    def reload() -> Goal:
        nonlocal configuration, inputs
        known, looked_at = configuration.unmatched, Inputs()
        try:
            configuration = load(files, folder=folder, inputs=looked_at)
        finally:
            inputs = looked_at  # also of files that are not valid: what mends them may be elsewhere
        if configuration.unmatched != known:
            _log_overlooked(configuration)
        return goal(configuration, opened)

    async with AsyncExitStack() as stack:
        connecting = connect(context, timeout=server.timeout, reconnect_timeout=None)
        connection = await unless(stop, stack.enter_async_context(connecting))
        if connection is None:
            return

        async def open_bucket() -> ConfigurationBucket:
            return await open_or_create(connection, creation)

        follower = WatchLoop(goal(configuration, opened), reload, connection, open_bucket, stop)
        watcher = FileWatcher(lambda: inputs, stop)
        jobs = [watcher.run(), follower.run(watcher.changed, resync)]
        if scheduler_name is not None:
            from ajsync.cli.schedule_loop import monitored, scheduler_settings

            name = scheduler_name or os.environ.get("AJC_SCHEDULER_NAME")
            settings = scheduler_settings(name, fires, creation[0] if creation else 1)
            scheduler = await stack.enter_async_context(monitored(connection, settings, fires))
            scheduler.on_lead = watcher.changed.set
            follower.may_apply = lambda: scheduler.leads
            jobs.append(scheduler.run(stop))
        where = destination(connection, server, configuration)
        files_read = counted(len(configuration.sources), "file")
        if warning := elsewhere(server, configuration.environment, configuration.context):
            log.warning("%s", warning)
        _log_overlooked(configuration)
        at = f" at {where.server}" if where.reached != where.server else ""
        log.info("Following %s of %s for %s%s; stop with Ctrl-C", files_read, configuration.owner, where, at)
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)


def _log_overlooked(configuration: Configuration) -> None:
    if configuration.unmatched:
        log.warning("%s", overlooked_told(configuration))
