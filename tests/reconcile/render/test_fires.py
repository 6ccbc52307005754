"""The next fires of the schedules of a plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ajsync.asyncjobs.due import jitter_offset
from ajsync.asyncjobs.model import Managed
from ajsync.reconcile.render.fires import FireTimes
from ajsync.timestamp import parse_timestamp
from tests.reconcile.samples import CREATED_AT, HOUR, NOW
from tests.tasks import OWNER, task


def test_the_next_three_are_in_the_zone_of_the_schedule() -> None:
    fires = FireTimes(NOW).of(task("A", schedule="CRON_TZ=Europe/Malta @monthly"))
    assert [time.isoformat() for time in fires.times] == [
        "2026-12-01T00:00:00+01:00",
        "2027-01-01T00:00:00+01:00",
        "2027-02-01T00:00:00+01:00",
    ]


def test_their_lines_are_in_the_zone_of_the_output() -> None:
    monthly = task("A", schedule="CRON_TZ=Europe/Malta @monthly")
    assert FireTimes(NOW).of(monthly).lines[0] == "Mon 2026-11-30 23:00 UTC  in 6 d 17 h"
    assert FireTimes(NOW, ZoneInfo("Europe/Malta")).of(monthly).lines[0] == "Tue 2026-12-01 00:00 +01:00  in 6 d 17 h"
    assert FireTimes(NOW, ZoneInfo("Europe/Malta")).of(monthly).times == FireTimes(NOW).of(monthly).times


def test_the_time_until_then_is_right_across_a_change_of_the_clocks() -> None:
    evening = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Malta"))
    fires = FireTimes(evening).of(task("A", schedule="CRON_TZ=Europe/Malta 0 12 25 10 *"))
    assert fires.lines[0] == "Sun 2026-10-25 11:00 UTC  in 1 d 1 h"


def test_a_fire_at_this_very_instant_is_no_longer_next() -> None:
    noon, daily = datetime(2026, 11, 24, 12, tzinfo=UTC), task("A", schedule="0 12 * * *")
    assert FireTimes(noon).of(daily).times[0] == noon + timedelta(days=1)
    assert FireTimes(noon - timedelta(microseconds=1)).of(daily).times[0] == noon


def test_one_that_never_fires_says_so() -> None:
    fires = FireTimes(NOW).of(task("A", schedule="0 0 30 2 *"))
    assert (fires.times, fires.lines, fires.amiss) == ((), ("never fires",), True)


def test_a_new_every_has_no_phase_yet() -> None:
    fires = FireTimes(NOW).of(task("A", schedule="@every 90s"))
    assert (fires.times, fires.lines, fires.amiss) == ((), ("every 1m30s, counted from its creation",), False)


def test_a_stored_every_counts_from_its_creation() -> None:
    fires = FireTimes(NOW).of(task("A", schedule="@every 10m", created_at=CREATED_AT))
    assert fires.lines[0] == "Tue 2026-11-24 05:49:53 UTC  in 2 min 23 s"


def test_seconds_are_shown_for_all_fires_of_a_schedule_or_for_none() -> None:
    midnight = parse_timestamp("2026-11-24T00:00:00Z")
    fires = FireTimes(NOW).of(task("A", schedule="@every 90s", created_at=midnight))
    assert fires.lines == (
        "Tue 2026-11-24 05:48:00 UTC  in 30 s",
        "Tue 2026-11-24 05:49:30 UTC  in 2 min",
        "Tue 2026-11-24 05:51:00 UTC  in 3 min 30 s",
    )
    fires = FireTimes(NOW).of(task("A", schedule="@every 1m", created_at=midnight))
    assert [line.partition("  ")[0] for line in fires.lines] == [
        "Tue 2026-11-24 05:48 UTC",
        "Tue 2026-11-24 05:49 UTC",
        "Tue 2026-11-24 05:50 UTC",
    ]


def test_jitter_moves_them_as_it_moves_the_tasks() -> None:
    jittered = task("N1", schedule="@daily", managed=Managed(OWNER, jitter=HOUR))
    fires = FireTimes(NOW).of(jittered)
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    assert fires.times[0] - midnight == timedelta(microseconds=jitter_offset(jittered) / 1000)
    assert fires.lines[0].startswith(f"Wed {fires.times[0].isoformat(' ', 'seconds')[:19]} UTC")


def test_a_schedule_that_cannot_be_read_says_why_on_one_line() -> None:
    fires = FireTimes(NOW).of(task("A", schedule="61 * * *\n*"))
    assert fires.amiss
    (line,) = fires.lines
    assert line.startswith("cannot be computed: minute: 61 is above the maximum")
    assert line.isprintable()


def test_equal_schedules_are_searched_once() -> None:
    times = FireTimes(NOW)
    one = times.of(task("A", schedule="5 4 * * *", created_at=1))
    assert times.of(task("B", schedule="5 4 * * *", queue="OTHER", created_at=2)) is one


def test_the_answer_does_not_depend_on_the_zone_of_now() -> None:
    one = task("A", schedule="CRON_TZ=Asia/Kolkata @hourly")
    assert FireTimes(NOW.astimezone(ZoneInfo("Asia/Kolkata"))).of(one) == FireTimes(NOW).of(one)


def test_what_tasks_share_is_found_once_and_what_they_do_not_share_is_theirs() -> None:
    settings = (
        Managed(OWNER),
        Managed(OWNER, jitter=HOUR),
        Managed(OWNER, jitter=5 * HOUR),
        Managed(OWNER, from_="2027-03-01"),
        Managed(OWNER, until="2026-11-25"),
        Managed(OWNER, except_=("2026-11-24",)),
    )
    tasks = [
        task(name, schedule=schedule, created_at=created_at, managed=managed)
        for name in ("A", "B")
        for schedule in ("@daily", "@every 7h", "CRON_TZ=Europe/Malta @daily")
        for created_at in (0, CREATED_AT, CREATED_AT + HOUR)
        for managed in settings
    ]
    together = FireTimes(NOW)
    assert [together.of(each) for each in tasks] == [FireTimes(NOW).of(each) for each in tasks]
    assert together.of(tasks[0]) is together.of(task("C", schedule="@daily", created_at=0))
