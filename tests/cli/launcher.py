"""An `ajsync` for the PATH of shells: a small script that has this process fork the command off, and stands in for it.

The command gets the script's words, folder, environment and streams. Signals to the script are passed on, and once the
script is gone the command is killed. What it cannot be is stopped and continued, or the first process of a terminal.
"""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from functools import cache
from multiprocessing import connection
from pathlib import Path
from threading import Thread

from tests.cli.forked import start_command

_SCRIPT = """\
#!{python} -IS
import _signal, _socket, os, sys
items = [b"%s=%s" % item for item in os.environb.items()]
parts = [os.fsencode(os.getcwd()), b"%d" % len(sys.argv[1:]), *map(os.fsencode, sys.argv[1:]), *items]
body = b"\\0".join(parts)
ends = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
ends.connect({address!r})
streams = b"".join(number.to_bytes(4, sys.byteorder) for number in range(3))
ends.sendmsg([len(body).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
ends.sendall(body)
pid = int.from_bytes(ends.recv(8), "big")
for number in {passed_on!r}:
    _signal.signal(number, lambda number, _: os.kill(pid, number))
code = int.from_bytes(ends.recv(8), "big", signed=True)
if code < 0:
    _signal.signal(-code, _signal.SIG_DFL)
    os.kill(os.getpid(), -code)
os._exit(code)
"""
_PASSED_ON = (1, 2, 3, 15)
"""SIGHUP, SIGINT, SIGQUIT and SIGTERM."""


@cache
def launcher() -> Path:
    """The script, in a folder of its own. It works as long as this process does."""
    folder = Path(tempfile.mkdtemp(prefix="ajsync-launcher-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "socket"))
    listener.listen()
    Thread(target=_listen, args=(listener,), daemon=True).start()
    script = folder / "bin" / "ajsync"
    script.parent.mkdir()
    address = str(folder / "socket")
    script.write_text(_SCRIPT.format(python=sys.executable, address=address, passed_on=_PASSED_ON))
    script.chmod(0o755)
    return script


def with_launcher(path: str) -> str:
    """A PATH on which the script comes first, and then the folder of this Python."""
    return os.pathsep.join((str(launcher().parent), str(Path(sys.executable).parent), path))


def _listen(listener: socket.socket) -> None:
    while True:
        script, _ = listener.accept()
        Thread(target=_serve, args=(script,), daemon=True).start()


def _serve(script: socket.socket) -> None:
    """Have one command run."""
    with script:
        head, streams, _, _ = socket.recv_fds(script, 8, 3)
        try:
            size, body = int.from_bytes(head, "big"), b""
            while len(body) < size:
                piece = script.recv(size - len(body))
                if not piece:
                    return
                body += piece
            folder, count, *parts = map(os.fsdecode, body.split(b"\0"))
            environment = dict(part.split("=", 1) for part in parts[int(count) :])
            reads, prints, tells = streams
            process = start_command(Path(folder), parts[: int(count)], environment, (reads, prints, tells))
        finally:
            for stream in streams:
                os.close(stream)
        script.sendall(process.pid.to_bytes(8, "big"))
        if process.sentinel not in connection.wait((process.sentinel, script)):
            process.kill()
        code = process.wait()
        with suppress(BrokenPipeError):  # the script was killed
            script.sendall(code.to_bytes(8, "big", signed=True))
