"""Placeholders of other tools, such as `{{ stage }}`, `$stage` and `%{stage}`, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable

from ajsync.text import shorten

_NAME = r"\.?(?:[A-Za-z_][A-Za-z0-9_-]*\.)*([A-Za-z_][A-Za-z0-9_-]*)"
"""A name, perhaps after others with dots: `.Values.stage`, `vars.stage`. The last one counts."""
_BRACKETED = (
    rf"\$\{{\{{\s*{_NAME}\s*\}}\}}",
    rf"\{{\{{-?\s*\$?{_NAME}\s*(?:\|[^{{}}]*)?-?\}}\}}",
    rf"\$\{{\s*{_NAME}\s*(?::?[-?+=][^{{}}]*)?\}}",
    rf"\$\(\s*{_NAME}\s*\)",
    rf"[%#]\{{\s*{_NAME}\s*\}}",
    rf"<%=?\s*{_NAME}\s*%>",
    rf"%\({_NAME}\)s",
)
"""Forms that are hardly ever anything but placeholders."""
_FOREIGN = (
    *_BRACKETED,
    r"%([A-Za-z_][A-Za-z0-9_]*)%",
    r"@@([A-Za-z_][A-Za-z0-9_]*)@@",
    r"@([A-Za-z_][A-Za-z0-9_]*)@",
    r"<([A-Za-z_][A-Za-z0-9_]*)>",
    r"\$([A-Za-z_][A-Za-z0-9_]*)",
    r"\{([A-Za-z_][A-Za-z0-9_]*)\}",
)
# `re` compiles it when a text is looked at, because that takes milliseconds, and few files have such a text.
_ANY = "|".join(f"(?:{pattern})" for pattern in _FOREIGN)
_SURE = "|".join(f"(?:{pattern})" for pattern in _BRACKETED)
_OURS = re.compile(r"\$\{[A-Za-z0-9_-]+\}")
_LONGEST = 200
"""The most characters. A longer text is not searched."""
_MOST_SHOWN = 3
"""The most variables in one message."""


def with_our_placeholders(text: str) -> str:
    """The text with the placeholders of other tools replaced by ours."""
    if len(text) > _LONGEST:
        return text
    return re.sub(_ANY, lambda match: f"${{{next(filter(None, match.groups()))}}}", text)


def placeholder_hint(text: str, fits: Callable[[str], object] = lambda _: True) -> str:
    """What to write for a text with placeholders of another tool; "" if it has none.

    `fits` says whether a text would be valid; it is called with words instead of variables.
    """
    ours = with_our_placeholders(text)
    if ours == text:
        return ""
    alone = _OURS.fullmatch(ours)
    if not alone and not any(fits(_OURS.sub(word, ours)) for word in ("x", "1")):
        return ""
    return f"for a variable write {shorten(ours)}"


def bare_placeholder_hint(text: str) -> str:
    """What to write for placeholders of another tool in a text that may be secret; "" if it has none.

    The rest of the text is not shown. Neither is the name in `$stage`, `%stage%` and the like, which may be part of a
    password.
    """
    if with_our_placeholders(text) == text:
        return ""
    names = [next(filter(None, match.groups())) for match in re.finditer(_SURE, text)]
    variables = [shorten(f"${{{name}}}") for name in dict.fromkeys(names)]
    return f"for a variable write {' and '.join(variables[:_MOST_SHOWN]) or '${name}'}"
