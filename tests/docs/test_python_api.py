"""docs/python-api.md: each example prints what stands below it, and the tables name what there is."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import ajsync
from ajsync.asyncjobs.names import CONFIGURATION_STREAM
from ajsync.transport.connection import connect
from ajsync.transport.context import context_for_server
from ajsync.transport.messages import LastMessage, last_message
from tests.cli.processes import DEADLINE_SECONDS, wait_until
from tests.docs.pages import DOCS, blocks, rows
from tests.nats_server import NatsServer
from tests.scheduler.fires import make_queue

PAGE = DOCS / "python-api.md"
WATERMARK = "$KV.CHORIA_AJ_CONFIGURATION.ajsync.watermark"


async def prepare(url: str) -> None:
    async with connect(context_for_server(url)) as connection:
        await make_queue(connection, "EMAIL")


async def watermark(url: str) -> LastMessage | None:
    """What a leader writes."""
    async with connect(context_for_server(url)) as connection:
        return await last_message(connection, CONFIGURATION_STREAM, WATERMARK)


def test_each_example_prints_what_stands_below_it(server: NatsServer, home: Path, tmp_path: Path) -> None:
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "AJC.json").write_text(json.dumps({"url": server.url}))
    project = tmp_path / "project"
    (project / "schedules").mkdir(parents=True)
    (project / "ajsync.yaml").write_text("owner: team\n")
    (project / "schedules" / "a.yaml").write_text(
        'schedules: {REPORT_DAILY: {schedule: "@daily", task_type: report:daily}}\n'
    )
    asyncio.run(prepare(server.url))
    examples, outputs = blocks(PAGE, "python"), blocks(PAGE, "text")
    assert len(examples) == len(outputs) == 10
    for example, output in zip(examples, outputs, strict=True):
        with subprocess.Popen(
            [sys.executable, "-W", "error", "-c", example.text],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            if "SIGTERM" in example.text:
                wait_until(lambda: asyncio.run(watermark(server.url)) is not None, process)
                process.send_signal(signal.SIGTERM)
            printed, errors = process.communicate(timeout=DEADLINE_SECONDS)
        assert (process.returncode, errors) == (0, ""), example
        assert printed == output.text, example


def test_the_page_has_every_error_and_says_which_is_which() -> None:
    table = {name.strip("`"): told for name, told in rows(PAGE, "Errors")}
    exported = {name for name in ajsync.__all__ if name.endswith("Error")} - {"AjsyncError"}
    assert set(table) == exported
    for name, told in table.items():
        (parent,) = re.findall(r"also an? `(\w+)`", told) or ["AjsyncError"]
        assert getattr(ajsync, parent) in getattr(ajsync, name).__bases__


def test_what_stands_beside_the_go_api_exists() -> None:
    for _, ours in rows(PAGE, "Beside the Go API"):
        for called in re.findall(r"`(?:ajsync|client)\.(\w+)\(", ours):
            assert hasattr(ajsync, called) or hasattr(ajsync.Client, called)
