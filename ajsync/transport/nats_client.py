"""nats-py's client, with features of nats.go that a long-lived or careful program needs.

Each override depends on internals of nats-py. Tests fail if a release of it breaks one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport

from ajsync.transport.failure import REFUSED
from ajsync.transport.parser import Parser, Taker

_PERMISSIONS = "permissions violation"
_MUCH_BYTES = 2 * 1024 * 1024
_LOOK_SECONDS = 0.1
_CANCELLATIONS = 20
_CANCELLED_SECONDS = 0.05
"""How long to wait for a task to end; one that does not swallow its cancellation ends much sooner."""
_log = logging.getLogger(__name__)


class NatsClient(Client):
    """The client of one connection."""

    def __init__(self, *, tls_wanted: bool, comes_back: bool) -> None:
        """`tls_wanted` refuses a server without TLS; `comes_back` reconnects after any error that ends a connection."""
        super().__init__()
        self._tls_wanted = tls_wanted
        self._comes_back = comes_back
        self.asks_for_certificate = False
        """Whether the server asks for TLS with a certificate of ours."""
        self.before_read: Callable[[], Awaitable[None]] | None = None
        """What input from the server waits for until it is read; with None it is read as it comes."""
        self._takers: dict[bytes, Taker] = {}
        self._ps = Parser(self, self._takers, self._count, self._not_taken, self._rest)

    async def subscribe_raw(self, subject: str, take: Taker) -> Subscription:
        """Give each message of a subscription to `take`, as bytes from the wire.

        For a message with headers, nats-py needs some 50 µs to make a Msg, which is most of the time of reading
        thousands.
        """
        subscription = await self.subscribe(subject)
        self._takers[b"%d" % subscription._id] = take
        return subscription

    async def end(self, seconds: float) -> None:
        """Close within `seconds`, and wait until each task of the client has ended.

        nats-py sometimes swallows a cancellation while it waits for a socket or between two attempts to connect, so the
        cancellation is repeated.
        """
        tasks = {
            self._reading_task,
            self._ping_interval_task,
            self._flusher_task,
            self._reconnection_task,
            *(subscription._wait_for_msgs_task for subscription in self._subs.values()),
        }
        closing = asyncio.ensure_future(self.close())
        await asyncio.wait((closing,), timeout=seconds)
        left = {each for each in (closing, *tasks) if each is not None and not each.done()}
        for _ in range(_CANCELLATIONS):
            if not left:
                break
            for each in left:
                each.cancel()
            _, left = await asyncio.wait(left, timeout=_CANCELLED_SECONDS)
        # Data that can no longer be sent make asyncio fail in ways that differ from release to release.
        if closing.done() and not closing.cancelled() and (error := closing.exception()):
            _log.debug("closed with what could not be sent: %r", error)
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            with suppress(AttributeError):  # from asyncio, which forgets its loop when the remaining data are sent
                self._transport._io_writer.transport.abort()

    async def write(self, data: bytes) -> bool:
        """Send messages as bytes for the wire, and wait while a lot is pending for the socket.

        Without a server, it writes nothing and returns False. nats-py would keep the messages for later, but callers of
        this method send unacknowledged messages again, and both together would be wrong.
        """
        if not self.is_connected:
            return False
        try:
            await self._send_command(data)
            await self._flush_pending()
            if self._pending_data_size > _MUCH_BYTES and self._flush_queue is not None:
                flushed = asyncio.get_running_loop().create_future()
                self._flush_queue.put_nowait(flushed)
                while not flushed.done() and self.is_connected:
                    await asyncio.wait((flushed,), timeout=_LOOK_SECONDS)
        except (OSError, RuntimeError, AttributeError, TypeError, nats.errors.Error):
            # The transport is just gone. asyncio reports that in different ways, and nats-py will notice in a moment.
            return False
        return True

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        take = self._takers.get(b"%d" % sid)
        if take is None:
            return await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]
        self._count(1, len(data))
        try:
            take(bytes(subject), bytes(reply or b""), headers or b"", data)
        except Exception:  # noqa: BLE001 - nats-py would silently stop reading from the connection
            self._not_taken(bytes(subject))
        return None

    async def _rest(self) -> None:
        if self.before_read is None or not isinstance(self._transport, TcpTransport):
            return
        if self._transport._io_writer is None:
            return
        transport = self._transport._io_writer.transport
        if not isinstance(transport, asyncio.ReadTransport) or transport.is_closing():
            return
        transport.pause_reading()  # otherwise asyncio would wake up for each packet
        try:
            await self.before_read()
        finally:
            transport.resume_reading()

    def _count(self, messages: int, size: int) -> None:
        self.stats["in_msgs"] += messages
        self.stats["in_bytes"] += size

    def _not_taken(self, subject: bytes) -> None:
        _log.exception("failed to take a message on %s", _readable(subject).decode())

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self._takers.pop(b"%d" % sid, None)
        super()._remove_sub(sid, max_msgs)

    async def _send_command(self, cmd: bytes, priority: bool = False) -> None:
        # If a lot is pending, nats-py waits here for the socket and swallows a cancellation, so a request to a server
        # that hangs could not be stopped. Code that writes a lot waits in `write`.
        self._pending.insert(0 if priority else len(self._pending), cmd)
        self._pending_data_size += len(cmd)

    async def _flush_pending(self, force_flush: bool = False) -> Any:
        # This has the same reason: nats-py waits here when its queue is full. One entry in it flushes everything
        # pending, unless the flusher has ended, which happens if it starts while a reconnect still waits for the
        # socket.
        flushing = self._flusher_task is not None and not self._flusher_task.done()
        if not flushing or self._flush_queue is None or self._flush_queue.empty():
            return await super()._flush_pending(force_flush)
        return None

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py encrypts only if the server insists, and would send a password unencrypted in spite of tls://.
        if initial_connection and self._tls_wanted and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise nats.errors.SecureConnWantedError
            info["tls_required"] = True
        self.asks_for_certificate = bool(info.get("tls_verify"))
        await super()._process_info(info, initial_connection)

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:  # nats-py would open the next socket and forget this one, or wait for it for ever
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]  # nats-py has no types for it
            raise

    def _connect_command(self) -> bytes:
        # The streams have to be told of the upgrade to TLS, which nats-py does not do: they would never apply
        # back-pressure, and asyncio would warn at each close. This command is the first one sent over TLS.
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            transport = self._transport._io_writer.transport
            if transport.get_extra_info("ssl_object") is not None and not transport.is_closing():
                transport.get_protocol().connection_made(transport)
        return super()._connect_command()

    async def _process_headers(self, headers: bytes) -> Any:
        # Any client may store a message whose headers are malformed, and nats-py would end the connection over it.
        try:
            return await super()._process_headers(headers)
        except (IndexError, ValueError) as error:
            _log.debug("a message has headers that cannot be read: %r", error)
            return None

    def _build_message(self, sid: int, subject: bytes, reply: bytes, *rest: Any) -> Msg:
        # The same is true for a subject that is not UTF-8. Backslash escapes show bytes that cannot be decoded.
        message: Msg = super()._build_message(sid, _readable(subject), _readable(reply), *rest)
        return message

    async def _process_err(self, err_msg: str) -> None:
        # nats-py closes for good when a JWT expires or a user changes, although its renewed file may let us in again,
        # and at any error but permissions, although the server may accept more connections or larger messages later.
        ended = self._comes_back and not self.is_connecting and _PERMISSIONS not in err_msg.lower()
        if ended or REFUSED.match(err_msg):
            error = nats.errors.Error(err_msg)
            await self._error_cb(error)
            await self._process_op_err(error)
        else:
            await super()._process_err(err_msg)


def _readable(subject: bytes) -> bytes:
    return subject if subject.isascii() else subject.decode("utf-8", "backslashreplace").encode()
