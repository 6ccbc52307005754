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
from tests.examples.commands import ROOT
from tests.examples.runner import STEPS, Runner
from tests.forge.server import Request, served
from tests.nats_server import NatsServer

MODULES = (
    *("ajsync", "click", "encodings", "ensurepip", "json", "pip", "re", "setuptools", "site", "sitecustomize"),
    *("subprocess", "urllib", "usercustomize", "venv"),
)
COMMANDS = ("ajsync", "cat", "chmod", "git", "mkdir", "pip", "python", "rm", "sh")
RELEASE = "1.2.3"
INSTALL_SECONDS = 140.0
"""Unpacking and compiling pip for an environment takes some seconds of all processors, and a multiple on a machine that
does other things. It is below what ends a test that hangs."""


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    """Where whatever is run of the checkout leaves its name."""
    return tmp_path / "trace"


@pytest.fixture
def workspace(tmp_path: Path, trace: Path) -> Path:
    """A checkout with a project in a folder, and modules and settings wherever Python and pip could look."""
    root = tmp_path / "workspace"
    (root / "jobs").mkdir(parents=True)
    (tmp_path / "link").symlink_to(root)
    (root / "jobs" / "ajsync.yaml").write_text("owner: team\nfiles: [a.yaml]\n")
    (root / "jobs" / "a.yaml").write_text("schedules: {DAILY: {schedule: '@daily', task_type: x}}\n")
    for folder in (root, root / "jobs"):
        for name in MODULES:
            (folder / f"{name}.py").write_text(f"open({str(trace)!r}, 'a').write({name!r} + '\\n')\n")
        (folder / "pip.conf").write_text(f"[install]\ntarget = {tmp_path}/stolen\n")
        (folder / "setup.cfg").write_text("[install]\nprefix = /nowhere\n")
        (folder / "pyproject.toml").write_text("[build-system]\nrequires = ['nothing']\nbuild-backend = 'venv'\n")
        (folder / "pip").mkdir()
        (folder / "pip" / "pip.conf").write_text(f"[install]\ntarget = {tmp_path}/stolen\n")
        (folder / "bin").mkdir()
        for name in COMMANDS:
            (folder / "bin" / name).write_text(f"#!/bin/sh\necho {name} >> {trace}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "constraints.txt").write_text(f"ajsync @ file://{root}/evil.whl\n")
    return root


def settings(workspace: Path) -> list[Mapping[str, str]]:
    """What a workflow may have set for its other steps, which leads Python and pip into the checkout."""
    return [
        {},
        {"PYTHONPATH": ".", "PYTHONSTARTUP": "json.py", "PYTHONSAFEPATH": ""},
        {"PATH": f"bin:{workspace / 'bin'}:{os.environ['PATH']}", "XDG_CONFIG_HOME": str(workspace)},
        {"PYTHONPATH": f"{workspace}{os.pathsep}{workspace / 'jobs'}", "PYTHONUSERBASE": str(workspace)},
    ]


@pytest.mark.parametrize(("chosen", "login"), [(0, "server"), (1, "context"), (2, "context"), (3, "server")])
def test_nothing_of_the_checkout_is_run(
    tmp_path: Path, workspace: Path, trace: Path, server: NatsServer, chosen: int, login: str
) -> None:
    make_bucket(server.url)
    with served(Request()) as pull_request:
        runner = Runner(
            tmp_path / "runner", workspace, {**settings(workspace)[chosen], **pull_request.github(tmp_path)}
        )
        given = {"context": json.dumps({"url": server.url})} if login == "context" else {"server": server.url}
        status, outputs = runner.run(mode="plan", working_directory="jobs", **given)
        assert (status, outputs["changes"]) == (0, "true"), runner.output
        assert len(pull_request.comments) == 1
        assert runner.run(mode="apply", working_directory="jobs", **given)[0] == 0, runner.output
    assert [*stored(server.url)] == ["DAILY"]
    assert not trace.exists(), trace.read_text()


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("PATH", "{}/bin:/usr/bin", "/usr/bin"),
        ("PATH", ":bin:./bin:/usr/bin:{}/../link/bin:/bin:", "/usr/bin:/bin"),
        ("XDG_CONFIG_HOME", "{}", None),
        ("XDG_CONFIG_HOME", "{}/../link/jobs", None),
        ("XDG_CONFIG_HOME", "{}/not there yet", None),
        ("XDG_CONFIG_HOME", "{}/../conf", "{}/../conf"),
        ("XDG_CONFIG_DIRS", "/etc/xdg:{}/../link", None),
        ("XDG_CONFIG_DIRS", "/etc/xdg:/etc", "/etc/xdg:/etc"),
        ("HOME", "{}/jobs", "{}/../temp"),
        ("HOME", "/root", "/root"),
        ("PIP_CONFIG_FILE", "{}/../link/pip.conf", None),
        ("PIP_CONFIG_FILE", "/etc/pip.conf", "/etc/pip.conf"),
        ("PIP_INDEX_URL", "file://{}/index", None),
        ("PIP_INDEX_URL", "https://pypi.example.net/simple", "https://pypi.example.net/simple"),
        ("PIP_FIND_LINKS", "/tmp", None),
        ("PYTHONPATH", "/tmp", None),
        ("PYTHON", "/usr/bin/python3", "/usr/bin/python3"),
    ],
)
def test_what_leads_into_the_checkout_is_taken_out_of_the_environment(
    tmp_path: Path, workspace: Path, name: str, value: str, left: str | None
) -> None:
    place = str(workspace)
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-euo", "pipefail", "-c", f'. "$SCRIPT"; echo "${{{name}-unset}}"'],
        cwd=tmp_path,
        env={
            "SCRIPT": str(ROOT / "action" / "outside.sh"),
            "GITHUB_WORKSPACE": place,
            "RUNNER_TEMP": f"{place}/../temp",
            name: value.replace("{}", place),
        },
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == ("unset" if left is None else left.replace("{}", place))


def test_each_script_of_the_action_begins_outside_of_the_checkout() -> None:
    scripts = [step["run"] for step in STEPS if "run" in step and step["id"] != "refused"]
    assert len(scripts) > 4
    assert all(script.startswith('. "$GITHUB_ACTION_PATH/action/outside.sh"\n') for script in scripts)


def test_the_installation_takes_nothing_from_the_checkout(tmp_path: Path, workspace: Path, trace: Path) -> None:
    release(tmp_path / "index")
    done = install(
        tmp_path,
        workspace,
        PYTHONPATH=".",
        PYTHONHOME="",
        PIP_INDEX_URL=(tmp_path / "index").as_uri(),
        PIP_CONSTRAINT="constraints.txt",
        PIP_PREFIX=str(workspace),
        PIP_CONFIG_FILE=str(workspace / "pip.conf"),
        XDG_CONFIG_HOME=str(workspace),
        PATH=f"{workspace / 'bin'}:{os.environ['PATH']}",
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
            "GITHUB_ACTION_PATH": str(ROOT),
            "VERSION": RELEASE,
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=INSTALL_SECONDS,
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
