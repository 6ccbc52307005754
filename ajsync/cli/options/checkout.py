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

from ajsync.cli.output.streams import working_folder_is_gone
from ajsync.cli.output.terminal import warn
from ajsync.config.project import find_project
from ajsync.errors import InvalidError
from ajsync.transport.context import Context
from ajsync.transport.references import configuration_folder, home_folder

CI_VARIABLES = (
    *("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "BUILDKITE"),
    "CODEBUILD_BUILD_ID",
)
"""A build machine sets one of them at least."""
CHECKOUTS = (
    *("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR", "CODEBUILD_SRC_DIR"),
    *("BUILDKITE_BUILD_CHECKOUT_PATH", "DRONE_WORKSPACE", "TRAVIS_BUILD_DIR"),
)
"""Where they have the checkout, which may come without `.git`, and wherever the command is started."""
_NO = ("", "0", "false", "no")
_MOST_LINKS = 40
"""As many as Linux follows."""


def check_context(context: Context, environ: Mapping[str, str] = os.environ) -> None:
    """Raise InvalidError on a build machine if the file of a context is one of the checkout; elsewhere warn of it."""
    if context.path is None:
        return
    passed = [*_passed(context.path.absolute())]
    checkouts = [root for root in _checkouts(environ) if any(path.is_relative_to(root) for path in passed)]
    if not checkouts:
        return
    checkout = min(checkouts, key=lambda root: len(root.parts))
    if any(environ.get(name, "").lower() not in _NO for name in CI_VARIABLES):
        raise InvalidError(
            f"The NATS context {context.name} is {context.path}, in the checkout {checkout}: a pull request could "
            "change where it leads and which secret of this job it sends there. Keep it in a secret or a file variable "
            "of the pipeline, and write it to a folder outside of the checkout that XDG_CONFIG_HOME names."
        )
    # Not of the folder of whoever runs this, even if the project is around it: home may be a repository itself.
    if os.path.realpath(configuration_folder(environ)) != os.path.realpath(home_folder(environ) / ".config"):
        _warn_once(
            f"The NATS context {context.name} is {context.path}, in the checkout {checkout}: whoever can change it "
            "there can have your password sent elsewhere. Move it to ~/.config/nats/context; in CI it is refused."
        )


@cache
def _warn_once(text: str) -> None:
    warn(text)


def _checkouts(environ: Mapping[str, str]) -> list[Path]:
    """The folders around the project that have `.git`, those that the build machine names, and the project's own."""
    roots = [Path(os.path.realpath(environ[name])) for name in CHECKOUTS if os.path.isabs(environ.get(name, ""))]  # noqa: PTH117
    if working_folder_is_gone():
        return roots
    called = click.get_current_context(silent=True)
    named = called.params.get("config") if called is not None else None
    project = find_project(Path.cwd()) if named is None else Path.cwd() / named
    folder = Path(os.path.realpath(Path.cwd() if project is None else project.parent))
    roots += [each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")]
    return [*roots, folder] if project is not None else roots


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
