"""What the commands that talk to a server have in common: configuration, connection, bucket and signals."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from ajsync import config
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.cli.options.checkout import check_context
from ajsync.cli.options.options import Files, Server
from ajsync.cli.output.destination import warn_if_elsewhere
from ajsync.cli.output.streams import GONE, working_folder_is_gone
from ajsync.cli.output.terminal import say
from ajsync.config import Configuration, load_configuration
from ajsync.config.inputs import Inputs
from ajsync.errors import AjsyncError, InvalidError, UnreachableError, UsageError
from ajsync.reconcile.reconciler import Goal
from ajsync.safety import Opened
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import Context, context_for_server, load_context
from ajsync.transport.errors import NoClusterError

T = TypeVar("T")

_log = logging.getLogger(__name__)


def load(
    files: Files, *, empty: bool = False, folder: Path | None = None, inputs: Inputs | None = None
) -> Configuration:
    """The configuration that the options name; with `empty` it may have no schedules file yet.

    They are meant from `folder`, or from the working directory. `inputs` tells then what was looked at.
    """
    start = time.perf_counter()
    configuration = load_configuration(
        folder or Path.cwd(),
        project=files.config,
        environment=files.environment,
        owner=files.expected_owner,
        empty=empty,
        inputs=inputs,
    )
    milliseconds = (time.perf_counter() - start) * 1000
    schedules, sources = len(configuration.tasks), len(configuration.sources)
    _log.info("read %s schedules from %s files in %.0f ms", f"{schedules:,}", f"{sources:,}", milliseconds)
    return configuration


def configured_context(files: Files, server: Server, *, warn: bool = True) -> str | None:
    """The context that the project names, where there is a project; the commands that only look do without one.

    With `warn` it warns where `server` leads away from what the environment names. Where the working directory is gone
    nobody can tell what project was there, and the default context may lead to the server of another one: only who
    names the server goes on.
    """
    if files.config is None and files.environment is None and working_folder_is_gone():
        if server.context is None and server.server is None:
            raise UsageError(GONE)
        return None
    configured = config.load_context(Path.cwd(), project=files.config, environment=files.environment)
    if warn:
        warn_if_elsewhere(server, files.environment, configured)
    return configured


def goal(configuration: Configuration, opened: Opened) -> Goal:
    """What the files want, as far as the options let it go."""
    return Goal(configuration.owner, configuration.tasks, configuration.digest, configuration.safety, opened)


def chosen_context(server: Server, configured: str | None) -> Context:
    """The context that the options name, else the configuration, else the environment."""
    if server.server is not None:
        if server.context is not None:
            raise UsageError("--server and --context exclude each other: a context names its own server.")
        if not server.server.strip():
            raise UsageError("--server is empty: name a server, or leave the option out. Is a variable not set?")
        try:
            return context_for_server(server.server)
        except InvalidError as error:
            raise UsageError(str(error)) from None
    context = load_context(server.context or configured)
    check_context(context)
    return context


@asynccontextmanager
async def connected(server: Server, configured: str | None = None) -> AsyncIterator[Connection]:
    """A connection as the options say."""
    async with connect(chosen_context(server, configured), timeout=server.timeout) as connection:
        yield connection


@asynccontextmanager
async def opened_bucket(server: Server, configured: str | None = None) -> AsyncIterator[ConfigurationBucket]:
    """The configuration bucket, on a connection as the options say."""
    async with connected(server, configured) as connection:
        yield await ConfigurationBucket.open(connection)


async def open_or_create(connection: Connection, creation: tuple[int, bool] | None) -> ConfigurationBucket:
    """The bucket; where it is missing it is made with `creation` (replicas, in memory), if that is given."""
    if creation is None:
        return await ConfigurationBucket.open(connection)
    bucket, made = await make_bucket(connection, *creation)
    if made:
        say(f"Made the bucket {bucket.target.bucket}.")
    return bucket


async def make_bucket(connection: Connection, replicas: int, memory: bool) -> tuple[ConfigurationBucket, bool]:
    """The bucket, made if it is missing, and whether it was made now."""
    try:
        return await ConfigurationBucket.create(connection, replicas=replicas, memory=memory)
    except NoClusterError as error:
        raise UnreachableError(
            f"The bucket cannot be made with {replicas} replicas at {connection.url}: {error.description}. "
            "Leave out --replicas, or name a server of a cluster."
        ) from None


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; of a group of errors, whose own text names none, one is raised: ours before others."""
    try:
        return asyncio.run(main)
    except BaseExceptionGroup as group:
        error: BaseException = group.subgroup(AjsyncError) or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    raise error  # out here, so that what it came from stays its context


def stop_on_signals() -> asyncio.Event:
    """An event that the first SIGINT or SIGTERM sets; a second one of the same kind ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(sig: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(sig)

    for sig in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sig, on_signal, sig)
    return stop
