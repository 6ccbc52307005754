"""Logs on standard error, for people or for machines."""

from __future__ import annotations

import json
import logging
import sys
from copy import copy
from datetime import UTC, datetime

from ajsync.cli.output.terminal import verbosity
from ajsync.text import cut, escape

_ASKED_FOR = (
    "ajsync.asyncjobs.bucket",
    "ajsync.transport.connection",
    "ajsync.cli.project",
    "ajsync.reconcile.apply.apply",
)
"""The loggers of single steps of a command; a command that keeps running would repeat their lines forever."""

_LONGEST_LINE, _LONGEST_MEMBER = 4000, 1000
"""The most characters; values are cut when they are logged, and this is a second safeguard."""
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class _TextFormatter(logging.Formatter):
    """Escapes what a message quotes, so that it can neither control a terminal nor pass for a line of ours."""

    def format(self, record: logging.LogRecord) -> str:
        quoting = copy(record)
        if isinstance(record.args, tuple):
            quoting.args = tuple(escape(each) if isinstance(each, str) else each for each in record.args)
        return super().format(quoting)

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = "\n".join(map(escape, cut(record.message, _LONGEST_LINE).split("\n")))
        return super().formatMessage(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "msg": cut(record.getMessage(), _LONGEST_LINE),
        }
        line |= {name: _cut(value) for name, value in vars(record).items() if name not in _STANDARD}  # `extra=`
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        text = json.dumps(line, ensure_ascii=False, default=str)
        return text if text.isprintable() else json.dumps(line, default=str)


def _cut(value: object) -> object:
    return cut(value, _LONGEST_MEMBER) if isinstance(value, str) else value


def start_logging(style: str = "text") -> None:
    """Log to standard error as --quiet, --verbose and --debug say, by default at the level INFO.

    `style` is `text` or `json`.
    """
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(_TextFormatter("%(levelname)s[%(asctime)s] %(message)s", "%H:%M:%S"))
    level = logging.DEBUG if verbosity.debug else logging.ERROR if verbosity.quiet else logging.INFO
    # `force`, because --verbose has started logging before the command could choose the style.
    logging.basicConfig(level=level, handlers=[handler], force=True)
    handler.setLevel(level)
    for name in ("asyncio", "watchfiles"):  # these two log which selector is used, and every change of a file
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _ASKED_FOR:
        logging.getLogger(name).setLevel(logging.NOTSET if verbosity.verbose or verbosity.debug else logging.WARNING)
