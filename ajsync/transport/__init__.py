"""NATS, and nothing of asyncjobs.

- Connecting: `context` (with `references`), `login`, `connection` (with `nats_client` and `failure`).
- Asking: `Connection.request` for one answer, `asking` for many; `errors` has what JetStream answers instead.
- Writing: `frames` makes messages, `window` keeps those that are under way, `publisher` sends many or one.
- Reading: `messages` reads one, `tail` reads a stream on from a position, by `walk` or from the `leader`. `reading` and
  `watch` both read by a tail; a watch then follows by a `consumer`, the only one that ajsync makes. Reads need no
  consumer (docs/decisions/0009-reads-without-consumers.md).
"""
