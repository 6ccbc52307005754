"""The comment with a plan: one for each owner and environment, found again among others, and tried again in trouble."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ajsync.errors import AjsyncError, NotPermittedError, UnreachableError, UsageError
from ajsync.forge.api import TryAgainError
from ajsync.forge.keeping import keep_comment
from ajsync.forge.places import place_of
from ajsync.forge.text import Made, told_for, without_quick_actions
from tests.cli.processes import ajsync
from tests.forge.server import HEAD, TOKEN, Failure, Request, served

PLAN = "<!-- ajsync plan team -->\n### ajsync plan for `team`\n\n1 to create."
PROD = "<!-- ajsync plan team prod -->\n### ajsync plan for `team`, environment `prod`\n\n1 to create."
FORGES = ("github", "gitlab")

_MERGE_REQUEST = {**Request(url="http://127.0.0.1:1").gitlab(), "GITHUB_ACTIONS": ""}

Comment = Callable[..., list[float]]


@pytest.fixture
def request_() -> Iterator[Request]:
    """A pull request or merge request without comments."""
    with served(Request()) as found:
        yield found


@pytest.fixture(params=FORGES)
def comment(request: pytest.FixtureRequest, request_: Request, tmp_path: Path) -> Comment:
    """Keep a comment, and tell how long it waited between its tries."""

    def comment(text: str = PLAN, **changed: str) -> list[float]:
        environ = (
            {**request_.github(tmp_path), "GITHUB_TOKEN": TOKEN} if request.param == "github" else request_.gitlab()
        )
        waited: list[float] = []
        keep_comment(place_of({**environ, **changed}), text, pause=waited.append)
        return waited

    return comment


def test_the_comment_is_found_again_among_others_and_replaced(comment: Comment, request_: Request) -> None:
    for number in range(99):
        request_.write("reader", f"Comment {number}")
    request_.write(request_.bot, "<!-- ajsync plan other -->\nOf another owner.")
    comment()
    comment(PLAN.replace("1 to create", "2 to create"))
    other, ours = request_.ours()
    assert "2 to create" in ours
    assert other.endswith("Of another owner.")
    assert request_.by("reader") == [f"Comment {number}" for number in range(99)]


def test_a_comment_that_somebody_else_made_to_look_like_ours_stays_theirs(comment: Comment, request_: Request) -> None:
    request_.write("reader", PLAN)
    comment()
    assert request_.by("reader") == [PLAN]
    assert len(request_.ours()) == 1


def test_each_environment_has_a_comment_of_its_own(comment: Comment, request_: Request) -> None:
    for text in (PLAN, PROD, PROD, PLAN):
        comment(text)
    assert [each.splitlines()[0] for each in request_.ours()] == [PLAN.splitlines()[0], PROD.splitlines()[0]]


def test_the_comment_names_the_commit_and_the_job(comment: Comment, request_: Request) -> None:
    comment()
    lines = request_.ours()[0].splitlines()
    assert lines[1] == "### ajsync plan for `team`"
    assert lines[3].startswith(f"Planned for commit {HEAD} by [this job](https://git.example/")
    assert lines[-1] == "1 to create."


def test_two_that_two_jobs_made_at_once_become_one(comment: Comment, request_: Request) -> None:
    for text in (PLAN, PLAN, PROD):
        request_.write(request_.bot, text.replace("\n", "\r\n"))
    comment(PLAN.replace("1 to create", "2 to create"))
    ours, prod = request_.ours()
    assert "2 to create" in ours
    assert prod.startswith(PROD.splitlines()[0])


@pytest.mark.parametrize(
    ("failures", "waited"),
    [
        ([Failure(500)], [1.0]),
        ([Failure(502, body="<html>"), Failure(503), Failure(504)], [1.0, 2.0, 4.0]),
        ([Failure(403, {"Retry-After": "7"})], [7.0]),
        ([Failure(429, {"Retry-After": "0"}), Failure(429)], [0.0, 2.0]),
        ([Failure(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"})], [0.0]),
        ([Failure(200, body="{")], [1.0]),
        ([Failure(200, body="")], [1.0]),
        ([Failure(200, body="[" * 200_000)], [1.0]),
        ([Failure(502, body="[" * 200_000)], [1.0]),
        ([Failure(200, body='"text"'), Failure(200, body="7")], [1.0, 2.0]),
    ],
)
def test_trouble_that_passes_is_waited_for(
    comment: Comment, request_: Request, failures: list[Failure], waited: list[float]
) -> None:
    request_.failures = [*failures]
    assert comment() == waited
    assert len(request_.ours()) == 1


def test_a_comment_whose_answer_was_lost_is_not_written_twice(comment: Comment, request_: Request) -> None:
    request_.failures = [Failure(504, method="POST", after=True)]
    assert comment() == [1.0]
    assert len(request_.ours()) == 1


def test_an_answer_without_end_is_given_up(
    comment: Comment, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ajsync.forge.api._LARGEST", 1_000)
    request_.failures = [Failure(200, body=f"[{' ' * 1_000}]")]
    with pytest.raises(UnreachableError, match="more than 1,000 bytes"):
        comment()
    assert request_.comments == []


def test_a_comment_without_author_or_number_is_not_ours(comment: Comment, request_: Request) -> None:
    strange = [
        {"id": 1, "body": PLAN},
        {"id": "../../7", "body": PLAN, "user": {"login": request_.bot}, "author": {"id": hash(request_.bot)}},
    ]
    request_.failures = [Failure(200, body=json.dumps(strange), path="s")]
    assert comment() == []
    assert request_.calls[-1].startswith("POST ")


def test_gitlab_has_to_say_whose_the_token_is(request_: Request) -> None:
    request_.comments.append({"id": 1, "body": PLAN, "user": {"login": "x"}, "author": {}})
    request_.failures, request_.always = [Failure(200, body="{}", path="/user")], True
    with pytest.raises(TryAgainError, match="does not say whose token"):
        keep_comment(place_of(request_.gitlab()), PLAN, pause=lambda _: None)
    assert request_.comments[0]["body"] == PLAN


def test_of_two_jobs_that_clean_up_at_once_none_fails(comment: Comment, request_: Request) -> None:
    for _ in range(2):
        request_.write(request_.bot, PLAN)
    request_.failures = [Failure(404, method="DELETE", after=True)]
    assert comment() == []
    assert len(request_.ours()) == 1


def test_a_comment_that_another_job_has_just_removed_is_written_anew(comment: Comment, request_: Request) -> None:
    number = request_.write(request_.bot, PLAN)["id"]
    request_.failures = [Failure(404, path=f"/{number}")]
    assert comment(PLAN.replace("1 to create", "2 to create")) == [1.0]
    assert "2 to create" in request_.ours()[0]


@pytest.mark.parametrize("made", [[TOKEN, "\n"], ["\n ", TOKEN, "\r\n"]])
def test_a_token_may_end_with_the_line_break_of_its_secret(
    comment: Comment, request_: Request, made: list[str]
) -> None:
    assert comment(GITHUB_TOKEN="".join(made), GITLAB_TOKEN="".join(made)) == []
    assert len(request_.ours()) == 1


@pytest.mark.parametrize("token", ["a\nb", "tökén", " \n"])
def test_what_is_no_token_is_told_at_once_and_not_shown(comment: Comment, request_: Request, token: str) -> None:
    with pytest.raises(UsageError, match="TOKEN") as error:
        comment(GITHUB_TOKEN=token, GITLAB_TOKEN=token)
    assert not token.strip() or token not in str(error.value)
    assert request_.calls == []


@pytest.mark.parametrize(
    ("failure", "error", "tries"),
    [
        (Failure(500), TryAgainError, 6),
        (Failure(429, {"Retry-After": "61"}), TryAgainError, 1),
        (Failure(429, {"Retry-After": "9" * 400}), TryAgainError, 1),
        (Failure(403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9" * 400}), TryAgainError, 1),
        (Failure(401), NotPermittedError, 1),
        (Failure(403), NotPermittedError, 1),
        (Failure(404), NotPermittedError, 1),
        (Failure(422), UnreachableError, 1),
        (Failure(302, {"Location": "http://127.0.0.1:1/"}), UnreachableError, 1),
    ],
)
def test_trouble_that_stays_is_told(
    comment: Comment, request_: Request, failure: Failure, error: type[AjsyncError], tries: int
) -> None:
    request_.failures, request_.always = [failure], True
    with pytest.raises(error, match=rf"answered with HTTP {failure.status} \(refused\)\."):
        comment()
    assert request_.comments == []
    assert request_.failed == tries


def test_an_api_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    with served(Request()) as gone:
        environ = {**gone.github(tmp_path), "GITHUB_TOKEN": TOKEN}
    waited: list[float] = []
    with pytest.raises(TryAgainError, match="GitHub cannot be reached"):
        keep_comment(place_of(environ), PLAN, pause=waited.append)
    assert waited == [1.0, 2.0, 4.0, 8.0, 16.0]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_ACTIONS": ""}, "not a job of GitHub or GitLab"),
        ({"GITHUB_ACTIONS": "", "GITLAB_CI": "true"}, "no merge request"),
        ({"GITHUB_ACTIONS": "", "GITLAB_CI": "true", "CI_MERGE_REQUEST_IID": "1"}, "GITLAB_TOKEN is not set"),
        *[
            ({"GITHUB_TOKEN": "t", name: ""}, f"{name} is not set. The runner")
            for name in ("GITHUB_EVENT_PATH", "GITHUB_REPOSITORY", "GITHUB_API_URL")
        ],
        *[
            ({**_MERGE_REQUEST, name: ""}, f"{name} is not set. The runner")
            for name in ("CI_API_V4_URL", "CI_PROJECT_ID")
        ],
        ({"GITHUB_TOKEN": "t", "GITHUB_EVENT_PATH": "/none/event.json"}, "cannot be read: .*No such file"),
    ],
)
def test_a_job_without_a_pull_request_or_a_token_is_told_what_is_missing(
    tmp_path: Path, changed: dict[str, str], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        place_of({**Request(url="http://127.0.0.1:1").github(tmp_path), **changed})


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ('{"pull_request": null}', "about no pull request"),
        ('{"pull_request": {"number": "1/../2"}}', "about no pull request"),
        ("[]", "about no pull request"),
        ("{", "cannot be read"),
    ],
)
def test_an_event_of_no_pull_request_has_nothing_to_comment_on(tmp_path: Path, event: str, told: str) -> None:
    environ = {**Request(url="http://127.0.0.1:1").github(tmp_path), "GITHUB_TOKEN": TOKEN}
    Path(environ["GITHUB_EVENT_PATH"]).write_text(event)
    with pytest.raises(UsageError, match=told):
        place_of(environ)


@pytest.mark.parametrize("text", ["", "1 to create", "<!-- another plan -->", "<!-- ajsync plan a --><b>"])
def test_a_file_that_is_no_plan_is_not_written(comment: Comment, request_: Request, text: str) -> None:
    with pytest.raises(UsageError, match="not a plan in Markdown"):
        comment(text)
    assert request_.calls == []


@pytest.mark.parametrize(
    "made", [Made(), Made("not a commit", "javascript:x"), Made("`@all`", "https://x) [y](z"), Made("A" * 40)]
)
def test_what_is_no_commit_and_no_address_is_left_out(made: Made) -> None:
    assert told_for(PLAN, made) == PLAN


def test_no_line_becomes_a_command_of_gitlab(request_: Request) -> None:
    keep_comment(place_of(request_.gitlab()), f"{PLAN}\n/merge", pause=lambda _: None)
    assert request_.ours()[0].splitlines()[-1] == "\u200b/merge"
    assert without_quick_actions("/merge\na /close\n \t/label ~x") == "\u200b/merge\na /close\n \t\u200b/label ~x"


def test_the_command_reads_a_file_and_ends_with_7_where_it_may_not_write(request_: Request, tmp_path: Path) -> None:
    def run(**changed: str) -> subprocess.CompletedProcess[str]:
        return ajsync(tmp_path, "comment", "plan.md", **request_.github(tmp_path), **changed)

    missing = run()
    assert (missing.returncode, "plan.md cannot be read" in missing.stderr) == (64, True)
    (tmp_path / "plan.md").write_text(PLAN + "\n")
    assert "GITHUB_TOKEN is not set" in run().stderr
    assert run(GITHUB_TOKEN=TOKEN).returncode == 0
    assert len(request_.ours()) == 1
    refused = run(GITHUB_TOKEN="other")
    assert refused.returncode == 7
    assert "HTTP 401 (Bad credentials). The job needs the permission pull-requests: write" in refused.stderr
