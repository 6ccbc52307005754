"""ajsync keeps the schedules of Choria Asynchronous Jobs as code: YAML files, a plan, and an apply.

For programs, everything is here: `ajsync.connect` and its client, `load_config`, `plan`, `apply`, `Scheduler`, and the
errors. A name is imported when it is first used, so that the command starts fast.
"""

from typing import TYPE_CHECKING

from ajsync.version import __version__ as __version__

if TYPE_CHECKING:
    from ajsync.api.client import Client, ScheduleChange, Task, connect
    from ajsync.api.files import apply, find_origin, impact, load_config, plan
    from ajsync.asyncjobs.applied import Commit, Origin, RecordedAction, RecordedApply
    from ajsync.asyncjobs.backfill import Backfilled
    from ajsync.asyncjobs.model import Managed, Pause, ScheduledTask
    from ajsync.asyncjobs.outcome import ScheduleOutcome, WorkOutcome
    from ajsync.asyncjobs.signing import Signer, load_signer
    from ajsync.asyncjobs.tasks import StoredTask
    from ajsync.config.load import Configuration
    from ajsync.errors import (
        AjsyncError,
        AlreadyExistsError,
        BucketNotFoundError,
        ConfigurationError,
        ConflictError,
        EnqueueError,
        GateError,
        InvalidError,
        Location,
        NotFoundError,
        NotPermittedError,
        PartiallyAppliedError,
        Problem,
        ScheduleError,
        StalePlanError,
        StoredValueError,
        UnreachableError,
        UsageError,
        WriteError,
    )
    from ajsync.inspect.news import LeaderNews, MissedNews, NotHeard, OpenNews, SilentNews, TaskNews
    from ajsync.inspect.status import BucketStatus, ScheduleStatus
    from ajsync.reconcile.apply.result import Outcome, Result
    from ajsync.reconcile.impact import Impact, Peak, QueueImpact
    from ajsync.reconcile.plan import Adopt, Conflict, Create, Delete, Plan, Update
    from ajsync.safety import Safety
    from ajsync.scheduler.election.duty import Duty
    from ajsync.scheduler.scheduler import Scheduler
    from ajsync.scheduler.settings import Settings as SchedulerSettings
    from ajsync.selection import Selection

__all__ = [
    "Adopt",
    "AjsyncError",
    "AlreadyExistsError",
    "Backfilled",
    "BucketNotFoundError",
    "BucketStatus",
    "Client",
    "Commit",
    "Configuration",
    "ConfigurationError",
    "Conflict",
    "ConflictError",
    "Create",
    "Delete",
    "Duty",
    "EnqueueError",
    "GateError",
    "Impact",
    "InvalidError",
    "LeaderNews",
    "Location",
    "Managed",
    "MissedNews",
    "NotFoundError",
    "NotHeard",
    "NotPermittedError",
    "OpenNews",
    "Origin",
    "Outcome",
    "PartiallyAppliedError",
    "Pause",
    "Peak",
    "Plan",
    "Problem",
    "QueueImpact",
    "RecordedAction",
    "RecordedApply",
    "Result",
    "Safety",
    "ScheduleChange",
    "ScheduleError",
    "ScheduleOutcome",
    "ScheduleStatus",
    "ScheduledTask",
    "Scheduler",
    "SchedulerSettings",
    "Selection",
    "Signer",
    "SilentNews",
    "StalePlanError",
    "StoredTask",
    "StoredValueError",
    "Task",
    "TaskNews",
    "UnreachableError",
    "Update",
    "UsageError",
    "WorkOutcome",
    "WriteError",
    "apply",
    "connect",
    "find_origin",
    "impact",
    "load_config",
    "load_signer",
    "plan",
]

_PLACES = {
    "ajsync.api.client": ("Client", "ScheduleChange", "Task", "connect"),
    "ajsync.api.files": ("apply", "find_origin", "impact", "load_config", "plan"),
    "ajsync.asyncjobs.applied": ("Commit", "Origin", "RecordedAction", "RecordedApply"),
    "ajsync.asyncjobs.backfill": ("Backfilled",),
    "ajsync.asyncjobs.model": ("Managed", "Pause", "ScheduledTask"),
    "ajsync.asyncjobs.outcome": ("ScheduleOutcome", "WorkOutcome"),
    "ajsync.asyncjobs.signing": ("Signer", "load_signer"),
    "ajsync.asyncjobs.tasks": ("StoredTask",),
    "ajsync.config.load": ("Configuration",),
    "ajsync.scheduler.election.duty": ("Duty",),
    "ajsync.inspect.news": ("LeaderNews", "MissedNews", "NotHeard", "OpenNews", "SilentNews", "TaskNews"),
    "ajsync.inspect.status": ("BucketStatus", "ScheduleStatus"),
    "ajsync.reconcile.apply.result": ("Outcome", "Result"),
    "ajsync.reconcile.impact": ("Impact", "Peak", "QueueImpact"),
    "ajsync.reconcile.plan": ("Adopt", "Conflict", "Create", "Delete", "Plan", "Update"),
    "ajsync.safety": ("Safety",),
    "ajsync.scheduler.scheduler": ("Scheduler",),
    "ajsync.scheduler.settings": ("SchedulerSettings",),
    "ajsync.selection": ("Selection",),
}
"""The module of each name that is not in `ajsync.errors`; a test compares it with the imports above."""
_THERE = {"SchedulerSettings": "Settings"}
"""The names that are called differently in their module."""

if not TYPE_CHECKING:  # or a type checker would think that every name may exist

    def __getattr__(name: str) -> object:
        if name not in __all__:
            raise AttributeError(f"module 'ajsync' has no attribute {name!r}")
        from importlib import import_module

        place = next((module for module, names in _PLACES.items() if name in names), "ajsync.errors")
        found = globals()[name] = getattr(import_module(place), _THERE.get(name, name))
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
