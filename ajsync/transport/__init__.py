"""NATS, and nothing of asyncjobs.

- Connecting: `context` (with `references`), `login`, `connection` (with `nats_client` and `failure`). - Asking:
`Connection.request` for one answer, `inbox` for many; `errors` has the errors of JetStream. - Writing: `frames` makes
messages, `window` keeps those that are under way, `publisher` sends many or one. - Reading: `messages` reads one,
`reading` reads a whole stream, or what is new in it, with a `tail` that reads on from a position, through a `walk` or
from the `leader`. A `watch` also reads with a tail, and then follows with a `consumer`, the only kind that ajsync
makes. Reads need no consumer (docs/decisions/0009-reads-without-consumers.md).
"""
