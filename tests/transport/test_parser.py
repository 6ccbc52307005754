"""What comes over the wire is split as nats-py does it, however it is cut into reads."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import nats.protocol.parser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import DEFAULT_BUFFER_SIZE
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

    async def _process_err(self, error: str) -> None:
        self.heard.append(("error", error))

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


WIRE = (
    b"MSG A 7 _INBOX.b 12\r\nMSG A 7 1\r\nx\r\nPING\r\nMSG A\x0b7 7 2\r\n\r\n\r\n"
    b"HMSG A 7 R 12 14\r\nNATS/1.0\r\n\r\nPI\r\nHMSG A 7 12 12\r\nNATS/1.0\r\n\r\n\r\n"
    b"MSG\tA\t7\t1\r\nM\r\nMSG A 12 3\r\nMSG\r\nPONG\r\nMSG A 7 0\r\n\r\n"
    b"-ERR 'Secure Connection - TLS Required'\r\nMSG A 7 0\r\n\r\n"
)


@pytest.mark.anyio
async def test_it_tells_what_nats_py_tells_wherever_a_read_ends() -> None:
    expected = Listener()
    await parsed(nats.protocol.parser.Parser(expected), expected, WIRE, [])
    assert len(expected.heard) == 11
    for cuts in ([*range(len(WIRE))], *([begin, begin + most] for begin in range(len(WIRE)) for most in (0, 1, 20))):
        found = Listener()
        assert await parsed(ours(found), found, WIRE, cuts) == expected.heard, cuts


@pytest.mark.anyio
async def test_a_message_that_cannot_be_taken_is_told_and_stops_no_other() -> None:
    listener, counted = Listener(), [0, 0]
    failed: list[bytes] = []

    def fail(_subject: bytes, _reply: bytes, _headers: bytes, _data: bytes) -> None:
        raise RuntimeError

    def count(messages: int, size: int) -> None:
        counted[0] += messages
        counted[1] += size

    takers = {b"7": listener.take, b"8": fail}
    parser = Parser(listener, takers, count, failed.append, lambda: asyncio.sleep(0))
    await parser.parse(b"MSG A 8 1\r\nx\r\nHMSG B 8 12 15\r\nNATS/1.0\r\n\r\nabc\r\nMSG C 7 5\r\nabcde\r\n")
    assert failed == [b"A", b"B"]
    assert listener.heard == [(TAKEN, b"C", b"", b"", b"abcde")]
    assert counted == [3, 1 + 3 + 5]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("size", "rests"), [(0, False), (1, True), (DEFAULT_BUFFER_SIZE - 1, True), (DEFAULT_BUFFER_SIZE, False)]
)
async def test_it_rests_after_it_has_read_all_that_there_was(size: int, rests: bool) -> None:
    listener = Listener()
    rested: list[int] = []

    async def rest() -> None:
        rested.append(len(listener.heard))

    parser = Parser(listener, {}, lambda _count, _size: None, lambda _subject: None, rest)
    await parser.parse((b"PING\r\n" * DEFAULT_BUFFER_SIZE)[:size])
    assert rested == [size // 6] * rests


@pytest.mark.anyio
async def test_others_have_a_turn_after_every_hundred_messages_in_however_many_reads_they_come() -> None:
    listener, turns = Listener(), [0]

    async def others() -> None:
        while True:
            turns.append(len(listener.heard))
            await asyncio.sleep(0)

    async def rest() -> None:
        pass

    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(others())
        parser = Parser(listener, {b"7": listener.take}, lambda _count, _size: None, lambda _subject: None, rest)
        for many in (60, 150, 1000, 1):
            await parser.parse(b"MSG A 7 1\r\nx\r\n" * many)
        waiting.cancel()
    assert len(listener.heard) == 1211
    assert max(later - before for before, later in pairwise([*turns, 1211])) == 100


@pytest.mark.anyio
async def test_what_came_from_a_connection_that_is_lost_is_not_told() -> None:
    listener = Listener()
    parser = ours(listener)
    asyncio.get_running_loop().call_soon(parser.reset)
    await parser.parse(b"MSG A 7 1\r\nx\r\n" * 100 + b"PING\r\n")
    assert ("ping",) not in listener.heard


@pytest.mark.anyio
@pytest.mark.parametrize(
    "line",
    [b"GARBAGE", b"GARBAGE" * 1000, b"MSG A 7", b"MSG A 7 x", b"MSG A 7 R x", b"HMSG A 7 x 3", b"HMSG A 7 1 x"],
)
async def test_what_no_server_says_is_an_error(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        await ours(Listener()).parse(b"PING\r\n" + line + b"\r\nPING\r\n")
