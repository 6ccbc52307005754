"""The place of a comment: a pull request of GitHub or a merge request of GitLab, from the variables of a job."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from ajsync.errors import UsageError
from ajsync.forge.api import Api, TryAgainError
from ajsync.forge.text import Made, first_line, without_quick_actions
from ajsync.text import one_line

_AUTHOR = "github-actions[bot]"
"""The author of comments that are written with a workflow's token. Anyone can write our marker, and the token may
change any comment."""
_BY_RUNNER = "The runner sets it in each job."


class Place(Protocol):
    """A pull request or merge request."""

    @property
    def made(self) -> Made:
        """The commit and the job that the plan is made for."""
        ...

    def ours(self, marker: str) -> list[str]:
        """The ids of the comments with this marker that this token has written, the oldest first."""
        ...

    def write(self, text: str, comment: str | None = None) -> None:
        """Write a comment, or replace the text of the one with this id."""
        ...

    def remove(self, comment: str) -> None:
        """Remove a comment."""
        ...


def place_of(environ: Mapping[str, str]) -> Place:
    """The pull request or merge request of the job that has these variables. Raises UsageError if there is none."""
    if environ.get("GITHUB_ACTIONS") == "true":
        return _github(environ)
    if environ.get("GITLAB_CI") == "true":
        return _gitlab(environ)
    raise UsageError("This is not a job of GitHub or GitLab, where GITHUB_ACTIONS or GITLAB_CI is 'true'.")


@dataclass(frozen=True, slots=True)
class GitHub:
    """A pull request of GitHub."""

    api: Api
    repository: str
    number: int
    made: Made

    def ours(self, marker: str) -> list[str]:
        """The ids of our comments."""
        found = self.api.all(f"/repos/{self.repository}/issues/{self.number}/comments")
        return _ids(each for each in found if _author(each).get("login") == _AUTHOR and _has(each, marker))

    def write(self, text: str, comment: str | None = None) -> None:
        """Write a comment, or replace the text of one."""
        if comment is None:
            self.api.call("POST", f"/repos/{self.repository}/issues/{self.number}/comments", {"body": text})
        else:
            self.api.call("PATCH", f"/repos/{self.repository}/issues/comments/{comment}", {"body": text})

    def remove(self, comment: str) -> None:
        """Remove a comment."""
        self.api.call("DELETE", f"/repos/{self.repository}/issues/comments/{comment}")


@dataclass(frozen=True, slots=True)
class GitLab:
    """A merge request of GitLab."""

    api: Api
    path: str
    """The path of its notes."""
    made: Made

    def ours(self, marker: str) -> list[str]:
        """The ids of our notes."""
        us = self.api.one("/user").get("id")
        if us is None:
            raise TryAgainError("GitLab does not say whose token GITLAB_TOKEN is.")
        found = self.api.all(f"{self.path}?sort=asc&order_by=created_at")
        return _ids(each for each in found if _author(each).get("id") == us and _has(each, marker))

    def write(self, text: str, comment: str | None = None) -> None:
        """Write a note, or replace the text of one."""
        method, path = ("POST", self.path) if comment is None else ("PUT", f"{self.path}/{comment}")
        self.api.call(method, path, {"body": without_quick_actions(text)})

    def remove(self, comment: str) -> None:
        """Remove a note."""
        self.api.call("DELETE", f"{self.path}/{comment}")


def _ids(comments: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ids, which become parts of paths."""
    return [str(each["id"]) for each in comments if isinstance(each.get("id"), int)]


def _author(comment: Mapping[str, Any]) -> Mapping[str, Any]:
    found = comment.get("author") or comment.get("user")
    return found if isinstance(found, dict) else {}


def _has(comment: Mapping[str, Any], marker: str) -> bool:
    return first_line(str(comment.get("body") or "")) == marker


def _github(environ: Mapping[str, str]) -> GitHub:
    token = _token(environ, "GITHUB_TOKEN", "Give the step 'env: {GITHUB_TOKEN: ${{ github.token }}}'.")
    request = _pull_request(Path(_given(environ, "GITHUB_EVENT_PATH", _BY_RUNNER)))
    repository = _given(environ, "GITHUB_REPOSITORY", _BY_RUNNER)
    url = f"{environ.get('GITHUB_SERVER_URL', '')}/{repository}/actions/runs/{environ.get('GITHUB_RUN_ID', '')}"
    api = Api(
        "GitHub",
        _given(environ, "GITHUB_API_URL", _BY_RUNNER),
        {"Authorization": f"Bearer {token}", "X-GitHub-Api-Version": "2022-11-28"},
        "The job needs the permission pull-requests: write, which a pull request from a fork never has.",
    )
    commit = str((request.get("head") or {}).get("sha") or "")
    return GitHub(api, quote(repository), int(request["number"]), Made(commit, url))


def _gitlab(environ: Mapping[str, str]) -> GitLab:
    request = environ.get("CI_MERGE_REQUEST_IID")
    if not request:
        raise UsageError("This pipeline belongs to no merge request, so there is nothing to comment on.")
    token = _token(environ, "GITLAB_TOKEN", "It is a project access token with the role Reporter and the scope api.")
    api = Api(
        "GitLab",
        _given(environ, "CI_API_V4_URL", _BY_RUNNER),
        {"PRIVATE-TOKEN": token},
        "GITLAB_TOKEN must be a project access token with the role Reporter or above and the scope api.",
        environ.get("CI_SERVER_TLS_CA_FILE", ""),
    )
    commit = environ.get("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or environ.get("CI_COMMIT_SHA", "")
    project = _given(environ, "CI_PROJECT_ID", _BY_RUNNER)
    path = f"/projects/{quote(project)}/merge_requests/{quote(request)}/notes"
    return GitLab(api, path, Made(commit, environ.get("CI_JOB_URL", "")))


def _pull_request(event: Path) -> dict[str, Any]:
    """The pull request that the event of a job is about. Raises UsageError if it is about none."""
    try:
        found = json.loads(event.read_bytes())
    except (OSError, ValueError) as error:
        told = f"The event of this job, which GITHUB_EVENT_PATH names, cannot be read: {one_line(str(error))}."
        raise UsageError(told) from None
    request = found.get("pull_request") if isinstance(found, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("number"), int):
        raise UsageError("The event of this job is about no pull request, so there is nothing to comment on.")
    return request


def _token(environ: Mapping[str, str], name: str, advice: str) -> str:
    """A token. Raises UsageError if it cannot be one, without showing it."""
    token = _given(environ, name, advice)
    if not (token.isascii() and token.isprintable()):
        raise UsageError(f"The variable {name} holds characters that no token has. {advice}")
    return token


def _given(environ: Mapping[str, str], name: str, advice: str) -> str:
    """The value of a variable, without the line break that secrets often have at their end."""
    value = environ.get(name, "").strip()
    if not value:
        raise UsageError(f"The variable {name} is not set. {advice}")
    return value
