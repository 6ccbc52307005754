"""Run a scheduler, with its monitor beside it."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from ajsync.asyncjobs.signing import load_signer
from ajsync.cli.options.values import FiringOptions
from ajsync.cli.session import stop_on_signals
from ajsync.errors import UsageError
from ajsync.scheduler.scheduler import Scheduler
from ajsync.scheduler.settings import Settings
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import Context
from ajsync.waiting import unless

log = logging.getLogger(__name__)

_LEAST_TAKEOVER_SECONDS = 0.5
"""A leader writes its watermark five times a second."""
_LOOK_SECONDS = 0.5
_NEW_OBJECTS = 20_000
"""With this many new objects a look for garbage is worthwhile, and takes some milliseconds."""
_LONGEST_BUSY_SECONDS = 60.0


def scheduler_settings(name: str | None, firing: FiringOptions, replicas: int) -> Settings:
    """Make the settings of a scheduler from the options."""
    if firing.takeover_after < _LEAST_TAKEOVER_SECONDS:
        raise UsageError(
            f"--takeover-after must be at least {_LEAST_TAKEOVER_SECONDS:g}s: a leader is heard from five times a "
            "second."
        )
    name = name or socket.gethostname()
    try:
        name.encode()
    except UnicodeEncodeError:  # no server accepts it
        raise UsageError(f"The name of the scheduler, {name!r}, is not UTF-8 text.") from None
    return Settings(
        name=name,
        takeover_after=firing.takeover_after,
        grace=int(firing.grace * NANOSECONDS),
        catchup_window=int(firing.catchup_window * NANOSECONDS),
        ajc_payloads=firing.ajc_payloads,
        signer=load_signer(firing.sign) if firing.sign else None,
        replicas=replicas,
        metrics_per_schedule=firing.metrics_per_schedule,
    )


async def run_scheduler(context: Context, settings: Settings, firing: FiringOptions, timeout: float) -> None:
    """Run one scheduler until a signal comes; only the first connection attempt has a limit, `timeout` seconds."""
    stop = stop_on_signals()
    name = f"ajsync scheduler {settings.name}"
    connecting = connect(context, name=name, timeout=timeout, reconnect_timeout=None)
    async with AsyncExitStack() as stack:
        if connection := await unless(stop, stack.enter_async_context(connecting)):
            scheduler = await stack.enter_async_context(monitored(connection, settings, firing))
            await scheduler.run(stop)
    log.info("Stopped")


@asynccontextmanager
async def monitored(connection: Connection, settings: Settings, firing: FiringOptions) -> AsyncIterator[Scheduler]:
    """Make a scheduler and, if asked for, serve its monitor while the block runs."""
    scheduler = Scheduler(connection, settings)
    async with AsyncExitStack() as stack:
        garbage = asyncio.create_task(_look_for_garbage(scheduler))
        stack.callback(garbage.cancel)
        if firing.monitor is not None:
            try:
                from ajsync.scheduler.monitor.monitor import monitor, parse_host, parse_monitor
            except ModuleNotFoundError as error:
                raise UsageError(f"--monitor needs {error.name}: pip install 'ajsync[monitor]'.") from None
            from ajsync.cli.output.source import source_text
            from ajsync.scheduler.display import Display
            from ajsync.scheduler.overview import not_ready, status_of, unhealthy, warning

            display = Display(scheduler, source_text)
            await stack.enter_async_context(display.sampling())
            url = await stack.enter_async_context(
                monitor(
                    parse_monitor(firing.monitor),
                    scheduler.metrics,
                    partial(status_of, scheduler),
                    partial(unhealthy, scheduler),
                    source=display,
                    ready=partial(not_ready, scheduler),
                    warning=partial(warning, scheduler),
                    hosts=[*map(parse_host, firing.monitor_host)],
                )
            )
            log.info("Monitoring at %s", url)
        yield scheduler


async def _look_for_garbage(scheduler: Scheduler) -> None:
    """Look for garbage in cycles while nothing is due, only among objects that are new since the last look.

    A full look takes a tenth of a second with ten thousand fires or 25,000 schedules, and nothing can be fired during
    it.
    """
    gc.disable()
    looked_at = 0.0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        now = time.monotonic()
        if not looked_at and scheduler.role.loaded:
            gc.freeze()
            looked_at = now
        idle = scheduler.term is None or scheduler.term.idle
        is_time = idle or now - looked_at > _LONGEST_BUSY_SECONDS
        if looked_at and is_time and gc.get_count()[0] >= _NEW_OBJECTS:
            gc.collect()
            gc.freeze()
            looked_at = now
