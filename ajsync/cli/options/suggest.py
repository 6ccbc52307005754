"""What a shell offers when TAB is pressed: names of schedules, contexts and environments.

If the server does not answer soon, nothing is offered. Errors are not shown, because a prompt has no place for them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import click

from ajsync.cli.options.values import Scope

_SECONDS = 1.0
"""How long asking a server may take before the user gets the prompt back."""
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
"""Names without a special meaning to a shell or a command: a `$(...)` that others wrote would be run."""


def contexts(ctx: click.Context) -> list[str]:
    """Return the NATS contexts on disk."""
    from ajsync.transport.context import list_contexts

    return list(list_contexts())


def environments(ctx: click.Context) -> list[str]:
    """Return the environments of `ajsync.yaml`, even if other parts of it are not valid."""
    from ajsync.config.project import list_environments

    return _plain(list_environments(Path.cwd(), ctx.params.get("config")))


def schedules(ctx: click.Context) -> list[str]:
    """Return the schedules of the files if the command looks at those, else those of the bucket if they arrive in
    time."""
    if ctx.params.get("from_files"):
        from ajsync.cli.project import load

        return _plain(sorted(load(_scope(ctx)).tasks))
    from ajsync.cli.session import configured_context, on_bucket

    logging.disable()
    scope = _scope(ctx)
    context = configured_context(scope, warn=False)
    found: list[str] = []

    def work() -> None:
        with suppress(Exception):
            found.extend(sorted(on_bucket(scope, context, lambda bucket: bucket.names())))

    # A thread can be abandoned even while it resolves the name of a host.
    thread = Thread(target=work, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return _plain(found)


def further_schedules(ctx: click.Context) -> list[str]:
    """Return the schedules that are not among the given names yet."""
    given = ctx.params.get("names") or ()
    return [name for name in schedules(ctx) if name not in given]


def _plain(names: Iterable[str]) -> list[str]:
    return [name for name in names if _PLAIN.fullmatch(name)]


def _scope(ctx: click.Context) -> Scope:
    named = {name: ctx.params.get(name) for name in ("config", "environment", "context", "server")}
    return Scope(**named, timeout=_SECONDS, variables=ctx.params.get("variables") or {})
