"""Splits what was read from the wire into messages, faster than nats-py where somebody takes them as they come.

nats-py goes through its states and two coroutines for each message. A message that came whole, and is for a taker of
`NatsClient.subscribe_raw`, is cut out of what was read instead. All else goes to nats-py, one operation at a time.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping

import nats.protocol.parser
from nats.aio.client import DEFAULT_BUFFER_SIZE
from nats.errors import ProtocolError
from nats.protocol.parser import AWAITING_MSG_PAYLOAD

# For the server, only a space or a tab ends a subject. nats-py stops at a vertical tab and a form feed too, so a single
# key with such a name would make the whole bucket unreadable.
_TOKEN, _GAP = rb"[^ \t\r\n]+", rb"[ \t]+"
_START = rb"MSG%b(%b)%b(%b)%b((%b)%b)?" % (_GAP, _TOKEN, _GAP, _TOKEN, _GAP, _TOKEN, _GAP)
nats.protocol.parser.MSG_RE = re.compile(rb"\A%b(\d+)\r\n" % _START)
nats.protocol.parser.HMSG_RE = re.compile(rb"\AH%b(\d+)%b(\d+)\r\n" % (_START, _GAP))

_PLAIN = re.compile(rb"MSG (%b) (\d+) (?:(%b) )?(\d+)\r\n" % (_TOKEN, _TOKEN))
_WITH_HEADERS = re.compile(rb"HMSG (%b) (\d+) (?:(%b) )?(\d+) (\d+)\r\n" % (_TOKEN, _TOKEN))
"""As servers write them. What is written in another way is left to nats-py."""
_END = b"\r\n"
_IN_A_ROW = 100
"""Messages given to takers before others have a turn: a full window of answers may come in one go."""

Taker = Callable[[bytes, bytes, bytes, bytes], None]
"""Takes the subject, the reply subject, the headers and the data of a message; what it does not have is empty."""


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
        """`takers` are by the ids of subscriptions as they are written.

        `on_taken` gets the number of messages that were taken, and the bytes of their data. `on_error` gets the subject
        of a message whose taker fails, while its exception is handled. `rest` is awaited when all that there was to
        read has been gone through.
        """
        self._takers = takers
        self._on_taken = on_taken
        self._on_error = on_error
        self._rest = rest
        self._taken = 0
        """Messages given to takers since others had a turn."""
        super().__init__(client)

    def reset(self) -> None:
        """Forget what was read from a connection that is lost."""
        super().reset()
        self._epoch = object()

    async def parse(self, data: bytes = b"") -> None:
        """Go through what was read next. Raises ProtocolError."""
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
        """Give the messages for takers that begin at a position, and return where the first other thing begins."""
        takers, room, size = self._takers, _IN_A_ROW - self._taken, 0
        count = 0
        while count < room:
            headers = b""
            if found := _PLAIN.match(data, position):
                subject, id, reply, length = found.groups(b"")
                begin = found.end()
                end = begin + int(length)
            elif found := _WITH_HEADERS.match(data, position):
                subject, id, reply, head, length = found.groups(b"")
                begin, end = found.end() + int(head), found.end() + int(length)
                headers = data[found.end() : begin]
            else:
                break
            take = takers.get(id)
            if take is None or not data.startswith(_END, end):
                break
            try:
                take(subject, reply, headers, data[begin:end])
            except Exception:  # noqa: BLE001 - nobody would read on
                self._on_error(subject)
            size += end - begin
            position = end + len(_END)
            count += 1
        self._taken += count
        self._on_taken(count, size)
        return position
