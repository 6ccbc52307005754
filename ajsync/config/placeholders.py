"""The placeholders of other tools, `{{ stage }}`, `$stage`, `%{stage}` and the like, and what says the same here."""

from __future__ import annotations

import re
from collections.abc import Callable

from ajsync.text import shorten

_NAME = r"\.?(?:[A-Za-z_][A-Za-z0-9_-]*\.)*([A-Za-z_][A-Za-z0-9_-]*)"
"""A name, behind others and their dots: `.Values.stage`, `vars.stage`; the last one counts."""
_BRACKETED = (
    rf"\$\{{\{{\s*{_NAME}\s*\}}\}}",
    rf"\{{\{{-?\s*\$?{_NAME}\s*(?:\|[^{{}}]*)?-?\}}\}}",
    rf"\$\{{\s*{_NAME}\s*(?::?[-?+=][^{{}}]*)?\}}",
    rf"\$\(\s*{_NAME}\s*\)",
    rf"[%#]\{{\s*{_NAME}\s*\}}",
    rf"<%=?\s*{_NAME}\s*%>",
    rf"%\({_NAME}\)s",
)
"""Those that are hardly anything else."""
_FOREIGN = (
    *_BRACKETED,
    r"%([A-Za-z_][A-Za-z0-9_]*)%",
    r"@@([A-Za-z_][A-Za-z0-9_]*)@@",
    r"@([A-Za-z_][A-Za-z0-9_]*)@",
    r"<([A-Za-z_][A-Za-z0-9_]*)>",
    r"\$([A-Za-z_][A-Za-z0-9_]*)",
    r"\{([A-Za-z_][A-Za-z0-9_]*)\}",
)
_ANY = re.compile("|".join(f"(?:{pattern})" for pattern in _FOREIGN))
_SURE = re.compile("|".join(f"(?:{pattern})" for pattern in _BRACKETED))
_OURS = re.compile(r"\$\{[A-Za-z0-9_-]+\}")
_LONGEST = 200
"""Characters; in a longer text nothing is looked for."""
_MOST_SHOWN = 3
"""Variables of one line."""


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


def bare_placeholder_hint(text: str) -> str:
    """What to write for the placeholders of another tool in a text that nobody may see; "" for one without.

    The rest of the text is not shown. Of `$stage`, `%stage%` and the like not even the name is: they may be a part of a
    password.
    """
    if with_our_placeholders(text) == text:
        return ""
    names = [next(filter(None, match.groups())) for match in _SURE.finditer(text)]
    variables = [shorten(f"${{{name}}}") for name in dict.fromkeys(names)]
    return f"for a variable write {' and '.join(variables[:_MOST_SHOWN]) or '${name}'}"
