"""The streams of asyncjobs: what each is made with, how it is made where it is missing, and a subject's last message.

The configurations are those that the Go tool gives, recorded in tests/golden/streams.json.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.asyncjobs.connection import REQUEST_SECONDS, Connection, JetStreamError
from ajsync.asyncjobs.delivery import is_deletion, is_expiry, parse_headers
from ajsync.asyncjobs.names import (
    CONFIGURATION_BUCKET,
    CONFIGURATION_STREAM,
    ELECTIONS_BUCKET,
    ELECTIONS_STREAM,
    TASK_SUBJECT,
    TASKS_STREAM,
)
from ajsync.asyncjobs.timestamp import NANOSECONDS, parse_timestamp

STREAM_NOT_FOUND = 10059
"""JetStream's error code."""
_STREAM_NAME_IN_USE = 10058
MESSAGE_NOT_FOUND = 10037
_TWO_MINUTES = 120 * NANOSECONDS
_TEN_SECONDS = 10 * NANOSECONDS


def stream_configuration(stream: str, *, replicas: int = 1, memory: bool = False) -> dict[str, Any]:
    """The configuration that asyncjobs gives to one of its three streams."""
    return {
        "retention": "limits",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msgs_per_subject": 1,
        "max_msg_size": -1,
        "storage": "memory" if memory else "file",
        "num_replicas": replicas,
        **_OWN[stream],
        "name": stream,
    }


def _bucket(bucket: str, description: str, ttl: int) -> dict[str, Any]:
    return {
        "description": description,
        "subjects": [f"$KV.{bucket}.>"],
        "discard": "new",
        "max_age": ttl,
        "duplicate_window": min(ttl, _TWO_MINUTES) or _TWO_MINUTES,
        "allow_direct": True,
        "deny_delete": True,
        "allow_rollup_hdrs": True,
    }


_OWN: dict[str, dict[str, Any]] = {
    CONFIGURATION_STREAM: _bucket(CONFIGURATION_BUCKET, "Choria Async Jobs Configuration", 0),
    ELECTIONS_STREAM: _bucket(ELECTIONS_BUCKET, "Choria Async Jobs Leader Elections", _TEN_SECONDS),
    TASKS_STREAM: {
        "description": "Choria Async Jobs Tasks",
        "subjects": [f"{TASK_SUBJECT}*"],
        "discard": "old",
        "max_age": 0,
        "duplicate_window": _TWO_MINUTES,
    },
}


async def make_stream(connection: Connection, stream: str, *, replicas: int = 1, memory: bool = False) -> bool:
    """Make one of the three streams if it is missing; True if it was made now."""
    try:
        await connection.jetstream_request(f"STREAM.INFO.{stream}")
        return False
    except JetStreamError as error:
        if error.err_code != STREAM_NOT_FOUND:
            raise
    try:
        config = stream_configuration(stream, replicas=replicas, memory=memory)
        await connection.jetstream_request(f"STREAM.CREATE.{stream}", config)
    except JetStreamError as error:
        if error.err_code != _STREAM_NAME_IN_USE:  # somebody else was faster: that one will do
            raise
        return False
    return True


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The last message of a subject."""

    revision: int
    data: bytes
    headers: Mapping[str, str]
    stored_at: int
    """Nanoseconds since 1970, by the server's clock."""
    subject: str = ""

    @property
    def deleted(self) -> bool:
        """Whether it says that the key of a bucket is gone."""
        return is_deletion(self.headers)

    @property
    def expired(self) -> bool:
        """Whether that is the server's word, and no client has deleted the key."""
        return is_expiry(self.headers)


async def last_message(
    connection: Connection, stream: str, subject: str, *, timeout: float = REQUEST_SECONDS
) -> LastMessage | None:
    """The last message of `subject` by the word of the stream's leader; None where there is none.

    Of all subjects that match, where `subject` has wildcards.
    """
    return await _message(connection, stream, {"last_by_subj": subject}, timeout)


async def next_message(
    connection: Connection, stream: str, subject: str, after: int, *, timeout: float = REQUEST_SECONDS
) -> LastMessage | None:
    """The first message beyond a sequence that matches `subject`, by the word of the stream's leader; None if none."""
    return await _message(connection, stream, {"seq": after + 1, "next_by_subj": subject}, timeout)


async def _message(
    connection: Connection, stream: str, request: Mapping[str, object], timeout: float
) -> LastMessage | None:
    try:
        return read_message(await connection.jetstream_request(f"STREAM.MSG.GET.{stream}", request, timeout=timeout))
    except JetStreamError as error:
        if error.err_code == MESSAGE_NOT_FOUND:
            return None
        raise


def read_message(reply: Mapping[str, Any]) -> LastMessage:
    """The message that an answer of STREAM.MSG.GET holds."""
    message = reply["message"]
    return LastMessage(
        revision=message["seq"],
        data=base64.b64decode(message.get("data", "")),
        headers=parse_headers(base64.b64decode(message.get("hdrs", ""))),
        stored_at=parse_timestamp(message["time"]),
        subject=message["subject"],
    )


async def takes(connection: Connection, subject: str, *, timeout: float) -> bool:
    """Whether any stream is to store what is published to `subject`; it may have no leader just now."""
    reply = await connection.jetstream_request("STREAM.NAMES", {"subject": subject}, timeout=timeout)
    return bool(reply.get("streams"))
