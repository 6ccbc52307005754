"""What docs/scheduler.md and docs/monitoring.md show is what a running scheduler says."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any, get_args

import nats
import pytest

import ajsync
from ajsync.asyncjobs import election
from ajsync.asyncjobs.model import ScheduledTask, encode_scheduled_task
from ajsync.asyncjobs.names import CONFIGURATION_STREAM, ELECTIONS_STREAM, SCHEDULE_SUBJECT, TASKS_STREAM
from ajsync.asyncjobs.streams import stream_configuration
from ajsync.scheduler import feed
from ajsync.scheduler.election import leadership
from ajsync.scheduler.election.role import RoleState
from ajsync.scheduler.monitor.metrics import MISSED_REASONS
from ajsync.scheduler.monitor.status import FireState
from ajsync.scheduler.settings import Settings
from ajsync.timestamp import NANOSECONDS
from tests.cli.processes import background
from tests.docs.pages import DOCS, ROOT, blocks, rows
from tests.nats_server import NatsServer
from tests.tasks import task
from tests.waiting import PATIENCE
from tests.web import ask

pytestmark = pytest.mark.anyio

PAGE = DOCS / "scheduler.md"
MONITORING = DOCS / "monitoring.md"
SCHEDULES = (
    task("EMAIL_TICK", schedule="@every 1s", queue="EMAIL", task_type="email:tick"),
    task("REPORT_TICK", schedule="@every 1s", queue="REPORTS", task_type="report:tick"),
)
DEADLINE_SECONDS = 30


async def prepare(server: NatsServer, *schedules: ScheduledTask) -> None:
    """The configuration bucket with schedules, and one queue."""
    client = await nats.connect(server.url)
    configs = [stream_configuration(stream) for stream in (CONFIGURATION_STREAM, ELECTIONS_STREAM, TASKS_STREAM)]
    queue = {"name": "CHORIA_AJ_Q_EMAIL", "subjects": ["CHORIA_AJ.Q.EMAIL.>"], "retention": "workqueue"}
    for config in (*configs, queue):
        subject, body = f"$JS.API.STREAM.CREATE.{config['name']}", json.dumps(config).encode()
        answer = await client.request(subject, body, timeout=PATIENCE)
        assert b'"error"' not in answer.data
    jetstream = client.jetstream(timeout=PATIENCE)
    for schedule in schedules:
        await jetstream.publish(SCHEDULE_SUBJECT + schedule.name, encode_scheduled_task(schedule))
    await client.close()


async def until_fired(url: str) -> dict[str, Any]:
    """The status of a scheduler, once each of its schedules has fired."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            status: dict[str, Any] = json.loads((await ask(f"{url}api/status"))[1])
            fired = {fire["name"] for fire in status["recent"]} == {each.name for each in SCHEDULES}
            if fired and status["work"]["failing"]:
                return status
            await asyncio.sleep(0.05)


def shape(value: object) -> object:
    """The names in JSON in their order and the types of its values; of a list the first entry stands for all."""
    if isinstance(value, dict):
        return [(name, shape(member)) for name, member in value.items()]
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\dT", value):
        return "instant"
    return type(value).__name__


async def read_log(stream: Any, text: str) -> list[str]:
    """The lines that a scheduler logs, up to and with the one that holds `text`."""
    lines: list[str] = []
    while not lines or text not in lines[-1]:
        line = await asyncio.to_thread(stream.readline)
        assert line, lines
        lines.append(line.rstrip("\n"))
    return lines


async def test_the_status_on_the_page_is_what_a_leader_says(server: NatsServer, tmp_path: Path) -> None:
    (shown,) = blocks(MONITORING, "json")
    await prepare(server, *SCHEDULES, task("REPORT_DAILY", owner=None))
    async with ajsync.connect(server=server.url) as client:
        await client.pause("REPORT_DAILY", reason="new disks", by="ann@example.net")
    with background(tmp_path, "scheduler", "dev1", "--server", server.url, "--monitor", "0") as process:
        first = (await read_log(process.stderr, "Monitoring at"))[-1]
        url = first.partition("Monitoring at ")[2]
        status = await until_fired(url)
        for path, *_ in rows(MONITORING, "The monitor"):
            assert (await ask(url + path.strip("`/")))[0].status == 200, path
    created = [fire for fire in status["recent"] if fire["state"] == "created"]
    assert shape(json.loads(shown.text)) == shape({**status, "recent": created})


def test_the_page_knows_each_member_role_and_state() -> None:
    table = {row[0].strip("`"): row[1] for row in rows(MONITORING, "The status as JSON")}
    assert set(re.findall(r"`([a-z-]+)`", table["role"])) == {*RoleState}
    (states,) = (told for name, told in table.items() if name.startswith("state"))
    assert set(re.findall(r"`([a-z_]+)`", states)) == {*get_args(FireState)}


def test_the_page_explains_each_reason_of_a_missed_fire() -> None:
    found = re.search(r"- \*\*Missed\*\*, by reason: (.*?)\n- ", MONITORING.read_text(), re.DOTALL)
    assert found
    assert set(re.findall(r"`([a-z]+)`,", found[1])) == {*MISSED_REASONS}


FIGURES = {
    "expires {:g} s after its last refresh": election.TTL_SECONDS,
    "refreshes it every {:g} s": leadership.REFRESH_SECONDS,
    "It steps down {:g} s after its last refresh": election.TTL_SECONDS - leadership.REFRESH_SECONDS,
    "leader of ajsync waits {:g} s more": election.GO_CAMPAIGN_SECONDS,
    "for `--takeover-after`, {:g} s by default": Settings("").takeover_after,
    "by no more than `--grace`, {:g} s by default": Settings("").grace / NANOSECONDS,
    "if the schedule has none, {:g} h by default": Settings("").catchup_window / NANOSECONDS / 3600,
    "prepared up to {:g} s before": feed.AHEAD / NANOSECONDS,
}


@pytest.mark.parametrize("text", FIGURES)
def test_the_figures_of_the_page_are_those_of_the_code(text: str) -> None:
    assert text.format(FIGURES[text]) in " ".join(PAGE.read_text().split())


def masked(line: str) -> str:
    """A line of a log without times, ids and ports."""
    line = re.sub(r'\d\d:\d\d:\d\d|"(time|due)": "[^"]+"', "TIME", line)
    return re.sub(r"\b[0-9A-Za-z]{27}\b", "ID", re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", line))


@pytest.mark.parametrize("style", ["text", "json"])
async def test_the_log_on_the_page_is_what_a_scheduler_logs(server: NatsServer, tmp_path: Path, style: str) -> None:
    logs = blocks(PAGE, "text", below="Logs")
    (shown,) = (block for block in logs if block.text.startswith("{") == (style == "json"))
    await prepare(server, *SCHEDULES)
    options = ("--server", server.url, "--monitor", "0", "--log-format", style)
    with background(tmp_path, "scheduler", "dev1", *options) as process:
        logged = await read_log(process.stderr, "Created task")
        process.send_signal(signal.SIGTERM)
        logged += await read_log(process.stderr, "Stopped")
        assert process.wait(60) == 0
    missing = {masked(line) for line in shown.text.splitlines()} - {masked(line) for line in logged}
    assert not missing


def logged_fields() -> set[str]:
    """The fields that the scheduler, and the connection below it, give to lines of the log."""
    files = [*(ROOT / "ajsync/scheduler").rglob("*.py"), ROOT / "ajsync/transport/connection.py"]
    found: set[str] = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        match node:
            case ast.keyword(arg="extra", value=ast.Dict() as given):
                found |= strings(given)
            case ast.Assign(targets=[ast.Name(id="fields")], value=ast.Dict() as given):
                found |= strings(given)
            case ast.FunctionDef(name="fire_fields"):
                found |= {name for each in ast.walk(node) if isinstance(each, ast.Dict) for name in strings(each)}
            case ast.Call(func=ast.Name(id="fire_fields") | ast.Attribute(attr="tell"), keywords=given):
                found |= {each.arg for each in given if each.arg}
    return found


def strings(given: ast.Dict) -> set[str]:
    """The keys of a dictionary that stand there as text."""
    return {str(key.value) for key in given.keys if isinstance(key, ast.Constant)}


def test_the_table_of_the_log_has_the_fields_of_its_lines() -> None:
    assert {name.strip("`") for name, _ in rows(MONITORING, "The log as JSON")} == logged_fields()
