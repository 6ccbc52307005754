"""The takeovers of tests/scheduler/ha/test_takeover.py, many more times."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.scheduler.ha.takeover import BLOWS, KILLED, Blow, play

pytestmark = pytest.mark.anyio
ROUNDS = 20
KILLED_WITH_LITTLE_PATIENCE = replace(KILLED, name="killed with little patience", takeover_after=0.5, gap=2)


@pytest.mark.parametrize("blow", [*BLOWS, KILLED_WITH_LITTLE_PATIENCE], ids=lambda blow: blow.name.replace(" ", "-"))
async def test_each_fire_happens_once(blow: Blow, tmp_path: Path, start_server: StartServer) -> None:
    print()
    await asyncio.gather(*(play(blow, ROUNDS, number, tmp_path, start_server().port) for number in (2, 3)))
