"""The record of applies in the bucket: what is written is read, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.applied import (
    ACTIONS,
    MOST_ACTION_NAMES,
    MOST_ACTIONS,
    MOST_APPLIES,
    MOST_NAMES,
    VERBS,
    Commit,
    RecordedAction,
    RecordedApply,
    decode_actions,
    decode_record,
    encode_record,
    record_key,
    with_apply,
)
from ajsync.errors import StoredValueError
from tests.tasks import INT64, TEXTS

IDS = st.text("0123456789abcdef", min_size=40, max_size=40)
COMMITS = st.builds(Commit, id=IDS, time=st.integers(0, INT64), ref=TEXTS, dirty=st.booleans())
APPLIES = st.builds(
    RecordedApply,
    at=st.integers(0, INT64),
    by=TEXTS,
    commit=st.none() | COMMITS,
    environment=TEXTS,
    version=TEXTS,
    digest=TEXTS,
    counts=st.dictionaries(st.sampled_from(VERBS), st.integers(1, 10_000)),
    names=st.lists(TEXTS, max_size=MOST_NAMES).map(tuple),
)


RECORDED = st.builds(
    RecordedAction,
    at=st.integers(0, INT64),
    by=TEXTS,
    action=st.sampled_from(ACTIONS),
    count=st.integers(0, 10_000),
    names=st.lists(TEXTS, max_size=MOST_ACTION_NAMES).map(tuple),
    reason=TEXTS,
    until=st.integers(0, INT64),
    tasks=st.integers(0, 10_000),
    version=TEXTS,
)


def test_the_key_names_the_owner() -> None:
    assert record_key("team") == "ajsync.applied.team"


@given(st.lists(APPLIES, max_size=MOST_APPLIES).map(tuple))
def test_a_record_survives_being_stored(applies: tuple[RecordedApply, ...]) -> None:
    assert decode_record(encode_record(applies)) == applies


@given(st.lists(APPLIES, max_size=3).map(tuple), st.lists(RECORDED, max_size=MOST_ACTIONS).map(tuple))
def test_actions_survive_being_stored_beside_applies(
    applies: tuple[RecordedApply, ...], actions: tuple[RecordedAction, ...]
) -> None:
    data = encode_record(applies, actions)
    assert (decode_record(data), decode_actions(data)) == (applies, actions)


@given(st.lists(APPLIES, max_size=MOST_APPLIES + 5))
def test_the_newest_applies_are_kept(applies: list[RecordedApply]) -> None:
    record: tuple[RecordedApply, ...] = ()
    for each in applies:
        record = with_apply(record, each)
    assert record == tuple(reversed(applies))[:MOST_APPLIES]


def test_a_record_stays_small_whatever_is_in_it() -> None:
    long = "\x07é" * 100_000
    commit = Commit("a" * 64, INT64, long, dirty=True)
    counts: dict[str, int] = dict.fromkeys(VERBS, 1)
    apply = RecordedApply(INT64, long, commit, long, long, long, counts, (long,) * 1000)
    action = RecordedAction(INT64, long, "pause", 1, (long,) * 1000, long, INT64, 1, long)
    data = encode_record((apply,) * MOST_APPLIES, (action,) * MOST_ACTIONS)
    assert len(data) < 1_000_000
    assert decode_actions(data)[0].reason == long[:255]
    (first, *_) = decode_record(data)
    assert len(first.names) == MOST_NAMES
    assert first.by == long[:255]


def test_what_is_not_known_is_left_out() -> None:
    (value,) = json.loads(encode_record((RecordedApply(0, "me"),)))["applies"]
    assert value == {"at": "1970-01-01T00:00:00Z", "by": "me", "counts": {}, "names": []}


VALID: dict[str, Any] = {"at": "2026-11-24T05:47:30Z", "by": "me", "counts": {"create": 1}, "names": ["A"]}
ID = "a" * 40
NO_COUNTS: list[Any] = [[], {"create": -1}, {"create": True}, {"burn": 1}, {"create": "1"}]


def test_members_that_are_not_known_are_ignored() -> None:
    value = {"format": 1, "applies": [VALID | {"later": 1}], "more": 2}
    (found,) = decode_record(json.dumps(value).encode())
    assert replace(found, at=0) == RecordedApply(0, "me", counts={"create": 1}, names=("A",))


@pytest.mark.parametrize(
    "apply",
    [
        *(None, [], "x", {}),
        *(VALID | {"at": at} for at in (1, "yesterday", None)),
        *(VALID | {"by": by} for by in (1, None, ["me"])),
        *(VALID | {"counts": counts} for counts in NO_COUNTS),
        *(VALID | {"names": names} for names in ("A", [1], {"A": 1})),
        *(VALID | {"commit": commit} for commit in (1, "main", "--help", ID[1:], ID + "\n", "A" * 40)),
        VALID | {"commit": ID, "dirty": 1},
        VALID | {"commit": ID, "ref": 1},
        VALID | {"commit": ID, "committed_at": "soon"},
    ],
    ids=str,
)
def test_what_no_apply_has_written_is_refused(apply: Any) -> None:
    with pytest.raises(StoredValueError):
        decode_record(json.dumps({"format": 1, "applies": [apply]}).encode())


ACTION: dict[str, Any] = {"at": "2026-11-24T05:47:30Z", "by": "me", "action": "pause", "count": 1, "names": ["A"]}


@pytest.mark.parametrize(
    "action",
    [
        *(None, [], "x", {}),
        *(ACTION | {"at": at} for at in (1, "yesterday", None)),
        *(ACTION | {"action": action} for action in ("burn", 1, None)),
        *(ACTION | {"count": count} for count in (-1, "1", None, True)),
        *(ACTION | {"names": names} for names in ("A", [1])),
        *(ACTION | {"until": "soon"}, ACTION | {"tasks": -1}, ACTION | {"reason": 1}),
    ],
    ids=str,
)
def test_what_no_action_has_written_is_refused(action: Any) -> None:
    with pytest.raises(StoredValueError):
        decode_actions(json.dumps({"format": 1, "applies": [], "actions": [action]}).encode())


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b'{"format":1}', b'{"format":1,"applies":{}}', b"\xff"])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(StoredValueError):
        decode_record(data)


def test_a_record_of_a_later_version_is_left_to_it() -> None:
    with pytest.raises(StoredValueError, match="its format is 2, and this ajsync knows 1"):
        decode_record(b'{"format":2,"applies":[]}')
