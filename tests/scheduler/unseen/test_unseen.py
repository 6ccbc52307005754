"""Which spans a term has to look at, since others than ajsync's scheduler may have fired in them."""

from __future__ import annotations

import pytest

from ajsync.scheduler.election.watermark import Span, Watermark
from ajsync.scheduler.unseen.unseen import unseen_spans

LEFT = Watermark("ours", 50, 1, unseen=((10, 20), (30, 40)))


@pytest.mark.parametrize(
    ("left", "oldest", "may_be_go", "spans"),
    [
        (None, 5, False, ()),
        (None, 5, True, ((5, 60),)),
        (None, -5, True, ((0, 60),)),
        (LEFT, 5, False, ((10, 20), (30, 40))),
        (LEFT, 5, True, ((10, 20), (30, 40), (50, 60))),
        (LEFT, 15, True, ((15, 20), (30, 40), (50, 60))),
        (LEFT, 20, True, ((30, 40), (50, 60))),
        (LEFT, 55, True, ((55, 60),)),
        (LEFT, 60, True, ()),
    ],
)
def test_unseen_are_the_spans_of_the_watermark_and_what_came_after_it_if_go_may_have_led(
    left: Watermark | None, oldest: int, may_be_go: bool, spans: tuple[Span, ...]
) -> None:
    assert unseen_spans(left, 60, oldest, may_be_go=may_be_go) == spans
