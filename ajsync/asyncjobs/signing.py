"""Signatures of tasks: Ed25519 over the properties that a worker acts on, so that it can refuse tasks of strangers."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from ajsync.asyncjobs.tasks import StoredTask
from ajsync.errors import InvalidError
from ajsync.files import read_regular
from ajsync.transport.references import looks_secret

# PyNaCl comes with nats-py[nkeys]; whoever does not sign need not wait for it to load.
if TYPE_CHECKING:
    from nacl.signing import SigningKey

_KEY_BYTES = 32


class Signer:
    """Signs tasks with one Ed25519 key."""

    def __init__(self, seed: bytes) -> None:
        """Take the seed of a key, 32 bytes. Raises InvalidError for any other length."""
        from nacl.signing import SigningKey

        if len(seed) != _KEY_BYTES:
            raise InvalidError(f"A seed of {_KEY_BYTES} bytes is needed to sign, not one of {len(seed)}.")
        self._key: SigningKey = SigningKey(seed)

    def sign(self, task: StoredTask) -> str:
        """The signature for the task's member `signature`, in hex."""
        return self._key.sign(_message(task)).signature.hex()


def load_signer(path: Path) -> Signer:
    """Read a seed file as `ajc` does: 32 bytes in hex. White space around them is ignored.

    Raises InvalidError, never with any of the content in its text.
    """
    if looks_secret(str(path)) and not path.exists():
        raise InvalidError("The signing seed is not the path of a file, but looks like a seed: write it to a file.")
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


def verify(task: StoredTask, public_hex: str) -> bool:
    """Whether the task's signature is one of the key whose public half this is, in hex.

    Raises InvalidError for what is not a public key.
    """
    from nacl.exceptions import BadSignatureError
    from nacl.signing import VerifyKey

    try:
        public = binascii.unhexlify(public_hex)
    except ValueError:
        public = b""
    if len(public) != _KEY_BYTES:
        raise InvalidError(f"{public_hex!r} is not a public key, {_KEY_BYTES} bytes in hex.")
    try:
        VerifyKey(public).verify(_message(task), binascii.unhexlify(task.signature))
    except (BadSignatureError, ValueError):  # ValueError: not hex, or not as long as a signature
        return False
    return True


def _message(task: StoredTask) -> bytes:
    # A colon in the type makes the parts ambiguous, as Go has them.
    payload = base64.b64encode(task.payload or b"").decode()
    return (f"{task.id}:{task.queue}:{task.type}:{task.max_tries}:{task.created}:{task.deadline}:{payload}").encode()
