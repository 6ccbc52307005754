"""A NATS operator with one account, for tests of servers that let users in by JWT."""

from __future__ import annotations

import base64
import json
import os
import time
from typing import Any

import nkeys


class Key:
    """An nkey pair of a kind: one of the `PREFIX_BYTE_…` of nkeys."""

    def __init__(self, kind: int) -> None:
        self.seed: str = nkeys.encode_seed(os.urandom(32), kind).decode()
        self._pair = nkeys.from_seed(bytearray(self.seed.encode()))
        self.public: str = self._pair.public_key.decode()

    def issue(self, subject: str, kind: str, claims: dict[str, Any], expires: int | None = None) -> str:
        """A JWT about `subject` (a public key) signed by this key; `expires` in seconds since 1970."""
        body: dict[str, Any] = {"iss": self.public, "sub": subject, "name": kind, "iat": int(time.time())}
        body |= {"jti": os.urandom(16).hex(), "nats": {**claims, "type": kind, "version": 2}}
        if expires is not None:
            body["exp"] = expires
        text = ".".join(_encode(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body))
        return f"{text}.{_encode(self._pair.sign(text.encode()))}"


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


_UNLIMITED = {"subs": -1, "data": -1, "payload": -1}
_ACCOUNT = {"limits": {**_UNLIMITED, "imports": -1, "exports": -1, "wildcards": True, "conn": -1, "leaf": -1}}


class Operator:
    """An operator whose servers know one account, which issues users."""

    def __init__(self) -> None:
        self._key = Key(nkeys.PREFIX_BYTE_OPERATOR)
        self._account = Key(nkeys.PREFIX_BYTE_ACCOUNT)
        self.user = Key(nkeys.PREFIX_BYTE_USER)

    @property
    def configuration(self) -> str:
        """The server's configuration."""
        account = self._key.issue(self._account.public, "account", _ACCOUNT)
        return (
            f"operator: {self._key.issue(self._key.public, 'operator', {})}\n"
            f"resolver: MEMORY\nresolver_preload: {{ {self._account.public}: {account} }}\n"
        )

    def jwt(self, *, expires: int | None = None, bearer: bool = False) -> str:
        """A JWT for `user`."""
        claims = {**_UNLIMITED, "pub": {}, "sub": {}, "bearer_token": bearer}
        return self._account.issue(self.user.public, "user", claims, expires)

    def creds(self, *, expires: int | None = None) -> str:
        """The text of a credentials file for `user`."""
        return (
            f"-----BEGIN NATS USER JWT-----\n{self.jwt(expires=expires)}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{self.user.seed}\n------END USER NKEY SEED------\n"
        )
