"""The Python API: what a program of one's own does with schedules and tasks. Its names are those of `ajsync` itself."""
