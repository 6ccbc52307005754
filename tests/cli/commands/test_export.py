"""`ajsync export`: from the bucket to files that plan as unchanged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.config import load_configuration
from ajsync.config.export import export_yaml
from ajsync.reconcile.plan import plan
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer
from tests.tasks import OWNER, live, managed, task
from tests.values import put


@pytest.fixture
def project(project: Path, server: NatsServer) -> Path:
    """A project without a folder for schedules, and a bucket that holds some of two owners and of nobody."""
    (project / "schedules").rmdir()
    assert ajsync(project, "init", "--bucket", "--server", server.url).returncode == 0
    put(
        server.url,
        [
            task("OURS", payload=b'{"a":1}'),
            task("NOBODYS", owner=None, schedule="*/5 * * * *", queue="REPORTS", created_at=5),
            task("THEIRS", owner="others"),
        ],
    )
    return project


def test_it_prints_what_is_ours_and_what_is_nobodys(project: Path, server: NatsServer) -> None:
    done = ajsync(project, "export", "--server", server.url)
    assert done.returncode == 0
    assert "OURS" in done.stdout
    assert "NOBODYS" in done.stdout
    assert "THEIRS" not in done.stdout
    assert done.stderr == "Wrote 2 schedules.\n"


def test_export_adopt_plan_is_empty(project: Path, server: NatsServer) -> None:
    done = ajsync(project, "export", "-o", "schedules/", "--adopt", "--server", server.url)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (project / "schedules").iterdir()) == ["EMAIL.yaml", "REPORTS.yaml"]
    assert "Applied: 1 adopted." in done.stdout
    again = ajsync(project, "plan", "--detailed-exitcode", "--server", server.url)
    assert again.returncode == 0, again.stdout
    adopted = json.loads(ajsync(project, "view", "NOBODYS", "--json", "--server", server.url).stdout)
    assert adopted["ajsync"]["owner"] == "team"
    assert adopted["created_at"] == "1970-01-01T00:00:00.000000005Z"


def test_without_adopt_it_says_how_to_take_over_what_is_nobodys(project: Path, server: NatsServer) -> None:
    done = ajsync(project, "export", "-o", "schedules/all.yaml", "--server", server.url)
    assert "1 of them is unmanaged: 'ajsync apply --adopt' takes it over." in done.stderr
    assert ajsync(project, "plan", "--server", server.url).returncode == 5


def test_what_the_files_hold_already_is_not_written_again(project: Path, server: NatsServer) -> None:
    ajsync(project, "export", "OURS", "-o", "schedules/ours.yaml", "--server", server.url)
    done = ajsync(project, "export", "-o", "schedules/rest.yaml", "--server", server.url)
    assert "Wrote 1 schedule; 1 is in files already." in done.stderr
    assert "OURS" not in (project / "schedules" / "rest.yaml").read_text()


def test_files_are_utf_8_whatever_the_locale(project: Path, server: NatsServer) -> None:
    put(server.url, [task("OURS", managed=Managed("team", description="für alle"))])
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = ajsync(project, "export", "-o", "schedules/", "--server", server.url, **ascii_only)
    assert done.returncode == 0, done.stderr
    assert "für alle" in (project / "schedules" / "EMAIL.yaml").read_text(encoding="utf-8")


def test_a_queue_that_can_name_no_file_is_told_before_any_is_written(project: Path, server: NatsServer) -> None:
    put(server.url, [task("ZZZ", queue="Q" * 255)])
    done = ajsync(project, "export", "-o", "schedules/", "--server", server.url)
    assert done.returncode == 64
    assert "Nothing was written: the name of the queue QQQ" in done.stderr
    assert "-o schedules/all.yaml" in done.stderr
    assert not (project / "schedules").exists()
    assert ajsync(project, "export", "-o", "schedules/all.yaml", "--server", server.url).returncode == 0


def test_all_files_are_written_or_none(project: Path, server: NatsServer) -> None:
    put(server.url, [task("BIG", queue="LATER", payload=b"x" * 3000)])
    # What measures coverage could not write its own file either, and would say so.
    limited = "unset COVERAGE_PROCESS_CONFIG; ulimit -f 1"
    command = f"{limited}; exec {sys.executable} -m ajsync export -o schedules/ --server {server.url}"
    done = subprocess.run(["bash", "-c", command], cwd=project, capture_output=True, text=True)
    assert done.returncode == 1
    assert (
        done.stderr
        == "Error: schedules/LATER.yaml cannot be written: File too large. None of the 3 files was written.\n"
    )
    assert list((project / "schedules").iterdir()) == []


def test_nothing_that_exists_is_overwritten(project: Path, server: NatsServer) -> None:
    (project / "schedules").mkdir()
    (project / "schedules" / "EMAIL.yaml").write_text("schedules: {}\n")
    done = ajsync(project, "export", "-o", "schedules/", "--server", server.url)
    assert done.returncode == 64
    assert "exists already" in done.stderr
    assert not (project / "schedules" / "REPORTS.yaml").exists()


def test_defaults_that_would_change_a_schedule_are_told_and_never_adopted(project: Path, server: NatsServer) -> None:
    (project / "ajsync.yaml").write_text("owner: team\ndefaults: {deadline: 1h}\n")
    done = ajsync(project, "export", "-o", "schedules/", "--adopt", "--server", server.url)
    assert "2 of them do not plan as unchanged" in done.stderr
    stored = json.loads(ajsync(project, "view", "NOBODYS", "--json", "--server", server.url).stdout)
    assert "ajsync" not in stored
    assert "deadline" not in stored


@pytest.mark.parametrize("name", ["THEIRS", "NO_SUCH"])
def test_a_name_that_cannot_be_had_is_an_error(project: Path, server: NatsServer, name: str) -> None:
    done = ajsync(project, "export", name, "--server", server.url)
    assert done.returncode == 64
    assert name in done.stderr


TASKS = st.lists(
    st.builds(
        task,
        st.sampled_from(["A", "B", "C"]),
        schedule=st.sampled_from(["@daily", "*/5 * * * *", "CRON_TZ=Europe/Malta 0 9 * * 1", "@every 10m"]),
        payload=st.none() | st.binary(max_size=20) | st.sampled_from([b'{"a":1}', b'"on"', b"[1.5,null]"]),
        deadline=st.sampled_from([0, 30_000_000_000, 91_000_000_000]),
        max_tries=st.integers(1, 20),
        managed=managed(),
    ),
    unique_by=lambda each: each.name,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=30)
@given(TASKS)
def test_whatever_was_exported_plans_as_unchanged(tmp_path: Path, tasks: Sequence[ScheduledTask]) -> None:
    (tmp_path / "schedules").mkdir(exist_ok=True)
    (tmp_path / "ajsync.yaml").write_text("owner: team\n")
    exported = export_yaml(tasks)
    assert not exported.skipped
    (tmp_path / "schedules" / "all.yaml").write_text(exported.text)
    configuration = load_configuration(tmp_path)
    assert plan(configuration.tasks, live(tasks), owner=OWNER, digest=configuration.digest).empty
