"""What tests of several commands share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.places import SCHEDULES, Place
from tests.conftest import StartServer


@pytest.fixture
def place(tmp_path: Path, home: Path, start_server: StartServer) -> Place:
    """The project, and its bucket on both servers."""
    folder, contexts = tmp_path / "project", home / ".config" / "nats" / "context"
    (folder / "schedules").mkdir(parents=True)
    contexts.mkdir(parents=True)
    found = Place(folder, start_server(), start_server())
    found.write(SCHEDULES)
    for name, server in (("nats-prod", found.prod), ("nats-stage", found.stage)):
        (contexts / f"{name}.json").write_text(json.dumps({"url": server.url}))
        assert found.run("init", "--bucket", "--server", server.url).returncode == 0
    return found
