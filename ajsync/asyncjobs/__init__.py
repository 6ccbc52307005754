"""The wire contract: what asyncjobs stores and publishes, and what ajsync adds (docs/reference/wire.md)."""
