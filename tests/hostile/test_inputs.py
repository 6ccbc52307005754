"""All hostile inputs of the folder `inputs`: each is met as its file says, and none comes further."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import io
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client

from ajsync.cli.main import main
from tests.cli.commands.inspected import with_client
from tests.examples.bucket import make_bucket
from tests.examples.runner import Runner
from tests.hostile.case import INPUTS, SECRET, Case, Places, read_case
from tests.nats_server import NatsServer
from tests.scheduler.monitor.test_monitor_limits import running
from tests.waiting import PATIENCE

CASES = sorted(INPUTS.glob("*.yaml"))
POINTS = {f"B{number}" for number in range(1, 11)}
STREAM = "KV_CHORIA_AJ_CONFIGURATION"
API = "$JS.API."
MOST = 200_000
"""Characters that a command may print for an input as small as these."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A server with the bucket, which each case finds empty."""
    server = NatsServer(tmp_path_factory.mktemp("hostile") / "nats")
    server.start()
    make_bucket(server.url)
    yield server
    server.stop()


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_hostile_input_comes_no_further(
    path: Path, tmp_path: Path, shared: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = read_case(path)
    assert case.point in POINTS
    places = Places(tmp_path, shared.url)
    places.lay_out(case)
    store(places, case)
    monkeypatch.chdir(places.checkout)
    write_contexts(places, case, monkeypatch)
    for name, value in case.environment.items():
        monkeypatch.setenv(name, places.filled(value))
    monkeypatch.setenv("HOSTILE_TRACE", str(places.trace))
    before = last_sequence(shared)
    status, output = -1, ""
    for line in case.run:
        before = last_sequence(shared)
        status, printed = run(places, case, line)
        output += printed
    assert status in ([case.exit] if isinstance(case.exit, int) else case.exit), output[-3000:]
    check_output(places, case, output)
    assert not places.trace.exists(), places.trace.read_text()
    assert SECRET in places.secret.read_text()  # nor was it written
    if case.writes is not None:
        assert last_sequence(shared) - before == case.writes


def test_each_point_has_its_inputs() -> None:
    assert {read_case(path).point for path in CASES} == POINTS
    assert all(path.stat().st_size < 4096 for path in CASES)


def check_output(places: Places, case: Case, output: str) -> None:
    """What holds for each, and what this one says."""
    assert SECRET not in output
    assert "Unexpected" not in output
    assert "Traceback" not in output
    assert len(output) < MOST
    lines = re.split(r"\r\n|\r|\n", output)
    commands = [line for line in lines if line.strip().startswith("::") or re.search(r"##\w*\[", line)]
    assert all(re.match(r"::(error|warning|notice) (file=[^,]*,(line=\d+,)?)?title=ajsync", each) for each in commands)
    for text in case.says:
        assert places.filled(text) in output, (text, output[-3000:])
    for text in case.never:
        assert places.filled(text) not in output, text


def run(places: Places, case: Case, line: str) -> tuple[int, str]:
    """Run one line of a case; its exit code and all that it printed."""
    word, *arguments = [places.filled(each) for each in shlex.split(line)]
    if word == "action":
        given = dict(each.split("=", 1) for each in arguments)
        runner = Runner(places.root / "runner", places.checkout, case.environment)
        return runner.run(comment="false", server=places.server, **given)[0], runner.output
    if word == "forge":
        forge(Path(arguments[0]), *arguments[1:])
        return 0, ""
    if word == "request":
        answer = asyncio.run(request(arguments[0]))
        return int(answer.split()[1]) if answer else 0, answer
    output = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["ajsync", word, *arguments])
        patch.setattr(gc, "disable", lambda: None)  # what a command may do to its process, and not to the tests'
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output), pytest.raises(SystemExit) as end:
            main()
    return int(end.value.code or 0), output.getvalue()


def forge(plan: Path, before: str, after: str) -> None:
    """Change a saved plan, and make its checksum again as ajsync does."""
    document = json.loads(plan.read_text().replace(before, after))
    content = json.dumps(document["plan"], sort_keys=True, separators=(",", ":"))
    document["sha256"] = hashlib.sha256(content.encode()).hexdigest()
    plan.write_text(json.dumps(document))


async def request(text: str) -> str:
    """Send a request to a monitor; what it answers."""
    async with running() as monitor:
        answer = await monitor.send(text.encode().decode("unicode_escape").encode("latin-1"))
        return answer.decode("latin-1")


def write_contexts(places: Places, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, members in case.contexts.items():
        given: dict[str, Any] = {member: places.filled(str(value)) for member, value in members.items()}
        folder = Path(given.pop("in", str(places.root / "config")))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
        (folder / "nats" / "context").mkdir(parents=True, exist_ok=True)
        (folder / "nats" / "context" / f"{name}.json").write_text(json.dumps(given))


def store(places: Places, case: Case) -> None:
    """Let the bucket hold what the case says, and nothing else."""

    async def act(client: Client) -> None:
        jetstream = client.jetstream(timeout=PATIENCE)
        for consumer in await jetstream.consumers_info(STREAM):
            await jetstream.delete_consumer(STREAM, consumer.name)
        await jetstream.purge_stream(STREAM)
        for key, content in case.stored.items():
            await jetstream.publish(f"$KV.CHORIA_AJ_CONFIGURATION.{key}", places.content(content).encode())
        for config in case.consumers:
            body = json.dumps({"stream_name": STREAM, "config": config}).encode()
            subject = f"{API}CONSUMER.CREATE.{STREAM}.{config['name']}"
            answer = json.loads((await client.request(subject, body, timeout=PATIENCE)).data)
            assert "error" not in answer, answer

    with_client(places.server, act)


def last_sequence(server: NatsServer) -> int:
    async def act(client: Client) -> int:
        return int((await client.jetstream(timeout=PATIENCE).stream_info(STREAM)).state.last_seq)

    return int(with_client(server.url, act))
