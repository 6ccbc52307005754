"""What a shell is offered behind TAB: names of schedules, contexts, environments and time zones.

A server that does not answer soon is as good as none. What goes wrong is not told: a prompt has no place for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import click

from ajsync.cli.options.options import Files, Server

_SECONDS = 1.0
"""For whatever a server has to do with; then the user gets the prompt back."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""What shells and commands take for nothing but a name; a `$(...)` that others wrote would run."""


def contexts(ctx: click.Context) -> list[str]:
    """The NATS contexts on disk."""
    from ajsync.transport.context import list_contexts

    return list(list_contexts())


def environments(ctx: click.Context) -> list[str]:
    """The environments of `ajsync.yaml`, be the rest of it valid or not."""
    from ajsync.config.project import list_environments

    return _plain(list_environments(Path.cwd(), ctx.params.get("config")))


def zones() -> list[str]:
    """The time zones by their IANA names."""
    from zoneinfo import available_timezones

    return sorted(available_timezones() - {"localtime"})  # a file of some machines, and no such name


def schedules(ctx: click.Context) -> list[str]:
    """The schedules of the bucket, or of the files if the command looks at those."""
    if ctx.params.get("from_files"):
        from ajsync.cli.options.session import load

        return _plain(sorted(load(_files(ctx)).tasks))
    return _stored(ctx)


def further_schedules(ctx: click.Context) -> list[str]:
    """The schedules that a command which takes several was not given yet."""
    given = ctx.params.get("names") or ()
    return [name for name in schedules(ctx) if name not in given]


def _stored(ctx: click.Context) -> list[str]:
    """The names in the bucket; none if they are not there in time."""
    import asyncio
    import logging

    from ajsync.cli.options.session import configured_context, opened_bucket

    logging.disable()
    server = Server(ctx.params.get("context"), ctx.params.get("server"), _SECONDS)
    context = configured_context(_files(ctx), server, warn=False)
    found: list[str] = []

    async def read() -> None:
        async with opened_bucket(server, context) as bucket:
            found.extend(sorted(await bucket.names()))

    def work() -> None:
        with suppress(Exception):
            asyncio.run(read())

    # A thread can be left where it stands, also one that waits for the name of a host.
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return _plain(found)


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if _PLAIN.fullmatch(name)]


def _files(ctx: click.Context) -> Files:
    return Files(ctx.params.get("config"), ctx.params.get("environment"))
