"""`ajsync apply --watch`: apply, and again whenever the files change."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.connection import connect
from ajsync.cli.options import Files, Opened, Server
from ajsync.cli.session import chosen_context, limits, load, open_or_create, run, stop_on_signals
from ajsync.config import Configuration
from ajsync.config.watch import FileWatcher, folders_of
from ajsync.reconcile.follow import Desired, Follower

log = logging.getLogger(__name__)


def follow_files(
    files: Files, server: Server, opened: Opened, creation: tuple[int, bool] | None, resync: float
) -> None:
    """Follow the files until SIGINT or SIGTERM."""
    gc.enable()  # this command stays
    start_logging()
    run(_follow(files, server, opened, creation, resync))


def start_logging() -> None:
    """Log to standard error, a line each."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"
    )


async def _follow(
    files: Files, server: Server, opened: Opened, creation: tuple[int, bool] | None, resync: float
) -> None:
    stop = stop_on_signals()
    configuration = load(files)
    context = chosen_context(server, configuration.context)

    def reload() -> Desired:
        nonlocal configuration
        configuration = load(files)
        return _desired(configuration, opened)

    async with connect(context, timeout=server.timeout, reconnect_timeout=None) as connection:

        async def open_bucket() -> ConfigurationBucket:
            return await open_or_create(connection, creation)

        follower = Follower(_desired(configuration, opened), reload, open_bucket, stop)
        watcher = FileWatcher(lambda: folders_of(configuration), stop)
        log.info("Following %d files of %s; stop with Ctrl-C", len(configuration.sources), configuration.owner)
        async with asyncio.TaskGroup() as group:
            group.create_task(watcher.run())
            group.create_task(follower.run(watcher.changed, resync))
    log.info("Stopped")


def _desired(configuration: Configuration, opened: Opened) -> Desired:
    return Desired(
        owner=configuration.owner,
        tasks=configuration.tasks,
        digest=configuration.digest,
        limits=limits(configuration, opened),
        adopt=opened.adopt,
    )
