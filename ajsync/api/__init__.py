"""The Python API for programs that work with schedules and tasks; the package `ajsync` exports its names."""
