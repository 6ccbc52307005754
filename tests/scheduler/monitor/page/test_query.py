"""What the parameters of an address ask for."""

from __future__ import annotations

from html import unescape
from urllib.parse import parse_qsl, urlsplit

from hypothesis import given
from hypothesis import strategies as st

from ajsync.scheduler.monitor.page.query import LONGEST_VALUE, SORTS, Query, read_query

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).map(str.strip)
queries = st.builds(
    Query,
    name=texts,
    queue=texts,
    owner=texts,
    label=texts,
    state=texts,
    sort=st.sampled_from(SORTS),
    down=st.booleans(),
    page=st.integers(1, 999_999),
    zone=texts,
    still=st.booleans(),
)


@given(queries)
def test_a_link_leads_to_the_same_query(query: Query) -> None:
    target = unescape(query.link("schedules"))
    assert read_query(parse_qsl(urlsplit(target).query, keep_blank_values=True)) == query


@given(queries)
def test_a_link_cannot_end_its_attribute(query: Query) -> None:
    assert not {'"', "'", "<", ">"} & {*query.link("schedules")}


@given(st.lists(st.tuples(st.sampled_from([*Query.__slots__, "other"]), st.text())))
def test_any_parameters_are_read(pairs: list[tuple[str, str]]) -> None:
    query = read_query(pairs)
    assert 1 <= query.page < 10**6
    assert len(query.name) <= LONGEST_VALUE
    zone, wrong = query.where()
    assert wrong or str(zone) == (query.zone or "UTC")


def test_what_makes_no_sense_counts_as_left_out() -> None:
    assert read_query([("sort", "colour"), ("page", "-1"), ("other", "1")]) == Query()
    assert read_query([("page", "0"), ("page", "\u0663")]) == Query()
    assert read_query([("name", "a"), ("name", "b")]) == Query(name="b")


def test_parameters_with_their_defaults_are_left_out() -> None:
    assert Query().link("schedules") == "schedules"
    assert Query(still=True, page=2).link("./", page=1) == "./?still="
