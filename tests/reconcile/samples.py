"""Plans that the tests of renderings and saved plans share: one with everything in it, a hostile one, a large one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from ajsync.asyncjobs.applied import Commit, RecordedApply
from ajsync.asyncjobs.model import BucketIdentity, Managed, Pause, ScheduledTask
from ajsync.errors import ConflictError, GateError, Location
from ajsync.reconcile.impact import Impact, Peak, QueueImpact
from ajsync.reconcile.plan import Adopt, Change, Conflict, Create, Delete, Destination, Plan, Update
from ajsync.selection import Selection, parse_label_test
from ajsync.timestamp import NANOSECONDS, parse_timestamp
from tests.tasks import OWNER, TARGET, TEXTS, managed, scheduled_tasks, task

NOW = datetime(2026, 11, 24, 5, 47, 30, tzinfo=UTC)
HOUR = 3600 * NANOSECONDS
CREATED_AT = parse_timestamp("2026-11-23T14:09:53.902271558Z")

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "[red]markup[/red]",
    "two\nlines",
    "carriage\rreturn",
    "::error::not mine",
    "##[error]not mine",
    "`ticks` ```fence``` ````",
    "| a | table |",
    "</details></summary><script>alert(1)</script>",
    "--> <!-- comment -->",
    "@everyone #1 https://evil.invalid www.evil.invalid",
    "\u202egnp.exe\u2066",
    "zero\u200bwidth",
    "lone \x7f\x9b2J",
    "%0A::warning::x",
    "x" * 5_000,
    "\U0001f600" * 500,
)
"""What others may have written into a bucket."""

MINUTE = 60 * NANOSECONDS
IMPACT = Impact(
    CREATED_AT // MINUTE * MINUTE,
    (QueueImpact("EMAIL", 1_200, 1_344), QueueImpact("Q`\x1b", 24, 20)),
    Peak(CREATED_AT // MINUTE * MINUTE, 12),
    Peak(CREATED_AT // MINUTE * MINUTE + 90 * MINUTE, 15),
)
"""What two queues and the busiest minute get of a plan."""

ANY_TEXTS = st.text(st.characters(), max_size=12) | st.sampled_from(HOSTILE)
"""Whatever a key or a value may hold, halves of characters too."""


def ours(description: str = "", *, source: str = "schedules/email.yaml", **members: Any) -> Managed:
    """What ajsync keeps of a task of the plan's owner."""
    return Managed(OWNER, source, description, **members)


def make_plan(*changes: Change, conflicts: tuple[Conflict, ...] = (), **members: Any) -> Plan:
    """A plan with these changes, and nothing else in the bucket unless `members` says so."""
    counts: dict[str, Any] = {"desired": 5, "owned": 4, "unchanged": 0, "unmanaged": 0, "foreign": 0, "unreadable": ()}
    return Plan(TARGET, OWNER, "d" * 64, tuple(changes), conflicts, **{**counts, **members})


def create(name: str = "A", **members: Any) -> Create:
    """A create of one task."""
    return Create(name, task(name, **{"managed": ours(), **members}), 0)


def update(before: ScheduledTask, **members: Any) -> Update:
    """An update of some members of a task that is stored."""
    stored = replace(before, created_at=CREATED_AT)
    return Update(stored.name, stored, replace(stored, **members), 12)


def delete(name: str = "A", **members: Any) -> Delete:
    """A delete of one task."""
    return Delete(name, task(name, created_at=CREATED_AT, **{"managed": ours(), **members}), 9)


def rename(before: str = "OLD", after: str = "NEW", **members: Any) -> tuple[Create, Delete]:
    """A create and a delete of one task that gets another name."""
    deleted = delete(before, **members)
    created = Create(after, replace(deleted.before, name=after), 0, renamed_from=before)
    return created, replace(deleted, renamed_to=after)


def full_plan() -> Plan:
    """A plan with a change of each kind, each field in it, conflicts and entries that are left alone."""
    report = task("REPORT", schedule="CRON_TZ=Europe/Malta 30 6 * * MON-FRI", payload=b'{"to":["a","b"],"copies":1}')
    nobodys = task("TICK", owner=None, schedule="@every 10m", created_at=CREATED_AT)
    return make_plan(
        create(
            "EMAIL_MONTHLY_UPDATE",
            schedule="CRON_TZ=Europe/Malta @monthly",
            task_type="email:monthly",
            payload=b'{"segment":"all"}',
            deadline=12 * HOUR,
            max_tries=3,
            managed=ours(
                "The newsletter", catchup="all", catchup_window=2 * HOUR, overlap="skip", jitter=30 * NANOSECONDS
            ),
        ),
        create("HEARTBEAT", schedule="@every 90s", queue="OPS", task_type="ops:beat"),
        create("NEVER", schedule="0 0 30 2 *"),
        delete("OLD_REPORT", payload=b"\x00\x01", deadline=90 * NANOSECONDS),
        update(
            report,
            schedule="CRON_TZ=Europe/Berlin 0 7 * * MON-FRI",
            payload=b'{"to":["a","c"],"copies":1}',
            deadline=HOUR,
            managed=ours("For the board"),
        ),
        Adopt("TICK", nobodys, replace(nobodys, managed=ours(source="schedules/ops.yaml"), max_tries=2), 17),
        conflicts=(
            Conflict("CLEANUP", "unmanaged"),
            Conflict("INVOICES", "foreign", "accounting"),
            Conflict("MESS", "unreadable", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ),
        desired=129,
        owned=122,
        unchanged=120,
        unmanaged=12,
        foreign=1,
        unreadable=(("BROKEN", 'it has no member "queue"'), ("MESS", "not JSON")),
    )


def full_locations() -> dict[str, Location]:
    """Where the names of `full_plan` stand."""
    names = ["EMAIL_MONTHLY_UPDATE", "HEARTBEAT", "NEVER", "REPORT", "TICK", "CLEANUP", "INVOICES", "MESS"]
    return {name: Location("schedules/email.yaml", 4 + 9 * number, 3) for number, name in enumerate(names)}


def full_refusals() -> tuple[ConflictError | GateError, ...]:
    """Two reasons not to apply it."""
    return (
        ConflictError("Already in the bucket and without an owner: CLEANUP. To take them over, pass --adopt."),
        GateError("12 schedules would be deleted, more than safety.max_delete allows (10). Pass --allow-deletes 12."),
    )


def hostile_plan() -> Plan:
    """A plan in which every text that others can write is hostile."""
    changes: list[Change] = []
    for number, text in enumerate(HOSTILE):
        foul = ScheduledTask(
            f"N{number:02}",
            text,
            text,
            text,
            payload=text.encode("utf-8", "surrogatepass"),
            created_at=CREATED_AT,
            managed=ours(text, source=text),
        )
        changes.append(Update(foul.name, foul, replace(foul, schedule="@daily", queue="Q"), 1))
        changes.append(Delete(f"{foul.name}D", replace(foul, name=f"{foul.name}D"), 1))
        changes.append(create(text, managed=ours(text)))
    return make_plan(
        *changes,
        conflicts=tuple(Conflict(text, "unreadable", text) for text in HOSTILE),
        unreadable=tuple((f"{text}!", text) for text in HOSTILE),
        last=RecordedApply(CREATED_AT, "".join(HOSTILE), Commit("a" * 40, 0, "".join(HOSTILE)), HOSTILE[0]),
        paused=tuple((text, Pause(CREATED_AT, text, text)) for text in HOSTILE),
    )


def large_plan(count: int, schedules: int = 200) -> Plan:
    """So many creates with so many distinct schedules."""
    return make_plan(
        *(
            create(
                f"JOB_{number:06}",
                schedule=f"CRON_TZ=Europe/Malta {number % schedules % 60} {number % schedules // 60 % 24} * * *",
                payload=b'{"number":%d}' % number,
                deadline=HOUR,
                managed=ours(f"The job of number {number}", source="schedules/jobs.yaml"),
            )
            for number in range(count)
        ),
        desired=count,
    )


def plans() -> st.SearchStrategy[Plan]:
    """Any plan."""
    counts = st.integers(0, 1_000)
    return st.builds(
        Plan,
        target=st.builds(BucketIdentity, TEXTS, TEXTS),
        owner=TEXTS,
        digest=TEXTS,
        changes=st.lists(_changes(), max_size=5).map(tuple),
        conflicts=st.lists(
            st.builds(Conflict, ANY_TEXTS, st.sampled_from(["unmanaged", "foreign", "unreadable"]), ANY_TEXTS),
            max_size=3,
        ).map(tuple),
        desired=counts,
        owned=counts,
        unchanged=counts,
        unmanaged=counts,
        foreign=counts,
        unreadable=st.lists(st.tuples(ANY_TEXTS, ANY_TEXTS), max_size=3).map(tuple),
        destination=st.builds(Destination, ANY_TEXTS, ANY_TEXTS, ANY_TEXTS, ANY_TEXTS),
        ignored=st.lists(st.tuples(ANY_TEXTS, st.just(("overlap", "except"))), max_size=3).map(tuple),
        last=st.none() | recorded_applies(),
        paused=st.lists(st.tuples(ANY_TEXTS, pauses()), max_size=3).map(tuple),
    ).flatmap(lambda plan: st.just(plan) | _selected(plan))


def pauses() -> st.SearchStrategy[Pause]:
    """Any pause."""
    instants = st.integers(0, 2**63 - 1)
    return st.builds(Pause, since=instants, by=ANY_TEXTS, reason=ANY_TEXTS, until=instants)


def recorded_applies() -> st.SearchStrategy[RecordedApply]:
    """Any line of a record."""
    commits = st.builds(Commit, st.just("3f2a1b9c0d" * 4), st.integers(0, 2**63 - 1), ANY_TEXTS, st.booleans())
    return st.builds(
        RecordedApply, st.integers(0, 2**63 - 1), ANY_TEXTS, st.none() | commits, ANY_TEXTS, names=st.just(("A",))
    )


def impacts() -> st.SearchStrategy[Impact | None]:
    """Any impact, or none."""
    counts = st.integers(0, 10_000_000)
    minutes = st.integers(0, 50_000_000).map(lambda minute: minute * 60 * NANOSECONDS)
    peaks = st.none() | st.builds(Peak, minutes, counts)
    queues = st.lists(st.builds(QueueImpact, ANY_TEXTS, counts, counts), min_size=1, max_size=25).map(tuple)
    return st.none() | st.builds(Impact, minutes, queues, peaks, peaks)


def _selected(plan: Plan) -> st.SearchStrategy[Plan]:
    selections = st.builds(
        Selection,
        names=st.lists(ANY_TEXTS, min_size=1, max_size=2).map(tuple),
        labels=st.lists(st.sampled_from(["a", "a=b", "a!=b"]).map(parse_label_test), max_size=2).map(tuple),
        queue=st.none() | ANY_TEXTS.filter(bool),
        owner=st.none() | ANY_TEXTS.filter(bool),
    )
    return st.builds(replace, st.just(plan), selection=selections, not_selected=st.integers(0, 1_000))


@st.composite
def _changes(draw: st.DrawFn) -> Change:
    before, after = draw(scheduled_tasks()), draw(scheduled_tasks(managed()))
    after = replace(after, name=before.name)
    revision = draw(st.integers(0, 2**63))
    any_of: list[Change] = [
        Create(after.name, after, revision),
        Update(after.name, before, after, revision, draw(st.booleans())),
        Adopt(after.name, before, after, revision, draw(st.booleans())),
        Delete(before.name, before, revision, paused=draw(st.booleans())),
    ]
    return draw(st.sampled_from(any_of))
