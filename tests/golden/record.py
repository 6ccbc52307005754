"""Records from the real `ajc` what the README of this folder describes: `python -m tests.golden.record [FILE ...]`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from tests.golden.accepted import accepted
from tests.golden.session import Session, scheduled, session
from tests.messages import Message
from tests.recorded import GOLDEN, Normaliser, normal
from tests.values import messages
from tests.waiting import until

ADDS = (
    ("EMAIL_MONTHLY_UPDATE", "0 0 1 * *", "email:monthly", "--queue", "EMAIL", "--deadline", "12h"),
    ("FULL", "CRON_TZ=Europe/Malta */5 * * * *", "email:new", "--payload", '{"to":"<x>&\u2028ü"}', "--tries", "3"),
    ("EDGE", "every 10m", "a", "--payload", "", "--tries", "0", "--deadline", "1d"),
    ("ROUNDED", "midnight", "a:b", "--deadline=90.7s", "-q", "OTHER"),
    ("LARGE", "weekly", "a", "--payload", "x" * 1100, "--tries", "1234"),
)
REFUSED = (
    ("add", "FULL", "daily", "a"),
    ("add", "SOON", "daily", "a", "--deadline", "29s"),
    ("add", "WRONG", "61 * * * *", "a"),
    ("view", "MISSING"),
    ("delete", "MISSING", "-f"),
)
SCHEDULER = "dev1.example.net"
BEACON = "BEACON"
"""A schedule of each second, whose fires tell that a second has passed."""
WRITES = (
    scheduled("UPDATED", "@every 1s"),
    scheduled("UPDATED", "@every 1h"),
    {"name": "UPDATED"},
    scheduled("RECREATED", "@every 1s"),
    {"name": "RECREATED"},
    scheduled("RECREATED", "@every 1h"),
    scheduled("TWICE", "@every 1s"),
    scheduled("TWICE", "@every 1s"),
    scheduled("NO_QUEUE", "@every 1s", queue="NONE"),
)
"""What is written while a Go scheduler runs, one after the other; a name alone is deleted."""
_ELECTION = "$KV.CHORIA_AJ_ELECTIONS."
_TASKS = "CHORIA_AJ.T."
_EVENTS = "CHORIA_AJ.E."
_WORKER = """\
#!/bin/sh
if grep -q '"type":"email:bad"' "$CHORIA_AJ_TASK"; then echo "cannot" >&2; exit 1; fi
echo done
"""


async def commands(to: Session) -> Any:
    """Each command for schedules: its exit code, what it printed, and what it stored in the bucket."""
    names = [words[0] for words in ADDS]
    done: list[dict[str, Any]] = []
    known = 0
    for words in (
        ("list",),
        *(("add", *words) for words in ADDS),
        *(("view", name) for name in names),
        *(("view", name, "--json") for name in names),
        ("list", "--names"),
        ("list",),
        *REFUSED,
        *(("delete", name, "-f") for name in names),
        ("list", "--names"),
    ):
        code, shown = await to.ajc("tasks", "cron", *words)
        lines = Normaliser().text(shown).splitlines()
        after = await messages(to.client)
        stored = normal(message for revision, message in after.items() if revision > known)
        known = max(after, default=0)
        done.append({"command": words, "code": code, "shown": lines, "stored": stored})
    return done


async def scheduler(to: Session) -> Any:
    """A Go scheduler: how it watches, is elected and fires, and how often it fires after each write."""
    await to.ajc("queues", "add", "EMAIL")
    await to.ajc("tasks", "cron", "list")  # makes the bucket
    before = len(to.messages)
    async with to.staying("ajc", "tasks", "cron", "scheduler", SCHEDULER):
        await to.until_published(_EVENTS + "leader_election.", bool)
        await to.put(scheduled(BEACON, "@every 1s"))
        steps = [await _after(to, value) for value in WRITES]
        await to.until_published(_TASKS, _has_no_queue)
    first, *_ = [json.loads(each.data)["id"] for each in to.published(_TASKS)]
    failed, *_ = [json.loads(each.data)["id"] for each in filter(_has_no_queue, to.published(_TASKS))]
    (watch,) = to.published("$JS.API.CONSUMER.CREATE.", before)
    consumer = json.loads(watch.data)["config"]
    return {
        "consumer": {name: value for name, value in consumer.items() if name not in ("name", "deliver_subject")},
        "election": normal(to.published(_ELECTION)),
        "won": normal(to.published(_EVENTS + "leader_election.")),
        "fire": normal(to.about(first)),
        "fire_without_queue": normal(to.about(failed)),
        "steps": steps,
    }


def _has_no_queue(message: Message) -> bool:
    return '"state":"queue_error"' in message.data


async def _after(to: Session, value: dict[str, Any]) -> dict[str, Any]:
    """Write a schedule, or delete it if it has no schedule; how often each fires in a second after that."""
    beacon = f"{BEACON}:fire"
    await to.put(value)
    seconds = len(to.fired()[beacon])
    await until(lambda: len(to.fired()[beacon]) >= seconds + 4, seconds=60)
    full_second = sorted(to.fired()[beacon])[seconds + 2]
    fires = {kind.removesuffix(":fire"): fired.count(full_second) for kind, fired in to.fired().items()}
    return {"wrote": value, "fires_each_second": {name: count for name, count in sorted(fires.items()) if count}}


async def handled(to: Session) -> Any:
    """Tasks that a Go worker completes, fails and gives up: each message about them, in its order."""
    await to.ajc("queues", "add", "EMAIL", "--run-time", "30s")
    worker = to.folder / "worker.sh"
    worker.write_text(_WORKER)
    worker.chmod(0o755)
    options = ("--queue", "EMAIL", "--tries", "1")
    await to.ajc("tasks", "add", "email:good", "hello", *options)
    await to.ajc("tasks", "add", "email:bad", "hello", *options)
    async with to.staying("ajc", "tasks", "process", "email", "EMAIL", "2", str(worker), "--backoff", "1m"):
        await to.until_published(_TASKS, lambda each: '"state":"complete"' in each.data)
        await to.until_published(_TASKS, lambda each: '"state":"expired"' in each.data)
    ids = dict.fromkeys(json.loads(each.data)["id"] for each in to.published(_TASKS))
    return [normal(to.about(each)) for each in ids]


FILES: dict[str, Callable[[Session], Coroutine[Any, Any, Any]]] = {
    "commands.json": commands,
    "scheduler.json": scheduler,
    "handled.json": handled,
    "accepted.json": accepted,
}


async def _record(name: str) -> None:
    async with session() as to:
        found = await FILES[name](to)
    (GOLDEN / name).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:] or FILES:
        asyncio.run(_record(name))
        print(f"recorded {name}")
