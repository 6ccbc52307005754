"""`ajsync comment`: keep the plan on a pull request up to date."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Show a plan as a comment on the pull request or merge request of this job.

    FILE is what 'ajsync plan --report markdown=FILE' wrote. There is one comment for each owner and environment; it is
    replaced, and names the commit. If the API has trouble, it is tried again for half a minute.

    A job of GitHub needs the variable GITHUB_TOKEN and the permission 'pull-requests: write', and one of GitLab needs
    GITLAB_TOKEN: a project access token with the role Reporter and the scope api.

    \b
    Examples:
      ajsync plan --report markdown=plan.md && ajsync comment plan.md
    """
    import os
    import time

    from ajsync.cli.output.terminal import say
    from ajsync.errors import UsageError
    from ajsync.files import read_regular
    from ajsync.forge.keeping import keep_comment
    from ajsync.forge.places import place_of
    from ajsync.text import visible

    try:
        text = read_regular(file).decode(errors="replace")
    except OSError as error:
        raise UsageError(f"The file {visible(str(file))} cannot be read: {error.strerror or error}.") from None
    keep_comment(place_of(os.environ), text.rstrip("\n"), pause=time.sleep)
    say("The plan is on the pull request.")
