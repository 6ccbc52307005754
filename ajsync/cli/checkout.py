"""The checkout that holds the files: whoever can change it must not be able to say where our password is sent.

A context in it would let a pull request do just that: its `url` is a server of the author's, and its `password` any
variable of the job. So a build machine refuses it, and elsewhere there is a warning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import click

from ajsync.asyncjobs.context import Context
from ajsync.cli.streams import working_folder_is_gone
from ajsync.cli.terminal import warn
from ajsync.config.project import find_project
from ajsync.errors import InvalidError

CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "BUILDKITE")
"""A build machine sets one of them at least."""
_CHECKOUTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Where GitHub's and GitLab's have the checkout, which may come without `.git`."""
_NO = ("", "0", "false", "no")
_MOST_LINKS = 40
"""As many as Linux follows."""


def check_context(context: Context, environ: Mapping[str, str] = os.environ) -> None:
    """Raise InvalidError on a build machine if the file of a context is one of the checkout; elsewhere warn of it."""
    checkout = _checkout(environ)
    if context.path is None or checkout is None:
        return
    if not any(path.is_relative_to(checkout) for path in _passed(context.path.absolute())):
        return
    if any(environ.get(name, "").lower() not in _NO for name in CI_VARIABLES):
        raise InvalidError(
            f"The NATS context {context.name} is {context.path}, in the checkout {checkout}: a pull request could "
            "change where it leads and which secret of this job it sends there. Keep it in a secret or a file variable "
            "of the pipeline, and write it to a folder outside of the checkout that XDG_CONFIG_HOME names."
        )
    if environ.get("XDG_CONFIG_HOME"):  # else it is the folder of whoever runs this, even if the project is around it
        _warn_once(
            f"The NATS context {context.name} is {context.path}, in the checkout {checkout}: whoever can change it "
            "there can have your password sent elsewhere. Move it to ~/.config/nats/context; in CI it is refused."
        )


@cache
def _warn_once(text: str) -> None:
    warn(text)


def _checkout(environ: Mapping[str, str]) -> Path | None:
    """The outermost folder around the project that has `.git` or is named by the build machine, else the project's own.

    None where there is neither a project nor a checkout.
    """
    called = click.get_current_context(silent=True)
    named = called.params.get("config") if called is not None else None
    if working_folder_is_gone():
        return None
    project = find_project(Path.cwd()) if named is None else Path.cwd() / named
    folder = Path(os.path.realpath(Path.cwd() if project is None else project.parent))
    roots = [each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")]
    roots += [
        root
        for root in (Path(os.path.realpath(environ[name])) for name in _CHECKOUTS if environ.get(name))
        if folder.is_relative_to(root)
    ]
    return min(roots, key=lambda root: len(root.parts)) if roots else folder if project is not None else None


def _passed(path: Path) -> Iterator[Path]:
    """Every file, folder and link by way of which the system comes to an absolute path: each may lead elsewhere."""
    parts = [*reversed(path.parts[1:])]
    at = Path(path.anchor)
    links = 0
    while parts:
        part = parts.pop()
        if part == "..":
            at = at.parent
            continue
        here = at / part
        yield here
        if not here.is_symlink() or links >= _MOST_LINKS:
            at = here
            continue
        links += 1
        target = here.readlink()
        parts += [*reversed(target.parts[1:] if target.is_absolute() else target.parts)]
        at = Path(target.anchor) if target.is_absolute() else at
