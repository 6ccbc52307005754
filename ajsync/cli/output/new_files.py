"""New files: in UTF-8 whatever the locale is, all or none, never in the place of one that exists, through no link."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ajsync.errors import WriteError
from ajsync.files import check_way


def write_new(texts: Mapping[Path, str]) -> None:
    """Write each text to its file, and make the folders that are missing.

    Raises WriteError where one cannot be written, also because it exists; then none of the files is left.
    """
    written: list[Path] = []
    path = Path()
    try:
        for path, text in texts.items():
            check_way(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                written.append(path)
                stream.write(text)
    except BaseException as error:
        for each in written:
            each.unlink(missing_ok=True)
        if isinstance(error, OSError):
            none = f" None of the {len(texts)} files was written." if len(texts) > 1 else ""
            raise WriteError(f"{path} cannot be written: {error.strerror}.{none}") from None
        raise
