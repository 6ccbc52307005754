"""A cluster of three servers on this machine, whose nodes a test kills and starts again."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import nats.errors
from nats.aio.client import Client

from tests.nats_server import NatsServer

NODES = ("N1", "N2", "N3")
_DEADLINE_SECONDS = 60.0
_POLL_SECONDS = 0.1
_ROUTE_PORTS = range(20_000, 32_000)
"""Below those that the system gives to any socket, which another process could get before the node listens there."""


class Cluster:
    """Three nodes by name."""

    def __init__(self, folder: Path) -> None:
        routes = dict(zip(NODES, _free_ports(len(NODES)), strict=True))
        self.nodes = {name: NatsServer(folder / name, _configuration(name, routes)) for name in NODES}

    @property
    def ports(self) -> list[int]:
        """Where clients connect."""
        return [node.port for node in self.nodes.values()]


@contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A cluster while the block runs."""
    found = Cluster(folder)
    with ExitStack() as stack:
        for node in found.nodes.values():
            stack.callback(node.stop)
            node.start()
        yield found


async def leader_of(client: Client, stream: str) -> str:
    """The node that leads a stream, once there is one."""
    info = await _healthy(client, stream, replicas=False)
    leader: str = info["cluster"]["leader"]
    return leader


async def whole(client: Client, streams: Sequence[str]) -> None:
    """Wait until all nodes have all of the streams."""
    for stream in streams:
        await _healthy(client, stream, replicas=True)


async def move_leader(client: Client, stream: str, node: str) -> None:
    """Make a node lead a stream."""
    deadline = time.monotonic() + _DEADLINE_SECONDS
    body = json.dumps({"placement": {"preferred": node}}).encode()
    while await leader_of(client, stream) != node:
        assert time.monotonic() < deadline, f"{node} does not become the leader of {stream}"
        await _ask(client, f"STREAM.LEADER.STEPDOWN.{stream}", body)
        await asyncio.sleep(_POLL_SECONDS)


async def _healthy(client: Client, stream: str, *, replicas: bool) -> dict[str, Any]:
    deadline = time.monotonic() + _DEADLINE_SECONDS
    while True:
        info = await _ask(client, f"STREAM.INFO.{stream}")
        group = info.get("cluster", {})
        others = group.get("replicas") or []
        current = len(others) == len(NODES) - 1 and all(each["current"] for each in others)
        if group.get("leader") and (current or not replicas):
            return info
        assert time.monotonic() < deadline, f"{stream} does not become whole: {info}"
        await asyncio.sleep(_POLL_SECONDS)


async def _ask(client: Client, subject: str, body: bytes = b"") -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads((await client.request(f"$JS.API.{subject}", body, timeout=1)).data)
    except (TimeoutError, nats.errors.Error) as error:
        return {"error": repr(error)}
    return answer


def _configuration(name: str, routes: dict[str, int]) -> str:
    others = ", ".join(f"nats://127.0.0.1:{port}" for other, port in routes.items() if other != name)
    group = f"name: ha, listen: 127.0.0.1:{routes[name]}, routes: [{others}], no_advertise: true"
    return f"server_name: {name}\ncluster {{ {group} }}"


def _free_ports(count: int) -> list[int]:
    found: set[int] = set()
    while len(found) < count:
        port = random.choice(_ROUTE_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return [*found]
