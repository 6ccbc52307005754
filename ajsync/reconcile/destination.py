"""Where a plan goes, in the words of those who choose it: environment of the files, NATS context, server."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


@dataclass(frozen=True, slots=True)
class Destination:
    """What was chosen for one run. Texts are as they were given: who shows them escapes them."""

    environment: str = ""
    """Empty where none was chosen."""
    context: str = ""
    """The NATS context that is used; empty where a server was named without one."""
    server: str = ""
    """The address that answered, never with a user in it; empty for a plan that was made without a server."""
    configured: str = ""
    """The NATS context that the environment names, where another context or a server was taken instead."""

    @property
    def known(self) -> bool:
        """False for a plan of which nobody said where it goes."""
        return self != UNKNOWN

    @property
    def reached(self) -> str:
        """What it is reached by: the context, else the server."""
        return self.context or self.server

    def __str__(self) -> str:
        """In short, as in a question: `prod (nats-prod)`."""
        return f"{self.environment} ({self.reached})" if self.environment else self.reached


UNKNOWN = Destination()


def without_user(url: str) -> str:
    """The address of a server without user and password, which may be in it."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
