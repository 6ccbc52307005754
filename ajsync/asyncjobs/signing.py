"""Signatures of tasks: Ed25519 over the properties that a worker acts on (docs/reference/wire.md, "Signatures")."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from ajsync.asyncjobs.tasks import StoredTask
from ajsync.errors import InvalidError
from ajsync.files import read_regular
from ajsync.transport.references import looks_secret

# PyNaCl, which comes with nats-py[nkeys], is loaded only for signing.
if TYPE_CHECKING:
    from nacl.signing import SigningKey

_KEY_BYTES = 32


class Signer:
    """Signs tasks with one Ed25519 key."""

    def __init__(self, seed: bytes) -> None:
        """`seed` has 32 bytes. Raises InvalidError for any other length."""
        from nacl.signing import SigningKey

        if len(seed) != _KEY_BYTES:
            raise InvalidError(f"A seed for signing must have {_KEY_BYTES} bytes; this one has {len(seed)}.")
        self._key: SigningKey = SigningKey(seed)

    def sign(self, task: StoredTask) -> str:
        """The value of the task's member `signature`, in hex."""
        payload = base64.b64encode(task.payload or b"").decode()
        # A colon in the type makes this ambiguous, but this is what Go signs.
        acted_on = (task.id, task.queue, task.type, task.max_tries, task.created, task.deadline, payload)
        return self._key.sign(":".join(map(str, acted_on)).encode()).signature.hex()


def load_signer(path: Path) -> Signer:
    """Read a seed file as `ajc` does: 32 bytes in hex, with any white space around them.

    Raises InvalidError, whose text never holds any of the content.
    """
    if looks_secret(str(path)) and not path.exists():
        raise InvalidError("The signing seed must be the path of a file. This looks like a seed: write it to a file.")
    try:
        content = read_regular(path, pipe=True).strip()
    except OSError as error:
        raise InvalidError(f"The signing seed {path} cannot be read: {error.strerror}.") from None
    try:
        seed = binascii.unhexlify(content)
    except ValueError:
        seed = b""
    if len(seed) != _KEY_BYTES:
        what = f"{len(seed)} bytes in hex" if seed else "nothing" if not content else "something that is not hex"
        raise InvalidError(f"The signing seed {path} must hold {_KEY_BYTES} bytes in hex; it holds {what}.")
    return Signer(seed)
