"""The embedded server of `ajsync dev`."""

CONTEXT_NAME = "ajsync-dev"
"""The NATS context that `ajsync dev` writes, unless another is named; it is there while the server runs."""
