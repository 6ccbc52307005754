"""The window: messages that were written but not acknowledged yet, each known by a token that its owner chooses.

nats-py's `js.publish` waits for one answer at a time, and its `publish_async` never resolves a refused one. Here all
answers come to a single inbox. The owner builds its frames with the reply subject `INBOX.TOKEN`, where `INBOX` is
`Window.inbox` and a token is any text that is valid in a subject, such as `17` or `t.17`:

    async with Window(connection, on_answer) as window:       # subscribes to INBOX.>
        window.send("t.17", frame)                            # or again, which moves it to the end
        await window.out.flush()                              # or let a task of `window.out.run()` write

`on_answer(token, answer)` is called for each answer to an open token. The answer of a stream, stored or refused, closes
the token: later answers to it are dropped, as are those to tokens that were never sent. `NO_STREAM` leaves it open,
because in a cluster the stream may be electing a leader: the owner sends the message again later, or drops it.

The window starts no timers and sends nothing again by itself. Its owner checks regularly, and sends again or drops what
`lost` and `sent_before` return. Every frame must be safe to send twice.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple, Self

from ajsync.transport.connection import Connection
from ajsync.transport.errors import WRONG_SEQUENCE
from ajsync.transport.frames import FrameWriter
from ajsync.transport.inbox import NO_RESPONDERS, Inbox, status_of

WINDOW = 1000
"""How many messages are under way at once: more gain nothing on one connection, and a lost connection leaves this many
open."""

_STORED = re.compile(rb'{"stream": ?"[^"]*", ?"seq": ?(\d+)}')
"""An acknowledgement that says only where the message was stored, as most do; json.loads takes ten times as long."""


class Answer(NamedTuple):
    """What became of a message: it was stored at `sequence`, or refused with `error`. `NO_ANSWER` also has an
    `error`."""

    sequence: int = 0
    error: str = ""
    code: int = 0
    """The server's error code; 0 if the error did not come from JetStream."""
    denied: bool = False
    """Whether the server does not permit the user to publish there."""
    too_large: bool = False
    sent: bool = True
    """Whether there was a server to write it to."""
    duplicate: bool = False
    """Whether the stream had stored a message with this id before, and stored nothing now."""

    @property
    def conflict(self) -> bool:
        """Whether another client wrote the subject in the meantime, or the first copy of this message did."""
        return self.code in WRONG_SEQUENCE


NO_ANSWER = Answer(error="the server did not answer")
NO_STREAM = Answer(error="no stream takes this subject")
NOT_SENT = Answer(error="the server was away", sent=False)


def read_answer(status: bytes, data: bytes) -> Answer:
    """Parse an acknowledgement; `status` is the one in the headers of an answer without data, such as `503`."""
    if stored := _STORED.fullmatch(data):
        return Answer(int(stored[1]))
    if not data:
        return NO_STREAM if status == NO_RESPONDERS else Answer(error=f"unexpected status {status.decode()}")
    answer = json.loads(data)
    if "seq" in answer and "error" not in answer:
        return Answer(answer["seq"], duplicate="duplicate" in answer)
    error = answer.get("error", {})
    return Answer(error=error.get("description", "unknown error"), code=error.get("err_code", 0))


class Window(Inbox):
    """The open tokens of one owner on one connection. Times are those of `time.monotonic`."""

    def __init__(
        self,
        connection: Connection,
        on_answer: Callable[[str, Answer], None],
        *,
        may_write: Callable[[], bool] = lambda: True,
    ) -> None:
        """`may_write` is passed to `out`, the writer of the frames."""
        super().__init__(connection)
        self.out = FrameWriter(connection, may_write)
        """Writes the sent frames, and others that must keep their place between these."""
        self.heard_at = 0.0
        """When a stream last answered."""
        self.answered_sent_at = 0.0
        """When the latest answered message was sent."""
        self._on_answer = on_answer
        self._open: dict[str, float] = {}
        """Token → when it was last sent, which rises from entry to entry."""
        self._generation = connection.generation

    async def __aenter__(self) -> Self:
        self._generation, self.heard_at = self._connection.generation, time.monotonic()
        return await super().__aenter__()

    def __len__(self) -> int:
        """How many tokens are open."""
        return len(self._open)

    def send(self, token: str, frame: bytes) -> None:
        """Have `frame` written, for the first time or again; `token` is open until it is answered or dropped."""
        self._open.pop(token, None)
        self._open[token] = time.monotonic()
        self.out.add(frame)

    def drop(self, token: str) -> None:
        """Close a token, because its answer no longer matters."""
        self._open.pop(token, None)

    def clear(self) -> None:
        """Close all tokens, and forget the frames that are not written yet."""
        self._open.clear()
        self.out.clear()

    def lost(self) -> list[str]:
        """The open tokens, if the connection is new since the last call, so that their answers will never come.

        They stay open, in the order in which they were sent.
        """
        if self._generation == self._connection.generation:
            return []
        self._generation = self._connection.generation
        return [*self._open]

    def sent_before(self, instant: float) -> list[str]:
        """The open tokens that were last sent before `instant`, the oldest first. They stay open."""
        return [token for token, _ in takewhile(lambda each: each[1] < instant, self._open.items())]

    def _take(self, token: str, headers: bytes, data: bytes) -> None:
        sent_at = self._open.get(token)
        if sent_at is None:
            return
        answer = read_answer(b"" if data else status_of(headers), data)
        if answer is not NO_STREAM:
            del self._open[token]
            self.heard_at = time.monotonic()
            self.answered_sent_at = max(self.answered_sent_at, sent_at)
        self._on_answer(token, answer)
