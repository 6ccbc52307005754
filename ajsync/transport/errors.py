"""The errors that JetStream answers: one class for each kind that a caller catches.

Their codes are those of nats-server's `server/errors.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ajsync.errors import UnreachableError

NOT_ENABLED = frozenset({10039, 10076})
"""JetStream is not enabled, for the account or for the whole server."""
WRONG_SEQUENCE = frozenset({10071, 10164})
"""The last message of the subject is not at the sequence that the message expects; one names the sequence it is at."""
UNAVAILABLE = 503
"""The `code` of an error while JetStream has no leader."""


class NoRespondersError(UnreachableError):
    """No service and no stream takes the subject."""


_KINDS: dict[int, type[JetStreamError]] = {}


class JetStreamError(UnreachableError):
    """JetStream refused a request. A subclass names the code for which it is raised."""

    def __init_subclass__(cls, err_code: int) -> None:
        _KINDS[err_code] = cls

    def __init__(self, subject: str, code: int, err_code: int, description: str) -> None:
        super().__init__(f"JetStream refused {subject}: {description} (error {err_code}).")
        self.code = code
        """As in HTTP: 404 for what is not there."""
        self.err_code = err_code
        """One of the server's codes; 0 if the answer did not come from JetStream."""
        self.description = description


class ConsumerNotFoundError(JetStreamError, err_code=10014):
    """There is no such consumer."""


class TooManyConsumersError(JetStreamError, err_code=10026):
    """The stream has as many consumers as it may have."""


class MessageNotFoundError(JetStreamError, err_code=10037):
    """The stream has no such message."""


class MessageTooLargeError(JetStreamError, err_code=10054):
    """The stream takes no message of this size."""


class StreamExistsError(JetStreamError, err_code=10058):
    """There is another stream of that name."""


class StreamNotFoundError(JetStreamError, err_code=10059):
    """There is no such stream."""


class SubjectsTakenError(JetStreamError, err_code=10065):
    """Another stream takes some of the subjects that a stream was to have."""


class NoClusterError(JetStreamError, err_code=10074):
    """The server is in no cluster, and a stream was to have replicas."""


def jetstream_error(subject: str, error: Mapping[str, Any]) -> JetStreamError:
    """The error for the member `error` of an answer to `subject`."""
    err_code = error.get("err_code", 0)
    kind = _KINDS.get(err_code, JetStreamError)
    return kind(subject, error.get("code", 0), err_code, error.get("description", ""))
