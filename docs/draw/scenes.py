"""What the pictures of terminals show: real commands in the example project, against a server of their own.

Only the tasks of past days, and what became of them, are put there, because nobody waits for a week of fires.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.asyncjobs.due import times_of
from ajsync.asyncjobs.history import previous_dues
from ajsync.asyncjobs.model import encode_scheduled_task
from ajsync.asyncjobs.names import SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.streams import make_stream
from ajsync.asyncjobs.task_store import task_write
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.timestamp import NANOSECONDS
from ajsync.transport.connection import Connection, connect
from ajsync.transport.context import context_for_server
from ajsync.transport.publisher import Write, publish_all
from docs.draw.stage import PROGRAM, Stage


@dataclass(frozen=True, slots=True)
class Scene:
    """A terminal in which one command was run."""

    name: str
    """The name of its picture, without a suffix."""
    columns: int
    shown: str
    """The command line and what it showed, with the codes of colours."""


def scenes(program: Sequence[str] = PROGRAM) -> Iterator[Scene]:
    """Each scene in turn: each goes on where the one before has ended. `program` is as for a stage."""
    with tempfile.TemporaryDirectory() as name:
        stage = Stage(Path(name), program)
        with stage.running("dev", until=stage.context.exists):
            yield from _change(stage)
            yield from _failure(stage)


def _change(stage: Stage) -> Iterator[Scene]:
    """Somebody moves the weekly digest by an hour, removes one schedule and adds another."""
    stage.call("apply", "--yes")
    reports = (stage.schedules / "reports.yaml").read_text(encoding="utf-8")
    stage.edit("email.yaml", "30 7 * * mon", "30 8 * * mon")
    stage.edit("reports.yaml", reports[reports.index("  REPORT_STOCK:") : reports.index("  REPORT_YEAR_END:")])
    stage.edit("reports.yaml", reports[reports.index("    # Checked") :])
    yield _scene(stage, "plan", "plan")
    stage.call("apply", "--yes")
    stage.edit("email.yaml", "segment: active", "segment: all")
    yield _scene(stage, "apply", "apply", "--show-payload", answer="y")
    yield _scene(stage, "timeline", "timeline", "--files", "--from", "2026-12-07", "--hours", "9")


def _failure(stage: Stage) -> Iterator[Scene]:
    """The work of one schedule fails, and that of another has no worker."""
    with troubled(stage):
        yield _scene(stage, "status", "status", columns=104)
        yield _scene(stage, "history", "history", "INVOICES_SEND", "--last", "5", columns=84)


@contextmanager
def troubled(stage: Stage, *options: str) -> Iterator[None]:
    """A scheduler runs, with some options, while the work of one schedule fails, and that of another has no worker."""
    shutil.rmtree(stage.schedules)
    stage.schedules.mkdir()
    (stage.schedules / "jobs.yaml").write_text(_JOBS, encoding="utf-8")
    stage.call("apply", "--yes", "--allow-deletes", "9")

    def leads() -> bool:
        return '"leader": "dev1"' in stage.call("status", "--json")

    asyncio.run(_put_past(json.loads(stage.context.read_text(encoding="utf-8"))["url"]))
    with stage.running("scheduler", "dev1", *options, until=leads):
        yield


def _scene(stage: Stage, name: str, *arguments: str, columns: int = 80, answer: str = "") -> Scene:
    line = " ".join(("$ ajsync", *arguments))
    shown = stage.show(*arguments, columns=columns, answer=answer)
    return Scene(name, columns, f"\x1b[1m{line}\x1b[0m\n{shown}")


_JOBS = """\
schedules:
  INVOICES_SEND: {schedule: "@every 24h", queue: EMAIL, task_type: invoices:send, max_tries: 3}
  NEWSLETTER: {schedule: "@every 168h", queue: EMAIL, task_type: email:newsletter}
  REPORT_SALES: {schedule: "@every 24h", queue: REPORTS, task_type: report:sales, deadline: 1h}
  REPORT_STOCK: {schedule: "@every 72h", queue: REPORTS, task_type: report:stock}
"""
_MINUTE = 60 * NANOSECONDS
_AGE = (168 * 24 + 6) * 60 * _MINUTE
"""How long ago the schedules were made: 168 days, which all their intervals divide, and six hours."""
_DONE = ("complete", 1, "")
_FAILED = ("terminated", 1, "no such host")
_WORK: Mapping[str, Sequence[tuple[str, int, str]]] = {
    "INVOICES_SEND": [_FAILED, _FAILED, _DONE, _DONE, _DONE],
    "NEWSLETTER": [_DONE],
    "REPORT_SALES": [("new", 0, ""), _DONE],
    "REPORT_STOCK": [_DONE],
}
"""State, tries and last error of the last tasks of each schedule, the newest first."""


async def _put_past(url: str) -> None:
    """Let the schedules be old, and have tasks."""
    async with connect(context_for_server(url)) as connection:
        await make_stream(connection, TASKS_STREAM)
        writes = [write async for write in _past(connection)]
        assert all(answer.error == "" for answer in await publish_all(connection, writes))


async def _past(connection: Connection) -> AsyncIterator[Write]:
    bucket = await ConfigurationBucket.open(connection)
    for name, entry in (await bucket.read()).entries.items():
        assert entry.task is not None
        scheduled = replace(entry.task, created_at=time.time_ns() // _MINUTE * _MINUTE - _AGE)
        yield Write(f"{SCHEDULE_SUBJECT}{name}", encode_scheduled_task(scheduled), {})
        dues = previous_dues(times_of(scheduled), time.time_ns(), scheduled.created_at)
        for (state, tries, error), due in zip(_WORK[name], dues, strict=False):
            task = task_for_fire(scheduled, due)
            yield task_write(replace(task, state=state, tries=tries, last_err=error), 0)
