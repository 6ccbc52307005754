"""Has ajsync write everything that it writes, and the real `ajc` show or handle it."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.cli.processes import ajsync
from tests.golden.session import Session
from tests.messages import Message
from tests.recorded import Normaliser, normal, recorded

SCHEDULES = """\
schedules:
  FULL:
    description: Each <member> & more
    schedule: "*/5 * * * *"
    timezone: Europe/Malta
    queue: EMAIL
    task_type: email:new
    payload: {to: "<x>&ü"}
    deadline: 1h10m
    max_tries: 3
    catchup: all
    catchup_window: 2h
    overlap: skip
    jitter: 20s
  TICK:
    schedule: "@every 1s"
    queue: EMAIL
    task_type: email:tick
    payload: hello
    deadline: 1h
    max_tries: 3
"""
SCHEDULER = "dev1.example.net"
_TASKS = "CHORIA_AJ.T."


async def accepted(to: Session) -> Any:
    """What ajsync writes, and beside it what `ajc` says of it."""
    (to.folder / "ajsync.yaml").write_text("owner: team\n")
    (to.folder / "schedules").mkdir()
    (to.folder / "schedules" / "a.yaml").write_text(SCHEDULES)
    keys = recorded("signed.json")
    (to.folder / "seed").write_text(keys["seed_hex"])
    await to.ajc("queues", "add", "EMAIL")
    done = ajsync(to.folder, "apply", "--yes", "--create-bucket")
    assert done.returncode == 0, done.stderr
    await to.client.flush()
    applied = to.published("$KV.CHORIA_AJ_CONFIGURATION.scheduled_tasks.")
    shown = {name: await _shown(to, "tasks", "cron", "view", name, "--json") for name in ("FULL", "TICK")}
    listed = sorted(await _shown(to, "tasks", "cron", "list", "--names"))
    worker = to.folder / "worker.sh"
    worker.write_text("#!/bin/sh\necho done\n")
    worker.chmod(0o755)
    process = ("ajc", "tasks", "process", "email:tick", "EMAIL", "2", "--verify", keys["public_hex"], str(worker))
    async with to.staying(*process):
        async with to.staying(sys.executable, "-m", "ajsync", "scheduler", SCHEDULER, "--sign", "seed"):
            await to.until_published(_TASKS, lambda each: '"state":"complete"' in each.data)
            led_by = _election(await _shown(to, "info"))
        after = _election(await _shown(to, "info"))
    complete = next(json.loads(each.data) for each in to.published(_TASKS) if '"state":"complete"' in each.data)
    about = to.about(complete["id"])
    return {
        "schedules": SCHEDULES,
        "applied": normal(applied),
        "shown": shown,
        "listed": listed,
        "removed": await _shown(to, "tasks", "cron", "delete", "FULL", "-f"),
        "fire": [_as_it_is(each) for each in about if '"state":"active"' not in each.data][:3],
        "became": {name: complete[name] for name in ("state", "tries", "max_tries", "type", "queue")},
        "election": normal(to.published("$KV.CHORIA_AJ_ELECTIONS.")),
        "led_by": led_by,
        "led_by_after_its_stop": after,
    }


async def _shown(to: Session, *words: str) -> list[str]:
    code, shown = await to.ajc(*words)
    assert code == 0, words
    return Normaliser().text(shown).splitlines()


def _election(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines if "task_scheduler" in line or "Elections:" in line]


def _as_it_is(message: Message) -> dict[str, Any]:
    """A message with its id and its times, which the signature is about."""
    return {"subject": message.subject, "headers": dict(message.headers), "data": message.data}
