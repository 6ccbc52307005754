"""Tables of fires."""

from __future__ import annotations

from datetime import datetime

from ajsync.cli.output.fires import common_offset
from ajsync.schedule import load_zone

MALTA = load_zone("Europe/Malta")


def test_an_offset_is_common_unless_the_clocks_change_in_between() -> None:
    march, april = (datetime(2027, month, 1, tzinfo=MALTA) for month in (3, 4))
    assert common_offset([april, april]) == "+02:00"
    assert common_offset([march, april]) == ""
