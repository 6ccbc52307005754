"""Writes of single keys of the configuration bucket by compare-and-set, and the errors of refused ones."""

from __future__ import annotations

from ajsync.asyncjobs.bucket import ConfigurationBucket
from ajsync.errors import AjsyncError, InvalidError, NotPermittedError, UnreachableError
from ajsync.transport.publisher import Write
from ajsync.transport.window import Answer


def compare_and_set(bucket: ConfigurationBucket, key: str, revision: int, data: bytes | None) -> Write:
    """The message that puts `data`, or deletes the key if it is None, as long as the key is at `revision`."""
    headers = {"Nats-Expected-Last-Subject-Sequence": str(revision)}
    if data is None:
        return Write(bucket.subject(key), b"", {**headers, "KV-Operation": "DEL"})
    return Write(bucket.subject(key), data, headers)


def refusal(what: str, answer: Answer) -> AjsyncError:
    """The error for an answer that is neither a success nor a conflict."""
    if answer.denied:
        return NotPermittedError(f"{what}: the server does not permit it: {answer.error}")
    if answer.too_large:
        return InvalidError(f"{what}: {answer.error}; make its payload smaller")
    return UnreachableError(f"{what}: {answer.error}")
