"""Every example is valid, and the demo shows what it says and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ajsync.config import load_configuration, schema_file
from tests.cli.launcher import with_launcher
from tests.cli.processes import DEADLINE_SECONDS, wait_until

EXAMPLES = Path(__file__).parent.parent / "examples"
PROJECTS = sorted(file.parent.relative_to(EXAMPLES).as_posix() for file in EXAMPLES.rglob("ajsync.yaml"))


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo makes its temporary folder."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@contextmanager
def demo(temporary: Path, path: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """The demo as a process; what is first on its PATH can be given."""
    before = with_launcher(os.environ["PATH"])
    with subprocess.Popen(
        [EXAMPLES / "quickstart" / "demo.sh"],
        env={**os.environ, "TMPDIR": str(temporary), "PATH": f"{path}{os.pathsep}{before}" if path else before},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def server_pid(temporary: Path) -> int:
    (ports,) = temporary.glob("ajsync-demo.*/quickstart/.ajsync/dev/ports/*.ports")
    return int(ports.stem.rpartition("_")[2])


def test_the_demo_shows_each_step_and_ends_with_nothing_to_do(temporary: Path) -> None:
    with demo(temporary) as process:
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 0, output
    again = ("plan", "apply --yes")
    steps = ("validate", *again, "list", *again, *again, "plan", "apply --yes", "scheduler", "history")
    assert [line.split()[2] for line in output.splitlines() if line.startswith("$ ajsync ")][1:] == [
        step.split()[0] for step in steps
    ]
    for result in ("Applied: 5 created.", "Applied: 1 updated.", "Applied: 1 deleted.", "No changes:", "  new  "):
        assert result in output
    assert [*temporary.iterdir()] == []


@pytest.mark.parametrize(
    ("send", "sig", "status"),
    [
        (os.killpg, signal.SIGINT, 130),  # Ctrl-C reaches everything that runs in the terminal
        (os.killpg, signal.SIGHUP, 129),  # as does closing it
        (os.kill, signal.SIGTERM, 143),
    ],
)
def test_a_demo_that_is_interrupted_leaves_nothing_behind(
    temporary: Path, send: Callable[[int, int], None], sig: signal.Signals, status: int
) -> None:
    with demo(temporary) as process:
        wait_until(lambda: any(temporary.glob("ajsync-demo.*/config/nats/context/ajsync-dev.json")), process)
        pid = server_pid(temporary)
        send(process.pid, sig)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == status, output
    assert [*temporary.iterdir()] == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_demo_whose_step_fails_fails_and_leaves_nothing_behind(temporary: Path, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "ajsync"
    broken.parent.mkdir()
    real = Path(sys.executable).parent / "ajsync"
    broken.write_text(f'#!/bin/sh\n[ "$1" = list ] && exit 9\nexec "{real}" "$@"\n')
    broken.chmod(0o700)
    with demo(temporary, broken.parent) as process:
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 9
    assert output.endswith("$ ajsync list\n")
    assert [*temporary.iterdir()] == []


def test_a_demo_without_a_server_says_why(temporary: Path, tmp_path: Path) -> None:
    broken = tmp_path / "bin" / "ajsync"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho no server today >&2\nexit 7\n")
    broken.chmod(0o700)
    with demo(temporary, broken.parent) as process:
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 1
    assert "no server today" in output
    assert [*temporary.iterdir()] == []


def test_environments_differ_as_the_example_says() -> None:
    dev, prod = (load_configuration(EXAMPLES / "environments", environment=name) for name in ("dev", "prod"))
    assert (dev.context, prod.context) == ("ajsync-dev", "nats-prod")
    assert dev.suspended == {"BILLING_SEND"}
    assert not prod.suspended
    run = [configuration.tasks["BILLING_RUN"] for configuration in (dev, prod)]
    assert [task.max_tries for task in run] == [1, 5]
    assert [task.deadline // 3_600_000_000_000 for task in run] == [1, 24]
    send = prod.tasks["BILLING_SEND"]
    assert (send.queue, send.payload) == ("MAIL_PROD", b'{"subject":"Invoice for ${month}"}')


def test_the_environments_of_the_matrix_can_share_a_bucket() -> None:
    staging, prod = (load_configuration(EXAMPLES / "matrix", environment=name) for name in ("staging", "prod"))
    assert (staging.owner, prod.owner) == ("shop-staging", "shop")
    assert len(staging.tasks) == len(prod.tasks) == 8
    assert not staging.tasks.keys() & prod.tasks.keys()
    billing, report = prod.tasks["BILLING_US_PROD"], prod.tasks["REPORT_STOCK_APAC_PROD"]
    assert (billing.schedule, billing.queue) == ("CRON_TZ=America/New_York 0 3 1 * *", "BILLING_PROD")
    assert (report.task_type, report.payload) == ("report", b'{"kind":"STOCK","region":"APAC"}')
    assert {task.max_tries for task in staging.tasks.values()} == {1}


@pytest.mark.parametrize("project", PROJECTS)
def test_editors_find_the_schema_of_every_file(project: str) -> None:
    for file in (EXAMPLES / project).rglob("*.yaml"):
        reference = file.read_text().splitlines()[0].removeprefix("# yaml-language-server: $schema=")
        name = "ajsync.schema.json" if file.name == "ajsync.yaml" else "schedules.schema.json"
        assert (file.parent / reference).resolve() == schema_file(name).resolve()


def test_the_quickstart_is_valid() -> None:
    configuration = load_configuration(EXAMPLES / "quickstart")
    assert len(configuration.tasks) == 5
    assert configuration.suspended == {"REPORT_YEAR_END"}


def test_the_calendars_have_the_public_holidays_of_the_file_and_the_days_that_are_listed() -> None:
    tasks = load_configuration(EXAMPLES / "calendars").tasks
    holidays = tasks["DUNNING"].settings.except_
    assert {"2026-12-08", "2026-12-13", "2026-12-25", "2027-03-26", "2036-12-25"} <= {*holidays}
    assert tasks["CLEAN_UP"].settings.except_ == ("2026-12-18..2027-01-03", "2027-03-31", "2027-12-17..2028-01-02")
    assert (tasks["SUMMER_OFFER"].settings.from_, tasks["SUMMER_OFFER"].settings.until) == ("2027-06-01", "2027-08-31")
