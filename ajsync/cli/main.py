"""The command `ajsync`: runs a sub-command, importing only that one, and turns errors into messages and exit codes."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
from typing import NoReturn

import click

from ajsync.cli.commands import COMMANDS, COMPLETE_VARIABLE, CRON_ALIASES
from ajsync.cli.group import Interrupted, LazyGroup
from ajsync.cli.options.shared import outer_context_option, verbosity_options
from ajsync.cli.output.terminal import label, show_error, verbosity
from ajsync.errors import AjsyncError, UsageError, WriteError
from ajsync.text import escape
from ajsync.version import __version__

_INTERRUPTED = 130
"""The exit code with which a shell reports a process that SIGINT ended."""
_OUTPUT_FAILURES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""The errors of a full disk or a vanished terminal. A pipe without a reader is not a failure."""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    aliases={**CRON_ALIASES, "t": "task", "tasks": "task"},
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[*verbosity_options()],
)
@outer_context_option
@click.version_option(__version__, "-V", "--version", prog_name="ajsync", message="%(prog)s %(version)s")
def cli() -> None:
    """Schedules as code for Choria Asynchronous Jobs.

    Schedules are YAML files in a repository. 'ajsync plan' shows how they differ from the schedules in the NATS bucket.
    'ajsync apply' makes the bucket equal to the files, and never touches what others own.

    \b
    To try it with a server of its own:
      ajsync dev &
      ajsync init
      ajsync plan  --context ajsync-dev
      ajsync apply --context ajsync-dev

    \b
    Exit codes:
      0  done, or nothing to do        5  conflict, or stale plan
      1  unexpected                    6  partially applied
      2  changes, where asked for      7  unreachable, or not permitted
      3  invalid configuration        64  wrong usage
      4  refused by a gate

    The options below can also follow the name of a command.
    """


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    # A command ends before garbage in cycles matters, and looking for it among 100,000 schedules takes seconds.
    gc.disable()
    atexit.register(gc.freeze)  # or else Python looks for it all the same as it ends
    from ajsync.cli.output.build_machine import guard_output
    from ajsync.cli.output.streams import GONE, give_up_output, prepare_streams, working_folder_is_gone

    verbosity.reset()
    prepare_streams()
    guard_output()
    if COMPLETE_VARIABLE in os.environ:
        _complete()
    try:
        code = cli.main(standalone_mode=False)
    except Interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C must not show a traceback
        _end_line()
        click.echo("Interrupted.", err=True)
        sys.exit(_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(UsageError.exit_code if isinstance(error, click.UsageError) else AjsyncError.exit_code)
    except click.Abort:
        _end_line()
        click.echo("Aborted.", err=True)
        sys.exit(1)
    except AjsyncError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and working_folder_is_gone():
            show_error(UsageError(GONE))
            sys.exit(UsageError.exit_code)
        give_up_output()
        if error.errno not in _OUTPUT_FAILURES or error.filename is not None:
            _show_unexpected(error)
        else:  # errors of files and servers name these, so this one is about the output
            show_error(WriteError(f"Standard output cannot be written: {error.strerror}."))
        sys.exit(AjsyncError.exit_code)
    except Exception as error:  # noqa: BLE001 - for any error the user gets a line that says what to do
        _show_unexpected(error)
        sys.exit(AjsyncError.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _complete() -> NoReturn:
    """Tell a shell what could come next; nothing if anything goes wrong."""
    instruction = os.environ[COMPLETE_VARIABLE]
    if instruction.endswith("_complete"):
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - kept open: errors must not appear in the prompt
    status = 1
    try:
        cli.main(prog_name="ajsync", complete_var=COMPLETE_VARIABLE)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001, S110 - a prompt has no place for errors
        pass
    sys.stdout.flush()
    os._exit(status)  # at once, so that a thread that waits for a server does not keep the shell waiting


def _end_line() -> None:
    """Begin a new line on a terminal, after a question or `^C`."""
    if sys.stderr.isatty():
        click.echo(err=True)


def _show_unexpected(error: Exception) -> None:
    """Print an error that should not happen, with --debug as a traceback."""
    if verbosity.debug:
        import traceback

        traceback.print_exception(error)
        return
    text = escape(f"{type(error).__name__}: {error}".splitlines()[0])
    label("Error:", "alarm", f"Unexpected {text}. Run again with --debug for a traceback.")
