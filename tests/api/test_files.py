"""Plan and apply from a program: the same gates and conflicts as for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

import ajsync
from ajsync.asyncjobs.applied import RECORD_SUBJECT
from ajsync.asyncjobs.journal import Step, encode_journal, journal_key
from ajsync.asyncjobs.names import CONFIGURATION_SUBJECT, SCHEDULE_SUBJECT
from ajsync.git.origin import user_and_host
from ajsync.reconcile.apply import recreate
from tests.git.repositories import commit, repository
from tests.tasks import task

pytestmark = pytest.mark.anyio

TASK = ajsync.Task("report:daily")


@pytest.fixture
def project(project: Path) -> Path:
    """A project of two schedules."""
    write(project, "{A: {schedule: daily, task_type: a}, B: {schedule: hourly, task_type: b}}")
    return project


def write(project: Path, schedules: str) -> None:
    (project / "schedules" / "a.yaml").write_text(f"schedules: {schedules}\n")


async def applied(client: ajsync.Client, project: Path, allow_deletes: int = 0) -> ajsync.Result:
    configuration = ajsync.load_config(project)
    plan = await ajsync.plan(client, configuration)
    return await ajsync.apply(client, plan, safety=configuration.safety, allow_deletes=allow_deletes)


async def test_a_plan_that_was_applied_leaves_nothing_to_plan(client: ajsync.Client, project: Path) -> None:
    result = await applied(client, project)
    assert (result.error, len(result.with_status("done"))) == (None, 2)
    assert (await ajsync.plan(client, ajsync.load_config(str(project)))).empty


async def test_invalid_files_raise_every_problem(project: Path) -> None:
    write(project, "{A: {schedule: daily}, B: {schedule: 61 * * * *, task_type: b}}")
    with pytest.raises(ajsync.ConfigurationError) as error:
        ajsync.load_config(project)
    assert len(error.value.problems) == 2


async def test_gates_hold_until_they_are_opened(client: ajsync.Client, project: Path) -> None:
    write(project, "{" + ", ".join(f"A{number}: {{schedule: daily, task_type: a}}" for number in range(12)) + "}")
    await applied(client, project)
    write(project, "{A0: {schedule: daily, task_type: a}}")
    with pytest.raises(ajsync.GateError, match="11 schedules"):
        await applied(client, project)
    assert (await applied(client, project, allow_deletes=11)).error is None
    assert [each.name for each in await client.scheduled_tasks()] == ["A0"]


async def test_what_nobody_owns_is_a_conflict_until_it_is_adopted(client: ajsync.Client, project: Path) -> None:
    await client.new_scheduled_task("A", "@weekly", "EMAIL", TASK)
    with pytest.raises(ajsync.ConflictError, match="without an owner"):
        await applied(client, project)
    plan = await ajsync.plan(client, ajsync.load_config(project), adopt=True)
    assert (await ajsync.apply(client, plan)).error is None
    assert (await client.load_scheduled_task_by_name("A")).schedule == "@daily"


async def test_a_plan_across_an_interrupted_apply_is_stale(
    client: ajsync.Client, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await applied(client, project)
    found = await client.load_scheduled_task_by_name("A")
    journal = encode_journal([Step("A", found, task("A", schedule="@weekly", created_at=found.created_at))])
    await client.connection.request(CONFIGURATION_SUBJECT + journal_key("team"), journal)
    await client.connection.request(f"{SCHEDULE_SUBJECT}A", headers={"KV-Operation": "DEL"})
    monkeypatch.setattr(recreate, "AT_WORK_SECONDS", 0)  # it was cut off long ago
    with pytest.raises(ajsync.StalePlanError, match="interrupted apply"):
        await applied(client, project)
    assert (await applied(client, project)).error is None
    assert (await client.load_scheduled_task_by_name("A")).schedule == "@daily"


async def test_an_apply_is_recorded_with_its_origin_or_the_user_and_host(client: ajsync.Client, project: Path) -> None:
    configuration = ajsync.load_config(project)
    await applied(client, project)
    origin = ajsync.Origin("me", ajsync.Commit("a" * 40, 1, "main"))
    write(project, "{A: {schedule: weekly, task_type: a}, B: {schedule: hourly, task_type: b}}")
    plan = await ajsync.plan(client, ajsync.load_config(project))
    await ajsync.apply(client, plan, origin=origin)
    newest, first = await client.applies("team")
    assert (newest.by, newest.commit, newest.names) == ("me", origin.commit, ("A",))
    assert (first.by, first.commit) == (user_and_host(), None)
    assert (await ajsync.plan(client, configuration)).last == newest
    assert await client.applies("others") == ()


async def test_the_origin_of_files_comes_from_git(project: Path) -> None:
    made = commit(repository(project))
    found = ajsync.find_origin(ajsync.load_config(project)).commit
    assert found is not None
    assert (found.id, found.ref, found.dirty) == (made, "main", False)


async def test_a_record_that_cannot_be_written_is_logged_and_fails_nothing(
    client: ajsync.Client, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await client.connection.request(f"{RECORD_SUBJECT}team", b"mess")
    assert (await applied(client, project)).error is None
    assert caplog.text.count("The apply is missing in the record") == 1
