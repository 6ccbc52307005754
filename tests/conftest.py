"""Fixtures that all tests share: real servers, and an empty home folder."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

from ajsync.cli.checkout import CI_VARIABLES
from tests.nats_server import NatsServer

# In the background of a shell the tests ignore Ctrl-C, and under nohup the end of the terminal. What they start would
# ignore it too.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes, to make or to test, depends on the machine, and says nothing of a rule.
_AT_ANY_SPEED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The tests run often, and find in many runs of few examples what one of many finds: `--hypothesis-profile=thorough`.
settings.register_profile("ajsync", _AT_ANY_SPEED, max_examples=25)
settings.register_profile("thorough", _AT_ANY_SPEED, max_examples=1000)
# A mutant meets the same examples in every run, and a failure is enough: the smallest example does not matter.
settings.register_profile(
    "mutants", _AT_ANY_SPEED, max_examples=25, derandomize=True, phases=(Phase.explicit, Phase.generate)
)
settings.load_profile("ajsync")

StartServer = Callable[..., NatsServer]

# To look for garbage as often as usual takes a quarter of the time of pure tests.
gc.set_threshold(50_000, 20, 50)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, or one process would be at the last of them when all others are done.

    With `--dist worksteal` each process first gets a block of the list. All get as many slow ones.
    """
    slow = [each for each in items if each.get_closest_marker("slow")]
    others = [each for each in items if not each.get_closest_marker("slow")]
    ordered: list[pytest.Item] = []
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    for process in range(processes):
        first = slow[process::processes]
        rest = (len(items) - len(ordered)) // (processes - process) - len(first)
        ordered += first + others[:rest]
        del others[:rest]
    items[:] = ordered + others


def pytest_collection_finish() -> None:
    """Look for no garbage in the tests themselves."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, which nats-py needs."""
    return "asyncio"


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers with a configuration of the test's own; all are stopped at its end."""
    servers: list[NatsServer] = []

    def start(extra: str = "", *, jetstream: bool = True) -> NatsServer:
        server = NatsServer(tmp_path / f"nats-{len(servers)}", extra, jetstream=jetstream)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def server(start_server: StartServer) -> NatsServer:
    """A fresh server with JetStream and without users."""
    return start_server()


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the users of docs/permissions.md take from the server's environment, and their contexts from ours."""
    from tests.docs.users import PASSWORD, PASSWORD_VARIABLES

    for variable in (*PASSWORD_VARIABLES, "NATS_PASSWORD"):
        monkeypatch.setenv(variable, PASSWORD)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of `team` without schedules; what a module needs in it, its own fixture of this name adds."""
    folder = tmp_path / "project"
    (folder / "schedules").mkdir(parents=True)
    (folder / "ajsync.yaml").write_text("owner: team\n")
    return folder


@pytest.fixture(autouse=True)
def log_level() -> None:
    """Logs as Python has them at first, whatever a command that a test called in this process has set."""
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    for handler in [each for each in root.handlers if type(each) is logging.StreamHandler]:
        root.removeHandler(handler)  # it writes to what was standard error in that test, and is closed now


@pytest.fixture(scope="session")
def home_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each test finds its home folder. To make one for each would take as long as most tests do."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def home(home_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty home folder, so that no test reads or writes the contexts of whoever runs it."""
    monkeypatch.setenv("HOME", str(home_folder))
    for variable in [*os.environ]:
        if variable.startswith(("NATS_", "AJC_", "AJSYNC_")) or variable in (
            "CONTEXT",
            "XDG_CONFIG_HOME",
            *CI_VARIABLES,
        ):
            monkeypatch.delenv(variable)
    yield home_folder
    for left in home_folder.iterdir():
        if left.is_dir() and not left.is_symlink():
            shutil.rmtree(left)
        else:
            left.unlink()
