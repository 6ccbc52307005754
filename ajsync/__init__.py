"""ajsync keeps the schedules of Choria Asynchronous Jobs as code: YAML files, a plan, and an apply."""

__version__ = "0.1.0"
