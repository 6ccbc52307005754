"""The window: messages that were written and are not acknowledged yet, each known by a token of its owner's choice.

nats-py's `js.publish` waits for one answer at a time, and its `publish_async` never resolves a refused one. Here all
answers come to one inbox. The owner builds its frames with the reply subject `INBOX.TOKEN`, where `INBOX` is
`Window.inbox` and a token is any text that is valid in a subject, such as `17` or `t.17`:

    async with Window(connection, on_answer) as window:       # subscribes to INBOX.>
        window.send("t.17", frame)                            # or again, which moves it to the end
        await window.out.flush()                              # or let a task of `window.out.run()` write

`on_answer(token, answer)` is called for each answer to an open token. The answer of a stream, stored or refused, closes
the token: later answers to it are dropped, as are those to tokens that were never sent. `NO_STREAM` leaves it open,
since in a cluster the stream may be electing a leader: the owner sends it again later, or drops it.

The window starts no timers and sends nothing again by itself. Its owner looks from time to time, and sends again or
drops what `lost` and `sent_before` return. Every frame must be safe to send twice.
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
"""Messages under way at once: more gains nothing on one connection, and a lost connection leaves this many open."""

_STORED = re.compile(rb'{"stream": ?"[^"]*", ?"seq": ?(\d+)}')
"""An acknowledgement that says no more than where the message was stored, which most do; json.loads takes ten times as
long."""


class Answer(NamedTuple):
    """What became of a message: stored at `sequence`, or refused with `error`, which `NO_ANSWER` has too."""

    sequence: int = 0
    error: str = ""
    code: int = 0
    """One of the server's; 0 if the error did not come from JetStream."""
    denied: bool = False
    """The server does not permit the user to publish there."""
    too_large: bool = False
    sent: bool = True
    """False if there was no server to write it to."""
    duplicate: bool = False
    """The stream had stored a message of this id before, and stored nothing now."""

    @property
    def conflict(self) -> bool:
        """Another client wrote the subject in the meantime, or the first copy of this message did."""
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
        """`may_write` is for `out`, the writer of the frames."""
        super().__init__(connection)
        self.out = FrameWriter(connection, may_write)
        """Writes what is sent, and whatever else must keep its place between these frames."""
        self.heard_at = 0.0
        """When a stream answered last."""
        self.answered_sent_at = 0.0
        """When the latest message that has an answer was sent."""
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
        """Close a token: its answer no longer matters."""
        self._open.pop(token, None)

    def clear(self) -> None:
        """Close all tokens, and forget what is not written yet."""
        self._open.clear()
        self.out.clear()

    def lost(self) -> list[str]:
        """The open tokens, if there is a new connection since the last call: no other will bring their answers.

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
