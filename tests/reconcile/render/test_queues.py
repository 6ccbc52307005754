"""Each format for people says which queues an apply makes, and which are not as declared."""

from __future__ import annotations

import pytest

from ajsync.asyncjobs.queues import QueueSettings, QueueSurvey
from ajsync.reconcile.render import RENDERERS, RenderOptions
from ajsync.reconcile.render.wording import summary
from tests.reconcile.samples import NOW, create, make_plan

PLAN = make_plan(
    create(),
    queues=QueueSurvey(
        (QueueSettings("EMAIL"), QueueSettings("REPORTS", max_tries=3)), (("OLD", "max_tries is -1 and not 10"),)
    ),
)
DIFFERENT = "The queue OLD is not as the files declare it: max_tries is -1 and not 10."
REMEDY = "'ajc queues configure OLD' changes its settings."


def test_the_summary_counts_them() -> None:
    assert summary(PLAN) == "Plan: 1 to create, 0 to update, 0 to adopt, 0 to delete, 2 queues to make; 0 unchanged."


def test_a_plan_of_queues_alone_is_not_empty() -> None:
    assert summary(make_plan(queues=QueueSurvey((QueueSettings("EMAIL"),)))).startswith("Plan: ")
    assert summary(make_plan(queues=QueueSurvey((), (("OLD", "x"),)), unchanged=1)).startswith("No changes: ")


@pytest.mark.parametrize("style", ["text", "markdown", "github"])
def test_each_format_says_what_is_different_and_what_to_do(style: str) -> None:
    shown = RENDERERS[style](PLAN, (), RenderOptions(NOW)).replace("\\", "")
    assert DIFFERENT in shown
    assert REMEDY in shown


def test_text_and_markdown_name_those_that_are_made() -> None:
    shown = RENDERERS["text"](PLAN, (), RenderOptions(NOW))
    assert "\n+ queue EMAIL\n+ queue REPORTS  max_tries 3\n\n" in shown
    shown = RENDERERS["markdown"](PLAN, (), RenderOptions(NOW)).replace("\\", "")
    assert "Queues to make:\n\n- `EMAIL`\n- `REPORTS` max_tries 3\n" in shown


def test_in_markdown_those_that_are_made_are_a_list_and_those_that_differ_a_warning() -> None:
    shown = RENDERERS["markdown"](PLAN, (), RenderOptions(NOW)).replace("\\", "")
    assert (
        "\n\nQueues to make:\n\n- `EMAIL`\n- `REPORTS` max_tries 3\n"
        f"\n> [!WARNING]\n> - {DIFFERENT} ajsync leaves it as it is; {REMEDY}\n\n"
    ) in shown
