"""For ten minutes two of ours and two real Go schedulers are killed, stopped and paused at random, and every ten
seconds an apply updates some of the schedules: nothing is fired twice, nothing is lost in a term of ours, and of the
schedules with cron fields nothing is lost at all, but for reasons that docs/scheduler.md names."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from ajsync.asyncjobs.ids import fire_task_id
from ajsync.asyncjobs.names import ELECTION_HEADER, ELECTIONS_STREAM
from ajsync.asyncjobs.streams import stream_configuration
from ajsync.scheduler.unseen.traces import Trace
from ajsync.timestamp import NANOSECONDS, format_timestamp, parse_timestamp
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer
from tests.scheduler.ha.ledger import QUEUE, Made, read_items, read_tasks
from tests.scheduler.ha.members import Member
from tests.scheduler.ha.stage import make_stream, make_streams, schedule, store

pytestmark = pytest.mark.anyio
SECONDS = 600
APPLY_SECONDS = 10
SETTLE_SECONDS = 45
"""After the blows, so that one of ours leads and has fired all that is its own."""
UNMANAGED = [f"T{number}" for number in range(10)]
UPDATED = [f"F{number}" for number in range(6)]
MINUTELY = [f"M{number}" for number in range(6)]
"""Schedules with cron fields, which a Go scheduler fires at the same instants; the last two make equal tasks."""
ALIKE = "ALIKE"
MINUTE = 60 * NANOSECONDS
GRACE = 30 * NANOSECONDS
LOOK = 13 * NANOSECONDS
"""A look at what was fired ends within this time: that of a stand-by waits for a refresh of the key."""
LATE = 2 * NANOSECONDS
"""What a Go scheduler fires later than this has stood still."""
_BEGINS_SECONDS = 0.1
"""What falls due in the very moment in which a term of ours begins may belong to the wait before it."""


@dataclass(slots=True)
class Election:
    """Who wrote the key of the election, and when."""

    writes: list[tuple[int, str, bool]] = field(default_factory=list)
    """Instant in nanoseconds since 1970, name, and whether it is one of ours."""

    async def see(self, msg: Msg) -> None:
        headers = msg.headers or {}
        if "KV-Operation" not in headers:
            stored_at = parse_timestamp(headers["Nats-Time-Stamp"])
            self.writes.append((stored_at, msg.data.decode(), ELECTION_HEADER in headers))

    def go_terms(self, began: Sequence[int]) -> list[tuple[int, int]]:
        """From the last write of ours before a Go scheduler's to the begin of the next term of ours, of `began`."""
        terms: list[tuple[int, int]] = []
        last_of_ours = 0
        for stored_at, _, ours in self.writes:
            if ours:
                last_of_ours = stored_at
            elif not terms or terms[-1][1] < stored_at:
                ends = min((each for each in began if each > stored_at), default=2**63)
                terms.append((last_of_ours, ends + int(_BEGINS_SECONDS * NANOSECONDS)))
        return terms


@dataclass(frozen=True, slots=True)
class Update:
    """An apply that has changed schedules; its times are nanoseconds since 1970."""

    names: frozenset[str]
    begun: int
    ended: int


async def test_nothing_is_lost_in_our_terms_nor_fired_twice(
    tmp_path: Path, home: Path, server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("ajc") is None:
        pytest.skip("the Go command ajc is not on PATH")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    (home / "nats" / "context").mkdir(parents=True)
    (home / "nats" / "context" / "AJC.json").write_text(json.dumps({"url": server.url}))
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    print(f"\nseed {seed}")
    async with _played(tmp_path / "stage", server) as (client, election, members):
        updates: list[Update] = []
        applying = asyncio.create_task(_apply_again_and_again(tmp_path / "project", server, updates))
        begin, resumed = await _strike_for(SECONDS, members, election, dice)
        await _let_ours_lead(members)
        assert not applying.done(), applying.result()
        applying.cancel()
        await asyncio.wait([applying])
        end = time.time_ns() - 4 * NANOSECONDS
        await asyncio.sleep(3)
        made = await read_tasks(client)
        terms = election.go_terms(_terms_of_ours(members))
        unseen = _Unseen(members, updates)
        lost, doubled = _judge(made, begin, end, terms, resumed, unseen)
        minutes = _judge_minutes(made, begin, end, terms, members)
        print(minutes)
        lost += minutes.lost
        doubled += minutes.doubled
        ours = {each.id for each in made if each.id == fire_task_id(each.schedule, each.due)}
        print(
            f"{len(made)} tasks, {len(ours)} of ours, {len(terms)} Go terms, {len(lost)} lost, {len(doubled)} doubled"
        )
        assert not lost, lost
        assert not doubled, doubled
        without_item = ours - await read_items(client)
        assert not [each for each in made if each.id in without_item and not unseen(each.schedule, each.due)]


@asynccontextmanager
async def _played(folder: Path, server: NatsServer) -> AsyncIterator[tuple[Client, Election, dict[str, Member]]]:
    folder.mkdir()
    client = await nats.connect(server.url)
    election = Election()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(client.close)
        republished = {"republish": {"src": ">", "dest": "elections.>"}}
        await make_streams(client)
        await make_stream(client, stream_configuration(ELECTIONS_STREAM) | republished, update=True)
        await client.subscribe("elections.>", cb=election.see)
        await store(client, [schedule(name, "@every 1s", catchup="latest") for name in UNMANAGED])
        minutely = [schedule(name, "CRON_TZ=UTC * * * * *", catchup="latest") for name in MINUTELY]
        await store(client, [*minutely[:-2], *(replace(each, task_type=ALIKE) for each in minutely[-2:])])
        members = {name: Member(folder, name, server.url, "--log-format", "json") for name in ("o1", "o2")}
        for name in ("g1", "g2"):
            members[name] = Member(folder, name, server.url)
            members[name].other_program = ["ajc", "tasks", "cron", "scheduler", name, "--context", "AJC"]
        for member in members.values():
            stack.callback(member.end)
        yield client, election, members


async def _apply_again_and_again(folder: Path, server: NatsServer, updates: list[Update]) -> None:
    (folder / "schedules").mkdir(parents=True)
    (folder / "ajsync.yaml").write_text("owner: soak\n")
    number = 0
    while True:
        number += 1
        lines = ["schedules:"]
        for index, name in enumerate(UPDATED):  # half of them change each time
            lines += [f"  {name}:", '    schedule: "@every 1s"', f"    queue: {QUEUE}", f"    task_type: {name}"]
            lines += [f"    payload: {{number: {number - (index + number) % 2}}}"]
        (folder / "schedules" / "a.yaml").write_text("\n".join(lines) + "\n")
        begun = time.time_ns()
        done = await asyncio.to_thread(ajsync, folder, "apply", "--yes", "--server", server.url)
        assert done.returncode == 0, (done.stdout, done.stderr)
        changed = frozenset(name for index, name in enumerate(UPDATED) if (index + number) % 2 == 0)
        updates.append(Update(changed, begun, time.time_ns()))
        await asyncio.sleep(APPLY_SECONDS)


async def _strike_for(
    seconds: float, named: dict[str, Member], election: Election, dice: random.Random
) -> tuple[int, list[int]]:
    """Kill, stop, pause and start at random, every second time the leader.

    Gives the instant at which everything had come to be, and those at which Go schedulers went on after a pause.
    """
    resumed: list[int] = []
    members = [*named.values()]
    for member in members:
        member.start()
    await asyncio.sleep(SETTLE_SECONDS)
    begin = time.time_ns()
    paused: dict[str, float] = {}
    while time.time_ns() < begin + seconds * NANOSECONDS:
        await asyncio.sleep(dice.uniform(2, 9))
        for member in members:
            if member.name in paused and paused[member.name] < time.monotonic():
                del paused[member.name]
                member.signal(signal.SIGCONT)
                if member.name[0] == "g":
                    resumed.append(time.time_ns())
        member = named[election.writes[-1][1]] if dice.random() < 0.5 else dice.choice(members)
        if member.running is None:
            member.start()
        elif member.name not in paused:
            blow = dice.choice((signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGSTOP))
            member.signal(blow)
            if blow == signal.SIGSTOP:
                paused[member.name] = time.monotonic() + dice.choice((1, 3, 6, 12, 20))
            else:
                await asyncio.to_thread(member.reap)
    for member in members:
        if member.name in paused:
            member.signal(signal.SIGCONT)
    return begin, resumed


async def _let_ours_lead(members: dict[str, Member]) -> None:
    for name, member in members.items():
        if name[0] == "g":
            member.end()
        elif member.running is None:
            member.start()
    await asyncio.sleep(SETTLE_SECONDS)


def _terms_of_ours(members: dict[str, Member]) -> list[int]:
    return [at for name in ("o1", "o2") for at in _said(members[name], "Became leader")]


def _said(member: Member, words: str) -> list[int]:
    """When one of ours said something that begins like this, in nanoseconds since 1970."""
    lines = [json.loads(line) for line in member.log.splitlines()]
    return [parse_timestamp(line["time"]) for line in lines if line["msg"].startswith(words)]


def _doubts(member: Member) -> list[tuple[int, str]]:
    """When one of ours left fires with cron fields in doubt, and why."""
    lines = [json.loads(line) for line in member.log.splitlines()]
    return [
        (parse_timestamp(line["time"]), line["reason"])
        for line in lines
        if "are left in doubt: " in line["msg"] and line["reason"] not in (Trace.EVERY, Trace.CHANGED)
    ]


class _Unseen:
    """Tells of fires that their next leader could not know, as docs/scheduler.md says: its process began after an
    update had replaced the value, whose leader was dead since before.
    """

    def __init__(self, members: dict[str, Member], updates: Sequence[Update]) -> None:
        self._updates = updates
        self._terms = []
        for name in ("o1", "o2"):
            starts = _said(members[name], "Starting leader election")
            for began in _said(members[name], "Became leader"):
                self._terms.append((began, max(each for each in starts if each <= began)))

    def __call__(self, name: str, due: int) -> bool:
        _, started = min((term for term in self._terms if term[0] > due), default=(0, 0))
        return any(name in each.names and each.begun < started and each.ended > due for each in self._updates)


@dataclass
class _Minutes:
    """What became of the fires of schedules with cron fields."""

    fires: int = 0
    by_ours: int = 0
    made_good: int = 0
    """By ours, later than a second after the instant."""
    explained: Counter[str] = field(default_factory=Counter)
    """Fires without a task, by the reason, and fires with two, of which one is of a Go scheduler that stood still."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"cron fields: {self.fires} fires, {self.by_ours} by ours, {self.made_good} of these made good, "
            f"{len(self.lost)} lost, {len(self.doubled)} doubled, explained: {dict(self.explained)}"
        )


def _judge_minutes(
    made: Sequence[Made], begin: int, end: int, terms: Sequence[tuple[int, int]], members: dict[str, Member]
) -> _Minutes:
    """Compare the tasks of schedules with cron fields with the full minutes.

    A Go scheduler that stood still may fire twice only what fell due before a term of ours that began meanwhile.
    """
    found, began = _Minutes(), _terms_of_ours(members)
    ours = {fire_task_id(name, due): (name, due) for name in MINUTELY for due in _full_minutes(begin, end)}
    types = {name: name if name in MINUTELY[:-2] else ALIKE for name in MINUTELY}
    for due in _full_minutes(begin, end):
        for task_type in sorted(set(types.values())):
            wanted = list(types.values()).count(task_type)
            tasks = [each for each in made if each.schedule == task_type and due - MINUTE // 2 <= each.due]
            tasks = [each for each in tasks if _minute_of(each, ours) == due]
            of_ours = [each for each in tasks if each.id in ours]
            late = [each for each in tasks if each.id not in ours and each.due > due + LATE]
            late = [each for each in late if any(due < at < each.due for at in began)]
            found.fires += wanted
            found.by_ours += len(of_ours)
            found.made_good += sum(each.stored_at > due + NANOSECONDS for each in of_ours)
            what = f"{task_type} at {format_timestamp(due)}: {len(tasks)} of {wanted}"
            if len(tasks) > wanted and of_ours:
                if late:
                    found.explained["a Go scheduler that stood still fired it too"] += len(tasks) - wanted
                else:
                    found.doubled.append(what)
            elif len(tasks) < wanted:
                if reason := _why_lost(due, terms, members):
                    found.explained[reason] += wanted - len(tasks)
                else:
                    found.lost.append(what)
    return found


def _full_minutes(begin: int, end: int) -> range:
    return range((begin // MINUTE + 1) * MINUTE, end, MINUTE)


def _minute_of(made: Made, ours: Mapping[str, tuple[str, int]]) -> int:
    """The full minute that a task is of: ours have it in their ids, those of Go schedulers are late at most."""
    if made.id in ours:
        return ours[made.id][1]
    return (made.due + NANOSECONDS // 2) // MINUTE * MINUTE


def _why_lost(due: int, terms: Sequence[tuple[int, int]], members: dict[str, Member]) -> str:
    """Why a fire has no task, if docs/scheduler.md names that as a limit; empty otherwise."""
    if not any(start <= due <= until for start, until in terms):
        return ""
    ours = [members[name] for name in ("o1", "o2")]
    if not any(
        due < at <= due + GRACE + LOOK for member in ours for at in _said(member, "Of the fires that fell due while")
    ):
        return "no scheduler of ours looked within the grace"
    for member in ours:
        for at, reason in _doubts(member):
            if due < at <= due + GRACE + LOOK:
                return f"left in doubt: {reason}"
    return ""


def _judge(
    made: Sequence[Made],
    begin: int,
    end: int,
    terms: Sequence[tuple[int, int]],
    resumed: Sequence[int],
    unseen: Callable[[str, int], bool],
) -> tuple[list[str], list[str]]:
    """What nobody fired though one of ours led, and what was fired by one of ours and somebody else, too.

    A Go scheduler that goes on after a pause fires before it asks whether it still leads; nobody can keep it from that.
    """
    found: dict[tuple[str, int], list[Made]] = {}
    for each in made:
        found.setdefault((each.schedule, each.due // NANOSECONDS), []).append(each)
    lost = []
    for name in (*UNMANAGED, *UPDATED):
        for second in range(begin // NANOSECONDS + 1, end // NANOSECONDS):
            due = second * NANOSECONDS
            in_go_term = any(start <= due <= until for start, until in terms)
            if (name, second) not in found and not in_go_term and not unseen(name, due):
                lost.append(f"{name} at {format_timestamp(due)}")
    doubled = [
        f"{name} at {format_timestamp(second * NANOSECONDS)}"
        for (name, second), tasks in found.items()
        if len(tasks) > 1
        and any(each.id == fire_task_id(name, each.due) for each in tasks)
        and not any(0 <= (second + 1) * NANOSECONDS - at <= 2 * NANOSECONDS for at in resumed)
    ]
    return lost, doubled
