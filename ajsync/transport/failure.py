"""Why connecting failed, and what to do about it."""

from __future__ import annotations

import base64
import errno
import json
import re
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import nats.errors

from ajsync.transport.context import Context
from ajsync.transport.login import read_jwt, tls_text

REFUSED = re.compile(r"'?(authorization|((user|account) )?authentication) ")
"""How the server's message begins, in lower case, when it does not let us in."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one server was not connected to."""

    reason: str
    advice: str
    """What to do, as a whole sentence."""
    refused: bool = False


def failure_of(error: Exception, context: Context, seconds: float, asks_for_certificate: bool) -> Failure:
    """Why an attempt of `seconds` failed; `asks_for_certificate` if the server wants a certificate of the client."""
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
            # For a name with several addresses there is one text for all attempts, and no error number.
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
