"""The order in which the reference lists members: of schedules, of `defaults`, and of everything in `ajsync.yaml`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from heapq import heapify, heappop, heappush
from typing import Any

from ajsync.config.export import MEMBERS
from ajsync.config.layout import Item
from ajsync.config.schema import PROJECT_SCHEMA, SCHEDULES_SCHEMA, strict_schema

SCHEDULE_MEMBERS = ("for_each", *MEMBERS, "suspend", "payload", "payload_file", "payload_base64")
"""The members of a schedule in their order; those of `defaults` are among them."""
_MERGE = "<<"


@dataclass(frozen=True, slots=True)
class Order:
    """How the members of a mapping, and of the mappings in it, are ordered."""

    members: Mapping[str, int]
    """The place of each member; if empty, the members keep their order."""
    inner: Mapping[str, Order]
    """The order in a member."""
    each: Order | None
    """The order in every other member, or in each item of a list."""

    def within(self, name: str) -> Order | None:
        """The order in a member, or with "" in an item of a list."""
        return self.inner.get(name, self.each)

    def place(self, name: str) -> int:
        """The key that a member is sorted by. Members that can hold anchors come first, because aliases follow their
        anchor."""
        if name == _MERGE or name.startswith("x-"):
            return -1
        return self.members.get(name, len(self.members))


@cache
def project_order() -> Order:
    """The order of `ajsync.yaml`."""
    return _required(strict_schema(PROJECT_SCHEMA))


@cache
def schedules_order() -> Order:
    """The order of a schedules file."""
    return _required(strict_schema(SCHEDULES_SCHEMA))


def _required(schema: Mapping[str, Any]) -> Order:
    order = _order(schema)
    assert order is not None
    return order


def _order(schema: Any) -> Order | None:
    """The order that a schema gives; None if there is nothing to sort in such a value."""
    if not isinstance(schema, dict):
        return None
    names = [*schema.get("properties", ())]
    if "task_type" in names:
        known = {name: place for place, name in enumerate(SCHEDULE_MEMBERS)}
        names.sort(key=lambda name: known.get(name, len(known)))
    inner = {name: order for name in names if (order := _order(schema["properties"][name])) is not None}
    each = _order(schema.get("additionalProperties")) or _order(schema.get("items"))
    if not names and each is None:
        return None
    return Order({name: place for place, name in enumerate(names)}, inner, each)


def sorted_items(items: Sequence[Item], order: Order | None) -> list[int]:
    """The indexes of a mapping's members in their order; an alias stays behind its anchor."""
    if order is None or not order.members:
        return [*range(len(items))]
    places = [order.place(item.name) for item in items]
    aliases = [item.value.aliases | (item.key.aliases if item.key else frozenset()) for item in items]
    if not any(aliases):
        return sorted(range(len(items)), key=places.__getitem__)
    anchored: dict[str, int] = {}
    for index, item in enumerate(items):
        for anchor in (*item.value.anchors, *(item.key.anchors if item.key else ())):
            anchored[anchor] = index
    waits = [
        {anchored[name] for name in names if anchored.get(name, index) != index} for index, names in enumerate(aliases)
    ]
    ready = [(places[index], index) for index, before in enumerate(waits) if not before]
    heapify(ready)
    followers: dict[int, list[int]] = {}
    for index, before in enumerate(waits):
        for each in before:
            followers.setdefault(each, []).append(index)
    result = []
    while ready:
        _, index = heappop(ready)
        result.append(index)
        for follower in followers.get(index, ()):
            waits[follower].discard(index)
            if not waits[follower]:
                heappush(ready, (places[follower], follower))
    return result


def in_order(value: Any, order: Order | None) -> str:
    """A text that is equal for values that differ only in the order of members that this order sorts."""
    return json.dumps(_sorted(value, order))


def _sorted(value: Any, order: Order | None) -> Any:
    if order is None:
        return value
    if isinstance(value, list):
        return [_sorted(item, order.each) for item in value]
    if not isinstance(value, dict):
        return value
    names = sorted(value) if order.members else value
    return {name: _sorted(value[name], order.within(name)) for name in names}
