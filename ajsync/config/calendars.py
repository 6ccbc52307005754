"""The calendars of `ajsync.yaml`: named lists of days, and what a list of `except` means with them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.config.document import Document, Steps
from ajsync.config.files import Folder
from ajsync.config.wording import shown, suggestion
from ajsync.errors import Location, Problem, ScheduleError
from ajsync.files import read_regular
from ajsync.schedule import parse
from ajsync.schedule.days import Span, merged, read_date, read_days, stored_days
from ajsync.schedule.season import Season, season

Calendars: TypeAlias = Mapping[str, tuple[Span, ...]]
"""The days of each calendar, by its name."""


def is_name(item: str) -> bool:
    """Whether an item of `except` is the name of a calendar; all others begin with a digit."""
    return not item[:1].isdigit()


@dataclass(frozen=True, slots=True)
class CalendarFile:
    """A calendar whose days are in an iCalendar file."""

    name: str
    file: str
    """The path, relative to the folder of `ajsync.yaml`."""
    location: Location
    until: int | None = None
    """The last day on which events without an end recur, if it is given."""


def read_calendars(
    document: Document, calendars: Mapping[str, Any], problems: list[Problem]
) -> tuple[Calendars, tuple[CalendarFile, ...]]:
    """The days of the member `calendars`, and the calendars whose days are in a file, which have none yet.

    Problems are added to `problems`, unless the schema has found them.
    """
    known = {problem.location for problem in problems}
    found: dict[str, tuple[Span, ...]] = {}
    files: list[CalendarFile] = []
    for name, items in calendars.items():
        if isinstance(items, dict):
            files += _file_of(document, name, items, known, problems)
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
    return found, tuple(files)


def _file_of(
    document: Document, name: str, value: Mapping[str, Any], known: Collection[Location], problems: list[Problem]
) -> Iterator[CalendarFile]:
    file, until, day = value.get("file"), value.get("until"), None
    location = document.location(("calendars", name, "file"))
    if isinstance(until, str):
        try:
            day = read_date(until)
        except ScheduleError as error:
            message, _, hint = str(error).partition("; ")
            if (place := document.location(("calendars", name, "until"))) not in known:
                problems.append(Problem(place, f"until: {message}", hint))
    if isinstance(file, str) and location not in known:
        yield CalendarFile(name, file, location, day)


def read_calendar_files(
    files: Iterable[CalendarFile], folder: Folder, named: set[Path], problems: list[Problem]
) -> Calendars:
    """The days of calendars that have a file. The files are added to `named`, whether or not they can be read."""
    found: dict[str, tuple[Span, ...]] = {}
    for each in files:
        path = Path(os.path.normpath(folder.path / each.file))
        named.add(path)
        try:
            found[each.name] = _days_of_file(each, path, folder)
        except _Unusable as error:
            message, hint = error.args
            problems.append(Problem(each.location, f"{each.name}: {shown(each.file)} {message}", hint))
    return found


class _Unusable(Exception):
    """A file cannot be used as a calendar; `args` are what is wrong with it, and what to do."""


def _days_of_file(each: CalendarFile, path: Path, folder: Folder) -> tuple[Span, ...]:
    from ajsync.config.ics import LARGEST_ICS, read_ics  # few projects have such a file

    if refused := folder.refuses(path, besides=folder.path):
        raise _Unusable(f"leads {refused.where}", refused.hint)
    try:
        return tuple(merged(read_ics(read_regular(path, LARGEST_ICS), each.until)))
    except OSError as error:
        hint = f"name a file of at most {LARGEST_ICS:,} bytes, by a path relative to the folder of ajsync.yaml"
        raise _Unusable(f"cannot be read: {folder.shown(path)}: {error.strerror}", hint) from None
    except ImportError:
        raise _Unusable("needs the package icalendar", "install it with: pip install 'ajsync[ics]'") from None
    except ScheduleError as error:
        message, _, hint = str(error).partition("; ")
        raise _Unusable(f"cannot be used: {message}", hint) from None


def unknown_problems(
    items: Iterable[str] | None, calendars: Calendars, document: Document, path: Steps
) -> Iterator[Problem]:
    """A problem for each item of a list of `except`, at `path` in a document, that names an unknown calendar."""
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
    """Why a task is never due, whatever its schedule; "" if it may be."""
    settings = task.settings
    found = season(settings.from_, settings.until, settings.except_)
    if found is None or not _is_empty(found, parse(task.schedule).zone_info):
        return ""
    return "from, until and except leave no time at which it may be due"


@lru_cache(maxsize=256)  # many schedules have the same season
def _is_empty(found: Season, zone: tzinfo) -> bool:
    return found.is_empty(zone)
