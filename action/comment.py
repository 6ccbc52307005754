"""Keep one comment on a pull request up to date: the plan of an owner for one environment.

A step of action.yml runs it as `comment.py PLAN.md`. It uses only the standard library. The pull request is that of the
event. Our comment is recognised by its author and by the HTML comments at its beginning.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Any

_AUTHOR = "github-actions[bot]"
"""The author of comments that are written with a workflow's token.

Anybody can write our markers, and the token may change any comment.
"""
_PAGE = 100
_TIMEOUT_SECONDS = 30


def main() -> None:
    """Update the comment, or write a new one."""
    text = _marked(Path(sys.argv[1]).read_text(encoding="utf-8"), os.environ.get("ENVIRONMENT", ""))
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_bytes())
    repository = f"/repos/{os.environ['GITHUB_REPOSITORY']}"
    comments = f"{repository}/issues/{event['pull_request']['number']}/comments"
    try:
        ours = next((each for each in _all(comments) if _is_ours(each, text)), None)
        if ours is None:
            _call("POST", comments, {"body": text})
        else:
            _call("PATCH", f"{repository}/issues/comments/{ours['id']}", {"body": text})
    except urllib.error.HTTPError as error:
        if error.code not in (401, 403, 404):
            raise
        # The plan is in the summary too, so a token that may not comment is no failure.
        print(
            f"::warning title=ajsync::The plan is not on the pull request (HTTP {error.code}). "
            "The job needs the permission pull-requests: write, which a pull request from a fork never has."
        )


def _marked(text: str, environment: str) -> str:
    """The text with the environment in its markers and its heading, if there is one."""
    if not environment:
        return text
    marker, heading, rest = text.split("\n", 2)
    name = re.sub("[^A-Za-z0-9_.-]", "_", environment)
    return f"{marker}\n<!-- environment {name} -->\n{heading}, environment `{name}`\n{rest}"


def _markers(text: str) -> list[str]:
    return list(takewhile(lambda line: line.startswith("<!--"), text.splitlines()))


def _is_ours(comment: dict[str, Any], text: str) -> bool:
    author = (comment.get("user") or {}).get("login")
    return bool(author == _AUTHOR and _markers(comment.get("body") or "") == _markers(text))


def _all(path: str) -> Iterator[dict[str, Any]]:
    for page in count(1):
        found = _call("GET", f"{path}?per_page={_PAGE}&page={page}")
        yield from found
        if len(found) < _PAGE:
            return


def _call(method: str, path: str, body: dict[str, str] | None = None) -> Any:
    request = urllib.request.Request(
        os.environ["GITHUB_API_URL"] + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
