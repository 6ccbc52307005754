"""The chart of examples/kubernetes, rendered without helm.

Knows the part of Go's templates that the chart uses: values, `include`, `if`, `with`, `range` over a map, and a few
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

_TAG = re.compile(r"(?:\s*\{\{-|\{\{)\s*(.*?)\s*(?:-\}\}\s*|\}\})", re.DOTALL)
_WORD = re.compile(r'"[^"]*"|\S+')

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "quote": lambda value: json.dumps(str(value)),
    "toJson": json.dumps,
    "toYaml": lambda value: yaml.safe_dump(value, sort_keys=True, width=1000).rstrip("\n"),
    "nindent": lambda columns, text: "\n" + "\n".join(" " * columns + line for line in text.split("\n")),
    "default": lambda other, value: value or other,
    "not": lambda value: not value,
}


@dataclass(slots=True)
class _Block:
    """Text and actions up to an `end`; of `if` and the like also what it depends on."""

    head: str = ""
    parts: list[str | tuple[str] | _Block] = field(default_factory=list)


def values(**changes: Any) -> dict[str, Any]:
    """The default values, with some of the top ones replaced."""
    return {**yaml.safe_load((CHART / "values.yaml").read_text()), **changes}


def render(chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects that the chart makes of these values."""
    texts = (text for path, text in render_texts(chosen).items() if path.endswith(".yaml"))
    return [each for text in texts for each in yaml.safe_load_all(text) if each]


def render_texts(chosen: Mapping[str, Any]) -> dict[str, str]:
    """The text of each template, by its file."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    dot = {
        "Values": chosen,
        "Release": {"Name": RELEASE, "Namespace": "default", "Service": "Helm"},
        "Chart": {name[0].upper() + name[1:]: value for name, value in chart.items()},
    }
    parsed = {path.name: _parse(path.read_text()) for path in sorted((CHART / "templates").iterdir())}
    named = {
        _WORD.findall(part.head)[1].strip('"'): part
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
        if action.split()[0] in ("if", "with", "range", "define"):
            block = _Block(action)
            stack[-1].parts.append(block)
            stack.append(block)
        elif action == "end":
            stack.pop()
        else:
            stack[-1].parts.append((action,))
    stack[-1].parts.append(template[end:])
    assert len(stack) == 1, "an end is missing"
    return stack[0]


@dataclass(frozen=True, slots=True)
class _Renderer:
    named: Mapping[str, _Block]
    variables: Mapping[str, Any]

    def text(self, block: _Block, dot: Any) -> str:
        return "".join(self._part(part, dot) for part in block.parts)

    def _part(self, part: str | tuple[str] | _Block, dot: Any) -> str:
        if isinstance(part, str):
            return part
        if isinstance(part, tuple):
            value = self._value(part[0], dot)
            return str(value).lower() if isinstance(value, bool) else str(value)
        return "".join(self._block(part, dot))

    def _block(self, block: _Block, dot: Any) -> Iterator[str]:
        word, _, rest = block.head.partition(" ")
        if word == "define":
            return
        if word == "range":
            names, _, pipeline = rest.partition(" := ")
            key, value = names.split(", ")
            for each in sorted((self._value(pipeline, dot) or {}).items()):
                variables = {**self.variables, key: each[0], value: each[1]}
                yield _Renderer(self.named, variables).text(block, dot)
            return
        found = self._value(rest, dot)
        if found:
            yield self.text(block, found if word == "with" else dot)

    def _value(self, pipeline: str, dot: Any) -> Any:
        value: tuple[Any, ...] = ()
        for call in pipeline.split(" | "):
            first, *words = _WORD.findall(call)
            arguments = [self._word(word, dot) for word in words]
            if first == "include":
                value = (self.text(self.named[arguments[0]], arguments[1]),)
            elif first in FUNCTIONS:
                value = (FUNCTIONS[first](*arguments, *value),)
            else:
                assert not words, f"the function {first} is not known here"
                value = (self._word(first, dot),)
        return value[0]

    def _word(self, word: str, dot: Any) -> Any:
        if word.startswith('"'):
            return word.strip('"')
        if word.isdigit():
            return int(word)
        first, _, path = word.partition(".")
        value = self.variables[first] if first else dot
        for name in filter(None, path.split(".")):
            value = value[name]
        return value
