"""Calls of an HTTP API with JSON: each ends with an answer, or with an error that says whether to try again."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from functools import cache
from itertools import count
from typing import Any

from ajsync.errors import AjsyncError, NotPermittedError, UnreachableError
from ajsync.text import cut, one_line, visible

_PAGE = 100
"""How many entries a page has: the most that GitHub and GitLab give."""
_MOST_PAGES = 100
"""The most pages that are read. Nobody reads a pull request with more comments."""
_TIMEOUT_SECONDS = 20.0
_LARGEST = 64 << 20
"""The most bytes of an answer: more than a page of the longest comments has."""
_LONGEST_WAIT = 86_400
"""The longest wait in seconds; a longer one that an API asks for counts as this."""
_LONGEST_MESSAGE = 200
_TOO_MANY = 429
_AGAIN = frozenset((408, 425, _TOO_MANY, 500, 502, 503, 504))
"""The HTTP codes after which the same call may succeed."""
_ABSENT = 404
_REFUSED = frozenset((401, 403, _ABSENT))
"""The HTTP codes for a token without a permission."""


class TryAgainError(UnreachableError):
    """A call that failed for now; `seconds` is how long the API asks to wait, or None if it does not say."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class AbsentError(NotPermittedError):
    """Something does not exist, or the token may not see it: the API reports both in the same way."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, which would send the token along, wherever they lead."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Api:
    """An API, and what every call of it sends."""

    name: str
    """The name of the API in errors."""
    url: str
    headers: Mapping[str, str]
    advice: str
    """A sentence that says what to do if the token is refused."""
    ca_file: str = ""
    """A file with certificates of authorities that are trusted besides those of the system."""

    def call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        """Make one call, and return the content of its answer, or None.

        Raises TryAgainError, AbsentError and NotPermittedError, and UnreachableError for anything else.
        """
        request = urllib.request.Request(
            self.url.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Accept": "application/json", "Content-Type": "application/json", **self.headers},
        )
        try:
            with _opener(self.ca_file).open(request, timeout=_TIMEOUT_SECONDS) as answer:
                data = answer.read(_LARGEST + 1)
                if len(data) > _LARGEST:
                    raise UnreachableError(f"{self.name} gave an answer of more than {_LARGEST:,} bytes.")
                return json.loads(data) if data else None
        except urllib.error.HTTPError as error:
            raise self._told(error) from None
        except ssl.SSLError as error:
            raise UnreachableError(f"{self.name} cannot be reached: {one_line(str(error))}.") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):
                raise UnreachableError(f"{self.name} cannot be reached: {one_line(str(reason))}.") from None
            raise TryAgainError(f"{self.name} cannot be reached: {visible(one_line(str(reason)))}.") from None
        except (ValueError, RecursionError):
            raise TryAgainError(f"{self.name} gave an answer that is not JSON.") from None

    def one(self, path: str) -> dict[str, Any]:
        """Return the object at a path; raises as `call` does."""
        found = self.call("GET", path)
        if not isinstance(found, dict):
            raise self._unfit()
        return found

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, page by page; raises as `call` does."""
        for page in count(1):
            separator = "&" if "?" in path else "?"
            found = self.call("GET", f"{path}{separator}per_page={_PAGE}&page={page}")
            if not isinstance(found, list):
                raise self._unfit()
            yield from (each for each in found if isinstance(each, dict))
            if len(found) < _PAGE or page == _MOST_PAGES:
                return

    def _unfit(self) -> TryAgainError:
        return TryAgainError(f"{self.name} gave an answer that does not fit its API.")

    def _told(self, error: urllib.error.HTTPError) -> AjsyncError:
        """The error for an answer that reports no success."""
        with error:
            said = _message(error)
        told = f"{self.name} answered with HTTP {error.code}{f' ({said})' if said else ''}."
        seconds = _wait(error.headers)
        if error.code in _AGAIN or (error.code == 403 and seconds is not None):
            return TryAgainError(told, seconds)
        if error.code in _REFUSED:
            kind = AbsentError if error.code == _ABSENT else NotPermittedError
            return kind(f"{told} {self.advice}")
        return UnreachableError(told)


@cache
def _opener(ca_file: str) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    if ca_file:
        with suppress(OSError):  # then only the certificates of the system count
            context.load_verify_locations(ca_file)
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))


def _message(error: urllib.error.HTTPError) -> str:
    """What the API says about an error."""
    with suppress(OSError, http.client.HTTPException, ValueError, RecursionError):
        found = json.loads(error.read(_LARGEST))
        said = found.get("message") or found.get("error") if isinstance(found, dict) else ""
        return visible(cut(one_line(str(said)), _LONGEST_MESSAGE)) if said else ""
    return ""


def _wait(headers: Message) -> float | None:
    """How many seconds an answer asks to wait: by `Retry-After`, or until an exhausted rate limit ends."""
    with suppress(ValueError):
        return _seconds(int(headers.get("Retry-After", "")))
    for prefix in ("X-RateLimit", "RateLimit"):
        with suppress(ValueError):
            if int(headers.get(f"{prefix}-Remaining", "")) == 0:
                return _seconds(int(headers.get(f"{prefix}-Reset", "")) - int(time.time()))
    return None


def _seconds(asked: int) -> float:
    return float(min(max(asked, 0), _LONGEST_WAIT))
