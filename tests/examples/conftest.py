"""The pull request that the action comments on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.forge.server import Request, served


@pytest.fixture
def pull_request() -> Iterator[Request]:
    """A pull request without comments."""
    with served(Request()) as found:
        yield found
