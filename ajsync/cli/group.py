"""A group of commands that imports only the called one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from ajsync.cli.options.shared import verbosity_options
from ajsync.text import nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_OTHER_COMMANDS = {
    **dict.fromkeys(("diff", "preview", "drift"), "plan"),
    **dict.fromkeys(("deploy", "sync", "push", "up"), "apply"),
    **dict.fromkeys(("get", "ps"), "list"),
    **dict.fromkeys(("describe", "cat"), "view"),
    **dict.fromkeys(("health", "state"), "status"),
    "logs": "history",
    **dict.fromkeys(("follow", "events", "stream"), "tail"),
    **dict.fromkeys(("trigger", "fire", "enqueue"), "run"),
    **dict.fromkeys(("remove", "destroy"), "delete"),
    **dict.fromkeys(("create", "put"), "add"),
    **dict.fromkeys(("import", "dump"), "export"),
    **dict.fromkeys(("server", "serve"), "dev"),
    **dict.fromkeys(("daemon", "start"), "scheduler"),
    **dict.fromkeys(("check", "test"), "validate"),
    **dict.fromkeys(("format", "tidy"), "fmt"),
    "watch": "apply --yes --watch",
}
"""Names of commands in other tools, and the names here."""
_OTHER_OPTIONS = {
    **dict.fromkeys(("--env", "-env"), "--environment"),
    **dict.fromkeys(("--auto-approve", "-auto-approve", "--approve", "--force"), "--yes"),
    **dict.fromkeys(("--target", "-target", "--only"), "--name"),
    **dict.fromkeys(("--selector", "--selectors", "--labels"), "--label"),
    **dict.fromkeys(("--url", "--nats"), "--server"),
    **dict.fromkeys(("--tz", "--zone"), "--timezone"),
    **dict.fromkeys(("--since", "--start", "--after"), "--from"),
    **dict.fromkeys(("--until", "--end", "--before"), "--to"),
    **dict.fromkeys(("-out", "--plan", "--save"), "--out"),
    "-check": "--check",
    "-diff": "--diff",
    **dict.fromkeys(("--check", "-detailed-exitcode"), "--detailed-exitcode"),
}
"""Names of options in other tools, and the names here, for the commands that have them."""


def _suggest_option(ctx: click.Context, command: click.Command, arguments: Sequence[str]) -> None:
    """End with an error for an option of another tool, which click would misread, or not find similar."""
    known = {flag for param in command.params for flag in param.opts}
    for argument in arguments:
        if argument == "--":
            return
        word = argument.partition("=")[0]
        if word not in known and (meant := _OTHER_OPTIONS.get(word)) in known:
            ctx.fail(f"There is no option {word}. Did you mean {meant}?")


class Interrupted(Exception):
    """The user pressed Ctrl-C."""


class LazyGroup(click.Group):
    """A group whose sub-commands are imported when they are called, each from a module of `commands` with its name."""

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, str],
        aliases: Mapping[str, str],
        **kwargs: Any,
    ) -> None:
        """`table` has the sub-commands and their short helps, and `aliases` further names of them."""
        super().__init__(*args, **kwargs)
        self.table = table
        self.aliases = aliases

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table, which is the order in which a newcomer needs them."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a sub-command, if that is not done yet, and add the verbosity options to it."""
        name = self.aliases.get(cmd_name, cmd_name)
        if name not in self.table:
            return None
        command = copy(self.commands.get(name) or import_module(f"ajsync.cli.commands.{name}").command)
        known = {flag for param in command.params for flag in param.opts}
        command.params = [*command.params, *verbosity_options(known, hidden=True)]
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the sub-command, and return its own name, so that usage lines and errors do not show an alias."""
        unknown = not ctx.resilient_parsing and args[0] not in self.table and args[0] not in self.aliases
        meant = _OTHER_COMMANDS.get(args[0], nearest(args[0], self.table)) if unknown else ""
        if meant.split(" ")[0] in self.table:
            ctx.fail(f"There is no command {args[0]!r}. Did you mean '{ctx.command_path} {meant}'?")
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None and not ctx.resilient_parsing:
            _suggest_option(ctx, command, rest)
        return self.aliases.get(name, name) if name else name, command, rest

    def invoke(self, ctx: click.Context) -> Any:
        """Run the sub-command. Raises Interrupted on Ctrl-C, which click does not distinguish from a closed input."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None
        except click.Abort as error:  # click's own questions catch Ctrl-C
            if isinstance(error.__context__, KeyboardInterrupt):
                raise Interrupted from None
            raise

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer sub-commands from the table, without importing them, and options as click does."""
        from click.shell_completion import CompletionItem  # only completion in a shell needs it

        names = [CompletionItem(name, help=text) for name, text in self.table.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the sub-commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))
