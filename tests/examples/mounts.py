"""What Kubernetes would give a pod of the chart, as folders and a process: mounts, environment, no place to write."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cli.processes import wait_until

_READ_ONLY = '''\
"""Ends the process that opens a file to write, as a root file system that is read-only would end it."""
import os
import sys

def refuse(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0] != os.devnull:
        if arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            os.write(2, f"opened {arguments[0]} to write\\n".encode())
            os._exit(98)
    elif event in ("os.mkdir", "os.rename", "os.remove", "tempfile.mkstemp", "tempfile.mkdtemp"):
        os.write(2, f"{event} {arguments}\\n".encode())
        os._exit(98)

sys.addaudithook(refuse)
'''


def read_only(folder: Path) -> Path:
    """A folder that, on PYTHONPATH, keeps a Python from writing anything anywhere."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_READ_ONLY)
    return folder


def mount(folder: Path, files: Mapping[str, str]) -> None:
    """Mount a ConfigMap or a Secret, or swap its content, as kubelet does: links to `..data`, itself a link."""
    folder.mkdir(parents=True, exist_ok=True)
    version = f"..2026_{len([*folder.glob('..2026_*')])}"
    (folder / version).mkdir()
    for name, text in files.items():
        (folder / version / name).write_text(text)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..data_tmp").symlink_to(version)
    (folder / "..data_tmp").rename(folder / "..data")


@dataclass(slots=True)
class Pod:
    """A container of the chart as a process."""

    name: str
    process: subprocess.Popen[str]
    log: Path
    grace: int
    url: str = field(default="", init=False)

    def answers(self, path: str) -> int:
        """The HTTP status of a probe; 0 while nobody listens."""
        if not self.url:
            found = re.search(r"Monitoring at (http://[^/]+)/", self.log.read_text())
            if found is None:
                return 0
            self.url = found[1]
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code
        except OSError:
            return 0

    def leads(self) -> bool:
        """Whether it is the leader."""
        return "Became leader" in self.log.read_text()

    def wait_for_probes(self) -> None:
        """Wait until it is well and ready."""
        wait_until(lambda: self.answers("/healthz") == self.answers("/readyz") == 200, self.process)

    def terminate(self) -> int:
        """Ask it to end, as kubelet does; its exit status, if it ends within its grace period."""
        self.process.terminate()
        return self.process.wait(self.grace)


@contextmanager
def running(spec: Mapping[str, Any], name: str, mounts: Mapping[str, Path], log: Path) -> Iterator[Pod]:
    """Run the container of ajsync of a pod's specification while the block runs, with what is mounted where."""
    container = spec["containers"][0]
    blocked = read_only(log.parent / "read-only")

    def placed(text: str) -> str:
        """A text of the specification, with the folders of this machine and a port that is free."""
        for path, folder in mounts.items():
            text = text.replace(path, str(folder))
        return text.replace("$(POD_NAME)", name).replace("*:8080", "127.0.0.1:0")

    environment = {each["name"]: placed(each.get("value", name)) for each in container["env"]}
    with (
        log.open("w") as stream,
        subprocess.Popen(
            [sys.executable, "-m", "ajsync", *map(placed, container["args"])],
            cwd=placed(container["workingDir"]),
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(blocked),
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTHONWARNINGS": "error",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            text=True,
        ) as process,
    ):
        try:
            yield Pod(name, process, log, spec["terminationGracePeriodSeconds"])
        finally:
            process.kill()


def context_file(url: str) -> str:
    """A NATS context as a Secret holds it."""
    return json.dumps({"url": url})
