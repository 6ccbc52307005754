"""Check the inputs of the action before anything is installed, and name the artifacts of plans.

A step of action.yml runs it with each input in a variable `IN_…`. It uses only the standard library. Every problem is
an annotation, and one of them is enough for the exit code 64.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

WRONG_USAGE = 64
_SWITCHES = ("comment", "artifact-of-pull-request", "adopt", "allow-empty", "allow-older")
_VERSION = re.compile("[0-9][0-9A-Za-z.+!-]*")
_COUNT = re.compile("[0-9]{1,9}")
_NOT_IN_ARTIFACTS = re.compile(r'["\\/:<>|*?\r\n]')
_NOT_IN_OURS = re.compile("[^A-Za-z0-9_.]+")
_LONGEST = 40
"""Characters that the name of an artifact takes of an owner, an environment or a folder."""
_OF_PULL_REQUESTS = re.compile("pull_request.*|issue_comment|merge_group")
"""The events of a pull request."""


def main() -> int:
    """Check the inputs, and say to the steps after this one which artifacts to use."""
    inputs = {
        name.removeprefix("IN_").replace("_", "-").lower(): value
        for name, value in os.environ.items()
        if name.startswith("IN_")
    }
    problems = [*problems_of(inputs, Path(os.environ["GITHUB_WORKSPACE"]))]
    for problem in problems:
        print(f"::error title=ajsync::{problem}")
    if problems:
        return WRONG_USAGE
    artifact = chosen(inputs["artifact"], inputs)
    keep = not _OF_PULL_REQUESTS.fullmatch(os.environ["EVENT"]) or inputs["artifact-of-pull-request"] == "true"
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        print(f"artifact={artifact if keep else ''}", file=outputs)
        print(f"saved-plan={chosen(inputs['saved-plan'], inputs)}", file=outputs)
    return 0


def problems_of(inputs: Mapping[str, str], workspace: Path) -> Iterator[str]:
    """Say what is wrong with the inputs, without repeating what they hold."""
    if inputs["mode"] not in ("plan", "apply"):
        yield "The input mode must be plan or apply."
    if bool(inputs["context"]) == bool(inputs["server"]):
        yield "Set either the input context or the input server. A pull request from a fork has no secrets."
    if inputs["context"] and not _is_object(inputs["context"]):
        yield "The input context must be a NATS context as JSON: what a file in nats/context holds."
    for name in _SWITCHES:
        if inputs[name] not in ("true", "false"):
            yield f"The input {name} must be true or false."
    if not _COUNT.fullmatch(inputs["allow-deletes"]):
        yield "The input allow-deletes must be a number, such as 12."
    if inputs["version"] and not _VERSION.fullmatch(inputs["version"]):
        yield "The input version must be a release of ajsync, such as 1.2.3."
    for name in ("artifact", "saved-plan"):
        if _NOT_IN_ARTIFACTS.search(inputs[name]):
            yield f'The input {name} must be true, false or a name without line breaks and any of " \\ / : < > | * ?.'
    if not (workspace / inputs["working-directory"]).is_dir():
        yield "There is no folder as the input working-directory names it. Is actions/checkout a step before this one?"


def chosen(artifact: str, inputs: Mapping[str, str]) -> str:
    """The name of an artifact: the given one, the one that this action chooses for `true`, or none for `false`."""
    if artifact in ("", "false"):
        return ""
    return artifact_name(inputs) if artifact == "true" else artifact


def artifact_name(inputs: Mapping[str, str]) -> str:
    """The name of the artifact with the plan, another one for each owner, environment and folder of a run."""
    folder = os.path.normpath(inputs["working-directory"])
    parts = [inputs["owner"], inputs["environment"], "" if folder == "." else folder]
    words = [_NOT_IN_OURS.sub("-", part).strip("-")[:_LONGEST] for part in parts if part]
    if not words:
        return "ajsync-plan"
    # Words that were shortened, or have other characters replaced, may be alike.
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:8]
    return "-".join(["ajsync-plan", *filter(None, words), digest])


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
