"""What the commands that talk to a server share: context, connection, bucket and signals."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from ajsync import config
from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.cli.checkout import check_context
from ajsync.cli.options.environ import spelled
from ajsync.cli.options.values import Creation, Scope
from ajsync.cli.output import terminal
from ajsync.cli.output.streams import GONE, working_folder_is_gone
from ajsync.cli.output.terminal import say
from ajsync.cli.project import given
from ajsync.cli.provenance import FilesProvenance
from ajsync.config import Configuration
from ajsync.dev import CONTEXT_NAME
from ajsync.errors import AjsyncError, InvalidError, UnreachableError, UsageError
from ajsync.reconcile.plan import Destination
from ajsync.reconcile.reconciler import Goal, Proposal, destination_of, propose
from ajsync.safety import Opened
from ajsync.selection import EVERYTHING, Selection
from ajsync.text import visible
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import Context, context_for_server, list_contexts, load_context
from ajsync.transport.errors import NoClusterError

T = TypeVar("T")


def configured_context(scope: Scope, *, warn: bool = True) -> str | None:
    """Return the context that the project names; a command that does not read schedules works without a project too.

    With `warn` it warns if an option leads away from the context of the environment. If the working directory is gone,
    its project is unknown, and the default context may lead to the server of another project, so the options have to
    name the server.
    """
    if scope.config is None and scope.environment is None and working_folder_is_gone():
        if scope.context is None and scope.server is None:
            raise UsageError(GONE)
        return None
    configured = config.load_context(
        Path.cwd(), project=scope.config, environment=scope.environment, variables=given(scope)
    )
    if warn:
        warn_if_elsewhere(scope, configured)
    return configured


def chosen_context(scope: Scope, configured: str | None) -> Context:
    """Load the context that the options name, else that of the configuration, else that of the environment
    variables."""
    if scope.server is not None:
        if scope.context is not None:
            server, named = spelled("server"), spelled("context")
            raise UsageError(f"{server} cannot be combined with {named}, which names its own server.")
        if not scope.server.strip():
            empty = f"{spelled('server')} is empty"
            raise UsageError(f"{empty}: name a server, or leave the option out. Is a variable unset?")
        try:
            return context_for_server(scope.server)
        except InvalidError as error:
            raise UsageError(str(error)) from None
    name = scope.context or configured
    if name == CONTEXT_NAME and name not in list_contexts():
        raise InvalidError(
            f"There is no NATS context {name}: 'ajsync dev' makes it, and has to run in another terminal."
        )
    context = load_context(name)
    check_context(context)
    return context


def elsewhere(scope: Scope, configured: str | None) -> str:
    """Say that an option leads away from the context `configured` of the environment; "" if none does.

    Without an environment nothing is said: the project's own context is only a default. The value of --server is not
    shown, because it may hold a password.
    """
    if not scope.environment or not configured:
        return ""
    if scope.server is not None:
        if _leads_to(scope.server, configured):
            return ""
        option, used = "server", "uses another one"
    elif scope.context is not None and scope.context != configured:
        option, used = "context", f"uses {visible(scope.context)}"
    else:
        return ""
    named = f"The environment {visible(scope.environment)} names the context {visible(configured)}"
    remedy = "Leave the option out" if spelled(option) == f"--{option}" else "Unset it"
    return f"{named}, but {spelled(option)} {used}. {remedy} if that is not intended."


def warn_if_elsewhere(scope: Scope, configured: str | None) -> None:
    """Print what `elsewhere` says as a warning."""
    if text := elsewhere(scope, configured):
        terminal.warn(text)


def _leads_to(url: str, configured: str) -> bool:
    with suppress(InvalidError):
        return {*context_for_server(url).servers} <= {*load_context(configured).servers}
    return False


def destination(connection: Connection, scope: Scope, configuration: Configuration) -> Destination:
    """Describe what a command is connected to."""
    instead = configuration.context if elsewhere(scope, configuration.context) else None
    return destination_of(connection, configuration.environment, instead or "")


def goal(configuration: Configuration, opened: Opened, selection: Selection = EVERYTHING) -> Goal:
    """Return the goal: what the files want, the gates that the options open, and what they select."""
    return Goal(
        configuration.owner,
        configuration.tasks,
        configuration.digest,
        configuration.safety,
        opened,
        selection,
        configuration.queues,
        FilesProvenance(configuration),
    )


async def proposal_of(
    bucket: ConfigurationBucket,
    scope: Scope,
    configuration: Configuration,
    opened: Opened,
    selection: Selection,
) -> Proposal:
    """Make the plan of the files for the bucket that the options lead to."""
    where = destination(bucket.connection, scope, configuration)
    return await propose(bucket, goal(configuration, opened, selection), where)


def on_server(scope: Scope, configured: str | None, work: Callable[[Connection], Awaitable[T]]) -> T:
    """Connect as the options or the configuration say, and return what `work` returns."""

    async def main() -> T:
        async with connect(chosen_context(scope, configured), timeout=scope.timeout) as connection:
            return await work(connection)

    return run(main())


def on_bucket(
    scope: Scope,
    configured: str | None,
    work: Callable[[ConfigurationBucket], Awaitable[T]],
    creation: Creation | None = None,
) -> T:
    """Do the same with the bucket, which `creation` makes if it is missing."""

    async def on(connection: Connection) -> T:
        return await work(await open_bucket(connection, creation))

    return on_server(scope, configured, on)


async def open_bucket(connection: Connection, creation: Creation | None) -> ConfigurationBucket:
    """Open the bucket; with `creation` make it if it is missing, and say so."""
    if creation is None:
        return await ConfigurationBucket.open(connection)
    bucket, made = await make_bucket(connection, creation)
    if made:
        say(f"Made the bucket {bucket.target.bucket}.")
    return bucket


async def make_bucket(connection: Connection, creation: Creation) -> tuple[ConfigurationBucket, bool]:
    """Open the bucket, making it if it is missing. The second value says whether it was made now."""
    try:
        return await ConfigurationBucket.create(connection, replicas=creation.replicas, memory=creation.memory)
    except NoClusterError as error:
        raise UnreachableError(
            f"The bucket cannot be made with {creation.replicas} replicas at {connection.url}: {error.description}. "
            "Leave out --replicas, or name a server of a cluster."
        ) from None


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine. A group of errors is replaced by one of them, ours first, because its text names
    none."""
    found: list[T] = []

    async def keep() -> None:
        # It is not the result of the task, because asyncio builds a text of the result at the end for nothing, which
        # takes a tenth of a second for a bucket with 10,000 schedules.
        found.append(await main)

    try:
        asyncio.run(keep())
        return found[0]
    except BaseExceptionGroup as group:
        error: BaseException = group.subgroup(AjsyncError) or group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    raise error  # raised out here, so that it keeps its own context


def stop_on_signals() -> asyncio.Event:
    """Return an event that the first SIGINT or SIGTERM sets; a second one of the same kind ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(sig: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(sig)

    for sig in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sig, on_signal, sig)
    return stop
