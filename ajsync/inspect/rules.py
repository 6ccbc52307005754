"""The rules of lint: a check for each, and a table of all at the end."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime

from ajsync.asyncjobs.minutes import MINUTE, due_in_minute, fires_by_minute, grouped
from ajsync.asyncjobs.model import ScheduledTask
from ajsync.asyncjobs.names import DEFAULT_QUEUE
from ajsync.asyncjobs.size import too_large
from ajsync.asyncjobs.tasks import task_for_fire
from ajsync.inspect import field_rules
from ajsync.inspect.lint import Material, Remark, Rule, Subject, Words, each
from ajsync.schedule import format_duration_short, parse_duration, split_zone
from ajsync.schedule.units import HOUR, SECOND
from ajsync.schedule.zones import ZONE_PREFIXES
from ajsync.text import nearest, plural
from ajsync.timestamp import to_datetime

_DAY = 24 * HOUR
_EVERY = "@every "
_ABBREVIATED = {"EST": "America/New_York", "MST": "America/Denver", "HST": "America/Adak"}
"""Zones with the name of the winter time of a place that changes its clocks, and that place."""
_EMPTY_ZONES = tuple(f"{prefix} " for prefix in ZONE_PREFIXES)
_ETC = re.compile(r"Etc/GMT([+-])([1-9][0-9]?)")


def _unreadable(found: Material) -> Iterator[Remark]:
    for name, reason in found.unreadable.items():
        yield [name], f"cannot be read: {reason.rstrip('.')}", "it never fires: apply it again, or delete it"


def _no_task(found: Material) -> Iterator[Remark]:
    for subject in found.subjects:
        reason = too_large(subject.task)
        try:
            task_for_fire(subject.task, found.now)
        except ValueError as error:
            reason = str(error)
        if reason:
            message = f"no task can be made for it: {reason}"
            yield [subject.task.name], message, "it never fires: apply it again, or delete it"


def _never_fires(subject: Subject) -> Iterator[Words]:
    if subject.facts.first is not None or subject.facts.is_over:
        return
    if subject.facts.timetable.next(to_datetime(0)) is None:
        yield f"{_schedule(subject)} never fires", "no date has such a day, or no day has such a time"
    else:
        message = f"{_schedule(subject)} never fires: from, until and except leave out every time that it has"
        yield message, "change one of them, or the schedule"


def _over(subject: Subject) -> Iterator[Words]:
    if subject.facts.is_over:
        until = subject.task.settings.until
        reason = f"until is {until}" if until else "except leaves out all later days"
        yield f"it is over and will not fire again: {reason}", "remove it, or set a later date"


def _leap_day_only(subject: Subject) -> Iterator[Words]:
    if leap_day := subject.facts.only_leap_day:
        message = f"{_schedule(subject)} fires only on 29 February, next in {leap_day.year}"
        yield message, "for every year write the 28th, or the 1st of March"


def _past_days(subject: Subject) -> Iterator[Words]:
    last = "".join(subject.task.settings.except_[-1:]).rpartition("..")[2]
    if last and date.fromisoformat(last) < subject.facts.today and not subject.facts.is_over:
        yield f"all days of except have passed, the last on {last}", "add those of the coming years, or remove except"


def _unknown_queue(found: Material) -> Iterator[Remark]:
    if found.queues is None:
        return
    of_queue: dict[str, list[str]] = defaultdict(list)
    for subject in found.subjects:
        if subject.task.queue not in found.queues:
            of_queue[subject.task.queue].append(subject.task.name)
    for queue, names in of_queue.items():
        meant = nearest(queue, found.queues)
        hint = f"did you mean {meant}?" if meant else f"make it with 'ajc queues add {queue}'"
        whose = plural(len(names), "its", "their")
        yield names, f"the queue {queue} does not exist, so {whose} tasks become queue_error", hint


def _no_queue(found: Material) -> Iterator[Remark]:
    of_file: dict[str, list[str]] = defaultdict(list)
    for subject in found.subjects:
        if subject.task.name in found.without_queue:
            of_file[subject.task.settings.source].append(subject.task.name)
    for names in of_file.values():
        no, whose = ("it names no queue", "its") if len(names) == 1 else ("they name no queue", "their")
        message = f"{no}, so {whose} tasks go to {DEFAULT_QUEUE}"
        yield names, message, f"name the queue here or in defaults, even if it is {DEFAULT_QUEUE}"


def _tries_over_queue(found: Material) -> Iterator[Remark]:
    of_queue: dict[str, list[str]] = defaultdict(list)
    for subject in found.subjects:
        queue = found.declared.get(subject.task.queue)
        if queue is not None and 0 < queue.max_tries < subject.task.max_tries:
            of_queue[queue.name].append(subject.task.name)
    for name, names in of_queue.items():
        tries, own = (
            found.declared[name].max_tries,
            plural(len(names), "its max_tries exceeds", "their max_tries exceed"),
        )
        message = f"{own} the {tries} of the queue {name}, which gives a task to workers no more often than that"
        yield names, message, f"set max_tries: {tries} in defaults or in the schedule, or raise that of the queue"


def _deadline_over_interval(subject: Subject) -> Iterator[Words]:
    task = subject.task
    interval = subject.facts.shortest_interval
    # With `overlap: skip` there are never two tasks at once.
    if interval is not None and task.deadline > interval and task.settings.overlap != "skip":
        yield (
            f"its deadline of {_duration(task.deadline)} is longer than the {_duration(interval)} to the next fire, "
            "so tasks pile up while no worker takes them",
            "shorten the deadline, or set overlap: skip",
        )


def _overlap_without_deadline(subject: Subject) -> Iterator[Words]:
    task = subject.task
    if task.settings.overlap == "skip" and task.deadline <= 0:
        message = "it has overlap: skip and no deadline, so a task that never ends stops it for good"
        yield message, "give it a deadline"


def _jitter_over_interval(subject: Subject) -> Iterator[Words]:
    jitter = subject.task.settings.jitter
    interval = subject.facts.shortest_interval if jitter else None
    if interval is not None and jitter >= interval:
        message = f"its jitter of {_duration(jitter)} is at least as long as the {_duration(interval)} to the next fire"
        yield message, "shorten the jitter"


def _every_over_a_day(subject: Subject) -> Iterator[Words]:
    if subject.facts.timetable.interval > _DAY:
        message = (
            f"{_schedule(subject)} counts from the creation of the entry, and in a Go scheduler from its last start"
        )
        yield message, "use five fields with days and hours"


def _every_rounded(subject: Subject) -> Iterator[Words]:
    timetable = subject.facts.timetable
    if not timetable.is_every:
        return
    written = parse_duration(split_zone(timetable.text)[1].removeprefix(_EVERY))
    if written != timetable.interval:
        interval = _duration(timetable.interval)
        message = f"{_schedule(subject)} fires every {interval}: an interval has whole seconds, at least one"
        yield message, f"write @every {interval}"


def _no_timezone(subject: Subject) -> Iterator[Words]:
    zone = split_zone(subject.task.schedule)[0]
    if zone in ("", "Local") and subject.facts.follows_zone:
        none = "has the zone Local" if zone else "has no zone"
        message = f"{_schedule(subject)} {none}: ajsync reads it in UTC, a Go scheduler in the zone of its host"
        hint = "name the zone, even if it is UTC" if zone else "set timezone, even if it is UTC"
        yield message, hint


def _fixed_zone(subject: Subject) -> Iterator[Words]:
    zone = split_zone(subject.task.schedule)[0]
    if subject.task.schedule.startswith(_EMPTY_ZONES):
        yield "the zone prefix is empty, which means UTC", "name the zone"
    elif zone in _ABBREVIATED:
        place = _ABBREVIATED[zone]
        yield f"the zone {zone} has no summer time", f"for a zone that has it write {place}"
    elif offset := _ETC.fullmatch(zone):
        where = "behind" if offset[1] == "+" else "ahead of"
        message = f"the zone {zone} is {offset[2]} hours {where} UTC, because its sign is that of POSIX"
        yield message, "change the sign if that is wrong, or name the zone of a place"


def _skipped_by_dst(subject: Subject) -> Iterator[Words]:
    for when in _first(subject, "skipped"):
        message = (
            f"{when} does not exist in {subject.facts.timetable.zone}: the clocks go forward, and it does not fire"
        )
        yield message, "choose an hour that exists every day, or the zone UTC"


def _doubled_by_dst(subject: Subject) -> Iterator[Words]:
    for when in _first(subject, "doubled"):
        message = f"{when} occurs twice in {subject.facts.timetable.zone}: the clocks go back, and it fires both times"
        yield message, "choose an hour that occurs once, or the zone UTC"


def _first(subject: Subject, kind: str) -> list[str]:
    """The wall time of the first effect of a kind, if there is one; later ones are repetitions."""
    return [f"{each.walls[0]:%Y-%m-%d %H:%M}" for each in subject.facts.effects if each.kind == kind][:1]


def _herd(found: Material) -> Iterator[Remark]:
    # Jitter is the remedy, so schedules with jitter do not count.
    tasks = [subject.task for subject in found.subjects if not subject.task.settings.jitter]
    if len(tasks) < found.herd:
        return
    schedules = grouped(tasks)
    start = found.now // MINUTE * MINUTE + MINUTE
    crowded = {m: n for m, n in fires_by_minute(schedules, start, start + _DAY).items() if n >= found.herd}
    # An `@every` of a few seconds fires often in a minute, and is not a herd by itself.
    for minute, _ in sorted(crowded.items(), key=lambda item: (-item[1], item[0])):
        names = due_in_minute(schedules, minute)
        if len(names) < found.herd:
            continue
        when = datetime.fromtimestamp(minute * 60, UTC)
        others = f", and many in {len(crowded) - 1} other minutes of that day" if len(crowded) > 1 else ""
        message = f"{len(names)} schedules are due in the minute {when:%Y-%m-%d %H:%M} UTC{others}"
        yield names[:1], message, "give them jitter, or different minutes"
        return


def _same_task(found: Material) -> Iterator[Remark]:
    alike: dict[tuple[object, ...], list[ScheduledTask]] = defaultdict(list)
    for subject in found.subjects:
        task = subject.task
        alike[task.schedule, task.queue, task.task_type, task.payload].append(task)
    for first, *others in alike.values():
        for task in others:
            message = f"makes the same task as {first.name}: schedule, queue, type and payload are equal"
            yield [task.name], message, "remove one of them"


def _schedule(subject: Subject) -> str:
    return f'"{split_zone(subject.task.schedule)[1]}"'


def _duration(nanoseconds: int) -> str:
    return format_duration_short(nanoseconds // SECOND * SECOND or nanoseconds)


RULES = (
    Rule("unreadable", "error", "a value in the bucket is not a valid schedule", _unreadable),
    Rule("no-task", "error", "queue, type, deadline or tries are not valid", _no_task),
    Rule("never-fires", "error", "no date and time match", each(_never_fires)),
    Rule("unknown-queue", "error", "its queue does not exist; needs --online", _unknown_queue),
    Rule("over", "warning", "until or except leaves no fire to come", each(_over)),
    Rule("leap-day-only", "warning", "it fires only on 29 February", each(_leap_day_only)),
    Rule("day-or-weekday", "warning", "days of month and week: either may match", each(field_rules.day_or_weekday)),
    Rule("step-over-range", "warning", "a step such as */90 matches one value", each(field_rules.step_over_range)),
    Rule("star-in-list", "warning", "a list with a star matches everything", each(field_rules.star_in_list)),
    Rule("minute-star", "warning", "it fires in every minute of one hour", each(field_rules.minute_star)),
    Rule("no-queue", "warning", "no queue is set, so it is DEFAULT; in files", _no_queue),
    Rule("tries-over-queue", "warning", "its queue gives up before its tries are used", _tries_over_queue),
    Rule("deadline-over-interval", "warning", "tasks can outlive the next fire", each(_deadline_over_interval)),
    Rule(
        "jitter-over-interval", "warning", "jitter is as long as the interval, or longer", each(_jitter_over_interval)
    ),
    Rule("overlap-without-deadline", "warning", "one stuck task stops it for good", each(_overlap_without_deadline)),
    Rule("every-over-a-day", "warning", "@every of days has no fixed hour", each(_every_over_a_day)),
    Rule("every-rounded", "warning", "@every has whole seconds", each(_every_rounded)),
    Rule("skipped-by-dst", "warning", "clocks going forward skip a fire", each(_skipped_by_dst)),
    Rule("doubled-by-dst", "warning", "clocks going back double a fire", each(_doubled_by_dst)),
    Rule("herd", "warning", "many are due in one minute, without jitter", _herd),
    Rule("same-task", "warning", "two schedules make the same task", _same_task),
    Rule("no-timezone", "notice", "a Go scheduler reads it in its host's zone", each(_no_timezone)),
    Rule("past-days", "notice", "all days of except have passed", each(_past_days)),
    Rule("uneven-step", "notice", "a step such as */7 is not even", each(field_rules.uneven_step)),
    Rule("fixed-zone", "notice", "a zone such as Etc/GMT+3 or EST is not what it seems", each(_fixed_zone)),
)
"""Every rule, the most severe first. `--rule` and `--ignore` take the names."""
