"""What becomes of the errors of a command that does several things at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ajsync.cli.options.values import Scope
from ajsync.cli.session import chosen_context, run
from ajsync.errors import AjsyncError, InvalidError, UnreachableError


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


@pytest.mark.parametrize(("named", "configured"), [("ajsync-dev", None), (None, "ajsync-dev")])
def test_the_context_of_the_embedded_server_is_there_while_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str | None, configured: str | None
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    scope = Scope(config=None, context=named, server=None)
    with pytest.raises(InvalidError, match="'ajsync dev' makes it, and has to run in another terminal"):
        chosen_context(scope, configured)
    file = tmp_path / "nats" / "context" / "ajsync-dev.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"url": "nats://127.0.0.1:4222"}')
    assert chosen_context(scope, configured).servers == ("nats://127.0.0.1:4222",)
