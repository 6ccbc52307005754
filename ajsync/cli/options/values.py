"""What the options that several commands share say: which files, which server, how to fire."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Files:
    """The configuration to load."""

    config: Path | None
    environment: str | None
    expected_owner: str | None = None
    """The owner that the files must have, as said by the caller, who may not be the one who writes them."""


@dataclass(frozen=True, slots=True)
class Server:
    """The server to connect to, and the seconds that connecting may take."""

    context: str | None
    server: str | None
    timeout: float


@dataclass(frozen=True, slots=True)
class Creation:
    """How to make the bucket where it is missing."""

    replicas: int = 1
    memory: bool = False


@dataclass(frozen=True, slots=True)
class FiringOptions:
    """How a scheduler fires, and where it is monitored; times are in seconds."""

    monitor: str | None
    monitor_host: tuple[str, ...]
    takeover_after: float
    grace: float
    catchup_window: float
    sign: Path | None
    ajc_payloads: bool
