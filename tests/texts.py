"""Texts as a terminal shows them: plain, long, East Asian, with emoji and with combining marks."""

from __future__ import annotations

from hypothesis import strategies as st

from ajsync.text import visible

_CHARACTERS = st.one_of(
    st.sampled_from("ab_-0 "),
    st.sampled_from("日本語한국어ｆｕ"),
    st.sampled_from(["😀", "👩‍💻", "🇲🇹", "❤️", "e\u0301", "a\u0300\u0323", "\u0301", "ก็", "\u202e", "\x1b[31m", "\t"]),
    st.characters(exclude_categories=["Cs"]),
)
SHOWN = st.lists(_CHARACTERS, max_size=60).map(lambda parts: visible("".join(parts)) if parts else "")
"""What is shown of a value that somebody else has chosen."""
