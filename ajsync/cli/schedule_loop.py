"""Run a scheduler, with its monitor beside it."""

from __future__ import annotations

import gc
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from ajsync.asyncjobs.connection import Connection, connect
from ajsync.asyncjobs.context import Context
from ajsync.asyncjobs.signing import load_signer
from ajsync.asyncjobs.timestamp import NANOSECONDS
from ajsync.asyncjobs.waiting import unless
from ajsync.cli.options import Fires
from ajsync.cli.session import stop_on_signals
from ajsync.errors import UsageError
from ajsync.scheduler.scheduler import Scheduler, Settings

log = logging.getLogger(__name__)

_LEAST_TAKEOVER_SECONDS = 2.0
"""A leader is heard once a second."""


def scheduler_settings(name: str | None, fires: Fires, replicas: int) -> Settings:
    """The settings that the options make."""
    if fires.takeover_after < _LEAST_TAKEOVER_SECONDS:
        raise UsageError(f"--takeover-after is at least {_LEAST_TAKEOVER_SECONDS:g}s: a leader is heard once a second.")
    return Settings(
        name=name or socket.gethostname(),
        takeover_after=fires.takeover_after,
        grace=int(fires.grace * NANOSECONDS),
        catchup_window=int(fires.catchup_window * NANOSECONDS),
        ajc_payloads=fires.ajc_payloads,
        signer=load_signer(fires.sign) if fires.sign else None,
        replicas=replicas,
    )


async def run_scheduler(context: Context, settings: Settings, fires: Fires, timeout: float) -> None:
    """Run one scheduler until a signal, on a connection that is never given up; `timeout` in seconds for the first."""
    stop = stop_on_signals()
    name = f"ajsync scheduler {settings.name}"
    connecting = connect(context, name=name, timeout=timeout, reconnect_timeout=None)
    async with AsyncExitStack() as stack:
        if connection := await unless(stop, stack.enter_async_context(connecting)):
            scheduler = await stack.enter_async_context(monitored(connection, settings, fires))
            await scheduler.run(stop)
    log.info("Stopped")


@asynccontextmanager
async def monitored(connection: Connection, settings: Settings, fires: Fires) -> AsyncIterator[Scheduler]:
    """A scheduler, and while the block runs its monitor, if one is wanted."""
    scheduler = Scheduler(connection, settings)
    scheduler.on_loaded = _look_for_garbage
    async with AsyncExitStack() as stack:
        if fires.monitor is not None:
            try:
                from ajsync.scheduler.monitor import monitor, parse_host, parse_monitor
            except ModuleNotFoundError as error:
                raise UsageError(f"--monitor needs {error.name}: pip install 'ajsync[monitor]'.") from None
            from ajsync.scheduler.overview import not_ready, status_of, unhealthy, warning

            try:
                address = parse_monitor(fires.monitor)
            except ValueError as error:
                raise UsageError(f"--monitor: {error}") from None
            try:
                hosts = tuple(map(parse_host, fires.monitor_host))
            except ValueError as error:
                raise UsageError(f"--monitor-host: {error}") from None
            url = await stack.enter_async_context(
                monitor(
                    address,
                    scheduler.metrics,
                    partial(status_of, scheduler),
                    partial(unhealthy, scheduler),
                    ready=partial(not_ready, scheduler),
                    warning=partial(warning, scheduler),
                    hosts=hosts,
                )
            )
            log.info("Monitoring at %s", url)
        yield scheduler


def _look_for_garbage() -> None:
    """From now on, for this command stays; but never in what is loaded.

    A look through 50,000 schedules takes a fifth of a second, in which nothing is fired.
    """
    gc.freeze()
    gc.enable()
