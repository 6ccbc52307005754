"""The chart of examples/kubernetes, rendered without helm.

Knows the part of Go's templates that the chart uses: values, variables, `include`, `if`, `with`, `range`, and a few
functions. Anything else is an error, and where there is a helm, a test compares what both make.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.examples.commands import EXAMPLES

CHART = EXAMPLES / "kubernetes"
RELEASE = "demo"

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The one in C, where there is one, which is many times faster."""
_TAG = re.compile(r"(?:\s*\{\{-|\{\{)\s*(.*?)\s*(?:-\}\}\s*|\}\})", re.DOTALL)
_TOKEN = re.compile(r'"[^"]*"|[()|]|[^\s()|]+')


class RefusedValuesError(Exception):
    """A template calls `fail` or `required`."""


def _fail(message: str) -> str:
    raise RefusedValuesError(message)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "and": lambda *values: next((value for value in values if not value), values[-1]),
    "contains": lambda part, text: part in text,
    "default": lambda other, value: value or other,
    "fail": _fail,
    "nindent": lambda columns, text: "\n" + "\n".join(" " * columns + line for line in text.split("\n")),
    "not": lambda value: not value,
    "omit": lambda values, *names: {name: value for name, value in values.items() if name not in names},
    "or": lambda *values: next((value for value in values if value), values[-1]),
    "printf": lambda form, *values: form % values,
    "quote": lambda value: json.dumps(str(value)),
    "replace": lambda old, new, text: text.replace(old, new),
    "required": lambda message, value: value or _fail(message),
    "toJson": json.dumps,
    "toYaml": lambda value: yaml.safe_dump(value, sort_keys=True, width=1000).rstrip("\n"),
    "trimSuffix": lambda suffix, text: text.removesuffix(suffix),
    "trunc": lambda length, text: text[:length],
}


@dataclass(slots=True)
class _Block:
    """Text and actions up to an `end` or `else`; of `if` and the like also what it depends on."""

    head: str = ""
    parts: list[str | tuple[str] | _Block] = field(default_factory=list)
    otherwise: _Block | None = None


def values(**changes: Any) -> dict[str, Any]:
    """The default values, with changes merged into them as helm does it: maps are merged, all else is replaced."""
    return _merged(yaml.load((CHART / "values.yaml").read_text(), _LOADER), changes)


def _merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**old, **changes}
    for name in old.keys() & changes.keys():
        if isinstance(old[name], dict) and isinstance(changes[name], dict):
            merged[name] = _merged(old[name], changes[name])
    return merged


def render(chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects that the chart makes of these values. Raises RefusedValuesError."""
    texts = (text for path, text in render_texts(chosen).items() if path.endswith(".yaml"))
    return [each for text in texts for each in yaml.load_all(text, _LOADER) if each]


def render_texts(chosen: Mapping[str, Any]) -> dict[str, str]:
    """The text of each template, by its path. Raises RefusedValuesError."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    dot = {
        "Values": chosen,
        "Release": {"Name": RELEASE, "Namespace": "default", "Service": "Helm"},
        "Chart": {**{name[0].upper() + name[1:]: value for name, value in chart.items()}, "IsRoot": True},
        "Files": {"Get": lambda path: (CHART / path).read_text()},
    }
    folder = CHART / "templates"
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    parsed = {str(path.relative_to(folder)): _parse(path.read_text()) for path in paths}
    named = {
        _TOKEN.findall(part.head)[1].strip('"'): part
        for block in parsed.values()
        for part in block.parts
        if isinstance(part, _Block) and part.head.startswith("define ")
    }
    return {name: _Renderer(named, {"$": dot}).text(block, dot) for name, block in parsed.items()}


def _parse(template: str) -> _Block:
    stack = [_Block()]
    end = 0
    for tag in _TAG.finditer(template):
        stack[-1].parts.append(template[end : tag.start()])
        end = tag.end()
        action = tag[1]
        word, _, rest = action.partition(" ")
        if word in ("if", "with", "range", "define"):
            block = _Block(action)
            stack[-1].parts.append(block)
            stack.append(block)
        elif word == "else":
            block = _Block(rest)
            stack[-1].otherwise = block
            stack[-1] = block
        elif word == "end":
            stack.pop()
        elif not word.startswith("/*"):
            stack[-1].parts.append((action,))
    stack[-1].parts.append(template[end:])
    assert len(stack) == 1, "an end is missing"
    return stack[0]


@dataclass(frozen=True, slots=True)
class _Renderer:
    named: Mapping[str, _Block]
    variables: Mapping[str, Any]

    def text(self, block: _Block, dot: Any) -> str:
        renderer = _Renderer(self.named, {**self.variables})
        return "".join(renderer._part(part, dot) for part in block.parts)

    def _part(self, part: str | tuple[str] | _Block, dot: Any) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, _Block):
            return "".join(self._block(part, dot))
        name, assigned, pipeline = part[0].partition(" := ")
        if assigned:
            assert isinstance(self.variables, dict)
            self.variables[name] = self._value(pipeline, dot)
            return ""
        value = self._value(part[0], dot)
        return str(value).lower() if isinstance(value, bool) else str(value)

    def _block(self, block: _Block, dot: Any) -> Iterator[str]:
        word, _, rest = block.head.partition(" ")
        if word == "define":
            return
        if word == "range":
            yield from self._each(block, rest, dot)
            return
        found = self._value(rest, dot) if rest else True
        if found:
            yield self.text(block, found if word == "with" else dot)
        elif block.otherwise is not None:
            yield from self._block(block.otherwise, dot)

    def _each(self, block: _Block, head: str, dot: Any) -> Iterator[str]:
        names, assigned, pipeline = head.partition(" := ")
        if not assigned:
            for each in self._value(head, dot):
                yield self.text(block, each)
            return
        key, value = names.split(", ")
        for name, each in sorted(self._value(pipeline, dot).items()):
            yield _Renderer(self.named, {**self.variables, key: name, value: each}).text(block, each)

    def _value(self, pipeline: str, dot: Any) -> Any:
        tokens = _TOKEN.findall(pipeline)
        value = self._pipeline(tokens, dot)
        assert not tokens, f"this cannot be read here: {pipeline}"
        return value

    def _pipeline(self, tokens: list[str], dot: Any) -> Any:
        """The value of what stands before the end or a closing parenthesis; it is taken from the tokens."""
        piped: tuple[Any, ...] = ()
        while True:
            first, *arguments = self._operands(tokens, dot)
            assert callable(first) or not (arguments or piped), f"{first} is not a function that is known here"
            value = first(*arguments, *piped) if callable(first) else first
            if not tokens or tokens.pop(0) == ")":
                return value
            piped = (value,)

    def _operands(self, tokens: list[str], dot: Any) -> list[Any]:
        found = []
        while tokens and tokens[0] not in ("|", ")"):
            token = tokens.pop(0)
            found.append(self._pipeline(tokens, dot) if token == "(" else self._word(token, dot))
        return found

    def _word(self, word: str, dot: Any) -> Any:
        if word.startswith('"'):
            return word.strip('"')
        if word.isdigit():
            return int(word)
        if word == "include":
            return lambda name, data: _Renderer(self.named, {"$": data}).text(self.named[name], data)
        if word in FUNCTIONS:
            return FUNCTIONS[word]
        first, _, path = word.partition(".")
        value = self.variables[first] if first else dot
        for name in filter(None, path.split(".")):
            value = value[name]
        return value
