"""The command `ajsync`: finds the sub-command, imports that one only, and turns errors into messages and exit codes."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from typing import NoReturn

import click

from ajsync import __version__
from ajsync.cli.terminal import paint
from ajsync.errors import AjsyncError, ConfigurationError, UsageError

COMMANDS = {
    "init": "Write ajsync.yaml and a first schedules file.",
    "validate": "Check the files, without a server.",
    "plan": "Show how the files differ from the bucket.",
    "apply": "Make the bucket equal to the files.",
    "list": "List the schedules in the bucket.",
    "view": "Show one schedule of the bucket.",
    "export": "Write the schedules of the bucket as YAML.",
    "scheduler": "Turn what is due into tasks, elected among several.",
    "dev": "Run a NATS server for trying things out.",
}
"""Each sub-command and its short help, so that `ajsync --help` imports none of them."""


class LazyGroup(click.Group):
    """A group whose sub-commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of COMMANDS: the way a newcomer goes."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a sub-command; its command is named `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"ajsync.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands from COMMANDS."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="ajsync", message="%(prog)s %(version)s")
def cli() -> None:
    """Schedules as code for Choria Asynchronous Jobs.

    Schedules are YAML files in a repository. 'ajsync plan' shows how they differ from the schedules in the NATS bucket,
    'ajsync apply' makes the bucket equal to them, and never touches what others own.

    \b
    Try it, with a server of its own:
      ajsync dev &
      ajsync init
      ajsync plan  --context ajsync-dev
      ajsync apply --context ajsync-dev

    \b
    Exit codes:
      0  done, or nothing to do        5  conflict, or stale plan
      1  unexpected                    6  partially applied
      2  changes pending               7  unreachable, or not permitted
      3  invalid configuration        64  wrong usage
      4  refused by a gate
    """


def main() -> NoReturn:
    """Run the command line; ends the process with the exit codes of the design."""
    # A command is over before garbage in cycles can matter, and looking for it in 100,000 schedules takes seconds.
    gc.disable()
    try:
        code = cli.main(standalone_mode=False)
    except click.UsageError as error:
        error.show()
        sys.exit(UsageError.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except click.Abort:
        click.echo("Aborted.", err=True)
        sys.exit(1)
    except AjsyncError as error:
        show_error(error)
        sys.exit(error.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def show_error(error: AjsyncError) -> None:
    """Print an error on standard error; of the files, each problem on a line, as editors and CI read them."""
    if isinstance(error, ConfigurationError) and len(error.problems) > 1:
        click.echo(str(error), err=True)
        files = len({problem.location.file for problem in error.problems})
        paint("Error:", "red", f"{len(error.problems)} problems in {files} file{'' if files == 1 else 's'}.")
        return
    paint("Error:", "red", str(error))
