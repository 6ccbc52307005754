"""A server that is gone for a minute."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.nats_server import NatsServer
from tests.scheduler.ha.outage import play_outage

pytestmark = pytest.mark.anyio
SECONDS = 60


async def test_what_falls_due_while_the_server_is_gone_follows_the_policies(tmp_path: Path, server: NatsServer) -> None:
    print()
    await play_outage(tmp_path, server, SECONDS)
