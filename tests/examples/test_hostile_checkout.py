"""The GitHub action on a checkout that would like to be run: nothing of it is, with a password at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import DEADLINE_SECONDS
from tests.examples.bucket import make_bucket, stored
from tests.examples.pull_request import PullRequest, served
from tests.examples.runner import STEPS, Runner
from tests.nats_server import NatsServer

MODULES = (
    *("ajsync", "click", "encodings", "ensurepip", "json", "pip", "re", "setuptools", "site", "sitecustomize"),
    *("subprocess", "urllib", "usercustomize", "venv"),
)
RELEASE = "1.2.3"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Where whatever is run of the checkout leaves its name."""
    return tmp_path / "trace"


@pytest.fixture
def workspace(tmp_path: Path, trace: Path) -> Path:
    """A checkout with a project in a folder, and modules and settings wherever Python and pip could look."""
    root = tmp_path / "workspace"
    (root / "jobs").mkdir(parents=True)
    (root / "jobs" / "ajsync.yaml").write_text("owner: team\nfiles: [a.yaml]\n")
    (root / "jobs" / "a.yaml").write_text("schedules: {DAILY: {schedule: '@daily', task_type: x}}\n")
    for folder in (root, root / "jobs"):
        for name in MODULES:
            (folder / f"{name}.py").write_text(f"open({str(trace)!r}, 'a').write({name!r} + '\\n')\n")
        (folder / "pip.conf").write_text("[global]\nindex-url = file:///nowhere\n")
        (folder / "setup.cfg").write_text("[install]\nprefix = /nowhere\n")
        (folder / "pyproject.toml").write_text("[build-system]\nrequires = ['nothing']\nbuild-backend = 'venv'\n")
        (folder / "constraints.txt").write_text(f"ajsync @ file://{root}/evil.whl\n")
    return root


def settings(workspace: Path) -> list[Mapping[str, str]]:
    """What a workflow may have set for its other steps, which leads Python and pip into the checkout."""
    return [
        {},
        {"PYTHONPATH": ".", "PYTHONSTARTUP": "json.py", "PYTHONSAFEPATH": ""},
        {"PYTHONPATH": f"{workspace}{os.pathsep}{workspace / 'jobs'}", "PYTHONUSERBASE": str(workspace)},
    ]


@pytest.mark.parametrize(("chosen", "login"), [(0, "server"), (1, "context"), (2, "server")])
def test_nothing_of_the_checkout_is_run(
    tmp_path: Path, workspace: Path, trace: Path, server: NatsServer, chosen: int, login: str
) -> None:
    make_bucket(server.url)
    with served(PullRequest()) as pull_request:
        runner = Runner(
            tmp_path / "runner", workspace, {**settings(workspace)[chosen], **pull_request.environ(tmp_path)}
        )
        given = {"context": json.dumps({"url": server.url})} if login == "context" else {"server": server.url}
        status, outputs = runner.run(mode="plan", working_directory="jobs", **given)
        assert (status, outputs["changes"]) == (0, "true"), runner.output
        assert len(pull_request.comments) == 1
        assert runner.run(mode="apply", working_directory="jobs", **given)[0] == 0, runner.output
    assert [*stored(server.url)] == ["DAILY"]
    assert not trace.exists(), trace.read_text()


def test_the_installation_takes_nothing_from_the_checkout(tmp_path: Path, workspace: Path, trace: Path) -> None:
    release(tmp_path / "index")
    done = install(
        tmp_path,
        workspace,
        PYTHONPATH=".",
        PYTHONHOME="",
        PIP_INDEX_URL=(tmp_path / "index").as_uri(),
        PIP_CONFIG_FILE=str(workspace / "pip.conf"),
        PIP_CONSTRAINT="constraints.txt",
        PIP_PREFIX=str(workspace),
    )
    assert done.returncode == 0, done.stdout
    assert not trace.exists(), trace.read_text()
    # What the action and the steps after it call is as little led astray.
    called = subprocess.run(
        [tmp_path / "temp" / "ajsync" / "bin" / "ajsync", "plan"],
        cwd=workspace,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=True,
    )
    assert called.stdout == f"release {RELEASE}\n"
    assert not trace.exists(), trace.read_text()


@pytest.mark.parametrize("version", ["1.2.3 @ file:///tmp/evil.whl", "--index-url=x", "$(id)", "1 ; x"])
def test_a_version_that_is_none_installs_nothing(tmp_path: Path, workspace: Path, version: str) -> None:
    done = install(tmp_path, workspace, VERSION=version)
    assert done.returncode == 64
    assert "::error title=ajsync::" in done.stdout
    assert not (tmp_path / "temp" / "ajsync").exists()


def install(tmp_path: Path, workspace: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the first script of the action, whose folder is where GitHub would put it."""
    (script,) = (step for step in STEPS if step.get("id") == "install")
    assert script["working-directory"] == "${{ runner.temp }}"
    (tmp_path / "temp").mkdir()
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script["run"]],
        cwd=tmp_path / "temp",
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ["HOME"],
            "PYTHON": sys.executable,
            "RUNNER_TEMP": str(tmp_path / "temp"),
            "GITHUB_PATH": str(tmp_path / "path"),
            "GITHUB_WORKSPACE": str(workspace),
            "GITHUB_ACTION_PATH": "nowhere",
            "VERSION": RELEASE,
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE_SECONDS,
    )


def release(index: Path) -> None:
    """A package index with one release of an `ajsync` that says which it is."""
    files: dict[str, Any] = {
        "ajsync/__init__.py": "",
        "ajsync/__main__.py": f"print('release {RELEASE}')\n",
        f"ajsync-{RELEASE}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: ajsync\nVersion: {RELEASE}\n",
        f"ajsync-{RELEASE}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"ajsync-{RELEASE}.dist-info/RECORD": "",
    }
    wheel = f"ajsync-{RELEASE}-py3-none-any.whl"
    (index / "ajsync").mkdir(parents=True)
    (index / "ajsync" / "index.html").write_text(f'<a href="{wheel}">{wheel}</a>')
    with zipfile.ZipFile(index / "ajsync" / wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
