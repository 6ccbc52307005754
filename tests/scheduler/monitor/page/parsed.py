"""A page as a parser sees it."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "wbr", "input", "rect"}
CELLS = {"td", "th"}


class Document(HTMLParser):
    """The page as a parser sees it: its elements, nested rightly, and its tables' rows by the heading above them."""

    def __init__(self, page: bytes | str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page if isinstance(page, str) else page.decode())
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag in ("h1", "h2"):
            self.headings.append("")
        elif tag == "tr":
            self.tables.setdefault(self.headings[-1], []).append([])
        elif tag in CELLS:
            self.tables[self.headings[-1]][-1].append("")
        elif tag == "small":
            self.handle_data(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:  # a browser that writes its document ends them
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if {"h1", "h2"} & {*self._open}:
            self.headings[-1] += data
        elif CELLS & {*self._open}:
            self.tables[self.headings[-1]][-1][-1] += data

    def column(self, heading: str, title: str) -> list[str]:
        """The cells of a column of a table."""
        head, *rows = self.tables[heading]
        return [row[head.index(title)] for row in rows]

    def links(self) -> list[str]:
        """Where its links lead."""
        return [attributes["href"] or "" for tag, attributes in self.elements if tag == "a"]
