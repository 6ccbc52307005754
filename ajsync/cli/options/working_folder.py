"""Where a command was started, by the name that its user knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def working_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The working directory, absolute and through the links by which a shell went there, as `pwd` shows it.

    After `cd current` that is the link `current`, and not the release that it leads to at the moment.
    """
    named = environ.get("PWD", "")
    if named.startswith("/") and os.path.normpath(named) == named:
        try:
            if os.path.samefile(named, "."):  # noqa: PTH121 - as far as a path goes it is text
                return Path(named)
        except OSError:
            pass  # the shell's word is out of date
    return Path.cwd()
