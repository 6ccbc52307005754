"""Run `ajsync plan` or `ajsync apply` in a job of GitHub: annotations, summary, and outputs for the steps after it.

A step of action.yml runs it with inputs in variables `IN_…`, which `inputs.py` has checked. It uses only the standard
library. The exit code is that of ajsync, but for a plan that a gate or a conflict refuses: its step goes on, so that
the plan is kept and shown first, and the output `status` says how the job has to end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERBS = ("create", "update", "adopt", "rename", "delete")
"""The changes that are counted as outputs."""
_CHANGES = 2
_REFUSED = (4, 5)
_LONGEST = 4_000
"""Characters of an annotation; the runner cuts it at 4,096."""


def main() -> int:
    """Run the command of the input `mode`."""
    temp = Path(os.environ["RUNNER_TEMP"], "ajsync")
    folder = Path(tempfile.mkdtemp(prefix=f"{_given('mode')}-", dir=temp))
    context = _write_context(temp / "config")
    try:
        status, error = _ajsync(temp, folder)
    finally:
        context.unlink()
    document = folder / "result.json"
    if not document.exists():
        print(_annotation(error or f"ajsync ended with {status}."))
        return status
    result = json.loads(document.read_bytes())
    with Path(os.environ["GITHUB_STEP_SUMMARY"]).open("a", encoding="utf-8") as summary:
        summary.write((folder / "result.md").read_text(encoding="utf-8"))
    print((folder / "result.txt").read_text(encoding="utf-8"), end="")
    refused = _given("mode") == "plan" and status in _REFUSED
    outputs = {
        **(applied(result) if _given("mode") == "apply" else planned(result)),
        "plan": str(document),
        "summary": str(folder / "result.md"),
        "status": str(status if refused else 0),
    }
    if (folder / "change.plan").exists():
        outputs["saved"] = str(folder / "change.plan")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in outputs.items())
    return 0 if refused or (_given("mode") == "plan" and status == _CHANGES) else status


def planned(plan: Mapping[str, Any]) -> dict[str, str]:
    """The outputs for a plan as JSON; a rename, which is a create and a delete, is counted as one change."""
    counts = dict(plan["summary"])
    for verb in ("create", "delete"):
        counts[verb] -= counts["rename"]
    queues = plan.get("queues", {}).get("missing")
    changes = any(counts[verb] for verb in VERBS) or counts["conflicts"] or queues
    return {
        "changes": "true" if changes else "false",
        **{verb: str(counts[verb]) for verb in VERBS},
        "conflicts": str(counts["conflicts"]),
    }


def applied(result: Mapping[str, Any]) -> dict[str, str]:
    """The outputs for what became of an apply, as JSON."""
    counts = result["applied"]
    return {
        "changes": "true" if counts or result["queues"] else "false",
        **{verb: str(counts.get(verb, 0)) for verb in VERBS},
        "conflicts": str(result["plan"]["summary"]["conflicts"]),
    }


def _ajsync(temp: Path, folder: Path) -> tuple[int, str]:
    """Run the command; its exit code, and the error that it told last."""
    reports = {"markdown": "result.md", "json": "result.json", "github": "result.txt"}
    given = {name: value for name, value in os.environ.items() if not name.startswith("IN_")}
    process = subprocess.Popen(
        [
            *(str(temp / "python" / "bin" / "python"), "-I", "-m", "ajsync"),
            *_command(temp, folder),
            *_options(),
            *(f"--report={style}={folder / name}" for style, name in reports.items()),
        ],
        cwd=Path(os.environ["GITHUB_WORKSPACE"], _given("working-directory")),
        env={**given, "XDG_CONFIG_HOME": str(temp / "config")},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="backslashreplace",
    )
    error = ""
    assert process.stderr is not None
    for line in process.stderr:
        print(line, end="", file=sys.stderr, flush=True)
        if line.startswith("Error: "):
            error = ""
        if error or line.startswith("Error: "):
            error += line.removeprefix("Error: ")
    return process.wait(), error.strip()


def _command(temp: Path, folder: Path) -> list[str]:
    if _given("mode") == "plan":
        out = [f"--out={folder / 'change.plan'}"] if os.environ["ARTIFACT"] else []
        return ["plan", "--detailed-exitcode", *out]
    saved = os.environ["SAVED_PLAN"]
    return ["apply", str(temp / "saved" / saved / "change.plan") if saved else "--yes"]


def _options() -> list[str]:
    """The options that both commands have; each value is one word with its option, whatever is in it."""
    named = [f"--{name}={value}" for name in ("environment", "owner") if (value := _given(name))]
    switches = [f"--{name}" for name in ("adopt", "allow-empty", "allow-older") if _given(name) == "true"]
    return ["--context=action", f"--allow-deletes={_given('allow-deletes')}", *named, *switches]


def _write_context(config: Path) -> Path:
    """Write the NATS context to a file that only this user can read."""
    os.umask(0o077)
    path = config / "nats" / "context" / "action.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_given("context") or json.dumps({"url": _given("server")}), encoding="utf-8")
    return path


def _annotation(text: str) -> str:
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f"::error title=ajsync::{text.replace('%', '%25').replace(chr(13), '%0D').replace(chr(10), '%0A')}"


def _given(name: str) -> str:
    return os.environ[f"IN_{name.upper().replace('-', '_')}"]


if __name__ == "__main__":
    sys.exit(main())
