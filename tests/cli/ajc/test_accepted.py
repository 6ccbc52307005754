"""What ajsync writes is what was recorded when the real `ajc` showed it, fired it and handled it.

A change of it has to be recorded again, and so is seen by `ajc`: see tests/golden/README.md.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ajsync.asyncjobs.names import SCHEDULE_SUBJECT
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer
from tests.recorded import Normaliser, normal, recorded, without
from tests.values import written

ACCEPTED: dict[str, Any] = recorded("accepted.json")


@pytest.fixture
def project(project: Path) -> Path:
    """The project that was applied when `ajc` showed its schedules."""
    (project / "schedules" / "a.yaml").write_text(ACCEPTED["schedules"])
    done = ajsync(project, "apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    return project


def test_an_apply_writes_what_ajc_can_show(project: Path, server: NatsServer) -> None:
    # The record of the apply is for ajsync alone. It was there too when `ajc` listed and fired the schedules.
    shown = [each for each in written(server.url).values() if each.subject.startswith(SCHEDULE_SUBJECT)]
    assert normal(shown) == ACCEPTED["applied"]


def test_ajc_showed_of_each_schedule_all_that_is_not_in_the_object_of_ajsync(project: Path) -> None:
    for name, shown in ACCEPTED["shown"].items():
        ours = json.loads(Normaliser().text(ajsync(project, "view", name, "--json").stdout))
        del ours["ajsync"]
        assert list(ours.items()) == list(json.loads("\n".join(shown)).items())
    assert ajsync(project, "list", "--names").stdout.split() == ACCEPTED["listed"] == ["FULL", "TICK"]


def test_a_delete_says_what_ajc_says_and_leaves_the_marker_that_it_leaves(project: Path, server: NatsServer) -> None:
    done = ajsync(project, "delete", "FULL", "--force", "--owner", "team")
    assert (done.returncode, done.stdout.splitlines()) == (0, ACCEPTED["removed"])
    marker = normal(written(server.url).values())[-1]
    (theirs,) = (each["stored"] for each in recorded("commands.json") if each["command"] == ["delete", "FULL", "-f"])
    assert [without(marker, "Nats-Expected-Last-Subject-Sequence")] == theirs
