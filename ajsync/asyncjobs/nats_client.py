"""nats-py's client, with habits of nats.go that a long-lived or careful user of it needs.

Each override leans on the inside of nats-py; the tests fail where a release of it takes one away.
"""

from __future__ import annotations

from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from ajsync.asyncjobs.failure import REFUSED


class NatsClient(Client):
    """The client of one connection."""

    def __init__(self, *, tls_wanted: bool) -> None:
        super().__init__()
        self._tls_wanted = tls_wanted
        self.asks_for_certificate = False
        """Whether the server wants TLS with a certificate of ours."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        # nats-py encrypts only where the server insists, and would send a password in the clear that tls:// protects.
        if initial_connection and self._tls_wanted and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise nats.errors.SecureConnWantedError
            info["tls_required"] = True
        self.asks_for_certificate = bool(info.get("tls_verify"))
        await super()._process_info(info, initial_connection)

    async def _process_connect_init(self) -> None:
        try:
            await super()._process_connect_init()
        except BaseException:  # nats-py opens the next socket and forgets this one, or waits for it without end
            if self._transport is not None:
                self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it without types
            raise

    def _connect_command(self) -> bytes:
        # Whoever upgrades has to tell the streams of TLS, which nats-py does not: they would never hold back what a
        # server sends, and asyncio would warn at each end. This is the first that is sent over TLS.
        if isinstance(self._transport, TcpTransport) and self._transport._io_writer is not None:
            transport = self._transport._io_writer.transport
            if transport.get_extra_info("ssl_object") is not None and not transport.is_closing():
                transport.get_protocol().connection_made(transport)
        return super()._connect_command()

    async def _process_err(self, err_msg: str) -> None:
        # nats-py closes for good when a JWT expires or a user changes, though its renewed file may let us in again.
        if REFUSED.match(err_msg):
            error = nats.errors.Error(err_msg)
            await self._error_cb(error)
            await self._process_op_err(error)
        else:
            await super()._process_err(err_msg)
