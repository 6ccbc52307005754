"""`ajsync completion`: print the script that lets a shell complete commands, options and names."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the script that lets a shell complete commands, options, schedules, contexts and environments.

    Schedules are looked up in the bucket, for at most a second.

    \b
    bash 4.4 or newer, in ~/.bashrc:
      source <(ajsync completion bash)

    \b
    zsh, in a folder of $fpath, before compinit runs:
      ajsync completion zsh > "${fpath[1]}/_ajsync"
    or in ~/.zshrc, after compinit:
      source <(ajsync completion zsh)

    \b
    fish:
      ajsync completion fish > ~/.config/fish/completions/ajsync.fish

    New shells have it. The script asks the installed 'ajsync', so a new version needs no new script.
    """
    from click.shell_completion import get_completion_class

    from ajsync.cli.commands import COMPLETE_VARIABLE

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(click.get_current_context().find_root().command, {}, "ajsync", COMPLETE_VARIABLE).source()
    # click's script for fish would cut a description at its first comma.
    click.echo(script.replace('string split "," $', 'string split --max 1 "," $'), nl=False)
