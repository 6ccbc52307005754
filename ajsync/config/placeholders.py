"""The placeholders of other tools, `{{ stage }}`, `$stage`, `%{stage}` and the like, and what says the same here."""

from __future__ import annotations

import re
from collections.abc import Callable

from ajsync.schedule.quoting import shorten

_NAME = r"\.?(?:[A-Za-z_][A-Za-z0-9_-]*\.)*([A-Za-z_][A-Za-z0-9_-]*)"
"""A name, behind others and their dots: `.Values.stage`, `vars.stage`; the last one counts."""
_FOREIGN = (
    rf"\$\{{\{{\s*{_NAME}\s*\}}\}}",
    rf"\{{\{{-?\s*\$?{_NAME}\s*(?:\|[^{{}}]*)?-?\}}\}}",
    rf"\$\{{\s*{_NAME}\s*(?::?[-?+=][^{{}}]*)?\}}",
    rf"\$\(\s*{_NAME}\s*\)",
    rf"[%#]\{{\s*{_NAME}\s*\}}",
    rf"<%=?\s*{_NAME}\s*%>",
    rf"%\({_NAME}\)s",
    r"%([A-Za-z_][A-Za-z0-9_]*)%",
    r"@@([A-Za-z_][A-Za-z0-9_]*)@@",
    r"@([A-Za-z_][A-Za-z0-9_]*)@",
    r"<([A-Za-z_][A-Za-z0-9_]*)>",
    r"\$([A-Za-z_][A-Za-z0-9_]*)",
    r"\{([A-Za-z_][A-Za-z0-9_]*)\}",
)
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in _FOREIGN))
_OURS = re.compile(r"\$\{[A-Za-z0-9_-]+\}")
_LONGEST = 200
"""Characters; in a longer text nothing is looked for."""


def with_our_placeholders(text: str) -> str:
    """The text with its placeholders as they are written here; the text itself where it has none of others."""
    if len(text) > _LONGEST:
        return text
    return _ANY.sub(lambda match: f"${{{next(filter(None, match.groups()))}}}", text)


def placeholder_hint(text: str, fits: Callable[[str], object] = lambda _: True) -> str:
    """What to write for a text with placeholders of another tool; "" for one without.

    `fits` says whether a text would be valid; it is asked with words in the place of variables.
    """
    ours = with_our_placeholders(text)
    if ours == text:
        return ""
    alone = _OURS.fullmatch(ours)
    if not alone and not any(fits(_OURS.sub(word, ours)) for word in ("x", "1")):
        return ""
    return f"for a variable write {shorten(ours)}"
