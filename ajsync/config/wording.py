"""Values and names in messages: their kind, how they are shown, and what was probably meant."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from ajsync.text import nearest, quote, shorten

_KINDS: dict[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "empty",
}
_KINDS_OF_SCHEMA = {
    "string": "a string",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def kind(value: object) -> str:
    """The kind of a value in YAML, with its article."""
    return _KINDS[type(value)]


def kind_of_schema(types: str | Iterable[str]) -> str:
    """The `type` of a JSON Schema, with its article."""
    return choice([_KINDS_OF_SCHEMA[name] for name in ([types] if isinstance(types, str) else types)])


def shown(value: object) -> str:
    """A value in a few characters: strings in double quotes, collections only by their kind."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict | list):
        return kind(value)
    return shorten(json.dumps(value))


def flow(value: object) -> str:
    """A value as YAML writes it on one line."""
    return json.dumps(value, ensure_ascii=False)


def choice(words: Iterable[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


_ALSO_CALLED = {
    "schedule": ("cron", "cronexpression", "cronschedule", "when", "interval", "every", "spec", "oncalendar", "at"),
    "timezone": ("tz", "zone", "timezonename", "location", "crontz"),
    "task_type": ("type", "task", "job", "jobtype", "name", "command", "handler"),
    "queue": ("queuename", "topic", "stream"),
    "deadline": ("timeout", "ttl", "expires", "expiry", "startingdeadlineseconds", "maxage"),
    "max_tries": ("tries", "retries", "maxretries", "attempts", "maxattempts", "backofflimit"),
    "payload": ("args", "arguments", "data", "body", "input", "params", "parameters", "kwargs"),
    "payload_file": ("file", "payloadpath"),
    "description": ("comment", "summary", "doc", "note", "notes"),
    "overlap": ("concurrency", "concurrencypolicy", "allowoverlap"),
    "jitter": ("splay", "randomdelay", "randomizeddelaysec"),
    "labels": ("label", "tags", "tag", "metadata", "annotations"),
    "catchup": ("misfire", "misfirepolicy", "backfill"),
    "from": ("start", "starts", "startdate", "starttime", "startat", "since", "notbefore", "validfrom"),
    "until": ("end", "ends", "enddate", "endtime", "endat", "to", "notafter", "validuntil"),
    "except": ("exclude", "excluded", "exclusions", "excludecalendar", "exceptions", "exdate", "holidays", "blackout"),
    "suspend": ("suspended", "disabled", "paused", "pause"),
    "for_each": ("foreach", "matrix", "strategy", "loop", "withitems", "each", "combinations"),
    "schedules": ("schedule", "jobs", "crons", "tasks", "cronjobs", "entries"),
    "calendars": ("calendar", "holidays"),
    "environments": ("envs", "environment", "stages"),
    "variables": ("vars", "env", "values"),
    "files": ("include", "includes", "paths", "file"),
    "match": ("path", "pattern", "glob", "file"),
}
"""Names of members in other systems, in lower case and without `_` and `-`."""


def suggestion(word: str, known: Collection[str]) -> str:
    """A suggestion for an unknown word: what was probably meant, or all known words."""
    plain = word.lower().replace("_", "").replace("-", "")
    if plain in ("enabled", "active") and "suspend" in known:
        return 'write "suspend", which means the opposite'
    for name, others in _ALSO_CALLED.items():
        if name in known and (plain in others or plain == name.replace("_", "")):
            return f"did you mean {quote(name)}?"
    meant = nearest(word, known)
    return f"did you mean {quote(meant)}?" if meant else f"known are {', '.join(sorted(known))}"
