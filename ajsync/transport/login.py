"""How a context logs in: nats-py's options for users, tokens, credentials, nkeys and TLS."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any

import nats.errors
import nkeys

from ajsync.errors import InvalidError, UnreachableError
from ajsync.files import LARGEST, UnfitFileError, read_regular
from ajsync.transport.context import Context, jwt_in, seed_in

_RECONNECT_WAIT_SECONDS = 0.5
"""The pause between two attempts. nats-py's 2 s would be too long for a stand-by that should take over."""
_PING_SECONDS = 5
"""The interval of pings; a peer that drops packets is noticed after three. nats-py's default takes six minutes."""
_LARGEST_PEM = 16 << 20
"""The most bytes of a file of certificates; the authorities of a system take far fewer."""


def login_options(context: Context, name: str) -> dict[str, Any]:
    """The options of nats-py's `connect`.

    Raises UnreachableError for a file that is missing or has wrong content, and InvalidError for a pipe, a device or a
    file that is much too large.
    """
    options: dict[str, Any] = {
        "name": name,
        "dont_randomize": True,
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": _RECONNECT_WAIT_SECONDS,
        "ping_interval": _PING_SECONDS,
        "tls_handshake_first": context.tls_first,
    }
    if context.inbox_prefix:
        options["inbox_prefix"] = context.inbox_prefix
    if context.ca or context.cert:
        options["tls"] = _tls(context)
    if context.token:
        options["token"] = context.token
    if context.user:
        options |= {"user": context.user, "password": context.password}
    elif context.creds or context.user_jwt:
        read_jwt(context)  # fails here rather than inside nats-py
        options["user_jwt_cb"] = lambda: _for_nats(context)[0].encode()
        options["signature_cb"] = lambda nonce: _sign(_for_nats(context)[1], nonce)
    elif context.nkey or context.user_seed:
        seed = seed_in(_read_file(context, "nkey", context.nkey)) if context.nkey else context.user_seed
        options["nkeys_seed_str"] = _checked_seed(context, f"nkey {context.shown('nkey')}".strip(), seed)
    return options


def _tls(context: Context) -> ssl.SSLContext:
    for member in ("ca", "cert", "key"):
        if path := getattr(context, member):
            _read_file(context, member, path, _LARGEST_PEM)  # OpenSSL would read it even if it is a device
    members = '"ca" must'
    try:
        tls = ssl.create_default_context(cafile=context.ca)
        if context.cert:
            members = '"cert" and "key" must belong together, and'
            # Otherwise OpenSSL would ask for the passphrase of a key on the terminal.
            tls.load_cert_chain(context.cert, context.key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        reason = tls_text(error) if isinstance(error, ssl.SSLError) else str(error)
        raise UnreachableError(f"{cannot_connect(context)} {members} be PEM without a passphrase ({reason}).") from None
    return tls


def read_jwt(context: Context) -> tuple[str, str]:
    """The JWT and its seed; the seed is empty for a bearer JWT."""
    if context.creds is None:
        seed = context.user_seed and _checked_seed(context, "user_seed", context.user_seed)
        return context.user_jwt, seed
    text = _read_file(context, "creds", context.creds)
    if (jwt := jwt_in(text)) is None:
        raise UnreachableError(f"{cannot_connect(context)} {context.shown('creds')} holds no JWT of a user.")
    return jwt, _checked_seed(context, f"creds {context.shown('creds')}", seed_in(text))


def _for_nats(context: Context) -> tuple[str, str]:
    """The JWT and its seed for a reconnect; nats-py tries again only after an error of its own kind."""
    try:
        return read_jwt(context)
    except (UnreachableError, InvalidError) as error:
        raise nats.errors.Error(str(error)) from None


def _sign(seed: str, nonce: str) -> bytes:
    return base64.b64encode(nkeys.from_seed(bytearray(seed.encode())).sign(nonce.encode())) if seed else b""


def _checked_seed(context: Context, what: str, seed: str | None) -> str:
    try:
        raw = base64.b32decode((seed or "") + "=" * (-len(seed or "") % 8))
        nkeys.decode_seed(bytearray((seed or "").encode()))
        if nkeys.crc16(raw[:-2]) != int.from_bytes(raw[-2:], "little"):
            raise ValueError
    except (nkeys.NkeysError, ValueError):
        rule = "58 characters that begin with S and end with a checksum"
        raise UnreachableError(f"{cannot_connect(context)} {what} holds no nkey seed, which has {rule}.") from None
    return seed or ""


def _read_file(context: Context, member: str, path: Path, limit: int = LARGEST) -> str:
    try:
        return read_regular(path, limit).decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text"
        message = f'the file {context.written.get(member) or path} of "{member}" cannot be read: {reason}'
        # A file may appear or be corrected later. A pipe or a device is an error in the context.
        kind = InvalidError if isinstance(error, UnfitFileError) else UnreachableError
        raise kind(f"{cannot_connect(context)} {message}.") from None


def cannot_connect(context: Context) -> str:
    """The beginning of each error about connecting."""
    return f"Cannot connect with the context {context.name}:" if context.name else "Cannot connect:"


def tls_text(error: ssl.SSLError) -> str:
    """OpenSSL's reason, in words."""
    return (error.reason or str(error)).replace("_", " ").lower()
