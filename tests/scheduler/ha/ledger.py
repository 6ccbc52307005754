"""What is in the streams, and whether that is each fire once: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from ajsync.timestamp import NANOSECONDS, format_timestamp, parse_timestamp
from tests.waiting import PATIENCE

QUEUE = "HA"
TASKS_STREAM = "CHORIA_AJ_TASKS"
QUEUE_STREAM = f"CHORIA_AJ_Q_{QUEUE}"
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Made:
    """A task in its stream."""

    id: str
    schedule: str
    """Its type: in these tests each schedule has one of its own."""
    due: int
    stored_at: int
    """Both in nanoseconds since 1970; this one by the server's clock."""

    @property
    def lateness(self) -> float:
        """Seconds."""
        return (self.stored_at - self.due) / NANOSECONDS


@dataclass(slots=True)
class Verdict:
    """What is wrong with the streams, each as a text; nothing is, if all are empty."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    without_item: list[str] = field(default_factory=list)
    fires: int = 0

    def __str__(self) -> str:
        return (
            f"{self.fires} fires, {len(self.lost)} lost {self.lost[:9]}, {len(self.doubled)} doubled "
            f"{self.doubled[:9]}, {len(self.without_item)} without a work item {self.without_item[:9]}"
        )

    @property
    def clean(self) -> bool:
        """Each fire happened once."""
        return not (self.lost or self.doubled or self.without_item)


@dataclass
class _Since(ConsumerConfig):
    """A consumer that begins with what was stored since an instant, for releases of nats-py too that cannot say it."""

    since: int = 0

    def as_dict(self) -> dict[str, object]:
        config: dict[str, Any] = super().as_dict()
        since = config.pop("since", 0)
        return config | ({"opt_start_time": format_timestamp(since)} if since else {})


async def read_tasks(client: Client, *, since: int = 0) -> list[Made]:
    """The tasks that were stored since an instant, in their order."""
    config = _Since(ack_policy=AckPolicy.NONE, inactive_threshold=30)
    if since:
        config.deliver_policy = DeliverPolicy.BY_START_TIME
        config.since = since
    subscription = await client.jetstream(timeout=PATIENCE).pull_subscribe(
        "CHORIA_AJ.T.*", stream=TASKS_STREAM, config=config
    )
    made: list[Made] = []
    pending = (await subscription.consumer_info()).num_pending
    while pending:
        for message in await subscription.fetch(min(pending, _BATCH), timeout=10):
            tokens = message.reply.split(".")
            value = json.loads(message.data)
            made.append(Made(value["id"], value["type"], parse_timestamp(value["created"]), int(tokens[7])))
            pending = int(tokens[8])
    await subscription.unsubscribe()
    return made


async def read_items(client: Client) -> set[str]:
    """The ids of the work items in the queue, which nobody takes away in these tests."""
    ids: set[str] = set()
    while True:
        body = {"subjects_filter": ">", "offset": len(ids)}
        info = await _request(client, f"STREAM.INFO.{QUEUE_STREAM}", body)
        found = info["state"].get("subjects") or {}
        ids |= {subject.rpartition(".")[2] for subject in found}
        if not found or len(ids) >= info["state"]["num_subjects"]:
            return ids


async def rewritten(client: Client) -> list[str]:
    """The streams that hold less than was ever written to them: of one task, or one work item, there were two."""
    found = []
    for stream in (TASKS_STREAM, QUEUE_STREAM):
        state = (await _request(client, f"STREAM.INFO.{stream}"))["state"]
        if state["messages"] != state["last_seq"]:
            found.append(f"{stream}: {state['messages']} messages of {state['last_seq']} written")
    return found


async def judge(client: Client, intervals: Mapping[str, int], until: int) -> Verdict:
    """Compare the streams with what was due, from the first fire of all on, up to an instant in nanoseconds since 1970.

    `intervals` says how many nanoseconds lie between two fires of each schedule.
    """
    made = await read_tasks(client)
    verdict = compare(made, intervals, until)
    ids = {each.id for each in made}
    items = await read_items(client)
    verdict.without_item = sorted(ids - items)
    verdict.doubled += [f"a work item of no task: {each}" for each in sorted(items - ids)]
    verdict.doubled += await rewritten(client)
    return verdict


def compare(made: Iterable[Made], intervals: Mapping[str, int], until: int) -> Verdict:
    """What was due and has no task, and what has two or was never due."""
    made = list(made)
    verdict = Verdict(fires=len(made))
    for schedule, dues in missing(made, intervals, until).items():
        verdict.lost += [_text(schedule, due) for due in dues]
    phases = {each.schedule: each.due % intervals[each.schedule] for each in reversed(made)}
    counted = Counter((each.schedule, each.due) for each in made)
    for (schedule, due), count in counted.items():
        if count > 1 or due % intervals[schedule] != phases[schedule]:
            verdict.doubled.append(_text(schedule, due))
    return verdict


def missing(made: Iterable[Made], intervals: Mapping[str, int], until: int) -> dict[str, list[int]]:
    """The instants of each schedule that have no task, from the first fire of any to `until`."""
    dues: dict[str, set[int]] = {schedule: set() for schedule in intervals}
    for each in made:
        dues[each.schedule].add(each.due)
    begin = min((due for found in dues.values() for due in found), default=0)
    absent = {}
    for schedule, interval in intervals.items():
        found = dues[schedule]
        first = min(found, default=begin)  # what never fired has no phase, and any will do
        absent[schedule] = sorted(set(range(begin + (first - begin) % interval, until + 1, interval)) - found)
        if not found and until - begin < interval:
            absent[schedule] = []
    return absent


def longest_gap(made: Iterable[Made], since: int) -> float:
    """The longest time, in seconds, in which no task was stored; of `made`, from the last stored before `since` on."""
    stored = sorted(each.stored_at for each in made)
    before = [when for when in stored if when <= since][-1:]
    after = [when for when in stored if when > since]
    return max((b - a for a, b in pairwise([*before, *after])), default=0) / NANOSECONDS


def _text(schedule: str, due: int) -> str:
    return f"{schedule} at {format_timestamp(due)}"


async def _request(client: Client, subject: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    payload = json.dumps(body).encode() if body else b""
    for attempt in range(20):
        try:
            answer: dict[str, Any] = json.loads((await client.request(f"$JS.API.{subject}", payload, timeout=1)).data)
        except (TimeoutError, nats.errors.Error):
            if attempt == 19:
                raise
            await asyncio.sleep(0.5)
            continue
        assert "error" not in answer, f"{subject}: {answer['error']}"
        return answer
    raise AssertionError
