"""The NATS context through which `ajsync`, `nats` and `ajc` reach a dev server; it exists while the server runs.

Its description names the folder of the server. A context without such a description is never touched.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ajsync.dev.server import is_in_use
from ajsync.errors import ConflictError, UsageError, WriteError
from ajsync.files import read_regular, write_private
from ajsync.transport.context import context_folder

_MARK = "ajsync dev: "


def check_context(name: str, folder: Path) -> Path:
    """The file of the context `name`, if the dev server with its data in `folder` may write it.

    Raises ConflictError if the context is not a dev server's, or belongs to a running one in another folder.
    """
    if not name or name != Path(name).name or "\\" in name or ".." in name:
        raise UsageError(
            f"{name!r} cannot be the name of a NATS context, which may not hold /, \\ or two dots in a row."
        )
    file = context_folder() / f"{name}.json"
    if not file.exists():
        return file
    owner = _folder_of(file)
    if owner is None:
        raise ConflictError(
            f"The NATS context {name} exists and was not written by ajsync dev ({file}). It was left alone: "
            "choose another name with --context-name."
        )
    if owner != folder and is_in_use(owner):
        raise ConflictError(
            f"The NATS context {name} belongs to another dev server, which is running with its data in {owner}. "
            "Choose another name with --context-name."
        )
    return file


@contextmanager
def server_context(name: str, url: str, folder: Path) -> Iterator[Path]:
    """Keep a NATS context for the server at `url` while the block runs; yields its file. Raises as `check_context`."""
    file = check_context(name, folder)
    content = json.dumps({"description": f"{_MARK}{folder}", "url": url}, indent=2).encode() + b"\n"
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(file, content)  # as a whole: programs that wait for the context read it as soon as it appears
    except OSError as error:
        raise WriteError(f"The NATS context {name} cannot be written to {file}: {error.strerror}.") from None
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):
            if read_regular(file) == content:  # otherwise it has been edited
                file.unlink()


def _folder_of(file: Path) -> Path | None:
    """The folder of the dev server that wrote a context; None if none did."""
    try:
        value = json.loads(read_regular(file))
    except (OSError, ValueError):
        return None
    description = value.get("description") if isinstance(value, dict) else None
    if not isinstance(description, str) or not description.startswith(_MARK):
        return None
    return Path(description.removeprefix(_MARK))
