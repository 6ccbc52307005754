"""Pipelined writes: each has an answer of its own, whatever happens to the others and to the server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.names import CONFIGURATION_STREAM
from ajsync.errors import UnreachableError
from ajsync.transport import publisher
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_all
from tests.conftest import StartServer
from tests.nats_server import NatsServer
from tests.scheduler.ha.cluster import cluster, leader_of, whole

pytestmark = pytest.mark.anyio

FOREVER = 60
SUBJECT = "$KV.CHORIA_AJ_CONFIGURATION."


def expecting(key: str, revision: int, data: bytes = b"x") -> Write:
    return Write(SUBJECT + key, data, {"Nats-Expected-Last-Subject-Sequence": str(revision)})


async def test_each_write_gets_its_own_answer(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        writes = [expecting(f"k{number}", 0 if number % 2 else 7) for number in range(3000)]
        answers = await publish_all(connection, writes)
        assert [answer.conflict for answer in answers] == [not number % 2 for number in range(3000)]
        assert len({answer.sequence for answer in answers if not answer.error}) == 1500


async def test_the_caller_hears_of_each_answer_once(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        heard: list[int] = []
        await publish_all(
            connection, [expecting(f"k{number}", 0) for number in range(50)], on_answer=lambda at, _: heard.append(at)
        )
        assert sorted(heard) == list(range(50))


async def test_a_subject_of_no_stream_is_refused_with_the_reason(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "LEADERLESS_SECONDS", 0.5)
    async with connect(context_for_server(server.url)) as connection:
        (answer,) = await publish_all(connection, [Write("nowhere", b"x", {})])
        assert answer.error == "no stream takes this subject"


async def test_a_value_larger_than_the_server_takes_is_refused_and_the_others_are_stored(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        large, small = await publish_all(
            connection, [expecting("large", 0, b"x" * (1024 * 1024 + 1)), expecting("small", 0)]
        )
        assert large.error == "larger than the server takes (1048576 bytes)"
        assert small.sequence == 1


async def test_a_refused_permission_is_the_answer_with_the_servers_reason(start_server: StartServer) -> None:
    server = start_server(
        'authorization { users: [{user: u, password: p, permissions: {publish: {deny: "$KV.*.secret.>"}}}] }'
    )
    async with connect(context_for_server(server.url.replace("://", "://u:p@"))) as connection:
        await ConfigurationBucket.create(connection)
        denied, allowed = await publish_all(connection, [expecting("secret.x", 0), expecting("open", 0)])
        assert denied.denied
        assert "Permissions Violation for Publish" in denied.error
        assert not allowed.error


async def test_writes_go_on_through_a_restart_and_none_is_stored_twice(server: NatsServer) -> None:
    async with connect(context_for_server(server.url)) as connection:
        bucket, _ = await ConfigurationBucket.create(connection)
        answered = 0
        started = asyncio.Event()

        def count(_index: int, _answer: object) -> None:
            nonlocal answered
            answered += 1
            if answered == 2000:
                started.set()

        writing = asyncio.create_task(
            publish_all(connection, [expecting(f"k{number}", 0) for number in range(30_000)], on_answer=count)
        )
        await started.wait()
        await asyncio.to_thread(server.restart)
        answers = await writing
        # A write whose answer was lost is sent again and then finds its own first sending.
        assert not [answer.error for answer in answers if answer.error and not answer.conflict]
        info = await connection.jetstream_request("STREAM.INFO.KV_CHORIA_AJ_CONFIGURATION")
        assert info["state"]["messages"] == info["state"]["last_seq"] == 30_000
        assert bucket.target.created == info["created"]


async def test_writes_whose_answers_are_lost_do_not_keep_the_window_while_others_are_answered(
    server: NatsServer,
) -> None:
    """As when a stream gets another leader: what the old one had taken is answered by nobody."""
    lost = {f"some.{n}" for n in range(990)}
    order: list[int] = []

    async def answer(msg: Msg) -> None:
        if msg.subject in lost:
            lost.remove(msg.subject)
        else:
            await msg.respond(b'{"stream":"SOME","seq":%d}' % (len(order) + 1))

    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as other:
        await other.client.subscribe("some.*", cb=answer)
        await other.jetstream_request(
            "INFO"
        )  # after which the server knows it: a flush of nats-py says nothing of that
        writes = [Write(f"some.{n}", b"", {}) for n in range(2000)]
        answers = await publish_all(connection, writes, on_answer=lambda index, _: order.append(index))
    assert not [each for each in answers if each.error]
    assert order.index(0) < order.index(1999)


async def test_writes_wait_for_a_cluster_to_elect_another_leader_of_the_stream(tmp_path: Path) -> None:
    with cluster(tmp_path) as nodes:
        urls = ",".join(f"nats://127.0.0.1:{port}" for port in nodes.ports)
        async with connect(context_for_server(urls), timeout=FOREVER, reconnect_timeout=None) as connection:
            async with asyncio.timeout(FOREVER):
                while True:
                    with suppress(UnreachableError):  # a new cluster may need some attempts
                        await ConfigurationBucket.create(connection, replicas=3)
                        break
            await whole(connection.client, [CONFIGURATION_STREAM])
            leader = await leader_of(connection.client, CONFIGURATION_STREAM)
            started = asyncio.Event()
            writes = [expecting(f"k{number}", 0) for number in range(5000)]
            writing = asyncio.create_task(publish_all(connection, writes, on_answer=lambda *_: started.set()))
            await started.wait()
            nodes.nodes[leader].stop()
            answers = await writing
    assert not [answer.error for answer in answers if answer.error and not answer.conflict]


async def test_writes_to_a_server_that_stays_away_end_without_an_answer(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_PATIENCE_SECONDS", 0.5)
    async with connect(context_for_server(server.url)) as connection:
        await ConfigurationBucket.create(connection)
        server.stop()
        answers = await publish_all(connection, [expecting(f"k{number}", 0) for number in range(10)])
        assert [answer.error for answer in answers] == ["the server did not answer"] * 10


async def test_answers_that_come_slowly_are_no_silence(server: NatsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as something comes nothing is given up, though the window has no room for more meanwhile."""
    monkeypatch.setattr(publisher, "_PATIENCE_SECONDS", 1.0)
    answered = 0

    async def answer(msg: Msg) -> None:
        nonlocal answered
        answered += 1
        if answered <= 100:
            await asyncio.sleep(0.02)
        await msg.respond(b'{"stream":"SLOW","seq":%d}' % answered)

    async with connect(context_for_server(server.url)) as connection, connect(context_for_server(server.url)) as slow:
        await slow.client.subscribe("slow.*", cb=answer)
        await slow.jetstream_request("INFO")
        answers = await publish_all(connection, [Write(f"slow.{n}", b"", {}) for n in range(600)])
    assert not [each for each in answers if each.error]
    assert answered == 600
