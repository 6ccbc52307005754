"""The time zones of the PyPI package tzdata for every test of this room, so that no result depends on the machine."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator

import pytest

from ajsync.schedule import grammar


@pytest.fixture(scope="package", autouse=True)
def pinned_zones() -> Iterator[None]:
    """Look for zones in tzdata alone, and keep none that was found elsewhere, nor a timetable that holds one."""
    zoneinfo.reset_tzpath(())
    _forget_zones()
    yield
    zoneinfo.reset_tzpath()
    _forget_zones()


def _forget_zones() -> None:
    zoneinfo.ZoneInfo.clear_cache()
    grammar._parse.cache_clear()
