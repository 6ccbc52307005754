"""What was seen of the key decides whether a term goes on from the watermark, and what the next leader is told."""

from __future__ import annotations

import logging

import pytest

from ajsync.asyncjobs.election import Lease
from ajsync.scheduler.clock import Clock
from ajsync.scheduler.election.lease_history import GO_TERM_SECONDS, LeaseHistory, covers, is_close
from ajsync.scheduler.election.watermark import Watermark
from ajsync.timestamp import NANOSECONDS
from tests.scheduler.log import fields

FREE = Lease(None, 0)


def mark(election: int) -> Watermark:
    """A watermark that names this revision of the election's key."""
    return Watermark("one", 0, election)


class Host:
    """A history on a host whose clocks the test moves."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = 5000.0
        clock = Clock(lambda: int(self.wall * NANOSECONDS), lambda: self.monotonic)
        self.history = LeaseHistory("ours", clock)

    def go_on(self, seconds: float) -> None:
        """Let time pass."""
        self.monotonic += seconds
        self.wall += seconds

    def see(self, lease: Lease, watermark: Watermark | None = None, own_revision: int = 0) -> None:
        """See the key and the watermark."""
        self.history.see(lease, watermark, own_revision)


@pytest.mark.parametrize(
    ("since", "watermark", "covered"),
    [
        (0, None, True),
        (0, mark(9), True),
        (1, None, False),
        (5, mark(5), False),
        (5, mark(6), True),
        (5, mark(4), False),
    ],
)
def test_a_watermark_counts_if_it_was_written_after_the_revision(
    since: int, watermark: Watermark | None, covered: bool
) -> None:
    assert covers(since, watermark) is covered


@pytest.mark.parametrize(("revision", "close"), [(6, False), (7, True), (8, True), (9, False)])
def test_a_write_of_the_key_is_close_to_a_watermark_that_names_it_or_the_one_before(revision: int, close: bool) -> None:
    assert is_close(mark(7), revision) is close


def test_at_first_no_go_scheduler_is_known() -> None:
    assert Host().history.is_go is False


@pytest.mark.parametrize(
    ("watermark", "is_go"), [(None, True), (mark(7), False), (mark(6), False), (mark(5), True), (mark(8), True)]
)
def test_a_holder_that_says_nothing_of_earlier_leases_is_a_go_scheduler(
    watermark: Watermark | None, is_go: bool
) -> None:
    """Its first write after a watermark is not one of a leader yet."""
    host = Host()
    host.see(Lease("go", 7), watermark)
    assert host.history.is_go is is_go


def test_the_last_leader_that_was_seen_counts() -> None:
    host = Host()
    host.see(Lease("go", 7))
    host.see(FREE)
    assert host.history.is_go is True
    host.see(Lease("one", 9, since=8))
    assert host.history.is_go is False


# A key that was given back


@pytest.mark.parametrize(
    ("since", "watermark", "known"),
    [
        (3, mark(4), (3, True)),
        (3, mark(3), (3, False)),
        (3, None, (3, False)),
        (0, None, (0, True)),
        (None, mark(4), (3, True)),
        (None, mark(1), (0, True)),
        (None, None, (0, True)),
    ],
)
def test_of_a_key_that_was_given_back_it_is_known_what_its_holder_knew(
    since: int | None, watermark: Watermark | None, known: tuple[int, bool]
) -> None:
    """A holder that says nothing is one of an earlier version, whose last watermark is of its own term."""
    lease = Lease(None, 5, given_back=True, since=since)
    assert Host().history.known(lease, watermark, 5) == known


# A key that expired


def test_of_a_new_election_everything_is_known() -> None:
    assert Host().history.known(FREE, None, 0) == (0, True)
    assert Host().history.known(FREE, mark(7), 0) == (0, True)


def test_of_an_election_that_was_made_anew_after_a_go_scheduler_nothing_is_known() -> None:
    host = Host()
    host.see(Lease("go", 7))
    assert host.history.known(FREE, mark(4), 0) == (0, False)


def test_without_anything_seen_the_watermark_tells_if_it_names_the_last_write_or_the_one_before() -> None:
    assert Host().history.known(FREE, mark(5), 5) == (4, True)
    assert Host().history.known(FREE, mark(5), 6) == (4, True)
    assert Host().history.known(FREE, mark(5), 7) == (7, False)
    assert Host().history.known(FREE, None, 7) == (7, False)


def test_the_last_write_that_was_seen_tells_for_ever_if_it_was_the_last_of_all() -> None:
    host = Host()
    host.see(Lease("one", 7, since=3))
    host.go_on(10**6)
    assert host.history.known(FREE, mark(4), 7) == (3, True)
    assert host.history.known(FREE, mark(3), 7) == (3, False)
    assert host.history.known(FREE, None, 7) == (3, False)


@pytest.mark.parametrize("suspended", [False, True])
def test_later_writes_are_of_the_same_holder_unless_a_go_scheduler_had_the_time_for_a_term(suspended: bool) -> None:
    host = Host()
    host.see(Lease("one", 7, since=3))
    if suspended:  # then only the wall clock goes on
        host.wall += GO_TERM_SECONDS - 0.5
    else:  # and somebody sets the wall clock back
        host.go_on(GO_TERM_SECONDS - 0.5)
        host.wall -= 3600
    assert host.history.known(FREE, mark(4), 9) == (3, True)
    host.go_on(0.5)
    assert host.history.known(FREE, mark(4), 9) == (9, False)


def test_what_was_seen_of_a_stream_that_was_made_anew_since_says_nothing() -> None:
    host = Host()
    host.see(Lease("one", 7, since=3))
    assert host.history.known(FREE, mark(4), 6) == (6, False)


def test_a_go_scheduler_ends_what_was_known() -> None:
    host = Host()
    host.see(Lease("one", 7, since=3))
    host.see(Lease("go", 8), mark(7))
    assert host.history.known(FREE, mark(4), 8) == (8, False)
    assert host.history.known(FREE, mark(7), 8) == (6, True), "it had not fired yet"


def test_that_the_key_is_free_ends_nothing() -> None:
    host = Host()
    host.see(Lease("one", 7, since=3))
    host.see(FREE)
    assert host.history.known(FREE, mark(4), 7) == (3, True)


# Another scheduler of the same name


def test_a_key_under_our_name_that_is_refreshed_by_somebody_else_is_warned_about_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    host = Host()
    host.see(Lease("ours", 3, since=0), own_revision=2)
    host.see(Lease("ours", 3, since=0), own_revision=2)
    assert caplog.records == []
    for revision in range(4, 8):
        host.see(Lease("ours", revision, since=0), own_revision=2)
    (record,) = caplog.records
    assert (record.levelno, fields(record)) == (logging.WARNING, {"scheduler": "ours"})
    assert record.getMessage() == (
        "Another scheduler with the name ours leads. Each scheduler needs a name of its own, as argument or in "
        "AJC_SCHEDULER_NAME, because two with one name mistake each other's leadership for their own."
    )


@pytest.mark.parametrize(
    "between", [FREE, Lease("one", 4, since=0), Lease("ours", 2, since=0)], ids=["free", "another's", "our own"]
)
def test_a_key_that_an_earlier_process_left_is_not_warned_about(
    between: Lease, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    host.see(Lease("ours", 3, since=0), own_revision=2)
    host.see(between, own_revision=2)
    host.see(Lease("ours", 5, since=0), own_revision=2)
    assert caplog.records == []


def test_a_name_that_could_steer_a_terminal_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    history = LeaseHistory("a\x1b[31m", Clock())
    for revision in (1, 2):
        history.see(Lease("a\x1b[31m", revision, since=0), None, 0)
    assert "\x1b" not in caplog.messages[0]
