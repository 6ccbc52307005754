"""The pull request that the action and its script comment on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.examples.pull_request import PullRequest, served


@pytest.fixture
def pull_request() -> Iterator[PullRequest]:
    """A pull request without comments."""
    with served(PullRequest()) as found:
        yield found
