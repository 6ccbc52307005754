"""NATS contexts, read as the `nats` command and `ajc` do: which servers to connect to, and as which user.

This module only reads files, so that a command that needs no server stays quick. `connection.py` connects.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from ajsync.errors import InvalidError
from ajsync.files import read_regular
from ajsync.transport.references import (
    ContextProblem,
    Sources,
    configuration_folder,
    file_of,
    file_or_text,
    value_of,
)

DEFAULT_CONTEXT = "AJC"
"""The context that `ajc` uses if neither its option nor `$CONTEXT` names one."""
DEFAULT_SERVER = "nats://127.0.0.1:4222"
DEFAULT_PORT = 4222


@dataclass(frozen=True, slots=True)
class Context:
    """How to reach NATS, and as which user: at most one of user, creds, nkey, user_jwt and a user_seed without it is
    set.

    A token may be set in addition.
    """

    servers: tuple[str, ...]
    """`nats://host:port` or `tls://host:port`, in the order in which they are tried; never with a user."""
    name: str = ""
    """The name of the context; empty if servers were given without one."""
    path: Path | None = None
    """The file it was read from."""
    description: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    creds: Path | None = None
    """A file with a JWT and its seed. It is read at each connect, because a JWT is renewed by rewriting its file."""
    nkey: Path | None = None
    """A file with an nkey seed."""
    user_jwt: str = field(default="", repr=False)
    user_seed: str = field(default="", repr=False)
    """The seed of `user_jwt`; without a JWT, an nkey seed."""
    cert: Path | None = None
    """The client's certificate as PEM; always with its `key`."""
    key: Path | None = None
    ca: Path | None = None
    """The authorities that may sign the server's certificate, as PEM; None means those of the system."""
    tls_first: bool = False
    """Whether TLS starts before the server has sent anything."""
    inbox_prefix: str = ""
    """The beginning of the subjects of answers, without the dot; empty means `_INBOX`."""
    jetstream_domain: str = ""
    jetstream_api_prefix: str = ""
    """Used only if no domain is set, as in the `nats` command."""
    written: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The members that are files, as written in the context: with the names of variables, whose values may be
    secret."""

    @property
    def wants_tls(self) -> bool:
        """Whether a connection without TLS must be refused."""
        return bool(self.ca or self.cert or self.tls_first) or any(url.startswith("tls:") for url in self.servers)

    def shown(self, member: str) -> str:
        """The file of a member, as messages name it; "" if there is none."""
        file = getattr(self, member)
        return self.written.get(member) or str(file) if file else ""  # anything else may be a secret

    @property
    def api_prefix(self) -> str:
        """The beginning of the subjects of the JetStream API, including the last dot."""
        if self.jetstream_domain:
            return f"$JS.{self.jetstream_domain}.API."
        return self.jetstream_api_prefix.rstrip(".") + "." if self.jetstream_api_prefix else "$JS.API."


def context_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of the contexts, which are files `NAME.json`. It need not exist."""
    return configuration_folder(environ) / "nats" / "context"


def list_contexts(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The sorted names of all contexts, readable or not."""
    files = context_folder(environ).glob("*.json")
    return tuple(sorted(file.stem for file in files if file.is_file() and _is_name(file.stem)))


def load_context(name: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Context:
    """Read the context `name`, else the one that `$CONTEXT` names, else `AJC`.

    Raises InvalidError if it does not exist, cannot be read, or asks for something that ajsync does not support.
    """
    name = name or environ.get("CONTEXT") or DEFAULT_CONTEXT
    if not _is_name(name):
        raise InvalidError(
            f"{name!r} cannot be the name of a NATS context, which may not hold /, \\ or two dots in a row. "
            "'nats context ls' shows those that exist."
        )
    path = context_folder(environ) / f"{name}.json"
    try:
        value = json.loads(read_regular(path))
    except FileNotFoundError:
        raise InvalidError(_unknown(name, path, list_contexts(environ))) from None
    except OSError as error:
        raise InvalidError(f"The NATS context {name} cannot be read from {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # includes UnicodeDecodeError, and a name that no file can have
        raise InvalidError(f"The NATS context {name} in {path} is not valid JSON: {error}. Correct it there.") from None
    try:
        return _read(value, name, path, Sources(environ, path.parent))
    except ContextProblem as problem:
        raise InvalidError(f"The NATS context {name} in {path} cannot be used: {problem}.") from None


def context_for_server(url: str) -> Context:
    """A context for `url`: one server, or several separated by commas, each maybe with `user:password@` or `token@`.

    Raises InvalidError if it is not the address of a server. The message never quotes it.
    """
    try:
        servers, login = _read_servers(url)
        return Context(servers, **login)
    except ContextProblem as problem:
        raise InvalidError(f"The server cannot be used: {problem}.") from None


_JWT = re.compile(r"-----BEGIN NATS USER JWT-----\s+([^\s-]\S*)")
_SEED = re.compile(r"^S[A-Z][A-Z2-7]{56}\s*$", re.MULTILINE)


def jwt_in(text: str) -> str | None:
    """The JWT in the text of a credentials file, or None."""
    found = _JWT.search(text)
    return found[1] if found else None


def seed_in(text: str) -> str | None:
    """The first nkey seed on a line of its own, as in files of credentials and nkeys, or None."""
    found = _SEED.search(text)
    return found[0].strip() if found else None


def _read(value: object, name: str, path: Path, sources: Sources) -> Context:
    if not isinstance(value, dict):
        raise ContextProblem("it is not a JSON object")
    texts = {member: "" if value.get(member) is None else value[member] for member in _TEXTS}
    for member, text in texts.items():
        if not isinstance(text, str):
            raise ContextProblem(f'"{member}" is not a string')
    for member, reason in _UNSUPPORTED.items():
        if texts[member]:
            raise ContextProblem(f'"{member}" is set, but {reason}')
    tls_first = value.get("tls_first") or False
    if not isinstance(tls_first, bool):
        raise ContextProblem('"tls_first" is neither true nor false')
    if not _PREFIX.fullmatch(texts["inbox_prefix"]):
        raise ContextProblem(
            '"inbox_prefix" is not the beginning of a subject, which holds no wildcard, no space and no dot at the end'
        )
    servers, login = _read_servers(texts["url"])
    files: dict[str, Any] = {member: file_of(member, texts[member], sources) for member in ("cert", "key", "ca")}
    if bool(files["cert"]) != bool(files["key"]):
        raise ContextProblem('"cert" or "key" is missing; a client certificate needs both')
    plain: dict[str, Any] = {member: texts[member] for member in _PLAIN}
    return Context(
        servers=servers,
        name=name,
        path=path,
        tls_first=tls_first,
        **plain,
        **_read_login(login, texts, sources),
        **files,
        written={member: texts[member] for member in _FILES},
    )


_UNSUPPORTED = {
    "socks_proxy": "ajsync connects without a proxy; remove it, or use a context that reaches the server directly",
    "windows_cert_store": 'ajsync reads certificates from files; name them as "cert", "key" and "ca"',
    "nsc": 'ajsync does not run nsc; write the credentials to a file with it and name that as "creds"',
}
_PLAIN = ("description", "inbox_prefix", "jetstream_domain", "jetstream_api_prefix")
_FILES = ("creds", "nkey", "cert", "key", "ca")
_TEXTS = ("url", "user", "password", "token", "user_jwt", "user_seed", *_FILES, *_PLAIN, *_UNSUPPORTED)
_PREFIX = re.compile(r"([^\s.*>]+(\.[^\s.*>]+)*)?")


def _read_servers(text: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The addresses in a list with commas, and the user that it names.

    Messages count the servers and quote none: a text that cannot be parsed may hold a password anywhere.
    """
    servers: list[str] = []
    logins: list[dict[str, Any]] = []
    for number, part in enumerate(text.split(",") if text.strip() else [DEFAULT_SERVER], 1):
        try:
            url = urlsplit(part.strip() if "://" in part else f"nats://{part.strip()}")
            host, port = url.hostname, url.port or DEFAULT_PORT
        except ValueError:
            host, port = None, 0
        if not host:
            raise ContextProblem(f"server {number} of its url is not an address such as nats://host.example.net:4222")
        if url.scheme not in ("nats", "tls"):
            raise ContextProblem(
                f"server {number} of its url is not nats:// or tls://, and ajsync supports no other protocol"
            )
        if "@" in url.path + url.query + url.fragment:
            raise ContextProblem(
                f"server {number} of its url has a user or password with characters that must be escaped, as %2F for /"
            )
        servers.append(f"{url.scheme}://[{host}]:{port}" if ":" in host else f"{url.scheme}://{host}:{port}")
        if url.username is not None:
            user = unquote(url.username)
            login = {"token": user} if url.password is None else {"user": user, "password": unquote(url.password)}
            logins.append(login)
    if any(login != logins[0] for login in logins):
        raise ContextProblem("the servers of its url have different users; name one user for all of them")
    return tuple(servers), logins[0] if logins else {}


def _read_login(url: dict[str, Any], texts: Mapping[str, str], sources: Sources) -> dict[str, Any]:
    """How to authenticate: with the first of url, user, creds, nkey and user_jwt, which is the order of `nats`."""

    def value(member: str) -> str:
        return value_of(member, texts.get(member, ""), sources)

    chosen: dict[str, Any] = {"token": value("token")}
    if url:
        chosen |= url
    elif texts.get("user"):
        chosen |= {"user": texts["user"], "password": value("password")}
    elif texts.get("creds"):
        chosen |= file_or_text("creds", texts["creds"], sources, {"user_jwt": jwt_in, "user_seed": seed_in})
    elif texts.get("nkey"):
        chosen |= file_or_text("nkey", texts["nkey"], sources, {"user_seed": seed_in})
    elif texts.get("user_jwt"):
        chosen |= {"user_jwt": value("user_jwt"), "user_seed": value("user_seed")}
    return chosen


def _is_name(name: str) -> bool:
    return bool(name) and ".." not in name and "/" not in name and "\\" not in name


def _unknown(name: str, path: Path, known: tuple[str, ...]) -> str:
    if known:
        rest = f"These exist: {', '.join(known)}. Choose one with --context"
    else:
        rest = f"No context exists yet. Make it with `nats context add {name}`"
    default = ", which is used where none is named" if name == DEFAULT_CONTEXT else ""
    return f"There is no NATS context {name}{default}: {path} does not exist. {rest}, or name a server with --server."
