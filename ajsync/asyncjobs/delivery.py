"""What a message that a consumer delivers says beside its value: where it stands in the stream, and what is to come."""

from __future__ import annotations

from collections.abc import Mapping


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
    """Whether the message of a bucket is a marker that its key was deleted or purged."""
    return headers is not None and headers.get("KV-Operation") in ("DEL", "PURGE")
