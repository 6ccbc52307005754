"""What a message says beside its value: where it stands in the stream, what is to come, and whether its key is gone."""

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
