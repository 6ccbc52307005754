"""Which schedules are selected, how a selection is written, and what is suggested where none is selected."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.model import Managed, ScheduledTask, sorted_labels
from ajsync.errors import InvalidError
from ajsync.selection import EVERYTHING, LabelTest, Selection, nothing_selected, parse_label_test
from tests.tasks import OWNER, scheduled_tasks, task

LABELS = st.text("abAB01_.-", min_size=1, max_size=3)
TESTS = st.builds(LabelTest, LABELS, st.none() | LABELS, st.booleans()).map(
    lambda test: LabelTest(test.name) if test.value is None else test
)
PATTERNS = st.text("ABCabc019_-*?[]!' \x1b", min_size=1, max_size=5)
SELECTIONS = st.builds(
    Selection,
    names=st.lists(PATTERNS, max_size=2).map(tuple),
    labels=st.lists(TESTS, max_size=2).map(tuple),
    queue=st.none() | st.sampled_from(["EMAIL", "DEFAULT"]),
    owner=st.none() | st.sampled_from([OWNER, "others"]),
)


def labelled(name: str, **labels: str) -> ScheduledTask:
    return task(name, managed=Managed(OWNER, labels=sorted_labels(labels)))


@given(SELECTIONS, scheduled_tasks())
def test_a_schedule_is_selected_if_every_part_holds(selection: Selection, scheduled: ScheduledTask) -> None:
    labels = dict(scheduled.settings.labels)
    parts = [
        not selection.names or any(fnmatchcase(scheduled.name, pattern) for pattern in selection.names),
        all(test.holds(labels) for test in selection.labels),
        selection.queue in (None, scheduled.queue),
        selection.owner in (None, scheduled.owner),
    ]
    assert selection.matches(scheduled) is all(parts)
    assert EVERYTHING.matches(scheduled)


@pytest.mark.parametrize(
    ("written", "gold", "silver", "without"),
    [
        ("tier", True, True, False),
        ("tier=gold", True, False, False),
        ("tier!=gold", False, True, True),
    ],
)
def test_a_label_is_tested_for_its_value_for_another_one_or_for_any(
    written: str, gold: bool, silver: bool, without: bool
) -> None:
    selection = Selection.of(labels=[written])
    tasks = labelled("A", tier="gold"), labelled("B", tier="silver"), labelled("C")
    assert tuple(map(selection.matches, tasks)) == (gold, silver, without)


def test_one_of_several_names_is_enough_and_capitals_matter() -> None:
    selection = Selection.of(names=["EMAIL_*", "REPORT_?"])
    names = ["EMAIL_A", "EMAIL_", "REPORT_1", "REPORT_12", "email_a", "XEMAIL_A"]
    assert [name for name in names if selection.matches(task(name))] == ["EMAIL_A", "EMAIL_", "REPORT_1"]


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        (EVERYTHING, True),
        (Selection.of(names=["A*"]), True),
        (Selection.of(names=["B"]), False),
        (Selection.of(labels=["a!=b"]), False),
        (Selection.of(queue="EMAIL"), False),
        (Selection.of(owner=OWNER), False),
    ],
)
def test_of_a_value_that_is_no_schedule_only_the_name_is_known(selection: Selection, selected: bool) -> None:
    assert selection.matches_unreadable("A1") is selected
    assert not selection.matches(None)


def test_a_selection_is_true_if_it_leaves_something_out() -> None:
    assert not EVERYTHING
    assert Selection.of(names=["*"])


@given(SELECTIONS)
def test_a_selection_can_be_read_again_as_it_is_written(selection: Selection) -> None:
    assert str(selection).isprintable()
    if any("\x1b" in pattern for pattern in selection.names):
        return  # escaped for the eye, not for a shell
    words = shlex.split(str(selection))
    given: dict[str, list[str]] = {option: [] for option in ("--name", "-l", "--queue", "--owner")}
    for option, value in zip(words[::2], words[1::2], strict=True):
        given[option].append(value)
    again = Selection.of(
        names=given["--name"],
        labels=given["-l"],
        queue=next(iter(given["--queue"]), None),
        owner=next(iter(given["--owner"]), None),
    )
    assert again == selection


@given(TESTS)
def test_a_test_of_a_label_can_be_read_again(test: LabelTest) -> None:
    assert parse_label_test(str(test)) == test


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a=b,c!=d,e", "give each by itself: -l a=b -l c!=d -l e"),
        ("a==b", "write a=b"),
        *((text, "write NAME=VALUE, NAME!=VALUE or NAME, of") for text in ("", "=", "a=", "=b", "a b", "a/b", "a\n")),
    ],
)
def test_what_is_no_test_of_a_label_is_told_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(InvalidError, match=re.escape(hint)):
        parse_label_test(text)


TASKS = [
    labelled("EMAIL_DAILY", team="payments", tier="gold"),
    labelled("EMAIL_WEEKLY", team="platform"),
    task("REPORT", queue="REPORTS", owner="others"),
]


@pytest.mark.parametrize(
    ("selection", "hint"),
    [
        (Selection.of(names=["EMIAL_*"]), " Did you mean --name 'EMAIL_*'?"),
        (Selection.of(names=["email_*"]), " Did you mean --name 'EMAIL_*'?"),
        (Selection.of(names=["RAPORT"]), " Did you mean --name REPORT?"),
        (Selection.of(names=["?IAL"]), ""),
        (Selection.of(names=["XYZ*"]), ""),
        (Selection.of(labels=["taem=payments"]), " Did you mean -l team=payments?"),
        (Selection.of(labels=["taem"]), " Did you mean -l team?"),
        (Selection.of(labels=["team=paymnets"]), " Did you mean -l team=payments?"),
        (Selection.of(labels=["team=x"]), " The values of team are payments, platform."),
        (Selection.of(labels=["x"]), " The labels are team, tier."),
        (Selection.of(queue="EMIAL"), " Did you mean --queue EMAIL?"),
        (Selection.of(queue="x"), " The queues are EMAIL, REPORTS."),
        (Selection.of(owner="other"), " Did you mean --owner others?"),
        (
            Selection.of(queue="REPORTS", owner=OWNER),
            " Some schedules match a part of that, but none matches all of it.",
        ),
        (
            Selection.of(names=["RAPORT"], queue="EMIAL"),
            " Did you mean --name REPORT? Did you mean --queue EMAIL?",
        ),
    ],
)
def test_what_was_probably_meant_is_suggested(selection: Selection, hint: str) -> None:
    assert not any(map(selection.matches, TASKS))
    assert nothing_selected(selection, TASKS, "the files") == f"No schedule in the files matches {selection}.{hint}"


@given(st.lists(scheduled_tasks(), max_size=4), SELECTIONS)
def test_what_is_said_fits_on_a_line_and_suggests_only_names_that_exist(
    tasks: list[ScheduledTask], selection: Selection
) -> None:
    told = nothing_selected(selection, tasks, "the files")
    assert told.isprintable()
    for pattern in re.findall(r"mean --name (\S+)\?", told):
        (plain,) = shlex.split(pattern)
        assert any(fnmatchcase(each.name, plain) for each in tasks)


def test_without_labels_none_are_suggested() -> None:
    told = nothing_selected(Selection.of(labels=["a"]), [task("A")], "the files")
    assert told == "No schedule in the files matches -l a. None of them has labels."
    assert nothing_selected(Selection.of(labels=["a"]), [], "the files") == "No schedule in the files matches -l a."
