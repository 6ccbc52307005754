"""The parts of the APIs of GitHub and GitLab that a comment needs, on this machine, with failures on demand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

NUMBER = 7
HEAD = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "t0ken"


@dataclass(frozen=True, slots=True)
class Failure:
    """One answer that is none of success, before the call does anything, or `after` it."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    after: bool = False
    method: str = ""
    """Only for a call with this method."""
    path: str = ""
    """Only for a call whose path ends so."""
    body: str = '{"message": "refused"}'


@dataclass(slots=True)
class Request:
    """A pull request or merge request with its comments."""

    bot: str = "github-actions[bot]"
    comments: list[dict[str, Any]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    """What the next calls are answered with; with `always` the last of them stays."""
    always: bool = False
    calls: list[str] = field(default_factory=list)
    failed: int = 0
    """How many calls have failed."""
    url: str = ""

    def write(self, author: str, body: str) -> dict[str, Any]:
        """Write a comment."""
        user = {"login": author, "id": hash(author)}
        last = self.comments[-1]["id"] if self.comments else 999
        self.comments.append({"id": last + 1, "user": user, "author": user, "body": body})
        return self.comments[-1]

    def by(self, author: str) -> list[str]:
        """What somebody has written."""
        return [comment["body"] for comment in self.comments if comment["user"]["login"] == author]

    def ours(self) -> list[str]:
        """What the token has written."""
        return self.by(self.bot)

    def github(self, folder: Path) -> dict[str, str]:
        """The variables of a job of GitHub on this pull request, which gets its token in a step."""
        event = folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": NUMBER, "head": {"sha": HEAD}}}))
        return {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.url,
            "GITHUB_SERVER_URL": "https://git.example",
            "GITHUB_RUN_ID": "42",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "owner/repository",
        }

    def gitlab(self) -> dict[str, str]:
        """The variables of a job of GitLab on this merge request."""
        return {
            "GITLAB_CI": "true",
            "CI_API_V4_URL": self.url,
            "CI_PROJECT_ID": "3",
            "CI_MERGE_REQUEST_IID": str(NUMBER),
            "CI_COMMIT_SHA": HEAD,
            "CI_JOB_URL": "https://git.example/jobs/42",
            "GITLAB_TOKEN": TOKEN,
        }

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        """The status and the content of the answer to a request."""
        url = urlsplit(target)
        self.calls.append(f"{method} {url.path}")
        if url.path == "/user":
            return 200, {"id": hash(self.bot)}
        listed = rf"/repos/owner/repository/issues/{NUMBER}/comments|/projects/3/merge_requests/{NUMBER}/notes"
        if re.fullmatch(listed, url.path):
            if method == "POST":
                return 201, self.write(self.bot, json.loads(body)["body"])
            query = parse_qs(url.query)
            size = int(query["per_page"][0])
            start = (int(query["page"][0]) - 1) * size
            return 200, self.comments[start : start + size]
        found = re.search(r"/(?:comments|notes)/(\d+)$", url.path)
        comment = next((each for each in self.comments if found and each["id"] == int(found[1])), None)
        if comment is None:
            return 404, {"message": "Not Found"}
        if method == "DELETE":
            self.comments.remove(comment)
            return 204, None
        assert method == ("PUT" if url.path.startswith("/projects") else "PATCH")
        comment["body"] = json.loads(body)["body"]
        return 200, comment

    def failure(self, method: str, target: str) -> Failure | None:
        """What to answer instead; None if nothing is wrong."""
        if not self.failures or self.failures[0].method not in ("", method):
            return None
        if not urlsplit(target).path.endswith(self.failures[0].path):
            return None
        self.failed += 1
        return self.failures[0] if self.always else self.failures.pop(0)


@contextmanager
def served(request: Request) -> Iterator[Request]:
    """Serve the API while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            failure = request.failure(self.command, self.path)
            tokens = (self.headers["Authorization"], self.headers["PRIVATE-TOKEN"])
            answer = Failure(401, body='{"message": "Bad credentials"}')
            if f"Bearer {TOKEN}" in tokens or TOKEN in tokens:
                if failure is None or failure.after:
                    status, content = request.answer(self.command, self.path, body)
                    answer = Failure(status, body="" if content is None else json.dumps(content))
                answer = failure or answer
            data = answer.body.encode()
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        request.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield request
        finally:
            server.shutdown()
            thread.join()
