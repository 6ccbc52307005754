"""Read schedules files as desired tasks: apply defaults, zone and payload, and check that nothing is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ajsync.asyncjobs.model import DEFAULT_MAX_TRIES, Managed, ScheduledTask, member_name, sorted_labels
from ajsync.asyncjobs.names import DEFAULT_QUEUE
from ajsync.asyncjobs.size import MAX_PAYLOAD, too_large
from ajsync.config.calendars import excepted_days, no_season, unknown_problems
from ajsync.config.content import FileContent, LoadedSchedule
from ajsync.config.document import MAX_EXPANDED_SIZE, Document, parse_document
from ajsync.config.explain import explain
from ajsync.config.files import Folder
from ajsync.config.for_each import Combination, Gathered, apart, combinations, misfits
from ajsync.config.members import MemberChecks, Members, merged
from ajsync.config.misshapen import misplaced, misshapen
from ajsync.config.names import wrong_name
from ajsync.config.nodes import MAX_FILE_SIZE, MAX_NODES
from ajsync.config.problems import Problems
from ajsync.config.project import PROJECT_FILE, Project
from ajsync.config.schema import SCHEDULES_SCHEMA, strict_schema, validator
from ajsync.config.variables import Room, Variables, unless_unresolved
from ajsync.config.versions import FileVersion, read_version
from ajsync.config.wording import shown
from ajsync.errors import Location, Problem, ScheduleError
from ajsync.schedule import split_zone, stored_schedule
from ajsync.text import nearest, quote

_SETTINGS = {
    member_name(attribute): attribute
    for attribute in ("catchup", "catchup_window", "overlap", "jitter", "from_", "until")
}
"""Members that are stored unchanged beside Go's fields, and their attributes."""
_SEASON = frozenset(("from", "until", "except"))


class SchedulesReader:
    """Reads schedules files one after the other."""

    def __init__(self, project: Project, folder: Folder, checks: MemberChecks, named: set[Path]) -> None:
        """Payload files are added to `named`, whether or not they can be read."""
        self._project = project
        self._folder = folder
        self._checks = checks
        self._structure = validator(_structure())
        self._named = named
        self._days: dict[tuple[str, ...], tuple[str, ...]] = {}

    def read(self, path: Path, defaults: Members, problems: list[Problem]) -> FileContent:
        """The content of a file; `defaults` are those that `files` has for it. Problems are added to `problems`."""
        shown_as, known = self._folder.shown(path), len(problems)
        try:
            data, version = read_version(path, MAX_FILE_SIZE)
        except OSError as error:
            hint = "let `files` match only readable files"
            problems.append(Problem(Location(shown_as), f"cannot be read: {error.strerror}", hint))
            return FileContent()
        versions = {path: version}
        document = parse_document(data, shown_as, problems)
        if document is None:
            return FileContent(versions=versions)
        value, repeated = apart(document.value)
        variables, room = replace(self._project.variables, used=set()), Room()
        value, unresolved = variables.replace(document, value, (), room)
        wrong = [*misshapen(value)]
        found = Problems()
        found += (each.problem(document, ()) for each in wrong or explain(self._structure, value))
        # A file without schedules is of another kind, so none of its values is checked or shown.
        ours = isinstance(value, dict) and "schedules" in value
        source, defaults = self._folder.source(path), merged(self._project.defaults, defaults)
        file = _File(document, path, source, defaults, variables, room, versions)
        entries = self._entries(value, repeated, file, found) if ours else []
        # Nothing more is known of a value that cannot be read, or whose placeholder cannot be replaced.
        problems += unresolved + unless_unresolved(found, problems[known:] + unresolved)
        return FileContent(entries, frozenset(variables.used), versions)

    def _entries(
        self, value: dict[str, Any], repeated: Mapping[str, dict[str, Any]], file: _File, problems: list[Problem]
    ) -> list[LoadedSchedule]:
        checks, document = self._checks, file.document
        if "defaults" in value:
            own = checks.check(value["defaults"], checks.defaults, document, ("defaults",), problems)
            problems += unknown_problems(own.get("except"), self._project.calendars, document, ("defaults", "except"))
            file.defaults = merged(file.defaults, own)
        schedules = value["schedules"] if isinstance(value["schedules"], dict) else {}
        skipped, wrong = misplaced(schedules)
        problems += [each.problem(document, ()) for each in wrong]
        entries: list[LoadedSchedule] = []
        for key in document.value["schedules"] if repeated else schedules:
            if key in repeated:
                entries += self._repeated(key, repeated[key], file, problems)
            elif key not in skipped:
                name, misnamed = self._name(key, file, file.variables)
                found = Problems()
                entry = self._entry(key, name, schedules[key], file, found)
                if not misnamed:
                    entries.append(entry)
                if misnamed or found:
                    problems += [*misnamed, *found]
        return entries

    def _repeated(
        self, key: str, written: dict[str, Any], file: _File, problems: list[Problem]
    ) -> Iterator[LoadedSchedule]:
        """The schedules that one with `for_each` expands to."""
        document, place, variables = file.document, ("schedules", key), file.variables
        for_each, unresolved = variables.replace(document, written["for_each"], (*place, "for_each"), file.room)
        found = Problems()
        self._checks.check_one("for_each", for_each, document, place, found)
        wrong = unresolved + unless_unresolved(found, unresolved)
        wrong = wrong or [each.problem(document, (*place, "for_each")) for each in misfits(for_each)]
        body = {name: value for name, value in written.items() if name != "for_each"}
        if not wrong and not file.room.takes(body, len(each_of := combinations(for_each))):
            message = f"the file has more than {MAX_NODES:,} values or {MAX_EXPANDED_SIZE:,} characters with for_each"
            wrong = [Problem(document.location((*place, "for_each")), f"{message} expanded", "use several files")]
        problems += wrong
        if wrong:
            return
        gathered = Gathered(len(each_of))
        for combination in each_of:
            theirs = variables.hidden_by(combination)
            name, misnamed = self._name(key, file, theirs)
            made, unresolved = theirs.replace(document, body, place, file.room)
            variables.used.update(theirs.used - combination.keys())
            found = Problems()
            entry = self._entry(key, name, made, file, found, combination)
            if not misnamed:
                yield entry
            # Nothing more is known of a value whose placeholder cannot be replaced.
            gathered.add(combination, [*misnamed, *unresolved, *unless_unresolved(found, unresolved)])
        problems += gathered.problems()

    def _name(self, key: str, file: _File, variables: Variables) -> tuple[str, list[Problem]]:
        """The name of the schedule under `key`, and what is wrong with it."""
        if "${" not in key:
            return key, wrong_name(file.document, key, key)
        name, unresolved = variables.replace_in_name(file.document, key, ("schedules", key))
        return name, unresolved or wrong_name(file.document, key, name)

    def _entry(
        self,
        key: str,
        name: str,
        schedule: Any,
        file: _File,
        problems: list[Problem],
        combination: Combination | None = None,
    ) -> LoadedSchedule:
        """One schedule under `key` of a file, with its placeholders replaced."""
        document, place = file.document, ("schedules", key)
        own = self._checks.check(schedule, self._checks.schedule, document, place, problems)
        if "except" in own:
            problems += unknown_problems(own["except"], self._project.calendars, document, (*place, "except"))
        task = None
        if isinstance(schedule, dict):
            draft = _Draft(key, name, own, merged(file.defaults, own), document, problems)
            task = self._task(draft, file)
        return LoadedSchedule(
            name=name,
            location=document.location(place, of_key=True),
            task=None if problems else task,
            suspended=own.get("suspend") is True,
            queue_named="queue" in own or "queue" in file.defaults,
            key=key,
            combination=combination,
        )

    def _task(self, draft: _Draft, file: _File) -> ScheduledTask:
        own, members = draft.own, draft.members
        if "task_type" not in members:
            draft.problem("task_type is missing", "set it here or in defaults")
        payload = own.get("payload", own.get("payload_base64"))
        if own.get("payload_file") is not None:
            payload = self._payload_file(draft, file)
        settings = {attribute: members[name] for name, attribute in _SETTINGS.items() if name in members}
        if "except" in members:
            settings["except_"] = self._excepted(draft)
        if labels := members.get("labels"):
            settings["labels"] = sorted_labels(labels)
        task = ScheduledTask(
            name=draft.name,
            schedule=_stored_schedule(draft),
            queue=members.get("queue", DEFAULT_QUEUE),
            task_type=members.get("task_type", ""),
            payload=payload,
            deadline=members.get("deadline", 0),
            max_tries=members.get("max_tries", DEFAULT_MAX_TRIES),
            managed=Managed(self._project.owner, file.source, own.get("description", ""), **settings),
        )
        if self._project.queues_given and task.queue is not None and task.queue not in self._project.queues:
            meant = nearest(task.queue, self._project.queues)
            message = f"the queue {shown(task.queue)} is not declared in `queues` of {PROJECT_FILE}"
            hint = f"did you mean {quote(meant)}?" if meant else "declare it there, or name one that is declared"
            draft.problem(message, hint, "queue" if "queue" in own else "")
        whole = not draft.problems and None not in (task.queue, task.task_type, *settings.values())
        if whole and (reason := no_season(task)):
            draft.problem(reason, "until is the last day, and must not be before from")
        if whole and (reason := too_large(task)):
            draft.problem(f"too large: {reason}", "shorten the description or the payload")
        return task

    def _excepted(self, draft: _Draft) -> tuple[str, ...] | None:
        """The days of `except` as they are stored; None if something is wrong with them."""
        items: tuple[str, ...] | None = draft.members["except"]
        if items is None:
            return None
        if items not in self._days:
            try:
                self._days[items] = excepted_days(items, self._project.calendars)
            except ScheduleError as error:
                message, _, hint = str(error).partition("; ")
                draft.problem(f"except: {message}", hint, "except" if "except" in draft.own else "")
                return None
        return self._days[items]

    def _payload_file(self, draft: _Draft, file: _File) -> bytes:
        named, folder = draft.own["payload_file"], file.path.parent
        path = folder / named
        self._named.add(path)
        refused = self._folder.refuses(path, besides=folder)
        if refused is not None:
            message = f"payload_file: {shown(named)} leads {refused.where}"
            draft.problem(message, "put the file beside the schedules files", "payload_file")
            return b""
        try:
            data, version = read_version(path, MAX_PAYLOAD)
        except OSError as error:
            message = f"payload_file: {shown(named)} cannot be read: {self._folder.shown(path)}: {error.strerror}"
            draft.problem(message, self._payload_hint(named, folder), "payload_file")
            return b""
        file.versions.setdefault(path, version)  # the first version, if it changes while several schedules read it
        return data

    def _payload_hint(self, named: str, folder: Path) -> str:
        """What to write instead of a path that leads to no payload; the path may be relative to the project's
        folder."""
        from_project = self._folder.path / named
        with suppress(OSError):  # such as a name that is too long
            there = folder != self._folder.path and from_project.is_file()
            if there and self._folder.refuses(from_project) is None:
                path = os.path.relpath(from_project, folder)
                return f"the path is relative to the folder of this file: write {shown(path)}"
        return f"name a file of at most {MAX_PAYLOAD:,} bytes, by a path relative to the folder of this file"


@dataclass(slots=True)
class _File:
    """A schedules file while it is read."""

    document: Document
    path: Path
    source: str
    """Its name in the bucket."""
    defaults: Members
    """The defaults of its schedules."""
    variables: Variables
    room: Room
    versions: dict[Path, FileVersion]
    """The versions of the files that were read for it."""


@dataclass(slots=True)
class _Draft:
    """One schedule while its task is made."""

    key: str
    """Its name as the file has it, with placeholders."""
    name: str
    own: Members
    members: Members
    """Its own members and those of the defaults."""
    document: Document
    problems: list[Problem]

    def problem(self, message: str, hint: str, member: str = "") -> None:
        """Add a problem of a member, or of the whole schedule."""
        if member:
            location = self.document.location(("schedules", self.key, member))
        else:
            location = self.document.location(("schedules", self.key), of_key=True)
        self.problems.append(Problem(location, message, hint))


def _stored_schedule(draft: _Draft) -> str:
    """The schedule with the prefix of its zone, unless it has a prefix or is an `@every`."""
    text, zone = draft.own.get("schedule"), draft.members.get("timezone") or ""
    if text is None:
        return ""
    if split_zone(text)[0]:
        zone = ""
        if "timezone" in draft.own:
            message = "timezone: the schedule has a prefix that sets the zone"
            draft.problem(message, "keep either the prefix or timezone", "timezone")
    try:
        # An `@every` needs a zone only for days.
        return stored_schedule(text, zone, of_every=any(map(draft.members.get, _SEASON)))
    except ScheduleError as error:
        message, _, hint = str(error).partition("; ")
        draft.problem(f"schedule: {message}", hint, "schedule")
        return ""


def _structure() -> dict[str, Any]:
    """The schema without names and members of schedules and `defaults`, which are checked one by one."""
    schema = strict_schema(SCHEDULES_SCHEMA)
    schema["properties"]["defaults"] = True
    del schema["properties"]["schedules"]["propertyNames"]
    schema["properties"]["schedules"]["additionalProperties"] = True
    return schema
