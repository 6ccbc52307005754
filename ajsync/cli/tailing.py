"""Print what happens to the work of schedules, as it happens, until it is stopped or the reader leaves."""

from __future__ import annotations

import asyncio
import gc
import select
import sys
from collections.abc import Collection, Iterable
from contextlib import AsyncExitStack
from datetime import tzinfo

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.cli.options.values import Scope
from ajsync.cli.output.data import echo_data
from ajsync.cli.output.live import LiveLines, LiveObjects
from ajsync.cli.output.terminal import say
from ajsync.cli.session import chosen_context, stop_on_signals
from ajsync.cli.source import named, selected, source_of
from ajsync.inspect.live import Follower, following
from ajsync.selection import Selection
from ajsync.text import counted
from ajsync.transport.connection import Connection, connect
from ajsync.waiting import unless

_LOOK_SECONDS = 0.5
"""How often to see whether there is still a reader."""
_FULL_SECONDS = 0.02
"""How often to see whether a slow reader takes more."""
_PIECE = 1000
"""The most characters to print at once. A pipe with any room takes 4,096 bytes; more could block this process."""
_IN_A_ROW = 50 * _PIECE
"""How many characters are printed before other tasks get a turn."""
_NO_READER = select.POLLERR | select.POLLHUP


async def tail(
    scope: Scope, configured: str | None, names: Collection[str], selection: Selection, zone: tzinfo, style: str
) -> None:
    """Print what happens to the schedules that are named or selected, as `style` says: `text` or `json`."""
    gc.enable()  # this command keeps running
    stop = stop_on_signals()
    connecting = connect(chosen_context(scope, configured), timeout=scope.timeout, reconnect_timeout=None)
    async with AsyncExitStack() as stack:
        connection = await unless(stop, stack.enter_async_context(connecting))
        if connection is None:
            return

        def wanted(task: ScheduledTask) -> bool:
            return task.name in names if names else selection.matches(task)

        async def work() -> None:
            await _check(connection, names, selection)
            async with following(connection, wanted) as follower:
                say(f"Following {counted(len(follower), 'schedule')} at {connection.url}; stop with Ctrl-C.")
                await _print(follower, zone, style)

        await unless(stop, work())


async def _check(connection: Connection, names: Collection[str], selection: Selection) -> None:
    """Raise NotFoundError for a name that does not exist; say so if nothing is selected."""
    bucket = await ConfigurationBucket.open(connection)
    if names or selection:
        source = source_of(await bucket.read())
        named(source, names) if names else selected(source, selection)


async def _print(follower: Follower, zone: tzinfo, style: str) -> None:
    """Print news until the reader leaves."""
    lines = LiveLines(zone) if style == "text" else LiveObjects(zone)
    await _write(lines.head())
    taking = asyncio.ensure_future(follower.take())
    try:
        while _state() & _NO_READER == 0:
            if not (await asyncio.wait((taking,), timeout=_LOOK_SECONDS))[0]:
                continue
            news = taking.result()
            taking = asyncio.ensure_future(follower.take())
            await _write([line for each in news for line in lines(each)])
    finally:
        taking.cancel()


async def _write(lines: Iterable[str]) -> None:
    """Print lines, and let everything else go on while a slow reader does not take them."""
    text = "".join([f"{line}\n" for line in lines])
    for begin in range(0, len(text), _PIECE):
        while not (state := _state()):  # noqa: ASYNC110 - no event says for every kind of file when it takes more
            await asyncio.sleep(_FULL_SECONDS)
        if state & _NO_READER:
            return
        echo_data(text[begin : begin + _PIECE], nl=False)
        sys.stdout.flush()
        if begin % _IN_A_ROW == 0:
            await asyncio.sleep(0)


def _state() -> int:
    """What `poll` reports for standard output: 0 while it takes nothing."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return sum(event for _, event in poll.poll(0))
