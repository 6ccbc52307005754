"""Messages as they were published, and a list of them that fills while a test runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nats.aio.client import Client
from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was published."""

    subject: str
    headers: Mapping[str, str]
    data: str

    @classmethod
    def of(cls, msg: Msg) -> Message:
        """The message that a subscription got."""
        return cls(msg.subject, dict(msg.headers or {}), msg.data.decode())


async def hear(client: Client, *subjects: str) -> list[Message]:
    """Return a list to which every message on these subjects is added from now on."""
    heard: list[Message] = []

    async def take(msg: Msg) -> None:
        heard.append(Message.of(msg))

    for subject in subjects:
        await client.subscribe(subject, cb=take)
    await client.flush()
    return heard
