"""A connection to NATS: made within a time-out, or refused with the real reason, and kept while servers come and go.

Import this module only to connect: nats-py takes longer to import than everything else.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Literal

import nats.errors
from nats.aio.msg import Msg

from ajsync.errors import NotPermittedError, UnreachableError
from ajsync.transport.context import Context
from ajsync.transport.errors import NOT_ENABLED, NoRespondersError, jetstream_error
from ajsync.transport.failure import Failure, Violations, error_text, failure_of
from ajsync.transport.login import cannot_connect, login_options
from ajsync.transport.nats_client import NatsClient
from ajsync.waiting import raise_if_cancelled

CONNECT_SECONDS = 5.0
REQUEST_SECONDS = 5.0
RECONNECT_SECONDS = 30.0
"""How long a command waits for a lost server. A restart, or an election in a cluster, takes less."""
_CLOSE_SECONDS = 1.0
_LEAST_SECONDS = 0.1
"""The time for the last of several servers, if the others have used up the rest."""
_PERMISSIONS = "The page 'Permissions' of the documentation lists what a user of ajsync needs."
_NO_TROUBLE = "no reason given"
_LATER = "Try again when the server is healthy."

_log = logging.getLogger(__name__)


@asynccontextmanager
async def connect(
    context: Context,
    *,
    name: str = "ajsync",
    timeout: float = CONNECT_SECONDS,
    reconnect_timeout: float | None = RECONNECT_SECONDS,
    before_read: Callable[[], Awaitable[None]] | None = None,
) -> AsyncIterator[Connection]:
    """Connect to the first server of `context` that lets us in, within `timeout` seconds for all servers together.

    Servers show the connection by its `name`. A lost connection comes back by itself, and is given up after
    `reconnect_timeout` seconds without a server; with None, never. With `before_read`, input from the server waits
    until that has returned, and is then read in one go, which takes much less processor time than many small reads.
    Raises UnreachableError, or NotPermittedError if a server refused us; the message says why, for each server, and
    what to do.
    """
    connection = await _connect(context, name, timeout, reconnect_timeout)
    connection.client.before_read = before_read
    try:
        raise_if_cancelled()
        yield connection
    finally:
        await connection.close()


class Connection:
    """A connection made by `connect`; `client` is nats-py's own."""

    def __init__(self, context: Context, url: str, reconnect_timeout: float | None) -> None:
        self.context = context
        self.url = url
        """The server that we are, or were last, connected to."""
        self.client = NatsClient(tls_wanted=context.wants_tls, comes_back=reconnect_timeout is None)
        self.lost: asyncio.Future[UnreachableError] = asyncio.get_running_loop().create_future()
        """Fails with the reason when the connection is gone for good without `close`."""
        self.api_prefix = context.api_prefix
        """The beginning of the subjects of the JetStream API, including the last dot."""
        self.publish_prefix = "" if self.api_prefix == "$JS.API." else self.api_prefix
        """The text before `$KV.…` in the subject of a write to a bucket: nothing, or the prefix of the API.

        As in nats.go: a server maps `$JS.<domain>.API.$KV.>` to `$KV.>`. There is no such mapping for streams on plain
        subjects, which take no prefix.
        """
        self.generation = 0
        """It grows with each reconnect. A message of one generation is never answered in a later one."""
        self._reconnect_timeout = reconnect_timeout
        self._stage: Literal["opening", "open", "closing"] = "opening"
        self._giving_up: asyncio.TimerHandle | None = None
        self._ending: asyncio.Future[None] | None = None
        self._trouble = _NO_TROUBLE
        self._violations = Violations()
        self._waiting: dict[asyncio.Future[str], str] = {}

    @property
    def max_payload(self) -> int:
        """The most bytes that a message may have, including its headers."""
        return self.client.max_payload

    @property
    def is_connected(self) -> bool:
        """Whether the server is connected now."""
        return bool(self.client.is_connected)

    @property
    def server_version(self) -> str:
        """The version of the server, such as `2.15.1`."""
        version = self.client.connected_server_version
        return f"{version.major}.{version.minor}.{version.patch}"

    def permission_reason(self, subject: str) -> str | None:
        """Why the server does not let us publish or subscribe to `subject`, as it last said; None if it has not."""
        # A server with a domain names the subject that it maps ours to.
        mapped = subject.removeprefix(self.publish_prefix)
        return self._violations.reason(subject, also=mapped if mapped.startswith("$KV.") else f"$JS.API.{mapped}")

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        timeout: float = REQUEST_SECONDS,
        headers: dict[str, str] | None = None,
    ) -> Msg:
        """Ask `subject` and wait at most `timeout` seconds for its answer.

        Raises NotPermittedError as soon as the server refuses the question, UnreachableError if there is no answer.
        """
        answer = asyncio.ensure_future(self.client.request(subject, payload, timeout=timeout, headers=headers))
        try:
            await self.wait_for(answer, subject, timeout)
            if answer.done():
                return answer.result()
            raise TimeoutError
        except TimeoutError:
            down = "" if self.is_connected else f"; the connection is down: {self._trouble}"
            what = f"{self.url} did not answer {subject} within {timeout:g} s{down}"
            raise UnreachableError(f"{what}. {_LATER}") from None
        except nats.errors.NoRespondersError:
            raise NoRespondersError(f"Nothing answers {subject} at {self.url}.") from None
        except (OSError, nats.errors.Error) as error:
            raise UnreachableError(f"{subject} could not be sent to {self.url}: {error_text(error)}.") from None
        finally:
            answer.cancel()
            # Otherwise asyncio complains that the result of an abandoned request was never retrieved.
            answer.add_done_callback(lambda ended: ended.cancelled() or ended.exception())

    async def jetstream_request(
        self, api_subject: str, body: Mapping[str, object] | None = None, *, timeout: float = REQUEST_SECONDS
    ) -> dict[str, Any]:
        """Ask the JetStream API, such as `STREAM.INFO.NAME`, with the prefix of the context; `timeout` in seconds.

        Raises JetStreamError if the API answers with an error, UnreachableError if there is no JetStream or no answer,
        and NotPermittedError if the server refuses the request.
        """
        payload = b"" if body is None else json.dumps(body).encode()
        _log.debug("asking %s%s", self.api_prefix, api_subject)
        try:
            answer = json.loads((await self.request(self.api_prefix + api_subject, payload, timeout=timeout)).data)
        except NoRespondersError:
            raise UnreachableError(self._no_jetstream()) from None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise UnreachableError(
                f"Something other than JetStream answers {self.api_prefix}{api_subject} at {self.url}. "
                'Correct "url", "jetstream_domain" or "jetstream_api_prefix" in the context.'
            )
        if isinstance(error := answer.get("error"), dict):
            if error.get("err_code") in NOT_ENABLED:
                raise UnreachableError(self._no_jetstream())
            raise jetstream_error(api_subject, error)
        return answer

    async def wait_for(self, future: asyncio.Future[Any], subject: str, timeout: float) -> None:
        """Wait until `future`, which asks `subject`, is done, for at most `timeout` seconds.

        Raises NotPermittedError as soon as the server refuses the question, or if no answer could reach us, and
        UnreachableError when the connection is given up.
        """
        if reason := self._inbox_reason():
            raise self._not_permitted(subject, reason)
        refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._waiting[refused] = subject
        try:
            await asyncio.wait((future, refused, self.lost), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[refused]
        if future.done() and future.exception() is None:
            return
        if refused.done():
            raise self._not_permitted(subject, refused.result())
        if self.lost.done():
            raise UnreachableError(str(self.lost.result()))

    async def close(self) -> None:
        """Send what was published, and disconnect, within a second. It is not an error if the server is gone."""
        self._stage = "closing"
        self._cancel_giving_up()
        await (self._ending or self.client.end(_CLOSE_SECONDS))

    async def _open(self, servers: list[str], options: Mapping[str, Any], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await self.client.connect(
                servers,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_closed,
                connect_timeout=math.ceil(seconds),
                **options,
            )
        self._stage = "open"

    async def _on_error(self, error: Exception) -> None:
        if self._stage == "opening":
            raise _AttemptError(error)  # this ends the attempt; nats-py would try again for ever
        text = error_text(error)
        if kind := self._violations.note(text):
            for refused, subject in self._waiting.items():
                reason = self.permission_reason(subject) if kind == "Publish" else self._inbox_reason()
                if reason and not refused.done():
                    refused.set_result(reason)
            return  # the code that published or asked reports it, once and with its context
        if text == self._trouble or self._stage != "open":  # each attempt to reconnect may report the same thing
            return
        self._trouble = text
        _log.warning("%s says: %s", self.url, text, extra={"server": self.url})

    async def _on_disconnected(self) -> None:
        if self._stage != "open" or self.lost.done():
            return
        _log.warning("lost the connection to %s", self.url, extra={"server": self.url})
        self._violations.clear()
        if self._reconnect_timeout is not None and self._giving_up is None:
            self._giving_up = asyncio.get_running_loop().call_later(self._reconnect_timeout, self._give_up)

    async def _on_reconnected(self) -> None:
        self.generation += 1
        self._cancel_giving_up()
        self._trouble = _NO_TROUBLE
        if server := self.client.connected_url:
            self.url = server.geturl()
        _log.warning("connected again, to %s", self.url, extra={"server": self.url})

    async def _on_closed(self) -> None:
        self._cancel_giving_up()
        if self._stage == "open" and not self.lost.done():
            reason = error_text(self.client.last_error) if self.client.last_error else self._trouble
            self.lost.set_result(UnreachableError(f"The server {self.url} closed the connection: {reason}. {_LATER}"))

    def _give_up(self) -> None:
        waited = f"did not come back within {self._reconnect_timeout:g} s: {self._trouble}"
        self.lost.set_result(UnreachableError(f"The connection to {self.url} was lost and {waited}. {_LATER}"))
        self._ending = asyncio.ensure_future(self.client.end(_CLOSE_SECONDS))

    def _cancel_giving_up(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _inbox_reason(self) -> str | None:
        return self._violations.inbox_reason(self.context.inbox_prefix or "_INBOX")

    def _not_permitted(self, subject: str, reason: str) -> NotPermittedError:
        return NotPermittedError(f"The server {self.url} does not let us ask {subject}: {reason}. {_PERMISSIONS}")

    def _no_jetstream(self) -> str:
        if self.publish_prefix:
            named = "jetstream_domain" if self.context.jetstream_domain else "jetstream_api_prefix"
            return f'No JetStream answers {self.api_prefix}> at {self.url}. Correct "{named}" in the context.'
        return f"JetStream is not enabled at {self.url} for this account. Enable it in the server's configuration."


class _AttemptError(Exception):
    """Carries an error that nats-py met while connecting."""


async def _connect(context: Context, name: str, timeout: float, reconnect_timeout: float | None) -> Connection:
    options = login_options(context, name)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    failures: list[Failure] = []
    for number, url in enumerate(context.servers):
        # nats-py connects to the first of these, and reconnects to any.
        servers = [*context.servers[number:], *context.servers[:number]]
        seconds = max((deadline - loop.time()) / (len(context.servers) - number), _LEAST_SECONDS)
        connection = Connection(context, url, reconnect_timeout)
        _log.info("connecting to %s%s", url, f", as the context {context.name} says" if context.name else "")
        try:
            await connection._open(servers, options, seconds)
        except (_AttemptError, OSError, ValueError, nats.errors.Error) as error:
            # A ValueError means that the first line is too long.
            cause = error.args[0] if isinstance(error, _AttemptError) else error
            failures.append(failure_of(cause, context, seconds, connection.client.asks_for_certificate))
            _log.info("not connected to %s: %s", url, failures[-1].reason)
        else:
            _log.info("connected to %s, nats-server %s", url, connection.server_version)
            return connection
    reasons = "; ".join(f"{failure.reason} at {url}" for failure, url in zip(failures, context.servers, strict=True))
    advice = " ".join(dict.fromkeys(failure.advice for failure in failures))
    refused = any(failure.refused for failure in failures)
    raise (NotPermittedError if refused else UnreachableError)(f"{cannot_connect(context)} {reasons}. {advice}")
