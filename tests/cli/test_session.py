"""What becomes of the errors of a command that does several things at once."""

from __future__ import annotations

import asyncio

import pytest

from ajsync.cli.session import run
from ajsync.errors import AjsyncError, UnreachableError


async def fail(*errors: Exception) -> None:
    """Fail in several tasks at once, which are in a task of another group."""

    async def each(error: Exception) -> None:
        raise error

    async def inner() -> None:
        async with asyncio.TaskGroup() as group:
            for error in errors:
                group.create_task(each(error))

    async with asyncio.TaskGroup() as group:
        group.create_task(inner())


def test_of_several_errors_the_first_that_is_ours_is_raised() -> None:
    with pytest.raises(UnreachableError, match="the server"):
        run(fail(ValueError("other"), UnreachableError("the server"), AjsyncError("later")))


def test_of_errors_that_nobody_expects_the_first_is_raised_with_where_it_comes_from() -> None:
    cause, error = KeyError("cause"), ValueError("first")
    error.__context__ = cause
    with pytest.raises(ValueError, match="first") as raised:
        run(fail(error, ZeroDivisionError("second")))
    assert [entry.name for entry in raised.traceback][-1] == "each"
    assert raised.value.__context__ is cause
