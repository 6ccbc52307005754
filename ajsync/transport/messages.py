"""Messages of a stream: the headers of one, and reading the last or the next one of a subject."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import REQUEST_SECONDS, Connection
from ajsync.transport.errors import JetStreamError, MessageNotFoundError, jetstream_error

Take = Callable[[str, int, int, bytes | None], None]
"""Takes a message: its subject, its sequence, when it was stored in nanoseconds since 1970, and its value, which is
None if the key is gone."""

_EXPIRED = "Nats-Marker-Reason"


def is_deletion(headers: Mapping[str, str] | None) -> bool:
    """Whether a message of a bucket says that its key is gone. A key without any message is gone, too.

    A client deletes or purges a key with `KV-Operation`. Where a value expired or its subject was purged, and the
    bucket keeps markers, the server writes one with `Nats-Marker-Reason`.
    """
    if headers is None:
        return False
    return headers.get("KV-Operation") in ("DEL", "PURGE") or bool(headers.get(_EXPIRED))


def parse_headers(block: bytes) -> dict[str, str]:
    """The headers of a message, from their bytes on the wire. If a name occurs twice the first one counts, as in
    nats.go."""
    headers: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name, value.strip())
    return headers


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The last message of a subject."""

    revision: int
    data: bytes
    header_block: bytes
    """The bytes of the headers on the wire; empty if there are none."""
    stored_at: int
    """When it was stored, in nanoseconds since 1970 by the server's clock."""
    subject: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; they are parsed only on demand, because for thousands of tasks there is none."""
        return parse_headers(self.header_block)

    @property
    def deleted(self) -> bool:
        """Whether it says that the key of a bucket is gone."""
        return is_deletion(self.headers)

    @property
    def expired(self) -> bool:
        """Whether the server removed the key, and no client deleted it."""
        return bool(self.headers.get(_EXPIRED))

    @property
    def value(self) -> bytes | None:
        """What the key of a bucket holds; None if it is gone."""
        return None if self.deleted else self.data


async def last_message(
    connection: Connection, stream: str, subject: str, *, timeout: float = REQUEST_SECONDS
) -> LastMessage | None:
    """The last message of `subject`, according to the stream's leader; None if there is none.

    If `subject` has wildcards, it is the last of all messages that match.
    """
    return await get_message(connection, stream, {"last_by_subj": subject}, timeout)


async def get_message(
    connection: Connection, stream: str, request: Mapping[str, object], timeout: float = REQUEST_SECONDS
) -> LastMessage | None:
    """The message that a request of STREAM.MSG.GET names, according to the stream's leader; None if there is none."""
    try:
        return _read(await connection.jetstream_request(f"STREAM.MSG.GET.{stream}", request, timeout=timeout))
    except MessageNotFoundError:
        return None


def read_message(api_subject: str, data: bytes) -> LastMessage | None:
    """The message in an answer to a question of STREAM.MSG.GET; None if there is none.

    Raises JetStreamError for any other answer.
    """
    try:
        answer = json.loads(data)
        if "error" not in answer:
            return _read(answer)
        error = jetstream_error(api_subject, answer["error"])
    except (ValueError, LookupError, TypeError, AttributeError):
        error = JetStreamError(api_subject, 0, 0, "the answer is not one of JetStream")
    if isinstance(error, MessageNotFoundError):
        return None
    raise error


def _read(answer: Mapping[str, Any]) -> LastMessage:
    message = answer["message"]
    return LastMessage(
        revision=message["seq"],
        data=base64.b64decode(message.get("data", "")),
        header_block=base64.b64decode(message.get("hdrs", "")),
        stored_at=parse_timestamp(message["time"]),
        subject=message["subject"],
    )
