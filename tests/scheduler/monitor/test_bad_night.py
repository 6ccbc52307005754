"""What goes wrong in a night is found wherever an operator looks: `status`, `tail`, the pages, metrics and alerts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ajsync.asyncjobs.ids import fire_task_id
from tests.nats_server import NatsServer
from tests.scheduler.monitor.bad_night import BadNight, bad_night
from tests.scheduler.monitor.raised import check_raised
from tests.waiting import WAIT_SECONDS, until

pytestmark = pytest.mark.anyio

WRONG = "What is wrong"
"""The heading of the problems on the front page."""


@pytest.mark.slow
async def test_failing_slow_and_missing_workers_a_full_queue_and_a_killed_leader_are_found(
    server: NatsServer, tmp_path: Path
) -> None:
    async with bad_night(tmp_path / "night", server) as night:
        await find_what_workers_and_queues_do(night)
        scraped = {name: await night.monitor(name, "/metrics") for name in ("one", "two")}
        work = ["AjsyncSchedulesFailing", "AjsyncSchedulesOverdue", "AjsyncFiresNotStored"]
        check_raised(tmp_path, scraped, [], work)
        await find_that_the_leader_was_killed(night)
        scraped["two"] = await night.monitor("two", "/metrics")
        check_raised(tmp_path, scraped, ["one"], [*work, "AjsyncSchedulerDown", "AjsyncNoStandBy"])
        await find_that_nobody_leads(night)
        check_raised(tmp_path, scraped, ["one", "two"], ["AjsyncGone", "AjsyncSchedulerDown"])


async def find_what_workers_and_queues_do(night: BadNight) -> None:
    """The schedules fire in time, and only one of them does well."""
    ends = {
        "GOOD": ["new", "active", "complete"],
        "FAILS": ["new", "active", "terminated"],
        "HANGS": ["new", "active"],
        "WAITS": ["new"],
        "FULL": ["new"],
    }
    await until(lambda: all(night.told(name) == states for name, states in ends.items()), lambda: night.news)
    failed = [each["last_error"] for each in night.news if each["event"] == "task" and each["state"] == "terminated"]
    assert {*failed} == {"no such host"}

    # The leader says that the queue is full once it has tried for ten seconds.
    await until(lambda: night.schedules()["FULL"]["unqueued_since"] is not None, lambda: night.status().stdout)
    await until(lambda: [each["name"] for each in night.news if each["event"] == "open"] == ["FULL"])
    found = night.schedules()
    assert {name: each["verdict"] for name, each in found.items()} == {
        "GOOD": "fine",
        "FAILS": "failing",
        "HANGS": "late",
        "WAITS": "late",
        "FULL": "late",
    }
    assert [*found][-1] == "GOOD", "what needs somebody comes first"
    assert (found["FAILS"]["failures"], found["FAILS"]["last"]["last_error"]) == (4, "no such host")
    assert {name: each["problem"] for name, each in found.items()} == {
        "GOOD": None,
        "FAILS": "Its handler has given it up for good. Error: no such host",
        "HANGS": "It should have succeeded again by now. A worker has it.",
        "WAITS": "It should have succeeded again by now. No worker has taken it yet.",
        "FULL": "Its task is stored but not in its queue: the queue is full, or refuses it.",
    }
    assert {name: each["to_do"] for name, each in found.items()} == {
        "GOOD": None,
        "FAILS": "ajsync history FAILS",
        "HANGS": f"ajc task view {fire_task_id('HANGS', night.due)}",
        "WAITS": "ajsync info",
        "FULL": "ajsync info",
    }
    check = night.status("--check")
    assert (check.returncode, "1 failing, 3 late, 1 fine" in check.stdout) == (2, True)

    for scheduler in ("one", "two"):
        await find_on_the_page(night, scheduler)
    queues = (await night.page("one")).tables["Queues"]
    assert ["FULL", "1 of 1"] in [row[:2] for row in queues]

    assert await night.metric("one", "ajsync_scheduler_lateness_seconds_count") == len(found) - 1
    assert await night.metric("one", "ajsync_scheduler_open_fires") == 1
    for scheduler in ("one", "two"):
        await until_measured(night, scheduler, "ajsync_schedules_failing", 1)
        await until_measured(night, scheduler, "ajsync_schedules_overdue", 3)


async def until_measured(night: BadNight, scheduler: str, metric: str, value: float) -> None:
    """Wait until a metric of a scheduler has a value."""
    async with asyncio.timeout(WAIT_SECONDS):
        while await night.metric(scheduler, metric) != value:
            await asyncio.sleep(0.2)


async def find_on_the_page(night: BadNight, scheduler: str) -> None:
    """The front page of leader and stand-by is red, and names each schedule with what to do."""
    wanted = {
        "FAILS": "ajsync history FAILS",
        "HANGS": f"ajc task view {fire_task_id('HANGS', night.due)}",
        "WAITS": "ajsync info",
        "Queue FULL": "ajsync info",
    }
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while not all(any(what.startswith(f"{about} ") for what in found) for about in wanted):
                page = await night.page(scheduler)
                found = dict(zip(page.column(WRONG, "Problem"), page.column(WRONG, "To do"), strict=True))
    except TimeoutError:
        pytest.fail(f"{scheduler} shows only {found}; its page: {page.text}")
    assert {about: todo for about in wanted for what, todo in found.items() if what.startswith(f"{about} ")} == wanted
    assert page.headings[0].endswith(" problems")
    assert [row for row in page.column(WRONG, "Problem") if row.startswith("GOOD")] == []
    text = (await night.page(scheduler, "/schedule?name=FAILS")).text
    assert "no such host" in text


async def find_that_the_leader_was_killed(night: BadNight) -> None:
    """The stand-by takes over, goes on with what is open, and says so."""
    assert json.loads(night.status("-o", "json").stdout)["scheduler"]["leader"] == "one"
    night.kill("one")
    await until(lambda: [each["leader"] for each in night.news if each["event"] == "leader"] == ["one", "two"])
    scheduler = json.loads(night.status("-o", "json").stdout)["scheduler"]
    assert scheduler["leader"] == "two"
    assert await night.metric("two", 'ajsync_scheduler_takeovers_total{kind="silent"}') == 1
    page = await night.page("two")
    assert "The leadership has moved 1 time since" in page.text
    await until_said(night, "two", "No scheduler stands by.")
    await until_measured(night, "two", 'ajsync_schedulers{role="stand-by"}', 0)
    with pytest.raises(ConnectionRefusedError):  # for Prometheus it is down
        await night.metric("one", "ajsync_build_info")


async def until_said(night: BadNight, scheduler: str, text: str) -> None:
    """Wait until the front page says something."""
    async with asyncio.timeout(WAIT_SECONDS):
        while text not in (await night.page(scheduler)).text:
            await asyncio.sleep(0.2)


async def find_that_nobody_leads(night: BadNight) -> None:
    """Nothing is fired any more, and that is what a monitor says first."""
    night.kill("two")
    await until(lambda: "No scheduler leads" in night.status("GOOD").stdout)
    await until(lambda: any(each["event"] == "silent" for each in night.news), lambda: night.news)
    check = night.status("GOOD", "--check")
    assert check.returncode == 2
    assert check.stdout.startswith("AJSYNC CRITICAL - No scheduler leads, so nothing fires.")
