"""NATS contexts, as the `nats` command and `ajc` read them: which servers to connect to, and as whom.

Only reads files; connecting is the work of `connection.py`, so that a command which needs no server stays quick.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from ajsync.errors import InvalidError

DEFAULT_CONTEXT = "AJC"
"""What `ajc` takes when neither its option nor `$CONTEXT` names one."""
DEFAULT_SERVER = "nats://127.0.0.1:4222"
DEFAULT_PORT = 4222


@dataclass(frozen=True, slots=True)
class Context:
    """How to reach NATS, and as whom: at most one of user, creds, nkey, user_jwt and a lone user_seed is set.

    A token may be set beside each of them.
    """

    servers: tuple[str, ...]
    """`nats://host:port` or `tls://host:port`, in the order in which they are tried; never with a user in them."""
    name: str = ""
    """Empty for servers that were given without a context."""
    path: Path | None = None
    """The file that it was read from."""
    description: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    creds: Path | None = None
    """A file with a JWT and its seed; to be read at each connect, since a JWT is renewed by rewriting its file."""
    nkey: Path | None = None
    """A file with an nkey seed."""
    user_jwt: str = field(default="", repr=False)
    user_seed: str = field(default="", repr=False)
    """The seed of `user_jwt`; without one, an nkey seed."""
    cert: Path | None = None
    """The client's certificate, PEM; always with its `key`."""
    key: Path | None = None
    ca: Path | None = None
    """The authorities that may have signed the server's certificate, PEM; None means those of the system."""
    tls_first: bool = False
    """Whether TLS begins before the server has said anything."""
    inbox_prefix: str = ""
    """What the subjects of replies begin with, without the dot; empty means `_INBOX`."""
    jetstream_domain: str = ""
    jetstream_api_prefix: str = ""
    """Holds only where no domain is set, as in the `nats` command."""

    @property
    def wants_tls(self) -> bool:
        """Whether a connection without TLS would be less than was asked for."""
        return bool(self.ca or self.cert or self.tls_first) or any(url.startswith("tls:") for url in self.servers)

    @property
    def api_prefix(self) -> str:
        """What the subjects of the JetStream API begin with, up to and with the dot."""
        if self.jetstream_domain:
            return f"$JS.{self.jetstream_domain}.API."
        return self.jetstream_api_prefix.rstrip(".") + "." if self.jetstream_api_prefix else "$JS.API."


def context_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the contexts are, one `NAME.json` each; the folder need not exist."""
    configured = environ.get("XDG_CONFIG_HOME")
    return (Path(configured) if configured else _home(environ) / ".config") / "nats" / "context"


def list_contexts(environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The names of all contexts, sorted; whether they can be read has not been looked at."""
    files = context_folder(environ).glob("*.json")
    return tuple(sorted(file.stem for file in files if file.is_file() and _is_name(file.stem)))


def load_context(name: str | None = None, *, environ: Mapping[str, str] = os.environ) -> Context:
    """Read the context `name`, else the one of `$CONTEXT`, else `AJC`.

    Raises InvalidError where it does not exist, cannot be read, or asks for a way to connect that ajsync does not have.
    """
    name = name or environ.get("CONTEXT") or DEFAULT_CONTEXT
    if not _is_name(name):
        raise InvalidError(
            f"{name!r} cannot be the name of a NATS context, which holds no / and \\ and no two dots. "
            "'nats context ls' shows those that exist."
        )
    path = context_folder(environ) / f"{name}.json"
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise InvalidError(_unknown(name, path, list_contexts(environ))) from None
    except OSError as error:
        raise InvalidError(f"The NATS context {name} cannot be read from {path}: {error.strerror}.") from None
    except (ValueError, RecursionError) as error:  # also UnicodeDecodeError, and a name that no file can have
        raise InvalidError(f"The NATS context {name} in {path} is not valid JSON: {error}. Correct it there.") from None
    try:
        return _read(value, name, path, environ)
    except _ContextProblem as problem:
        raise InvalidError(f"The NATS context {name} in {path} cannot be used: {problem}.") from None


def context_for_server(url: str) -> Context:
    """A context for `url` alone: one server or several with commas between; `user:password@` or `token@` may be in it.

    Raises InvalidError where it is not the address of a server; the message never holds what was given.
    """
    try:
        servers, login = _read_servers(url)
        return Context(servers, **login)
    except _ContextProblem as problem:
        raise InvalidError(f"The server cannot be used: {problem}.") from None


_JWT = re.compile(r"-----BEGIN NATS USER JWT-----\s+([^\s-]\S*)")
_SEED = re.compile(r"^S[A-Z][A-Z2-7]{56}\s*$", re.MULTILINE)


def jwt_in(text: str) -> str | None:
    """The JWT in the text of a credentials file, or None."""
    found = _JWT.search(text)
    return found[1] if found else None


def seed_in(text: str) -> str | None:
    """The first nkey seed that stands on a line of its own, as in credentials and in nkey files, or None."""
    found = _SEED.search(text)
    return found[0].strip() if found else None


class _ContextProblem(Exception):
    """What is wrong with a context, without saying with which."""


def _read(value: object, name: str, path: Path, environ: Mapping[str, str]) -> Context:
    if not isinstance(value, dict):
        raise _ContextProblem("it is not a JSON object")
    texts = {member: _text(value, member) for member in _TEXTS}
    for member, reason in _UNSUPPORTED.items():
        if texts[member]:
            raise _ContextProblem(f'"{member}" is set, but {reason}')
    tls_first = value.get("tls_first") or False
    if not isinstance(tls_first, bool):
        raise _ContextProblem('"tls_first" is neither true nor false')
    if not _PREFIX.fullmatch(texts["inbox_prefix"]):
        raise _ContextProblem(
            '"inbox_prefix" is not the beginning of a subject: no wildcard, no space, no dot at the end'
        )
    servers, login = _read_servers(texts["url"])
    files: dict[str, Any] = {member: _file(member, texts[member], environ) for member in ("cert", "key", "ca")}
    if bool(files["cert"]) != bool(files["key"]):
        raise _ContextProblem('of "cert" and "key" one is missing; a client certificate needs both')
    return Context(
        servers=servers,
        name=name,
        path=path,
        description=texts["description"],
        **_read_login(login, texts, environ),
        **files,
        tls_first=tls_first,
        inbox_prefix=texts["inbox_prefix"],
        jetstream_domain=texts["jetstream_domain"],
        jetstream_api_prefix=texts["jetstream_api_prefix"],
    )


_UNSUPPORTED = {
    "socks_proxy": "ajsync connects without a proxy; remove it, or use a context that reaches the server directly",
    "windows_cert_store": 'ajsync reads certificates from files; name them as "cert", "key" and "ca"',
    "nsc": 'ajsync does not run nsc; write the credentials to a file with it and name that as "creds"',
}
_LOGIN = ("user", "password", "token", "creds", "nkey", "user_jwt", "user_seed")
_FURTHER = ("url", "description", "cert", "key", "ca", "inbox_prefix", "jetstream_domain", "jetstream_api_prefix")
_TEXTS = (*_LOGIN, *_FURTHER, *_UNSUPPORTED)
_PREFIX = re.compile(r"([^\s.*>]+(\.[^\s.*>]+)*)?")


def _text(value: dict[str, Any], member: str) -> str:
    found = value.get(member)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _ContextProblem(f'"{member}" is not a string')
    return found


def _read_servers(text: str) -> tuple[tuple[str, ...], dict[str, Any]]:
    """The addresses of a comma list, and the user that it names.

    Messages count the servers and quote none: what cannot be taken apart may hold a password anywhere.
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
            raise _ContextProblem(f"server {number} of its url is not an address such as nats://host.example.net:4222")
        if url.scheme not in ("nats", "tls"):
            raise _ContextProblem(
                f"server {number} of its url is not nats:// or tls://, which is all that ajsync speaks"
            )
        if "@" in url.path + url.query + url.fragment:
            raise _ContextProblem(
                f"server {number} of its url has a user or password with characters to write as %2F or so"
            )
        servers.append(f"{url.scheme}://[{host}]:{port}" if ":" in host else f"{url.scheme}://{host}:{port}")
        if url.username is not None and (login := _url_login(url)) not in logins:
            logins.append(login)
    if len(logins) > 1:
        raise _ContextProblem("the servers of its url have different users; name one user for all of them")
    return tuple(servers), logins[0] if logins else {}


def _url_login(url: SplitResult) -> dict[str, Any]:
    user = unquote(url.username or "")
    return {"token": user} if url.password is None else {"user": user, "password": unquote(url.password)}


def _read_login(url: dict[str, Any], texts: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, Any]:
    """The one way to authenticate, in the order of the `nats` command: that of the url, user, creds, nkey, user_jwt."""

    def value(member: str) -> str:
        return _value(member, texts.get(member, ""), environ)

    chosen: dict[str, Any] = {"token": value("token")}
    if url:
        chosen |= url
    elif texts.get("user"):
        chosen |= {"user": texts["user"], "password": value("password")}
    elif texts.get("creds"):
        chosen |= _file_or_text("creds", texts["creds"], environ, {"user_jwt": jwt_in, "user_seed": seed_in})
    elif texts.get("nkey"):
        chosen |= _file_or_text("nkey", texts["nkey"], environ, {"user_seed": seed_in})
    elif texts.get("user_jwt"):
        chosen |= {"user_jwt": value("user_jwt"), "user_seed": value("user_seed")}
    return chosen


def _file_or_text(
    member: str, text: str, environ: Mapping[str, str], parts: dict[str, Callable[[str], str | None]]
) -> dict[str, Any]:
    """A file as its path; what stands in a variable or in the context itself, as its `parts`."""
    if not text.startswith(("env://", "data:")):
        return {member: _file(member, text, environ)}
    content = _value(member, text, environ)
    found = {part: read(content) for part, read in parts.items()}
    if None in found.values():
        raise _ContextProblem(f'what "{member}" refers to is not the text of such a file')
    return found


_REFERENCE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://|(data):")


def _value(member: str, text: str, environ: Mapping[str, str]) -> str:
    """`text`, or what it refers to as `env://NAME`, `file://PATH` or `data:;base64,…`."""
    found = _REFERENCE.match(text)
    match (found[1] or found[2]).lower() if found else "":
        case "env":
            if not (value := environ.get(text[6:], "")):
                raise _ContextProblem(f'"{member}" is in the environment variable {text[6:]}, which is not set')
            return value.rstrip("\r\n")
        case "file":
            file = _file(member, text, environ)
            try:
                return file.read_text(encoding="utf-8").rstrip("\r\n") if file else ""
            except (OSError, ValueError) as error:
                raise _ContextProblem(f'the file of "{member}" cannot be read: {error}') from None
        case "data":
            head, _, content = text.partition(",")
            try:
                if "base64" not in head.split(";"):
                    raise ValueError
                return base64.b64decode(content, validate=True).decode().rstrip("\r\n")
            except (binascii.Error, ValueError):
                raise _ContextProblem(f'"{member}" is not data:;base64, with text behind it') from None
        case "op" | "nsc" as scheme:
            raise _ContextProblem(f'"{member}" is {scheme}://, but ajsync does not run {scheme}; use env:// or a file')
    return text  # anything else is a password that happens to look like a URL


_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def _file(member: str, text: str, environ: Mapping[str, str]) -> Path | None:
    """The path that `text` is, `$VARIABLE` expanded before `~`. Whether it exists shows when it is read."""

    def variable(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in environ:  # Go takes it as empty and then misses some other file
            raise _ContextProblem(f'"{member}" holds ${name}, and that environment variable is not set')
        return environ[name]

    scheme = _REFERENCE.match(text)
    if scheme and (scheme[1] or "").lower() != "file":
        raise _ContextProblem(f'"{member}" is {scheme[0]}, but ajsync reads it from a file only')
    path = _VARIABLE.sub(variable, text[scheme.end() :] if scheme else text)
    if path.startswith("~"):
        path = f"{_home(environ)}{path[1:]}"
    return Path(path) if path else None


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _is_name(name: str) -> bool:
    return bool(name) and ".." not in name and "/" not in name and "\\" not in name


def _unknown(name: str, path: Path, known: tuple[str, ...]) -> str:
    if known:
        rest = f"These exist: {', '.join(known)}. Choose one with --context"
    else:
        rest = f"No context exists yet. Make it with `nats context add {name}`"
    return f"There is no NATS context {name}: {path} does not exist. {rest}, or name a server with --server."
