"""NATS, and nothing of asyncjobs.

- Connecting: `context` (with `references`), `login`, `connection` (with `nats_client` and `failure`).
- Asking: `Connection.request` for one answer, `inbox` for many; `errors` has what JetStream answers instead.
- Writing: `frames` makes messages, `window` keeps those that are under way, `publisher` sends many or one.
- Reading: `messages` reads one, `reading` reads a stream as a whole, or what is new in it, with a `tail` that reads on
  from a position, by `walk` or from the `leader`. A `watch` reads by a tail too, and then follows by a `consumer`, the
  only one that ajsync makes. Reads need no consumer (docs/decisions/0009-reads-without-consumers.md).
"""
