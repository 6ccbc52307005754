"""The formats of a plan, one file each: pure functions from plan, refusals and options to text.

>>> RENDERERS["text"](plan, refusals(plan, safety), RenderOptions(now=now))
"""

from __future__ import annotations

from collections.abc import Mapping

from ajsync.reconcile.render.github import render_github, render_github_result
from ajsync.reconcile.render.interface import Renderer, RenderOptions, ResultRenderer
from ajsync.reconcile.render.json import render_json
from ajsync.reconcile.render.markdown import render_markdown
from ajsync.reconcile.render.markdown_result import render_markdown_result
from ajsync.reconcile.render.text import render_text

__all__ = ["RENDERERS", "RESULT_RENDERERS", "RenderOptions", "Renderer", "ResultRenderer"]

RENDERERS: Mapping[str, Renderer] = {
    "text": render_text,
    "json": render_json,
    "markdown": render_markdown,
    "github": render_github,
}
"""The renderers by the names of their formats, as `plan --format` takes them."""

RESULT_RENDERERS: Mapping[str, ResultRenderer] = {
    "markdown": render_markdown_result,
    "github": render_github_result,
}
"""The renderers of what an apply did, by the names of their formats, as `apply --format` takes them."""
