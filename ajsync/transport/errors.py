"""The errors that JetStream answers, by the server's own error codes: one class for each kind that a caller catches.

UnreachableError
├── NoRespondersError             no service and no stream takes the subject
└── JetStreamError                JetStream refused the request
    ├── ConsumerNotFoundError
    ├── MessageNotFoundError
    ├── MessageTooLargeError      the stream takes none of this size
    ├── NoClusterError            there is no cluster for more than one replica
    ├── StreamExistsError
    ├── StreamNotFoundError
    └── TooManyConsumersError
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from ajsync.errors import UnreachableError


class ErrorCode(IntEnum):
    """The codes that ajsync tells apart, of those in nats-server's `server/errors.json`."""

    CONSUMER_NOT_FOUND = 10014
    TOO_MANY_CONSUMERS = 10026
    MESSAGE_NOT_FOUND = 10037
    NOT_ENABLED_FOR_ACCOUNT = 10039
    MESSAGE_TOO_LARGE = 10054
    STREAM_NAME_IN_USE = 10058
    STREAM_NOT_FOUND = 10059
    WRONG_LAST_SEQUENCE = 10071
    """The last message of the subject is not at the sequence that the message expects."""
    NO_CLUSTER = 10074
    NOT_ENABLED = 10076
    WRONG_LAST_SEQUENCE_CONSTANT = 10164
    """The same, where the server does not say which sequence it is at."""


NOT_ENABLED = frozenset({ErrorCode.NOT_ENABLED_FOR_ACCOUNT, ErrorCode.NOT_ENABLED})
WRONG_SEQUENCE = frozenset({ErrorCode.WRONG_LAST_SEQUENCE, ErrorCode.WRONG_LAST_SEQUENCE_CONSTANT})
UNAVAILABLE = 503
"""The `code` of an error while JetStream has no leader."""


class NoRespondersError(UnreachableError):
    """No service and no stream takes the subject."""


class JetStreamError(UnreachableError):
    """JetStream refused a request."""

    def __init__(self, subject: str, code: int, err_code: int, description: str) -> None:
        super().__init__(f"JetStream refused {subject}: {description} (error {err_code}).")
        self.code = code
        """As in HTTP: 404 for what is not there."""
        self.err_code = err_code
        """An `ErrorCode` or another one of the server's codes; 0 if the answer did not come from JetStream."""
        self.description = description


class ConsumerNotFoundError(JetStreamError):
    """There is no such consumer."""


class MessageNotFoundError(JetStreamError):
    """The stream has no such message."""


class MessageTooLargeError(JetStreamError):
    """The stream takes no message of this size."""


class NoClusterError(JetStreamError):
    """The server is in no cluster, and a stream was to have replicas."""


class StreamExistsError(JetStreamError):
    """There is another stream of that name."""


class StreamNotFoundError(JetStreamError):
    """There is no such stream."""


class TooManyConsumersError(JetStreamError):
    """The stream has as many consumers as it may have."""


_KINDS: dict[int, type[JetStreamError]] = {
    ErrorCode.CONSUMER_NOT_FOUND: ConsumerNotFoundError,
    ErrorCode.TOO_MANY_CONSUMERS: TooManyConsumersError,
    ErrorCode.MESSAGE_NOT_FOUND: MessageNotFoundError,
    ErrorCode.MESSAGE_TOO_LARGE: MessageTooLargeError,
    ErrorCode.STREAM_NAME_IN_USE: StreamExistsError,
    ErrorCode.STREAM_NOT_FOUND: StreamNotFoundError,
    ErrorCode.NO_CLUSTER: NoClusterError,
}


def jetstream_error(subject: str, error: Mapping[str, Any]) -> JetStreamError:
    """The error for the member `error` of an answer to `subject`."""
    err_code = error.get("err_code", 0)
    kind = _KINDS.get(err_code, JetStreamError)
    return kind(subject, error.get("code", 0), err_code, error.get("description", ""))
