"""What the members of a NATS context refer to: a file, an environment variable, or data in the context itself.

Messages never quote what could be a secret.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ajsync.files import read_regular


class ContextProblem(Exception):
    """A problem of a context; the text does not have the context's name."""


_SECRET = re.compile(r"-----BEGIN|\beyJ[\w-]{10,}|\bS[A-Z][A-Z2-7]{20,}|[A-Za-z0-9+=]{40,}|[\r\n]")
"""Keys, certificates, JWTs and seeds, even if a letter is missing, and any other text of such a length."""


def looks_secret(text: str) -> bool:
    """Whether a text that should name a file or a variable is probably a secret itself, so that no message may quote
    it."""
    return _SECRET.search(text) is not None


@dataclass(frozen=True, slots=True)
class Sources:
    """The places that a context may refer to for values."""

    environ: Mapping[str, str]
    folder: Path
    """The folder of the context."""

    def check_file(self, member: str, text: str, path: Path) -> None:
        """Check that a file whose content is sent to the server was put in place for that.

        Otherwise anyone who can write a context could have any file of the user sent to their own server.
        """
        given = self.environ.get("CREDENTIALS_DIRECTORY")
        allowed = (self.folder, configuration_folder(self.environ), *([Path(given)] if given else []))
        real = Path(os.path.realpath(path))
        if not any(real.is_relative_to(os.path.realpath(folder)) for folder in allowed):
            raise ContextProblem(
                f'"{member}" is {text}, which is neither below the folder of the context nor below that of the '
                "user's configuration; put the file there, or give its content as env://NAME"
            )


def file_or_text(
    member: str, text: str, sources: Sources, parts: dict[str, Callable[[str], str | None]]
) -> dict[str, Any]:
    """The path of a file, or the `parts` of its content if that is in a variable or in the context itself."""
    if not text.startswith(("env://", "data:")):
        return {member: file_of(member, text, sources)}
    content = value_of(member, text, sources)
    found = {part: read(content) for part, read in parts.items()}
    if None in found.values():
        raise ContextProblem(f'what "{member}" refers to is not the text of such a file')
    return found


_REFERENCE = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://|(data):")


def value_of(member: str, text: str, sources: Sources) -> str:
    """`text`, or what it refers to as `env://NAME`, `file://PATH` or `data:;base64,…`."""
    found = _REFERENCE.match(text)
    match (found[1] or found[2]).lower() if found else "":
        case "env":
            if not (value := sources.environ.get(text[6:], "")):
                name = "that its env:// names" if looks_secret(text[6:]) else text[6:]
                raise ContextProblem(f'"{member}" is in the environment variable {name}, which is not set')
            return value.rstrip("\r\n")
        case "file":
            file = file_of(member, text, sources)
            if file is None:
                return ""
            sources.check_file(member, text, file)
            try:
                return read_regular(file).decode().rstrip("\r\n")
            except (OSError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) else "not a text"
                raise ContextProblem(f'the file of "{member}", {text}, cannot be read: {reason}') from None
        case "data":
            head, _, content = text.partition(",")
            try:
                if "base64" not in head.split(";"):
                    raise ValueError
                return base64.b64decode(content, validate=True).decode().rstrip("\r\n")
            except ValueError:
                raise ContextProblem(f'"{member}" is not data:;base64, followed by text in base64') from None
        case "op" | "nsc" as scheme:
            raise ContextProblem(f'"{member}" is {scheme}://, but ajsync does not run {scheme}; use env:// or a file')
    return text  # anything else is a password that looks like a URL


_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def file_of(member: str, text: str, sources: Sources) -> Path | None:
    """The path in `text`, with `$VARIABLE` expanded before `~`. The file need not exist."""

    def variable(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in sources.environ:  # Go treats it as empty, and reports that some other file is missing
            name = "a variable" if looks_secret(name) else f"${name}"
            raise ContextProblem(f'"{member}" holds {name}, but that environment variable is not set')
        return sources.environ[name]

    scheme = _REFERENCE.match(text)
    if scheme and (scheme[1] or "").lower() != "file":
        raise ContextProblem(f'"{member}" is {scheme[0]}, but ajsync can only read it from a file')
    path = _VARIABLE.sub(variable, text[scheme.end() :] if scheme else text)
    if path.startswith("~"):
        path = f"{home_folder(sources.environ)}{path[1:]}"
    # os.path is used because Path.exists raises for names that no file can have.
    if (looks_secret(text) or looks_secret(path)) and not os.path.exists(path):  # noqa: PTH110
        raise ContextProblem(
            f'"{member}" is not the path of a file, but looks like what such a file holds; '
            "write it to a file that only you can read, or give it as env://NAME"
        )
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError
    except ValueError:  # includes UnicodeEncodeError
        raise ContextProblem(f'"{member}" holds a character that no file name may hold') from None
    return Path(path) if path else None


def configuration_folder(environ: Mapping[str, str]) -> Path:
    """The folder of the user's configuration."""
    configured = environ.get("XDG_CONFIG_HOME")
    return Path(configured) if configured else home_folder(environ) / ".config"


def home_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())
