"""The comment of the GitHub action: one for each owner and environment, found again among those of others."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.examples.commands import ROOT
from tests.examples.pull_request import BOT, PullRequest

PLAN = "<!-- ajsync plan team -->\n### ajsync plan for `team`\n\n1 to create.\n"
Comment = Callable[..., None]


@pytest.fixture
def comment(pull_request: PullRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Comment:
    """Run the script with a plan, as the step of the action does."""
    spec = importlib.util.spec_from_file_location("comment", ROOT / "action" / "comment.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    def comment(text: str = PLAN, environment: str = "") -> None:
        (tmp_path / "plan.md").write_text(text)
        variables = {**pull_request.environ(tmp_path), "GITHUB_TOKEN": "t0ken", "ENVIRONMENT": environment}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["comment.py", str(tmp_path / "plan.md")])
        script.main()

    return comment


def test_the_comment_is_found_again_among_others_and_updated(comment: Comment, pull_request: PullRequest) -> None:
    for number in range(99):
        pull_request.write("reader", f"Comment {number}")
    pull_request.write(BOT, "<!-- ajsync plan other -->\nOf another owner.")
    comment()
    comment(PLAN.replace("1 to create", "2 to create"))
    other, ours = pull_request.by(BOT)
    assert "2 to create" in ours
    assert other.endswith("Of another owner.")
    assert pull_request.by("reader") == [f"Comment {number}" for number in range(99)]


def test_a_comment_that_somebody_else_made_to_look_like_ours_stays_theirs(
    comment: Comment, pull_request: PullRequest
) -> None:
    pull_request.write("reader", "<!-- ajsync plan team -->\nI only look like one.")
    comment()
    assert pull_request.by("reader") == ["<!-- ajsync plan team -->\nI only look like one."]
    assert pull_request.by(BOT) == [PLAN]


def test_each_environment_has_a_comment_of_its_own(comment: Comment, pull_request: PullRequest) -> None:
    for environment in ("", "prod", "prod", ""):
        comment(environment=environment)
    plain, prod = pull_request.by(BOT)
    assert plain == PLAN
    assert prod.startswith(
        "<!-- ajsync plan team -->\n<!-- environment prod -->\n### ajsync plan for `team`, environment `prod`\n"
    )


def test_an_environment_cannot_break_out_of_its_marker(comment: Comment, pull_request: PullRequest) -> None:
    comment(environment="--> `@all`")
    assert pull_request.by(BOT)[0].splitlines()[1] == "<!-- environment --____all_ -->"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_token_that_may_not_comment_fails_nothing(
    comment: Comment, pull_request: PullRequest, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    pull_request.status = status
    comment()
    assert f"::warning title=ajsync::The plan is not on the pull request (HTTP {status})." in capsys.readouterr().out


def test_an_api_that_is_broken_fails_the_step(comment: Comment, pull_request: PullRequest) -> None:
    pull_request.status = 500
    with pytest.raises(OSError, match="500"):
        comment()
