"""The command `ajsync`: finds the sub-command, imports that one only, and turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from typing import NoReturn

import click

from ajsync.cli.commands import COMMANDS, CRON_ALIASES
from ajsync.cli.group import Interrupted, LazyGroup
from ajsync.cli.options.options import outer_context_option
from ajsync.cli.options.verbosity import current, reset, verbosity_options
from ajsync.cli.output.terminal import paint
from ajsync.errors import AjsyncError, ConfigurationError, UsageError, WriteError
from ajsync.version import __version__

_INTERRUPTED = 130
"""As a shell reports a process that SIGINT has ended."""
_OUTPUT_FAILURES = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))
"""Why a disk, or a terminal that is gone, does not take what is printed. A pipe without a reader is no failure."""
COMPLETE_VARIABLE = "_AJSYNC_COMPLETE"
"""What the shells' scripts say in the environment when they ask what could come next."""


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    aliases={**CRON_ALIASES, "t": "task", "tasks": "task"},
    groups=("task",),
    context_settings={"help_option_names": ["-h", "--help"]},
    params=[*verbosity_options()],
)
@outer_context_option
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
      2  changes, where asked for      7  unreachable, or not permitted
      3  invalid configuration        64  wrong usage
      4  refused by a gate

    The options below may stand behind a command's name too.
    """


def main() -> NoReturn:
    """Run the command line; ends the process with the exit codes of the design."""
    # A command is over before garbage in cycles can matter, and looking for it in 100,000 schedules takes seconds.
    gc.disable()
    from ajsync.cli.output.build_machine import guard_output
    from ajsync.cli.output.streams import GONE, give_up_output, prepare_streams, working_folder_is_gone

    reset()
    prepare_streams()
    guard_output()
    if COMPLETE_VARIABLE in os.environ:
        _complete()
    try:
        code = cli.main(standalone_mode=False)
    except Interrupted:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever presses Ctrl-C twice gets no traceback for it
        _end_line()
        click.echo("Interrupted.", err=True)
        sys.exit(_INTERRUPTED)
    except click.UsageError as error:
        error.show()
        sys.exit(UsageError.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
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
        else:  # files and servers are named in what they raise, so this is what was printed
            show_error(WriteError(f"Standard output cannot be written: {error.strerror}."))
        sys.exit(AjsyncError.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets a line that says what to do
        _show_unexpected(error)
        sys.exit(AjsyncError.exit_code)
    sys.exit(code if isinstance(code, int) else 0)


def _complete() -> NoReturn:
    """Answer a shell that asks what could come next: nothing, if anything goes wrong."""
    instruction = os.environ[COMPLETE_VARIABLE]
    if instruction.endswith("_complete"):
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - as long as the process: it would end in the prompt
    status = 1
    try:
        cli.main(prog_name="ajsync", complete_var=COMPLETE_VARIABLE)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001, S110 - as said
        pass
    sys.stdout.flush()
    os._exit(status)  # at once: what still waits for a server that does not answer must not keep the shell waiting


def _end_line() -> None:
    """Leave the line of a terminal on which a question or `^C` stands."""
    if sys.stderr.isatty():
        click.echo(err=True)


def _show_unexpected(error: Exception) -> None:
    """Print what nobody has thought of; with --debug where it came from."""
    if current.debug:
        import traceback

        traceback.print_exception(error)
        return
    from ajsync.text import escape

    told = escape(f"{type(error).__name__}: {error}".splitlines()[0])
    paint("Error:", "red", f"Unexpected {told}. The same with --debug shows where it comes from.")


def show_error(error: AjsyncError) -> None:
    """Print an error on standard error; of the files, each problem on a line, as editors and CI read them.

    Whatever an error quotes of files, bucket or server, nothing of it steers a terminal or begins a line.
    """
    from ajsync.text import counted, escape

    texts = error.problems if isinstance(error, ConfigurationError) else (error,)
    shown = "\n".join(escape(str(text)) for text in texts)
    if isinstance(error, ConfigurationError) and any(problem.location.line for problem in error.problems):
        click.echo(shown, err=True)
        files = len({problem.location.file for problem in error.problems})
        rest = " There are more; they were not looked for." if error.stopped else ""
        paint("Error:", "red", f"{counted(len(error.problems), 'problem')} in {counted(files, 'file')}.{rest}")
        return
    paint("Error:", "red", shown)
