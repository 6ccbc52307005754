"""What goes wrong with a connection, according to the server: why connecting failed, and what is not permitted."""

from __future__ import annotations

import base64
import errno
import json
import re
import socket
import ssl
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import nats.errors

from ajsync.transport.context import Context
from ajsync.transport.login import read_jwt, tls_text
from ajsync.transport.subjects import matches

REFUSED = re.compile(r"'?(authorization|((user|account) )?authentication) ")
"""The beginning of the server's message, in lower case, when it does not let us in."""

Operation = Literal["Publish", "Subscription"]

_VIOLATION = re.compile(r'permissions violation for (publish|subscription) to "([^"]*)"', re.IGNORECASE)
_PATTERNS = 256
_SUBJECTS = 4096
"""How many violations are kept: more than can be under way at once."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why connecting to one server failed."""

    reason: str
    advice: str
    """A sentence that says what to do."""
    refused: bool = False


def failure_of(error: Exception, context: Context, seconds: float, asks_for_certificate: bool) -> Failure:
    """Why an attempt of `seconds` failed; `asks_for_certificate` says that the server wants a certificate of the
    client."""
    match error:
        case ssl.SSLCertVerificationError():
            advice = 'Name the authority that signed the certificate as "ca", and a host in the certificate as "url".'
            return Failure(f"certificate verify failed ({error.verify_message})", advice)
        case ssl.SSLError() | ConnectionError() if asks_for_certificate:
            advice = 'Name a certificate that the server trusts as "cert", and its key as "key".'
            return Failure("a certificate of the client is required", advice)
        case ssl.SSLError():
            advice = 'Check whether the server starts with TLS ("tls_first"), and whether it asks for "cert" and "key".'
            return Failure(f"TLS failed ({tls_text(error)})", advice)
        case nats.errors.SecureConnWantedError():
            advice = 'Enable TLS in the server, or remove tls://, "ca", "cert" and "tls_first". Nothing was sent.'
            return Failure("the server offers no TLS", advice)
        case socket.gaierror():
            return Failure(f"unknown host ({error.strerror})", "Correct the host, or the name service.")
        case TimeoutError():
            advice = 'Check the address, any firewall in between, and "tls_first" if the server starts with TLS.'
            return Failure(f"no answer within {seconds:.3g} s", advice)
        case OSError():
            # For a name with several addresses there is one text for all attempts, without an error number.
            refused = isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error)
            return Failure(
                "connection refused" if refused else error_text(error), "Start the server, or correct the address."
            )
    text = error_text(error)
    if REFUSED.match(text.lower()):
        return Failure(text, _login_advice(context), refused=True)
    if "INFO" in text or isinstance(error, ValueError):
        return Failure("not a NATS server", "Correct the address; something else listens there.")
    return Failure(text, "See the log of the server.")


def _login_advice(context: Context) -> str:
    where = f" in {context.path}" if context.path else ""
    if context.user or context.token:
        return f"Correct the {'user or the password' if context.user else 'token'}{where}."
    if context.creds or context.user_jwt:
        jwt, _ = read_jwt(context)
        if (expired := _expiry(jwt)) is not None and expired <= time.time():
            at = datetime.fromtimestamp(expired, UTC).isoformat()
            return f"The JWT in {context.shown('creds') or 'user_jwt' + where} expired at {at}: get a new one."
        credentials = context.shown("creds") or where.strip()
        return f"Ask the server's operator whether the credentials {credentials} are still valid."
    if context.nkey or context.user_seed:
        return f"Ask the server's operator to admit the nkey {context.shown('nkey') or where.strip()}."
    return f"The server asks for a login: name a user, creds or nkey{where}."


def _expiry(jwt: str) -> int | None:
    """When `jwt` expires, in seconds since 1970; None if it does not say."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(jwt.split(".")[1] + "=="))
        return int(claims["exp"])
    except (ValueError, LookupError, TypeError):
        return None


def error_text(error: Exception) -> str:
    """The text of an error, without the prefixes and quotes of nats-py and the operating system."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).removeprefix("nats: ").strip("'") or type(error).__name__


class Violations:
    """The latest permissions violations on one connection.

    The server reports a violation in a message of its own, which names the subject; nats-py passes it on in lower case.
    """

    def __init__(self) -> None:
        self._subjects: dict[str, Operation] = {}
        """The violations, the latest last. There may be many, because each task has its own subject."""
        self._patterns: deque[tuple[Operation, str]] = deque(maxlen=_PATTERNS)

    def note(self, text: str) -> Operation | None:
        """Remember what the server says if it is a violation; returns its kind, or None."""
        found = _VIOLATION.match(text)
        if found is None:
            return None
        kind: Operation = "Publish" if found[1].lower() == "publish" else "Subscription"
        subject = found[2]
        if "*" in subject or ">" in subject:
            self._patterns.append((kind, subject))
        else:
            self._subjects.pop(subject, None)
            self._subjects[subject] = kind
            if len(self._subjects) > _SUBJECTS:
                del self._subjects[next(iter(self._subjects))]
        return kind

    def clear(self) -> None:
        """Forget all violations, because the server reports them again after a reconnect."""
        self._subjects.clear()
        self._patterns.clear()

    def reason(self, subject: str, *, also: str) -> str | None:
        """The last violation for `subject`, or for `also`, which it is mapped to; None if there was none."""
        for each in (subject, also):
            if kind := self._subjects.get(each.lower()):
                return f'Permissions Violation for {kind} to "{subject if each == subject else each.lower()}"'
        for kind, pattern in reversed(self._patterns):
            if any(matches(pattern, each.lower()) for each in (subject, also)):
                return f'Permissions Violation for {kind} to "{subject if pattern == subject.lower() else pattern}"'
        return None

    def inbox_reason(self, prefix: str) -> str | None:
        """Why no answer reaches us, if the server refused nats-py's one subscription for answers."""
        for kind, pattern in self._patterns:
            if kind == "Subscription" and pattern.startswith(f"{prefix.lower()}.") and pattern.endswith(".*"):
                remedy = 'name a prefix that its user may subscribe to as "inbox_prefix" in the context'
                return f'Permissions Violation for Subscription to "{prefix}.>", where answers arrive; {remedy}'
        return None
