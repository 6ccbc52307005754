"""The values of options that several commands share: which project, which server, how to fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scope:
    """The project that a command reads, and the server that it connects to."""

    config: Path | None = None
    environment: str | None = None
    expected_owner: str | None = None
    """The owner that the files must have according to the caller, who may not be their author."""
    context: str | None = None
    server: str | None = None
    timeout: float = 5.0
    """Seconds that connecting may take."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """The variables that are given in addition to the files, as they were typed."""


@dataclass(frozen=True, slots=True)
class Selectors:
    """Which schedules a command is about, as its options say."""

    name_patterns: tuple[str, ...] = ()
    label_tests: tuple[str, ...] = ()
    of_queue: str | None = None
    of_owner: str | None = None
    mine: bool = False
    """Whether to select the schedules of the project's owner."""

    @property
    def given(self) -> bool:
        """Whether any of these options is given."""
        return self != ALL


ALL = Selectors()


@dataclass(frozen=True, slots=True)
class Detail:
    """How much of a plan to show to people."""

    show_payload: bool = False
    full: bool = False
    """Whether to show every change on a terminal, however many there are."""
    zone: tzinfo | None = None
    """The zone of times, if it is not that of the project."""


@dataclass(frozen=True, slots=True)
class Creation:
    """How to make the bucket if it is missing."""

    replicas: int = 1
    memory: bool = False


@dataclass(frozen=True, slots=True)
class FiringOptions:
    """How a scheduler fires, and where it is monitored; times are in seconds."""

    monitor: str | None
    monitor_host: tuple[str, ...]
    metrics_per_schedule: bool
    takeover_after: float
    grace: float
    catchup_window: float
    sign: Path | None
    ajc_payloads: bool
