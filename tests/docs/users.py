"""The users of docs/permissions.md, some with a permission less or more, and the NATS contexts they connect with."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import nats
from nats.aio.client import Client

from ajsync.transport.context import Context, load_context
from ajsync.waiting import raise_if_cancelled
from tests.conftest import StartServer
from tests.docs.pages import DOCS, blocks
from tests.nats_server import NatsServer

PAGE = DOCS / "permissions.md"
STREAM = "KV_CHORIA_AJ_CONFIGURATION"
API = "$JS.API."
KEYS = "$KV.CHORIA_AJ_CONFIGURATION."
CREATE = f'"{API}STREAM.CREATE.{STREAM}"'
OWNER = "team"
PASSWORD = "s3cret"
PASSWORD_VARIABLES = tuple(f"AJSYNC_{user}_PASSWORD" for user in ("PLAN", "APPLY", "INIT", "SCHEDULER"))
"""In the environment of the server."""

_NAME = re.compile(r"user: (\S+)")
_PUBLISH = re.compile(r'^ +("\$.*")$', re.MULTILINE)
_INBOX = re.compile(r"(_INBOX\w*)\.>")

SHOWN: Mapping[str, str] = {
    _NAME.findall(block.text)[0]: block.text.replace("OWNER", OWNER) for block in blocks(PAGE, "conf")
}
"""Each block of the page, by the name of its user."""
_PLAN, _APPLY = SHOWN["ajsync-plan"], SHOWN["ajsync-apply"]

MISSING: Mapping[str, str] = {f"plan-without-{number}": line for number, line in enumerate(_PUBLISH.findall(_PLAN))}
"""The permissions of the user for `plan`, by the name of the user that lacks it."""
WITHOUT: Mapping[str, str] = {name: _PLAN.replace(line, "") for name, line in MISSING.items()}
"""The user for `plan`, each time without one of its permissions."""

ALTERED: Mapping[str, str] = {
    **WITHOUT,
    "apply-without-list": _APPLY.replace(f'"{API}CONSUMER.LIST.{STREAM}"', ""),
    "apply-without-journal": _APPLY.replace(f'"{KEYS}ajsync.journal.{OWNER}"', ""),
    "apply-without-record": _APPLY.replace(f'"{KEYS}ajsync.applied.{OWNER}"', ""),
    "apply-without-keys": _APPLY.replace(f'"{KEYS}scheduled_tasks.*"', ""),
    "apply-and-create": _APPLY.replace("publish: [", f"publish: [ {CREATE}"),
}


def authorization() -> str:
    """The configuration of a server for an administrator and all these users."""
    users = [f"{{ user: admin, password: {PASSWORD} }}", *SHOWN.values()]
    users += [_NAME.sub(f"user: {name}", user) for name, user in ALTERED.items()]
    listed = "\n".join(users)
    return f"authorization {{ users: [ {listed} ] }}"


def write_contexts(home: Path, server: NatsServer, users: Mapping[str, str], **members: str) -> None:
    """Write the context of the page for each user, with the inbox that the user may subscribe to."""
    shown = blocks(PAGE, "json")[0]
    folder = home / ".config" / "nats" / "context"
    folder.mkdir(parents=True, exist_ok=True)
    for name, user in users.items():
        own = {
            "url": server.url,
            "user": name,
            "inbox_prefix": _INBOX.findall(user.partition("subscribe:")[2] or user)[0],
        }
        (folder / f"{name}.json").write_text(json.dumps({**json.loads(shown.text), **own, **members}))


def write_all_contexts(home: Path, server: NatsServer) -> None:
    """Write a context for each user of `authorization`."""
    write_contexts(home, server, {"admin": "_INBOX.>", **SHOWN, **ALTERED})


def serve_accounts(start_server: StartServer, home: Path, users: Mapping[str, str]) -> NatsServer:
    """Start a server on which each user has an account with an administrator, `admin-NAME`, and a context."""
    accounts = []
    for name, user in users.items():
        named = _NAME.sub(f"user: {name}", user, count=1)
        admin = f"{{ user: admin-{name}, password: {PASSWORD} }}"
        accounts.append(f'"{name}": {{ jetstream: enabled, users: [ {admin}, {named} ] }}')
    server = start_server("accounts {\n" + "\n".join(accounts) + "\n}")
    write_contexts(home, server, users)
    write_contexts(home, server, {f"admin-{name}": "_INBOX.>" for name in users})
    return server


def refused_subjects(server: NatsServer, name: str) -> list[str]:
    """The subjects to which the server has refused a user to publish or to subscribe."""
    return re.findall(rf'user:{name}".*(?:Publish|Subscription) Violation.*Subject "([^"]+)"', server.log)


def allows(line: str, subject: str) -> bool:
    """Whether a line of a user allows a subject."""
    return bool(re.fullmatch(re.escape(line.strip('"')).replace(r"\*", r"[^.]+").replace(">", ".+"), subject))


@asynccontextmanager
async def client_of(server: NatsServer, user: str, refusals: list[str] | None = None) -> AsyncIterator[Client]:
    """A client of nats-py as a user with a context; what the server refuses goes to `refusals`."""
    found: list[str] = [] if refusals is None else refusals

    async def on_error(error: Exception) -> None:
        found.append(str(error))

    inbox = context(user).inbox_prefix
    client = await nats.connect(server.url, user=user, password=PASSWORD, inbox_prefix=inbox, error_cb=on_error)
    try:
        raise_if_cancelled()  # or it would begin what it was cancelled before
        yield client
    finally:
        await client.close()


def context(name: str) -> Context:
    """One of the contexts that were written."""
    return load_context(name, environ={"HOME": str(Path.home()), "NATS_PASSWORD": PASSWORD})
