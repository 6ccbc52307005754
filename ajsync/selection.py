"""Which schedules a command looks at or changes: those with a name, labels, a queue and an owner. A value, and pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.errors import InvalidError
from ajsync.text import listed, nearest, quote, visible

_LABEL = re.compile(r"([A-Za-z0-9_.-]+)(?:(!?=)([A-Za-z0-9_.-]+))?")
_WILD = re.compile(r"[*?\[]")
"""The wildcards of a pattern."""
_LIKE = 0.5
"""How similar a word must be to be suggested; the parts of names are short."""


@dataclass(frozen=True, slots=True)
class LabelTest:
    """A condition on a schedule's labels: `team=payments`, `team!=payments`, or `team` with any value."""

    name: str
    value: str | None = None
    """The value; None if the label only has to exist."""
    equal: bool = True
    """Whether the label must have this value. If it must not, a schedule without the label is selected, too."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether a schedule with these labels is selected."""
        if self.value is None:
            return self.name in labels
        return (labels.get(self.name) == self.value) is self.equal

    def __str__(self) -> str:
        return self.name if self.value is None else f"{self.name}{'=' if self.equal else '!='}{self.value}"


def parse_label_test(text: str) -> LabelTest:
    """Read `NAME`, `NAME=VALUE` or `NAME!=VALUE`. Raises InvalidError."""
    match = _LABEL.fullmatch(text)
    if match is None:
        hint = "write NAME=VALUE, NAME!=VALUE or NAME, of letters, digits, _, . and -"
        if "," in text and all(map(_LABEL.fullmatch, text.split(","))):
            hint = f"give each by itself: {' '.join(f'-l {part}' for part in text.split(','))}"
        elif _LABEL.fullmatch(text.replace("==", "=")):
            hint = f"write {text.replace('==', '=')}"
        raise InvalidError(f"The label {quote(text)} is not valid: {hint}.")
    name, sign, value = match.groups()
    return LabelTest(name, value, sign != "!=")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which schedules are selected: those that fit every given part. It is true if any part is given."""

    names: tuple[str, ...] = ()
    """Patterns of names, such as `EMAIL_*`; at least one has to match."""
    labels: tuple[LabelTest, ...] = ()
    """Conditions on labels; all of them have to hold."""
    queue: str | None = None
    owner: str | None = None

    @classmethod
    def of(
        cls,
        *,
        names: Iterable[str] = (),
        labels: Iterable[str] = (),
        queue: str | None = None,
        owner: str | None = None,
    ) -> Selection:
        """Read a selection as options give it: `Selection.of(labels=["team=payments"])`. Raises InvalidError."""
        return cls(tuple(names), tuple(map(parse_label_test, labels)), queue, owner)

    def __bool__(self) -> bool:
        return self != EVERYTHING

    def matches(self, task: ScheduledTask | None) -> bool:
        """Whether a schedule is selected; None, the value of a key without one, never is."""
        return (
            task is not None
            and (self.queue is None or task.queue == self.queue)
            and (self.owner is None or task.owner == self.owner)
            and self._names(task.name)
            and (not self.labels or self._labels(task.labels))
        )

    def matches_unreadable(self, name: str) -> bool:
        """Whether a value that is not a scheduled task is selected; only its name is known."""
        return not self.labels and self.queue is None and self.owner is None and self._names(name)

    def _names(self, name: str) -> bool:
        return not self.names or any(fnmatchcase(name, pattern) for pattern in self.names)

    def _labels(self, labels: Mapping[str, str]) -> bool:
        return all(test.holds(labels) for test in self.labels)

    def __str__(self) -> str:
        """As options of a command line: `--name 'EMAIL_*' -l team=payments`; escaped."""
        return " ".join(f"{option} {visible(shlex.quote(value))}" for option, value in self._options())

    def _options(self) -> Iterator[tuple[str, str]]:
        yield from (("--name", pattern) for pattern in self.names)
        yield from (("-l", str(test)) for test in self.labels)
        if self.queue is not None:
            yield "--queue", self.queue
        if self.owner is not None:
            yield "--owner", self.owner


EVERYTHING = Selection()


def nothing_selected(selection: Selection, tasks: Collection[ScheduledTask], place: str) -> str:
    """Say that none of the schedules in `place` is selected, and what was probably meant."""
    hints = [*_hints(selection, tasks)] if tasks else []
    if not hints and tasks and len([*selection._options()]) > 1:
        hints = ["Some schedules match a part of that, but none matches all of it."]
    return " ".join(filter(None, [f"No schedule in {place} matches {selection}.", *hints]))


def _hints(selection: Selection, tasks: Collection[ScheduledTask]) -> Iterator[str]:
    """A hint for each part that no schedule matches; "" if nothing is similar."""
    names = {task.name for task in tasks}
    if selection.names and not any(map(selection._names, names)):
        meant = dict.fromkeys(filter(None, (_meant(pattern, names) for pattern in selection.names)))
        yield from (f"Did you mean --name {visible(shlex.quote(pattern))}?" for pattern in meant)
    for test in selection.labels:
        if test.equal and not any(test.holds(task.labels) for task in tasks):
            yield _of_label(test, tasks)
    for option, given, known, several in (
        ("--queue ", selection.queue, {task.queue for task in tasks}, "queues"),
        ("--owner ", selection.owner, {task.owner for task in tasks if task.owner is not None}, "owners"),
    ):
        if given is not None and given not in known:
            yield _instead(option, given, known, several)


def _meant(pattern: str, names: Collection[str]) -> str:
    """The pattern that was probably meant instead of one that no name matches; "" if none is similar."""
    wild = _WILD.search(pattern)
    if wild is None:
        return nearest(pattern, names, _LIKE)
    length = wild.start()
    capitals = pattern.upper()
    if any(fnmatchcase(name, capitals) for name in names):
        return capitals
    prefix = nearest(pattern[:length].upper(), {name[:length] for name in names}, _LIKE) if length > 1 else ""
    meant = prefix + pattern[length:]
    return meant if prefix and any(fnmatchcase(name, meant) for name in names) else ""


def _of_label(test: LabelTest, tasks: Collection[ScheduledTask]) -> str:
    values = {task.labels[test.name] for task in tasks if test.name in task.labels}
    if values and test.value is not None:
        return _instead(f"-l {test.name}=", test.value, values, f"values of {test.name}")
    known = {name for task in tasks for name in task.labels}
    return _instead("-l ", test.name, known, "labels", "" if test.value is None else f"={test.value}")


def _instead(before: str, given: str, known: Collection[str], several: str, after: str = "") -> str:
    """What to write instead of an unknown value of an option."""
    if not known:
        return f"None of them has {several}."
    if meant := nearest(given, known, _LIKE):
        return f"Did you mean {before}{visible(meant)}{after}?"
    return f"The {several} are {listed([*map(visible, sorted(known))])}." if len(known) > 1 else ""
