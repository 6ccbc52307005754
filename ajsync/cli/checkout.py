"""The checkout that holds the files: a person who can change it must not be able to choose where our password goes.

A context in the checkout would let the author of a pull request do that: its `url` can name any server, and its
`password` any variable of the job. So a build machine refuses such a context, and elsewhere there is a warning.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import click

from ajsync.cli.output.streams import working_folder_is_gone
from ajsync.cli.output.terminal import warn
from ajsync.config.project import find_project
from ajsync.errors import InvalidError
from ajsync.files import way
from ajsync.transport.context import Context
from ajsync.transport.references import configuration_folder, home_folder

CI_VARIABLES = (
    *("CI", "GITHUB_ACTIONS", "GITLAB_CI", "TF_BUILD", "JENKINS_URL", "TEAMCITY_VERSION", "BUILDKITE"),
    "CODEBUILD_BUILD_ID",
)
"""A build machine sets at least one of these."""
CHECKOUTS = (
    *("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY", "BITBUCKET_CLONE_DIR", "CODEBUILD_SRC_DIR"),
    *("BUILDKITE_BUILD_CHECKOUT_PATH", "DRONE_WORKSPACE", "TRAVIS_BUILD_DIR"),
)
"""The variables that name the checkout of a build machine, which may lack `.git`."""
_NO = ("", "0", "false", "no")


def check_context(context: Context, environ: Mapping[str, str] = os.environ) -> None:
    """Raise InvalidError on a build machine if the file of a context is in the checkout; elsewhere print a warning."""
    if context.path is None:
        return
    passed = [*way(context.path.absolute())]
    checkouts = [root for root in _checkouts(environ) if any(path.is_relative_to(root) for path in passed)]
    if not checkouts:
        return
    checkout = min(checkouts, key=lambda root: len(root.parts))
    if any(environ.get(name, "").lower() not in _NO for name in CI_VARIABLES):
        raise InvalidError(
            f"The NATS context {context.name} is {context.path}, in the checkout {checkout}: a pull request could "
            "change where it leads and which secret of this job it sends there. Keep it in a secret or a file variable "
            "of the pipeline, and write it to a folder outside the checkout that XDG_CONFIG_HOME names."
        )
    # The user's own folder is fine, even inside the project, because a home folder may be a repository itself.
    if os.path.realpath(configuration_folder(environ)) != os.path.realpath(home_folder(environ) / ".config"):
        _warn_once(
            f"The NATS context {context.name} is {context.path}, in the checkout {checkout}: anyone who can change it "
            "there can have your password sent elsewhere. Move it to ~/.config/nats/context; in CI it is refused."
        )


@cache
def _warn_once(text: str) -> None:
    warn(text)


def _checkouts(environ: Mapping[str, str]) -> list[Path]:
    """Return the folder of the project, its parents that have `.git`, and the folders that the build machine names."""
    roots = [Path(os.path.realpath(environ[name])) for name in CHECKOUTS if os.path.isabs(environ.get(name, ""))]  # noqa: PTH117
    if working_folder_is_gone():
        return roots
    called = click.get_current_context(silent=True)
    named = called.params.get("config") if called is not None else None
    project = find_project(Path.cwd()) if named is None else Path.cwd() / named
    folder = Path(os.path.realpath(Path.cwd() if project is None else project.parent))
    roots += [each for each in (folder, *folder.parents) if os.path.lexists(each / ".git")]
    return [*roots, folder] if project is not None else roots
