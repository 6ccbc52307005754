"""A server to which the context AJC leads, which every command in the spelling of `ajc` finds by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.nats_server import NatsServer


@pytest.fixture(autouse=True)
def context(home: Path, server: NatsServer) -> None:
    """The context AJC."""
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "AJC.json").write_text(json.dumps({"url": server.url}))
