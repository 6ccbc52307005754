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
"""Entries of a page; the most that GitHub and GitLab give."""
_MOST_PAGES = 100
"""A pull request with more comments is none that anybody reads."""
_TIMEOUT_SECONDS = 20.0
_LARGEST = 64 << 20
"""Bytes of an answer: more than a page of the longest comments has."""
_LONGEST_WAIT = 86_400
"""Seconds; an API that asks for more is not waited for either."""
_LONGEST_MESSAGE = 200
_TOO_MANY = 429
_AGAIN = frozenset((408, 425, _TOO_MANY, 500, 502, 503, 504))
"""The answers after which the same call may go well."""
_ABSENT = 404
_REFUSED = frozenset((401, 403, _ABSENT))
"""A token that may not do something gets any of these."""


class TryAgainError(UnreachableError):
    """A call that failed for now; `seconds` is how long the API asks to wait, or None if it does not say."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class AbsentError(NotPermittedError):
    """There is no such thing, or the token may not see it: the API tells both in the same way."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would take the token along, wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Api:
    """An API, and what every call of it says."""

    name: str
    """As errors call it."""
    url: str
    headers: Mapping[str, str]
    advice: str
    """What to do if the token is refused, in a sentence."""
    ca_file: str = ""
    """Certificates of authorities that count beside those of the system."""

    def call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Any:
        """Make one call; what its answer holds, or None.

        Raises TryAgainError, AbsentError and NotPermittedError, and UnreachableError for all else.
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
        """What there is at a path; raises as `call` does."""
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
        return TryAgainError(f"{self.name} gave an answer that is not as its API says.")

    def _told(self, error: urllib.error.HTTPError) -> AjsyncError:
        """The error for an answer that is none of success."""
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
        with suppress(OSError):  # then the certificates of the system have to do
            context.load_verify_locations(ca_file)
    return urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=context))


def _message(error: urllib.error.HTTPError) -> str:
    """What the API says of an error."""
    with suppress(OSError, http.client.HTTPException, ValueError, RecursionError):
        found = json.loads(error.read(_LARGEST))
        said = found.get("message") or found.get("error") if isinstance(found, dict) else ""
        return visible(cut(one_line(str(said)), _LONGEST_MESSAGE)) if said else ""
    return ""


def _wait(headers: Message) -> float | None:
    """How many seconds an answer asks to wait: `Retry-After`, or the time at which a limit that is used up ends."""
    with suppress(ValueError):
        return _seconds(int(headers.get("Retry-After", "")))
    for prefix in ("X-RateLimit", "RateLimit"):
        with suppress(ValueError):
            if int(headers.get(f"{prefix}-Remaining", "")) == 0:
                return _seconds(int(headers.get(f"{prefix}-Reset", "")) - int(time.time()))
    return None


def _seconds(asked: int) -> float:
    return float(min(max(asked, 0), _LONGEST_WAIT))
