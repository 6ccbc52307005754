"""Who applies, and from which commit: from git and from the variables that GitHub and GitLab set for a job."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ajsync.asyncjobs.applied import COMMIT_ID, Commit, Origin
from ajsync.git.checkout import Checkout
from ajsync.timestamp import parse_timestamp


@dataclass(frozen=True, slots=True)
class _Job:
    """The names of the variables of a build machine."""

    mark: str
    """The variable that is `true` in a job."""
    by: tuple[str, ...]
    """The variables with the id of the commit; the first one that is set counts."""
    commit: str
    ref: tuple[str, ...]
    time: str
    workspace: str
    """The variable with the folder of the checkout."""


_JOBS = (
    _Job(
        mark="GITHUB_ACTIONS",
        by=("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"),
        commit="GITHUB_SHA",
        ref=("GITHUB_HEAD_REF", "GITHUB_REF_NAME"),
        time="",
        workspace="GITHUB_WORKSPACE",
    ),
    _Job(
        mark="GITLAB_CI",
        by=("GITLAB_USER_LOGIN",),
        commit="CI_COMMIT_SHA",
        ref=("CI_COMMIT_REF_NAME",),
        time="CI_COMMIT_TIMESTAMP",
        workspace="CI_PROJECT_DIR",
    ),
)


def commit_of(checkout: Checkout, environ: Mapping[str, str] = os.environ) -> Commit | None:
    """The commit of the files with its time, as far as git or the build machine knows it."""
    return _either(checkout.head(), _said(checkout.folder, environ))


def origin_of(checkout: Checkout, sources: Iterable[Path], environ: Mapping[str, str] = os.environ) -> Origin:
    """Who applies the files `sources` of a project, and from which commit; for the record."""
    head = checkout.head()
    commit = _either(head, _said(checkout.folder, environ))
    if commit is not None and head is not None:
        commit = replace(commit, ref=commit.ref or checkout.branch(), dirty=checkout.is_dirty(sources))
    return Origin(person(checkout, environ), commit)


def person(checkout: Checkout, environ: Mapping[str, str] = os.environ) -> str:
    """Who is acting: according to the build machine, or git, or else `user@host`."""
    job = _job(environ)
    return (_first(environ, job.by) if job else checkout.user()) or user_and_host()


def user_and_host() -> str:
    """Who runs this process, as `user@host`."""
    user = str(os.getuid())
    with suppress(OSError, KeyError, ImportError):  # a container may have no name for the user
        user = getpass.getuser()
    return f"{user}@{socket.gethostname()}"


def _either(head: Commit | None, said: Commit | None) -> Commit | None:
    """What git says comes first, because a job may check out a commit other than the one that it was started for."""
    if head is None or said is None or head.id != said.id:
        return head or said
    return replace(said, time=head.time)


def _said(folder: Path, environ: Mapping[str, str]) -> Commit | None:
    """The commit that the build machine names, if the folder is in its checkout."""
    job = _job(environ)
    if job is None or not COMMIT_ID.fullmatch(environ.get(job.commit, "")):
        return None
    workspace = environ.get(job.workspace, "")
    if workspace and not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(workspace)):
        return None
    time = 0
    with suppress(ValueError):
        time = parse_timestamp(environ.get(job.time, ""))
    return Commit(environ[job.commit], time, _first(environ, job.ref))


def _job(environ: Mapping[str, str]) -> _Job | None:
    return next((job for job in _JOBS if environ.get(job.mark) == "true"), None)


def _first(environ: Mapping[str, str], names: Iterable[str]) -> str:
    return next((environ[name] for name in names if environ.get(name)), "")
