"""Configuration: reads the desired schedules from YAML files, checks them, and keeps the place of each in its file."""

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
