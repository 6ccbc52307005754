"""Splits the bytes from the wire into messages, faster than nats-py for subscriptions that take raw messages.

nats-py goes through its states and two coroutines for each message. Instead, a message that came whole, and is for a
taker of `NatsClient.subscribe_raw`, is cut out of the bytes. Everything else goes to nats-py, one operation at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

import nats.protocol.parser
from nats.aio.client import DEFAULT_BUFFER_SIZE
from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_MSG_PAYLOAD

# For the server, only a space or a tab ends a subject. nats-py also stops at a vertical tab and a form feed, so a
# single key with such a name would make the whole bucket unreadable.
_TOKEN, _GAP = rb"[^ \t\r\n]+", rb"[ \t]+"
_START = rb"MSG%b(%b)%b(%b)%b((%b)%b)?" % (_GAP, _TOKEN, _GAP, _TOKEN, _GAP, _TOKEN, _GAP)
nats.protocol.parser.MSG_RE = re.compile(rb"\A%b(\d+)\r\n" % _START)
nats.protocol.parser.HMSG_RE = re.compile(rb"\AH%b(\d+)%b(\d+)\r\n" % (_START, _GAP))

_PLAIN, _WITH_HEADERS, _END = b"MSG", b"HMSG", b"\r\n"
_IN_A_ROW = 100
"""How many messages are given to takers before other tasks get a turn, because a full window of answers may come in one
go."""

Taker = Callable[[bytes, bytes, bytes, bytes], None]
"""Takes the subject, the reply subject, the headers and the data of a message; missing parts are empty."""


class Parser(nats.protocol.parser.Parser):
    """The parser of one client."""

    def __init__(
        self,
        client: object,
        takers: Mapping[bytes, Taker],
        on_taken: Callable[[int, int], None],
        on_error: Callable[[bytes], None],
        rest: Callable[[], Awaitable[None]],
    ) -> None:
        """`takers` has the takers by the ids of their subscriptions, as bytes on the wire.

        `on_taken` gets the number of taken messages, and the number of bytes of their data. `on_error` gets the subject
        of a message whose taker fails, while the exception is being handled. `rest` is awaited after everything that
        was read has been parsed.
        """
        self._takers = takers
        self._on_taken = on_taken
        self._on_error = on_error
        self._rest = rest
        self._taken = 0
        """How many messages were given to takers since other tasks had a turn."""
        super().__init__(client)

    def reset(self) -> None:
        """Forget the bytes that were read from a lost connection."""
        super().reset()
        self._epoch = object()

    async def parse(self, data: bytes = b"") -> None:
        """Parse the bytes that were read next. Raises ProtocolError."""
        await self._parse(data)
        if 0 < len(data) < DEFAULT_BUFFER_SIZE:
            await self._rest()

    async def _parse(self, data: bytes) -> None:
        position, epoch = 0, self._epoch
        if self.buf and self.state != AWAITING_MSG_PAYLOAD:  # the beginning of a line
            data = bytes(self.buf) + data
            self.buf.clear()
        while position < len(data) and self._epoch is epoch:
            if self.state == AWAITING_MSG_PAYLOAD:
                end = position + self.needed + len(_END) - len(self.buf)
                await super().parse(data[position:end])
                position = end
                continue
            position = self._take(data, position)
            if self._taken >= _IN_A_ROW:
                self._taken = 0
                await asyncio.sleep(0)
                continue
            end = data.find(_END, position) + len(_END)
            if end < len(_END):
                self.buf.extend(data[position:])
                return
            await super().parse(data[position:end])
            if self.buf:
                raise ProtocolError("nats: unknown protocol")
            position = end

    def _take(self, data: bytes, position: int) -> int:
        """Give takers the messages that begin at a position, and return where the first other operation begins."""
        takers, room, size = self._takers, _IN_A_ROW - self._taken, 0
        count = 0
        while count < room and (begin := data.find(_END, position)) >= 0:
            # A regular expression takes half as long again. Any form but that of servers is left to nats-py.
            parts = data[position:begin].split(b" ")
            begin += len(_END)
            headers = reply = b""
            if len(parts) == 4 and parts[0] == _PLAIN:
                _, subject, id, length = parts
            elif len(parts) == 5 and parts[0] == _PLAIN:
                _, subject, id, reply, length = parts
            elif len(parts) in (5, 6) and parts[0] == _WITH_HEADERS and parts[-2].isdigit():
                subject, id, reply, length = parts[1], parts[2], parts[3] if len(parts) == 6 else b"", parts[-1]
                headers = data[begin : begin + int(parts[-2])]
            else:
                break
            if not length.isdigit():
                break
            end = begin + int(length)
            begin += len(headers)
            take = takers.get(id)
            if take is None or not data.startswith(_END, end):
                break
            try:
                take(subject, reply, headers, data[begin:end])
            except Exception:  # noqa: BLE001 - an error would end the reading
                self._on_error(subject)
            size += end - begin
            position = end + len(_END)
            count += 1
        self._taken += count
        self._on_taken(count, size)
        return position
