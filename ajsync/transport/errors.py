"""The errors with which JetStream answers: a class for each kind that callers catch.

Their codes are those of nats-server's `server/errors.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ajsync.errors import UnreachableError

NOT_ENABLED = frozenset({10039, 10076})
"""JetStream is not enabled, for the account or for the whole server."""
WRONG_SEQUENCE = frozenset({10071, 10164})
"""The last message of the subject is not at the expected sequence; one of the two codes names the actual sequence."""
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
        """A code as in HTTP: 404 for something that does not exist."""
        self.err_code = err_code
        """One of the server's codes; 0 if the answer did not come from JetStream."""
        self.description = description


class ConsumerNotFoundError(JetStreamError, err_code=10014):
    """There is no such consumer."""


class TooManyConsumersError(JetStreamError, err_code=10026):
    """The stream already has as many consumers as it may have."""


class MessageNotFoundError(JetStreamError, err_code=10037):
    """The stream has no such message."""


class MessageTooLargeError(JetStreamError, err_code=10054):
    """The stream takes no message of this size."""


class StreamExistsError(JetStreamError, err_code=10058):
    """There is another stream of that name."""


class StreamNotFoundError(JetStreamError, err_code=10059):
    """There is no such stream."""


class SubjectsTakenError(JetStreamError, err_code=10065):
    """Another stream takes some of the subjects that a new stream should have."""


class NoClusterError(JetStreamError, err_code=10074):
    """A stream should have replicas, but the server is in no cluster."""


def jetstream_error(subject: str, error: Mapping[str, Any]) -> JetStreamError:
    """The error for the member `error` of an answer to `subject`."""
    err_code = error.get("err_code", 0)
    kind = _KINDS.get(err_code, JetStreamError)
    return kind(subject, error.get("code", 0), err_code, error.get("description", ""))
