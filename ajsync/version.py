"""The version of ajsync; everything else takes it from here."""

__version__ = "0.1.0"
