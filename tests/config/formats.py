"""Schedules files as people write them, drawn at random: with comments, empty lines, and any style and indentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st

_WORDS = ("a", "b-c", "'it''s'", '"two words"', "1.50", "~", "0x1f", "no", "'#'", "ü→", '"\\u00e9: # no"')
_VALUES = {
    "schedule": ("daily", "'@hourly'", '"5 4 * * *"'),
    "timezone": ("UTC", "Europe/Malta"),
    "queue": ("Q", "'Q'"),
    "task_type": ("t:t",),
    "description": ("some words", '"\\u00e9, {"'),
    "deadline": ("1h",),
    "max_tries": ("3", "0x3"),
    "catchup": ("all",),
    "labels": ("{b: x, a: y}",),
    "suspend": ("true",),
}

_ALIAS = "description of the queue"
"""The member `description` with an alias of the queue as its value."""


@dataclass(slots=True)
class Drawn:
    """A text, and what its lines say about each other."""

    lines: list[str] = field(default_factory=list)
    comments: int = 0
    above: dict[str, str] = field(default_factory=dict)
    """The comments that are above a member, and what the line of the member begins with."""
    has_flow: bool = False
    """Whether a schedule is in braces."""

    @property
    def text(self) -> str:
        """The text as a whole."""
        return "\n".join(self.lines) + "\n"


@st.composite
def schedules_files(draw: st.DrawFn) -> Drawn:
    """A schedules file without problems of YAML."""
    return _Writer(draw).file()


class _Writer:
    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._drawn = Drawn()

    def file(self) -> Drawn:
        lines = self._drawn.lines
        indent = self._pick(0, 0, 3)
        if self._pick(False, False, True):
            lines += ["%YAML 1.2", "---"]
        if self._pick(False, True):
            lines += [" " * self._pick(0, indent) + self._comment(), ""]
        shared = self._pick(False, True)
        if shared:
            self._member(indent, "x-a", lambda prefix: self._mapping(f"{prefix} &a", indent, ["queue", "deadline"]))
        sections = self._draw(st.permutations(["defaults", "schedules", "x-b"]))
        for section in sections:
            self._member(indent, section, partial(self._section, indent, section, shared))
        for _ in range(self._pick(0, 0, 1, 2)):
            lines.append(self._pick("", " " * self._pick(0, indent) + self._comment()))
        if self._pick(False, False, True):
            lines += ["...", self._comment()]
        return self._drawn

    def _section(self, indent: int, which: str, shared: bool, prefix: str) -> None:
        if which == "x-b":
            self._value(prefix, indent, 3, in_list=False)
        elif which == "defaults":
            self._mapping(prefix, indent, ["timezone", "queue", "task_type", "labels"])
        else:
            self._drawn.lines.append(prefix + self._end())
            inner = indent + self._pick(1, 2, 4)
            for number in range(self._pick(1, 2, 3)):
                self._member(inner, f"S{number}", lambda outer: self._schedule(outer, inner, shared))

    def _schedule(self, prefix: str, indent: int, shared: bool) -> None:
        names = self._draw(st.lists(st.sampled_from([*_VALUES, "payload"]), min_size=1, unique=True))
        if self._pick(False, False, False, True):
            self._drawn.has_flow = True
            comma = self._pick(", ", ",", " ,  ", ",\n      ")
            members = comma.join(f"{name}: {self._pick(*_VALUES.get(name, ('[1, {z: 1, b: 2}]',)))}" for name in names)
            inside = self._pick("{%s}", "{ %s }", "{%s,}", "{\n   %s}") % members
            self._drawn.lines += f"{prefix} {inside}{self._end()}".split("\n")
            return
        if shared and self._pick(False, True):
            names.insert(self._pick(0, len(names)), "<<")
        if "queue" in names and "description" not in names and self._pick(False, True):
            names.insert(self._pick(names.index("queue") + 1, len(names)), _ALIAS)
        self._mapping(prefix, indent, names)

    def _mapping(self, prefix: str, indent: int, names: list[str]) -> None:
        """Write a mapping of members of a schedule, in this order."""
        self._drawn.lines.append(prefix + self._end())
        inner = indent + self._pick(1, 2, 2, 5)
        anchor = f" &{self._anchor()}" if _ALIAS in names else ""
        for name in names:
            shown = "description" if name == _ALIAS else name
            self._member(inner, shown, self._writer(name, inner, anchor))

    def _writer(self, name: str, indent: int, anchor: str) -> Callable[[str], None]:
        """What writes a member of a schedule behind its key; `anchor` is that of the queue."""
        if name == "payload":
            return lambda prefix: self._value(prefix, indent, 3, in_list=False)
        if name == "<<":
            return lambda prefix: self._line(f"{prefix} *a")
        if name == _ALIAS:
            return lambda prefix: self._line(f"{prefix} *{anchor[2:]}")
        if name == "description" and self._pick(False, True):
            return lambda prefix: self._text(prefix, indent)
        value = f" {self._pick(*_VALUES[name])}"
        return lambda prefix: self._line(f"{prefix}{anchor if name == 'queue' else ''}{value}")

    def _anchor(self) -> str:
        """A name that no other anchor has."""
        self._drawn.comments += 1
        return f"q{self._drawn.comments}"

    def _member(self, indent: int, name: str, write: Callable[[str], None]) -> None:
        """Write what is above a member, and the member."""
        above: list[str] = []
        for _ in range(self._pick(0, 0, 0, 1, 2)):
            if self._pick(False, True):
                above.append(self._comment())
                self._drawn.lines.append(" " * self._pick(indent, indent, 0) + above[-1])
            else:
                above.clear()
                self._drawn.lines.append(self._pick("", "  "))
        self._drawn.above |= dict.fromkeys(above, f"{name}:")
        write(f"{' ' * indent}{name}:")

    def _value(self, prefix: str, indent: int, depth: int, *, in_list: bool) -> None:
        """Write any value behind a key or a dash, which is in the column `indent`."""
        kinds = ["word", "text", "lines", "flow", "nothing", *(["list", "mapping", "mapping"] if depth else [])]
        kind = self._pick(*kinds)
        lines = self._drawn.lines
        further = " " * (indent + self._pick(1, 2, 3))
        if kind == "word":
            self._line(f"{prefix} {self._pick(*_WORDS)}")
        elif kind == "nothing":
            self._line(prefix)
        elif kind == "text":
            self._text(prefix, indent)
        elif kind == "lines":
            first, last = self._pick(('"one', 'two"'), ("one", "two"), ("'one", "# two'"), ('"a\\', '  b"'))
            lines.append(f"{prefix} {first}")
            lines += [""] * self._pick(0, 1)
            self._line(further + last)
        elif kind == "flow":
            comment = self._pick("", f" {self._comment()}") if depth else ""
            closing = self._pick("]", f"\n{further}]")
            lines += f"{prefix} [1,{comment}\n{further}{{z: 2, b: 1}}{closing}{self._end()}".split("\n")
        elif kind == "mapping":
            self._nested(prefix, indent, depth, in_list=in_list)
        else:
            lines.append(prefix + self._end())
            inner = indent + (self._pick(1, 2) if in_list else self._pick(0, 1, 2))
            for _ in range(self._pick(1, 2, 3)):
                self._gap(inner)
                self._value(f"{' ' * inner}-", inner, depth - 1, in_list=True)

    def _nested(self, prefix: str, indent: int, depth: int, *, in_list: bool) -> None:
        names = self._draw(
            st.lists(st.sampled_from(["z", "k 1", '"q"', "m", "schedule", "a"]), min_size=1, unique=True)
        )
        inner = indent + self._pick(1, 2, 3) + in_list
        on_the_line = in_list and self._pick(True, True, False)
        if not on_the_line:
            self._drawn.lines.append(prefix + self._end())
        for name in names:
            if on_the_line and name == names[0]:
                self._value(f"{prefix.ljust(inner)}{name}:", inner, depth - 1, in_list=False)
            else:
                self._gap(inner)
                self._value(f"{' ' * inner}{name}:", inner, depth - 1, in_list=False)

    def _text(self, prefix: str, indent: int) -> None:
        step = self._pick(1, 2, 4)
        given = self._pick("", "", str(step))
        inner = " " * (indent + step)
        header = f"{self._pick('|', '>')}{given}{self._pick('', '-', '+')}"
        self._line(f"{prefix} {header}")
        first = f"{inner}   deep" if given and self._pick(False, True) else f"{inner}text"
        self._drawn.lines += [*[""] * self._pick(0, 1), first]
        for _ in range(self._pick(0, 1, 3)):
            self._drawn.lines.append(
                self._pick("", "  ", f"{inner}# text", f"{inner}  more", f"{inner}key: [ ", f"{inner}  ")
            )

    def _line(self, text: str) -> None:
        self._drawn.lines.append(text + self._end())

    def _gap(self, indent: int) -> None:
        for _ in range(self._pick(0, 0, 0, 1, 2)):
            self._drawn.lines.append(self._pick("", " " * self._pick(indent, 0) + self._comment()))

    def _comment(self) -> str:
        self._drawn.comments += 1
        return f"# c{self._drawn.comments}; "

    def _end(self) -> str:
        return str(self._pick("", "", f"  {self._comment()}"))

    def _pick(self, *values: Any) -> Any:
        return self._draw(st.sampled_from(values))
