"""What comes over the wire is split as nats-py does it, however it is cut into reads."""

from __future__ import annotations

import asyncio
from typing import Any

import nats.protocol.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.errors import ProtocolError

from ajsync.transport.parser import Parser

TAKEN, OTHER = 7, 12
TEXTS = st.sampled_from([b"", b"x", b"\r\n", b"MSG A 7 1\r\n", b"PING\r\n", b"NATS/1.0\r\n\r\n", b"M" * 5000])
SUBJECTS = st.sampled_from([b"A", b"_INBOX.a.1", b"\xff", b"V\x0bT", b"7", b"S" * 3500])
Heard = list[tuple[Any, ...]]


class Listener:
    """Stands for a client: notes what a parser tells it."""

    def __init__(self) -> None:
        self.heard: Heard = []

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        self.heard.append((sid, bytes(subject), bytes(reply), headers or b"", data))

    async def _process_ping(self) -> None:
        self.heard.append(("ping",))

    async def _process_pong(self) -> None:
        self.heard.append(("pong",))

    def take(self, subject: bytes, reply: bytes, headers: bytes, data: bytes) -> None:
        self.heard.append((TAKEN, subject, reply, headers, data))


def ours(listener: Listener) -> Parser:
    takers = {b"%d" % TAKEN: listener.take}
    return Parser(listener, takers, lambda _count, _size: None, lambda _subject: None, lambda: asyncio.sleep(0))


@st.composite
def operations(draw: st.DrawFn) -> bytes:
    """Something that a server sends."""
    kind = draw(st.sampled_from(["MSG", "MSG", "HMSG", "HMSG", "PING", "PONG", "+OK"]))
    if kind not in ("MSG", "HMSG"):
        return kind.encode() + b"\r\n"
    gap = draw(st.sampled_from([b" ", b" ", b" ", b"\t", b"  "]))
    words = [kind.encode(), draw(SUBJECTS), b"%d" % draw(st.sampled_from([TAKEN, TAKEN, OTHER]))]
    words += draw(st.sampled_from([[], [b"_INBOX.b"], [b"5"]]))
    headers, data = draw(TEXTS) if kind == "HMSG" else b"", draw(TEXTS)
    words += [b"%d" % len(headers)] if kind == "HMSG" else []
    return gap.join([*words, b"%d" % len(headers + data)]) + b"\r\n" + headers + data + b"\r\n"


async def parsed(parser: nats.protocol.parser.Parser, listener: Listener, wire: bytes, cuts: list[int]) -> Heard:
    ends = [*sorted(each % (len(wire) + 1) for each in cuts), len(wire)]
    for begin, end in zip([0, *ends], ends, strict=False):
        await parser.parse(wire[begin:end])
    return listener.heard


@given(st.lists(operations(), min_size=1, max_size=8), st.lists(st.integers(0, 10_000), max_size=6))
def test_it_tells_what_nats_py_tells(wire: list[bytes], cuts: list[int]) -> None:
    expected, found = Listener(), Listener()
    asyncio.run(parsed(nats.protocol.parser.Parser(expected), expected, b"".join(wire), []))
    assert asyncio.run(parsed(ours(found), found, b"".join(wire), cuts)) == expected.heard


@pytest.mark.anyio
async def test_others_have_a_turn_between_many_messages() -> None:
    listener = Listener()
    turns: list[int] = []
    turn = asyncio.get_running_loop().call_soon
    turn(lambda: turns.append(len(listener.heard)))
    await ours(listener).parse(b"MSG A 7 1\r\nx\r\n" * 1000)
    assert len(listener.heard) == 1000
    assert 0 < turns[0] < 1000


@pytest.mark.anyio
async def test_what_came_from_a_connection_that_is_lost_is_not_told() -> None:
    listener = Listener()
    parser = ours(listener)
    asyncio.get_running_loop().call_soon(parser.reset)
    await parser.parse(b"MSG A 7 1\r\nx\r\n" * 100 + b"PING\r\n")
    assert ("ping",) not in listener.heard


@pytest.mark.anyio
@pytest.mark.parametrize("line", [b"GARBAGE\r\n", b"GARBAGE" * 1000 + b"\r\n"])
async def test_what_no_server_says_is_an_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await ours(Listener()).parse(b"PING\r\n" + line + b"PING\r\n")
