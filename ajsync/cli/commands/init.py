"""`ajsync init`: write a first configuration, and make the bucket."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from ajsync.asyncjobs.names import OWNER_NAME
from ajsync.cli.options.environ import is_option
from ajsync.cli.options.shared import environment_option, server_options
from ajsync.cli.options.values import Creation, Scope
from ajsync.cli.options.var import var_option
from ajsync.errors import UsageError, WriteError
from ajsync.files import make_folder, write_new
from ajsync.text import plural
from ajsync.version import __version__

_SCHEMAS = ("ajsync.schema.json", "schedules.schema.json")

_PROJECT = """\
# yaml-language-server: $schema=.ajsync/schemas/ajsync.schema.json

# The owner of these schedules. ajsync changes and deletes only schedules of this owner, so others can share the bucket.
owner: {owner}

# Where the schedules are. Each pattern must match a file, unless it is written {{match: local/*.yaml, optional: true}}.
files: [schedules/**/*.yaml]

# The NATS context of their server; --context overrides it.
{context}

# Settings of every schedule that does not set them itself.
# defaults:
#   timezone: Europe/Malta

# The same schedules in several places, chosen with --environment. ${{stage}} in a schedule becomes DEV or PROD.
# environments:
#   dev: {{context: ajsync-dev, variables: {{stage: DEV}}}}
#   prod: {{context: nats-prod, variables: {{stage: PROD}}}}

# How many schedules a plan may delete before 'apply' asks for --allow-deletes.
# safety: {{max_delete: 10, max_delete_percent: 30}}
"""

_EXAMPLE = """\
# yaml-language-server: $schema=../.ajsync/schemas/schedules.schema.json

# Settings of every schedule of this file that does not set them itself.
defaults:
  timezone: UTC
  queue: DEFAULT

schedules:
  EXAMPLE_REPORT:
    # Minute, hour, day of the month, month, weekday; or "@daily", "@every 10m". Quote what begins with @ or *.
    schedule: "0 6 * * mon-fri"
    # The workers of the queue choose the handler of a task by its type.
    task_type: example:report
    description: A report on every working day
    # A task that no worker has started by then is dropped.
    deadline: 12h
    max_tries: 3
    # The payload of each task, as JSON. For other bytes there are payload_file and payload_base64.
    payload:
      format: pdf
      recipients: [team@example.net]

  EXAMPLE_CLEANUP:
    schedule: "@every 10m"
    task_type: example:cleanup
    # No new task while the previous one is not finished.
    overlap: skip
    # Keeps the schedule out of the bucket. Remove the line to start it.
    suspend: true
"""

_GITIGNORE = """\
# The data of 'ajsync dev' stays out of git. The schemas are for the editors of everyone who clones the repository.
*
!.gitignore
!schemas/
!schemas/*.json
"""


@click.command()
@click.option("--owner", metavar="NAME", help="The owner of the schedules. [default: the folder's name]")
@click.option(
    "--bucket",
    is_flag=True,
    help="Make the bucket on the server too. Files are then written only if there is no ajsync.yaml yet.",
)
@click.option("--replicas", type=click.IntRange(1, 5), help="With --bucket: how many replicas. [default: 1]")
@click.option("--memory", is_flag=True, help="With --bucket: keep the bucket in memory.")
@click.option("--schemas", is_flag=True, help="Write only the schemas, for the existing project.")
@environment_option
@var_option
@server_options
def command(owner: str | None, bucket: bool, replicas: int | None, memory: bool, schemas: bool, scope: Scope) -> None:
    """Write ajsync.yaml and a first schedules file; an existing file is never overwritten.

    Their JSON Schemas are written into .ajsync/schemas, where editors find them without a network. ajsync.yaml gets the
    --context. After an update of ajsync, --schemas writes the schemas of the new release, and nothing else, into the
    project that is here or in a folder above.

    With --bucket the bucket is made too, if it is missing. If there is an ajsync.yaml already, here or in a folder
    above, nothing is written, and its context is used, or that of the --environment.

    \b
    Examples:
      ajsync init
      ajsync init --owner billing-team --context nats-prod
      ajsync init --bucket --replicas 3 --context nats-prod
      ajsync init --bucket --environment prod
      ajsync init --schemas
    """
    from ajsync.config.project import find_project

    if schemas:
        others = owner is not None or bucket or replicas is not None or memory or scope.variables
        if others or any(map(is_option, ("environment", "context", "server"))):
            raise UsageError("--schemas cannot be combined with other options.")
        _refresh(find_project(Path.cwd()))
        return
    if not bucket and (replicas is not None or memory or is_option("server")):
        raise UsageError("--replicas, --memory and --server need --bucket.")
    project = find_project(Path.cwd()) if bucket else None
    if project is not None and owner is not None:
        raise UsageError(f"--owner has no effect: {project} exists already, and --bucket does not change it.")
    if project is None and (is_option("environment") or scope.variables):
        raise UsageError("--environment and --var need --bucket and an ajsync.yaml that exists.")
    files = {} if project is not None else _files(Path.cwd(), owner, scope.context)
    if bucket:
        from ajsync.cli.session import configured_context, make_bucket, on_server

        configured = configured_context(replace(scope, config=project)) if project is not None else None
        creation = Creation(replicas or 1, memory)
        made, is_new = on_server(scope, configured, lambda connection: make_bucket(connection, creation))
        name, url = made.target.bucket, made.connection.url
        click.echo(f"Made the bucket {name} at {url}." if is_new else f"The bucket {name} exists already at {url}.")
    if files:
        _write_schemas(Path.cwd())
        write_new(files)
        _say_what_next(files, scope.context, bucket)


def prepare_folder(project: Path) -> Path:
    """Make the folder `.ajsync` of a project; git sees only the schemas in it."""
    folder = project / ".ajsync"
    try:
        make_folder(folder)
        with suppress(FileExistsError), (folder / ".gitignore").open("x", encoding="utf-8") as stream:
            stream.write(_GITIGNORE)
    except OSError as error:
        raise WriteError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    return folder


def _files(folder: Path, owner: str | None, context: str | None) -> Mapping[Path, str]:
    """Return the files to write, relative to `folder`, and their text. Raises UsageError if one of them exists.

    Without an `owner` the folder's name is used, with `-` for characters that are not allowed.
    """
    from ajsync.config.emit import scalar
    from ajsync.transport.context import DEFAULT_CONTEXT

    name = re.sub(r"[^A-Za-z0-9_]+", "-", folder.name).strip("-") if owner is None else owner
    if not OWNER_NAME.fullmatch(name):
        if owner is None:
            raise UsageError(f"The folder's name {folder.name!r} cannot be made into an owner: pass --owner.")
        raise UsageError(f"{owner!r} cannot be an owner: use letters, digits, _ and -.")
    files = {
        Path("ajsync.yaml"): _PROJECT.format(
            owner=scalar(name),
            context=f"context: {scalar(context)}" if context else f"# context: {DEFAULT_CONTEXT}",
        ),
        Path("schedules/example.yaml"): _EXAMPLE,
    }
    if there := [str(file) for file in files if (folder / file).exists()]:
        exist = plural(len(there), "exists", "exist")
        raise UsageError(f"{' and '.join(there)} {exist} already in {folder}. Nothing was written.")
    return files


def _refresh(project: Path | None) -> None:
    if project is None:
        raise UsageError(
            "There is no ajsync.yaml here or in a folder above: 'ajsync init' writes one, and the schemas."
        )
    _write_schemas(project.parent)
    click.echo(f"Wrote the schemas of ajsync {__version__} into {project.parent / '.ajsync' / 'schemas'}.")


def _write_schemas(folder: Path) -> None:
    from ajsync.config import schema_file

    schemas = prepare_folder(folder) / "schemas"
    try:
        make_folder(schemas)
        for name in _SCHEMAS:
            (schemas / name).unlink(missing_ok=True)  # removes a link, not its target
            with (schemas / name).open("xb") as stream:
                stream.write(schema_file(name).read_bytes())
    except OSError as error:
        raise WriteError(f"{error.filename or schemas} cannot be written: {error.strerror}.") from None


def _say_what_next(files: Mapping[Path, str], context: str | None, bucket: bool) -> None:
    click.echo(f"Wrote {' and '.join(map(str, files))}, and the schemas for editors into .ajsync/schemas.\n")
    click.echo("Edit them, and then:")
    click.echo("  ajsync validate                      checks the files")
    if context:
        if not bucket:
            click.echo("  ajsync init --bucket                 makes the bucket, if it is missing")
        click.echo("  ajsync plan                          shows what would change")
        click.echo("  ajsync apply                         changes it")
    else:
        click.echo("  ajsync dev                           runs a NATS server to try things out, until Ctrl-C")
        click.echo("  ajsync plan --context ajsync-dev     shows what would change there")
        click.echo("  ajsync apply --context ajsync-dev    changes it")
