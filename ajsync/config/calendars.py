"""The calendars of `ajsync.yaml`: days by name, and what a list of `except` means with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from functools import lru_cache
from typing import Any, TypeAlias

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.config.document import Document, Steps
from ajsync.config.wording import shown, suggestion
from ajsync.errors import Problem, ScheduleError
from ajsync.schedule import parse
from ajsync.schedule.days import Span, read_days, stored_days
from ajsync.schedule.season import Season, season

Calendars: TypeAlias = Mapping[str, tuple[Span, ...]]
"""The days of each calendar, by its name."""


def is_name(item: str) -> bool:
    """Whether an item of `except` is the name of a calendar; all others begin with a digit."""
    return not item[:1].isdigit()


def read_calendars(document: Document, calendars: Mapping[str, Any], problems: list[Problem]) -> Calendars:
    """The days of the member `calendars`; what is wrong is added to `problems`, unless the schema has found it."""
    known = {problem.location for problem in problems}
    found: dict[str, tuple[Span, ...]] = {}
    for name, items in calendars.items():
        spans: list[Span] = []
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if not isinstance(item, str):
                continue
            try:
                spans.append(read_days(item))
            except ScheduleError as error:
                message, _, hint = str(error).partition("; ")
                location = document.location(("calendars", name, index))
                if location not in known:
                    problems.append(Problem(location, f"{name}: {message}", hint))
        found[name] = tuple(spans)
    return found


def unknown_problems(
    items: Iterable[str] | None, calendars: Calendars, document: Document, path: Steps
) -> Iterator[Problem]:
    """The items of a list of `except`, at `path` in a document, that name no calendar; None has no items."""
    for index, item in enumerate(items or ()):
        if is_name(item) and item not in calendars:
            hint = suggestion(item, calendars) if calendars else "write a date, or add `calendars` to ajsync.yaml"
            yield Problem(document.location((*path, index)), f"except: there is no calendar {shown(item)}", hint)


def excepted_days(items: Iterable[str], calendars: Calendars) -> tuple[str, ...]:
    """The days of a list of `except` as they are stored; unknown names are left out. Raises ScheduleError."""
    return stored_days(span for item in items for span in _spans(item, calendars))


def _spans(item: str, calendars: Calendars) -> tuple[Span, ...]:
    return calendars.get(item, ()) if is_name(item) else (read_days(item),)


def no_season(task: ScheduledTask) -> str:
    """Why a task with a valid schedule is never due, whatever its schedule; "" if it may be."""
    settings = task.settings
    found = season(settings.from_, settings.until, settings.except_)
    if found is None or not _is_empty(found, parse(task.schedule).zone_info):
        return ""
    return "from, until and except leave no time at which it may be due"


@lru_cache(maxsize=256)  # many schedules have the same season
def _is_empty(found: Season, zone: tzinfo) -> bool:
    return found.is_empty(zone)
