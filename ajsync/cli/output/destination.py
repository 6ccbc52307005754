"""Where a command goes, and whether that is where the environment says that it should."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ajsync.errors import InvalidError

if TYPE_CHECKING:
    from ajsync.cli.options.options import Server
    from ajsync.config import Configuration
    from ajsync.reconcile.plan import Destination
    from ajsync.transport.connection import Connection


def destination(connection: Connection, server: Server, configuration: Configuration) -> Destination:
    """The destination of a command that has connected."""
    from ajsync.reconcile.reconciler import destination_of

    environment, configured = configuration.environment, configuration.context
    instead = configured if configured and elsewhere(server, environment, configured) else ""
    return destination_of(connection, environment, instead)


def elsewhere(server: Server, environment: str | None, configured: str | None) -> str:
    """What to warn of where an option leads away from the context `configured` of the environment, else an empty text.

    Without an environment there is nothing to be led away from: the project's own context is only what to take where
    nothing else is said. What is given for --server is not quoted, since it may hold a password.
    """
    from ajsync.text import visible

    if not environment or not configured:
        return ""
    if server.server is not None:
        if _leads_to(server.server, configured):
            return ""
        another = "--server takes another"
    elif server.context is not None and server.context != configured:
        another = f"--context takes {visible(server.context)}"
    else:
        return ""
    named = f"The environment {visible(environment)} names the context {visible(configured)}"
    return f"{named}, and {another} instead. Leave the option out if that is not meant."


def warn_if_elsewhere(server: Server, environment: str | None, configured: str | None) -> None:
    """Warn, on standard error."""
    from ajsync.cli.output.terminal import warn

    if warning := elsewhere(server, environment, configured):
        warn(warning)


def _leads_to(url: str, configured: str) -> bool:
    from ajsync.transport.context import context_for_server, load_context

    with suppress(InvalidError):
        return {*context_for_server(url).servers} <= {*load_context(configured).servers}
    return False
