"""Messages of a stream: what one says beside its value, and the last or the next one of a subject, read one by one."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ajsync.timestamp import parse_timestamp
from ajsync.transport.connection import REQUEST_SECONDS, Connection
from ajsync.transport.errors import MessageNotFoundError


def delivery(reply: str) -> tuple[int, int, int, int]:
    """What the reply subject of a message says: stream sequence, consumer sequence, time stored, messages to come.

    It is `$JS.ACK.STREAM.CONSUMER.DELIVERED.` and these, or, where the server names the domain and the account,
    `$JS.ACK.DOMAIN.ACCOUNT.STREAM.CONSUMER.DELIVERED.`, these, and maybe a random token.
    """
    tokens = reply.split(".")
    first = 5 if len(tokens) == 9 else 7
    revision, sequence, stored_at, pending = map(int, tokens[first : first + 4])
    return revision, sequence, stored_at, pending


def is_deletion(headers: Mapping[str, str] | None) -> bool:
    """Whether the message of a bucket says that its key is gone: the one definition of that, beside no message at all.

    A client deletes or purges a key with `KV-Operation`. Where a value expired, or its subject was purged, and the
    bucket keeps markers, the server itself says why with `Nats-Marker-Reason`.
    """
    if headers is None:
        return False
    return headers.get("KV-Operation") in ("DEL", "PURGE") or is_expiry(headers)


def is_expiry(headers: Mapping[str, str]) -> bool:
    """Whether it is the server, and no client, who says that the key is gone."""
    return bool(headers.get("Nats-Marker-Reason"))


def parse_headers(block: bytes) -> dict[str, str]:
    """The headers of a message as it goes over the wire; of one that is there twice the first, as nats.go has it."""
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
    except MessageNotFoundError:
        return None


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
