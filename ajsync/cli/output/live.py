"""What happens to the work of schedules, one line each: as text for people, or as objects for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from json import dumps

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.outcome import Tone, words_of
from ajsync.cli.output.status import LONGEST_STATE, TONE_STYLES
from ajsync.cli.output.terminal import say, stdout_paint, stdout_width
from ajsync.fitting import Keep, cells, shortened
from ajsync.inspect.news import LeaderNews, MissedNews, News, NotHeard, OpenNews, SilentNews, TaskNews
from ajsync.reconcile.render.times import in_zone, instant_told, iso_instant
from ajsync.text import counted, moment, span, visible
from ajsync.timestamp import NANOSECONDS, to_datetime

_GAP = "  "
_OPEN: tuple[str, Tone, str] = ("open", "warn", "It is not stored, or not in its queue, and will be tried again.")
_MISSED: tuple[str, Tone, str] = ("missed", "bad", "No task was made, and the leader has given up.")


@dataclass(frozen=True, slots=True)
class _LiveColumn:
    title: str
    width: int
    """In columns of a terminal; longer text is shortened. In a pipe it is the least width."""
    least: int = 0
    """A terminal with fewer columns than this does not show it."""
    right: bool = False
    keep: Keep = "start"
    """Which part of a shortened text is kept."""


_COLUMNS = (
    _LiveColumn("Outcome", 11),
    _LiveColumn("Schedule", 32, keep="ends"),
    _LiveColumn("Due", 8, least=60),
    _LiveColumn("After", 10, least=50, right=True),
    _LiveColumn("Queue", 16, least=90),
)
_LEAST_ERROR = 10
"""In fewer columns of a terminal an error says nothing, so it is left out; `ajsync history` shows it."""
_NARROW_NAME = 16
"""The width of the name where there is no room for the queue."""


class LiveLines:
    """Writes news for people, with times in one zone; on a terminal a new day has a line of its own."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._paint = stdout_paint()
        self._width = stdout_width()
        self._day = ""
        self._columns = [each for each in _COLUMNS if self._width is None or self._width >= each.least]

    def head(self) -> Iterator[str]:
        """Write the titles of the columns."""
        width = len(moment(to_datetime(0, self._zone))) if self._width is None else 8
        titles = [self._cell(each.title, each) for each in self._columns]
        yield self._paint("strong", _GAP.join(["Time".ljust(width), *titles]).rstrip())

    def __call__(self, news: News) -> Iterator[str]:
        """Write one piece of news: on one line, whatever others wrote."""
        if isinstance(news, NotHeard):
            say(not_heard_told(news, self._zone))
            return
        at = to_datetime(news.outcome.at if isinstance(news, TaskNews) else news.at, self._zone)
        time = moment(at)
        if self._width is not None:
            day, time = moment(at)[:14], at.strftime("%H:%M:%S")
            if day != self._day:
                self._day = day
                yield self._paint("faint", f"{day} ({at.tzname()})")
        yield f"{time}{_GAP}{self._told(news)}".rstrip()

    def _told(self, news: TaskNews | LeaderNews | OpenNews | MissedNews | SilentNews) -> str:
        if isinstance(news, LeaderNews):
            return self._paint("adopt", f"{visible(news.leader)} leads now")
        if isinstance(news, SilentNews):
            return self._paint("alarm", silence_told(news, self._zone))
        if isinstance(news, OpenNews | MissedNews):
            task = news.schedule
            word, tone, text = _OPEN if isinstance(news, OpenNews) else _MISSED
            cells_of = self._cells(word, tone, visible(task.name), news.due, news.at, task.queue)
            return _GAP.join([*cells_of, self._paint(TONE_STYLES[tone], text)])
        outcome = news.outcome
        words = words_of(outcome.state)
        parts = self._cells(words.word, words.tone, _names(news), outcome.due, outcome.at, news.queue)
        if outcome.tries > 1:
            parts.append(f"try {outcome.tries:,}")
        if outcome.last_error:
            error = visible(outcome.last_error)
            if self._width is not None:
                room = self._width - cells("hh:mm:ss" + _GAP + _GAP.join([*parts, ""]))
                error = shortened(error, room) if room >= _LEAST_ERROR else ""
            parts.append(self._paint(TONE_STYLES[words.tone], error))
        return _GAP.join(parts).rstrip()

    def _cells(self, word: str, tone: Tone, name: str, due: int, at: int, queue: str) -> list[str]:
        texts = {
            "Outcome": visible(word, LONGEST_STATE),
            "Schedule": name,
            "Due": self._due(due, at),
            "After": f"+{span((at - due) / NANOSECONDS)}" if due else "",
            "Queue": visible(queue),
        }
        styles = {"Outcome": TONE_STYLES[tone], "Due": "faint", "After": "faint", "Queue": "faint"}
        return [self._paint(styles.get(each.title, ""), self._cell(texts[each.title], each)) for each in self._columns]

    def _due(self, instant: int, noticed: int) -> str:
        if not instant:
            return ""
        due, at = in_zone(instant, self._zone), to_datetime(noticed, self._zone)
        if self._width is None:
            return moment(due)
        return due.strftime("%H:%M:%S" if due.date() == at.date() else "%m-%d %H:%M")

    def _cell(self, text: str, column: _LiveColumn) -> str:
        width = column.width
        if self._width is not None and column.title == "Schedule" and self._width < _COLUMNS[-1].least:
            width = _NARROW_NAME
        if self._width is not None:
            text = shortened(text, width, column.keep)
        space = " " * (width - cells(text))
        return space + text if column.right else text + space


def silence_told(news: SilentNews, zone: tzinfo) -> str:
    """Say that no scheduler fires."""
    if not news.since:
        return "No scheduler of ajsync has ever fired anything."
    return f"No scheduler of ajsync has settled anything since {instant_told(news.since, zone)}."


def not_heard_told(news: NotHeard, zone: tzinfo) -> str:
    """Say that some news may be missing."""
    since, until = (moment(to_datetime(each, zone)) for each in (news.since, news.until))
    if news.count is None:
        return (
            f"What happened from {since} to {until} is not shown, because the connection was lost. "
            "'ajsync status' shows what has become of it."
        )
    were = "was" if news.count == 1 else "were"
    return (
        f"{counted(news.count, 'event')} from {since} to {until} {were} left out: they came faster than they were read."
    )


class LiveObjects:
    """Writes news for programs, each as a JSON object on one line; its member `event` says what it is."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def head(self) -> Iterator[str]:
        """Write nothing: every line is an object."""
        yield from ()

    def __call__(self, news: News) -> Iterator[str]:
        """Write one piece of news."""
        text = dumps(_members(news, self._zone), ensure_ascii=False)
        yield text if text.isprintable() else dumps(_members(news, self._zone))


def _members(news: News, zone: tzinfo) -> dict[str, object]:
    if isinstance(news, LeaderNews):
        return {"event": "leader", "at": iso_instant(news.at, zone), "leader": news.leader}
    if isinstance(news, NotHeard):
        since, until = iso_instant(news.since, zone), iso_instant(news.until, zone)
        return {"event": "not_heard", "since": since, "until": until, "count": news.count}
    if isinstance(news, SilentNews):
        return {"event": "silent", "at": iso_instant(news.at, zone), "since": iso_instant(news.since, zone)}
    if isinstance(news, OpenNews | MissedNews):
        event = "open" if isinstance(news, OpenNews) else "missed"
        about = {"event": event, "at": iso_instant(news.at, zone), **_about(news.schedule)}
        return {**about, "queue": news.schedule.queue, "due": iso_instant(news.due, zone)}
    outcome = news.outcome
    return {
        "event": "task",
        "at": iso_instant(outcome.at, zone),
        **_about(news.schedule),
        "may_be": [*news.guess.names],
        "queue": news.queue,
        "task_type": news.task_type,
        "task_id": outcome.task_id,
        "due": iso_instant(outcome.due, zone),
        "state": outcome.state,
        "tries": outcome.tries,
        "last_error": outcome.last_error or None,
        "lateness_seconds": None if outcome.lateness is None else outcome.lateness / NANOSECONDS,
    }


def _about(schedule: ScheduledTask | None) -> dict[str, object]:
    if schedule is None:
        return {"name": None, "owner": None, "labels": None}
    return {"name": schedule.name, "owner": schedule.owner, "labels": schedule.labels}


def _names(news: TaskNews) -> str:
    """The name of the schedule, with a question mark behind it if it is a guess."""
    if news.schedule is not None:
        return visible(news.schedule.name)
    first, more = visible(news.guess.names[0]), news.guess.count - 1
    return f"{first}?" if not more else f"{first}? or {counted(more, 'other')}"
