"""Configuration: the desired schedules from YAML files, each one checked and with its place in a file."""

from __future__ import annotations

from ajsync.config.load import (
    Configuration,
    list_files,
    load_configuration,
    load_context,
    load_owner,
    load_timezone,
)
from ajsync.config.schema import schema_file

__all__ = [
    "Configuration",
    "list_files",
    "load_configuration",
    "load_context",
    "load_owner",
    "load_timezone",
    "schema_file",
]
