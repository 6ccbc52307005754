"""The takeovers of tests/scheduler/ha/test_takeover.py, many more times."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.scheduler.ha.takeover import BLOWS, Blow, play

pytestmark = pytest.mark.anyio
ROUNDS = 20


@pytest.mark.parametrize("blow", BLOWS, ids=lambda blow: blow.name.replace(" ", "-"))
async def test_each_fire_happens_once(blow: Blow, tmp_path: Path, start_server: StartServer) -> None:
    print()
    await asyncio.gather(*(play(blow, ROUNDS, number, tmp_path, start_server().port) for number in (2, 3)))
