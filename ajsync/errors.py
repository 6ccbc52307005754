"""Every error that ajsync raises on purpose; each class carries the exit code that the command line ends with.

AjsyncError                      1  unexpected
├── NotFoundError                1  no schedule or task of that name or id
├── EnqueueError                 1  a task was stored, but its queue refused the work item
├── WriteError                   1  a file, or standard output, cannot be written
├── InvalidError                 3  the input is not valid
│   ├── ScheduleError               a schedule, duration or time zone
│   ├── ConfigurationError          the files, with every problem found in them
│   └── StoredValueError            a value in the bucket that is not a scheduled task
├── GateError                    4  a safety gate refused the plan
├── ConflictError                5  the bucket is not what the plan was made from
│   ├── AlreadyExistsError          a schedule of that name exists
│   └── StalePlanError              a saved plan that no longer fits
├── PartiallyAppliedError        6  some changes were made, others not
├── UnreachableError             7  no server, or not the one that was meant
│   ├── NotPermittedError           the server refused
│   └── BucketNotFoundError         the bucket does not exist
└── UsageError                  64  the command was called wrongly
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar


class AjsyncError(Exception):
    """The root of all errors of ajsync. `str(error)` is one or more whole sentences for the user."""

    exit_code: ClassVar[int] = 1


class NotFoundError(AjsyncError):
    """There is no schedule of that name, or no task of that id."""


class EnqueueError(AjsyncError):
    """A task was stored but its queue did not take the work item, so no worker handles it."""

    def __init__(self, message: str, task_id: str) -> None:
        super().__init__(message)
        self.task_id = task_id
        """The id of the task, whose state says the same."""


class WriteError(AjsyncError):
    """A file, or standard output, cannot be written; the message holds the operating system's reason."""


class InvalidError(AjsyncError):
    """Something that a person wrote is not valid."""

    exit_code = 3


class ScheduleError(InvalidError, ValueError):
    """A schedule, duration or time zone is not valid; says which part, what was found and what is allowed."""


class StoredValueError(InvalidError, ValueError):
    """A value in the bucket is not a scheduled task."""


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a file; `line` and `column` count from 1. Line 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file, where, and what would be right."""

    location: Location
    message: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.location}: {self.message}" + (f"; {self.hint}" if self.hint else "")


class ConfigurationError(InvalidError):
    """The configuration is not valid. `problems` holds every problem of every file, in the order of the files."""

    def __init__(self, problems: Iterable[Problem], *, stopped: bool = False) -> None:
        self.problems = tuple(sorted(problems))
        self.stopped = stopped
        """Whether the search stopped because there were too many."""
        rest = ["There are more problems than these; they were not looked for."] if stopped else []
        super().__init__("\n".join([*map(str, self.problems), *rest]))


class GateError(AjsyncError):
    """A safety gate refused the plan; the message names the option that opens it."""

    exit_code = 4


class ConflictError(AjsyncError):
    """The bucket is not what the plan was made from, or belongs to another owner."""

    exit_code = 5


class AlreadyExistsError(ConflictError):
    """A schedule of that name is already in the bucket."""


class StalePlanError(ConflictError):
    """A saved plan no longer fits the bucket, the owner, the configuration or the revisions."""


class PartiallyAppliedError(AjsyncError):
    """Some of the changes were made and others were not."""

    exit_code = 6


class UnreachableError(AjsyncError):
    """The server cannot be reached, or does not answer as it must."""

    exit_code = 7


class NotPermittedError(UnreachableError):
    """The server refused an operation; the message holds the server's own reason."""


class BucketNotFoundError(UnreachableError):
    """The bucket does not exist; the message says how to make it."""


class UsageError(AjsyncError):
    """The command was called with arguments that do not go together."""

    exit_code = 64
