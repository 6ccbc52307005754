"""The result of an apply in Markdown, as the summary of a job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ajsync.errors import AjsyncError
from ajsync.reconcile.apply.result import Result
from ajsync.reconcile.plan import Plan
from ajsync.reconcile.render.interface import RenderOptions
from ajsync.reconcile.render.markdown import LIMIT, destination_line, heading, render_body
from ajsync.reconcile.render.markdown_changes import blocks
from ajsync.reconcile.render.markdown_text import code, prose, some, units
from ajsync.reconcile.render.wording import DONE, result_told
from ajsync.text import one_line, visible


def render_markdown_result(
    plan: Plan, refusals: Sequence[AjsyncError], result: Result | None, options: RenderOptions
) -> str:
    """Show what was applied, what failed and what was not attempted; a refused plan is shown as a plan."""
    if refusals:
        return render_body(plan, refusals, options, "apply")
    head = "\n".join([heading("apply", plan), *destination_line(plan), *_head(plan, result)]) + "\n"
    done = [each.change for each in result.with_status("done")] if result else []
    frames, left_out = blocks(done, LIMIT - units(head), options, titles=DONE)
    return "\n".join([head, *frames, *left_out]).rstrip("\n")


def _head(plan: Plan, result: Result | None) -> Iterator[str]:
    error = result.error if result else None
    if error is not None:
        yield f"> [!CAUTION]\n> {prose(one_line(str(error)))}\n"
    yield f"{prose(result_told(plan, result))}\n"
    if result is None:
        return
    for title, status in (("Failed", "failed"), ("Not attempted", "not attempted")):
        if outcomes := [each for each in result.outcomes if each.status == status]:
            yield f"**{title}.**\n"
            yield from some(
                f"- {code(visible(each.change.name))} ({each.change.verb})"
                + (f": {prose(one_line(str(each.error)))}" if each.error else "")
                for each in outcomes
            )
            yield ""
