"""The part of GitHub's API that a comment on a pull request needs, on this machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

BOT = "github-actions[bot]"
NUMBER = 7
_REPOSITORY = "/repos/owner/repository"


@dataclass(slots=True)
class PullRequest:
    """A pull request with its comments; with `status` every call is refused."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    status: int = 0
    url: str = ""

    def write(self, author: str, body: str) -> None:
        """Write a comment."""
        self.comments.append({"id": 1000 + len(self.comments), "user": {"login": author}, "body": body})

    def by(self, author: str) -> list[str]:
        """What somebody has written."""
        return [comment["body"] for comment in self.comments if comment["user"]["login"] == author]

    def environ(self, folder: Path) -> dict[str, str]:
        """The variables of a job on this pull request."""
        event = folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": NUMBER}}))
        return {
            "GITHUB_API_URL": self.url,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_REPOSITORY": "owner/repository",
        }

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, Any]:
        """The status and the content of the answer to a request."""
        url = urlsplit(target)
        if self.status:
            return self.status, {"message": "refused"}
        if url.path == f"{_REPOSITORY}/issues/{NUMBER}/comments":
            if method == "POST":
                self.write(BOT, json.loads(body)["body"])
                return 201, self.comments[-1]
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items()}
            start = (query["page"] - 1) * query["per_page"]
            return 200, self.comments[start : start + query["per_page"]]
        found = re.fullmatch(rf"{_REPOSITORY}/issues/comments/(\d+)", url.path)
        if method == "PATCH" and found:
            comment = self.comments[int(found[1]) - 1000]
            comment["body"] = json.loads(body)["body"]
            return 200, comment
        return 404, {"message": "Not Found"}


@contextmanager
def served(pull_request: PullRequest) -> Iterator[PullRequest]:
    """Serve the API while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            allowed = self.headers["Authorization"] == "Bearer t0ken"
            status, content = pull_request.answer(self.command, self.path, body) if allowed else (401, {})
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pull_request.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield pull_request
        finally:
            server.shutdown()
            thread.join()
