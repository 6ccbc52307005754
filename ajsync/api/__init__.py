"""The Python API for programs that work with schedules and tasks. The package `ajsync` exports its names."""
