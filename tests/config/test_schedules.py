"""A schedules file becomes desired tasks, or a list of all that is wrong with it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from ajsync.asyncjobs.model import Managed, ScheduledTask
from ajsync.schedule.units import HOUR, SECOND
from tests.config.projects import HEAD, OWNER, load, load_one, problems, problems_of_one, write

EVERY_MEMBER = """
defaults: {queue: EMAIL, timezone: Europe/Malta}
schedules:
  EMAIL_MONTHLY_UPDATE:
    schedule: "@monthly"
    task_type: email:monthly
    deadline: 12h
    max_tries: 3
    payload: {segment: all}
    description: newsletter
    catchup: none
    catchup_window: 2h
    overlap: skip
    jitter: 30s
    suspend: false
"""


def test_every_member_reaches_the_task(tmp_path: Path) -> None:
    assert load(tmp_path, EVERY_MEMBER).tasks == {
        "EMAIL_MONTHLY_UPDATE": ScheduledTask(
            name="EMAIL_MONTHLY_UPDATE",
            schedule="CRON_TZ=Europe/Malta @monthly",
            queue="EMAIL",
            task_type="email:monthly",
            payload=b'{"segment":"all"}',
            deadline=12 * HOUR,
            max_tries=3,
            managed=Managed(
                owner="team",
                source="schedules/a.yaml",
                description="newsletter",
                catchup="none",
                catchup_window=2 * HOUR,
                overlap="skip",
                jitter=30 * SECOND,
            ),
        )
    }


def test_a_schedule_needs_little(tmp_path: Path) -> None:
    assert load(tmp_path, HEAD).tasks["A"] == ScheduledTask(
        name="A",
        schedule="@daily",
        queue="DEFAULT",
        task_type="t",
        managed=Managed(owner="team", source="schedules/a.yaml"),
    )


@pytest.mark.parametrize(
    "members",
    [
        "catchup: latest",
        "overlap: allow",
        "max_tries: 10",
        "payload: null",
        "description: ''",
        "suspend: false",
        "labels: {}",
        "labels: {a: null}",
    ],
)
def test_a_default_that_is_spelled_out_makes_no_difference(tmp_path: Path, members: str) -> None:
    plain = load(tmp_path, HEAD)
    spelled = load(tmp_path, f"{HEAD}    {members}\n")
    assert spelled.tasks == plain.tasks
    assert spelled.digest == plain.digest


def test_the_nearest_default_wins(tmp_path: Path) -> None:
    project = """
owner: team
defaults: {queue: PROJECT, max_tries: 1, deadline: 1h, jitter: 1s}
environments:
  prod: {defaults: {queue: ENVIRONMENT, max_tries: 2, deadline: 2h}}
"""
    schedules = f"defaults: {{queue: FILE, max_tries: 3}}\n{HEAD}    queue: ENTRY\n"
    task = load(tmp_path, schedules, project, "prod").tasks["A"]
    assert (task.queue, task.max_tries, task.deadline) == ("ENTRY", 3, 2 * HOUR)
    assert task.managed is not None
    assert task.managed.jitter == SECOND


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0 5 * * *", "0 5 * * *"),
        ("' 0  5 * * * '", "0  5 * * *"),
        ("'@daily'", "@daily"),
        ("daily", "@daily"),
        ("every 10m", "@every 10m"),
        ("CRON_TZ=UTC yearly", "CRON_TZ=UTC @yearly"),
        ("TZ=UTC   0 5 * * *", "TZ=UTC   0 5 * * *"),
    ],
)
def test_a_schedule_is_stored_as_written_but_for_the_at_sign(tmp_path: Path, written: str, stored: str) -> None:
    schedules = f"schedules: {{A: {{schedule: {written}, task_type: t}}}}"
    assert load(tmp_path, schedules).tasks["A"].schedule == stored


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0 5 * * *", "CRON_TZ=Europe/Malta 0 5 * * *"),
        ("yearly", "CRON_TZ=Europe/Malta @yearly"),
        ("every 10m", "@every 10m"),
        ("'@every 10m'", "@every 10m"),
        ("TZ=UTC 0 5 * * *", "TZ=UTC 0 5 * * *"),
    ],
)
def test_a_time_zone_becomes_a_prefix_where_it_makes_a_difference(tmp_path: Path, written: str, stored: str) -> None:
    schedules = f"defaults: {{timezone: Europe/Malta}}\nschedules: {{A: {{schedule: {written}, task_type: t}}}}"
    assert load(tmp_path, schedules).tasks["A"].schedule == stored


@pytest.mark.parametrize(
    ("written", "seconds"), [("30s", 30), ("29.5s", 30), ("30.4s", 30), ("30.5s", 31), ("1m500ms", 61), ("1h", 3600)]
)
def test_a_deadline_is_rounded_to_seconds_as_go_does(tmp_path: Path, written: str, seconds: int) -> None:
    assert load_one(tmp_path, f"deadline: {written}").deadline == seconds * SECOND


def test_a_whole_number_with_a_point_is_an_integer(tmp_path: Path) -> None:
    tries = load_one(tmp_path, "max_tries: 3.0").max_tries
    assert (tries, type(tries)) == (3, int)


@pytest.mark.parametrize(
    ("written", "payload"),
    [
        ("payload: {b: 1, a: [x, 1.5, true, null]}", b'{"a":["x",1.5,true,null],"b":1}'),
        ("payload: é", '"é"'.encode()),
        ("payload: ''", b'""'),
        ("payload: 0", b"0"),
        ("payload: {}", b"{}"),
        ("payload: null", None),
        ("payload:", None),
        ("payload_base64: AAEC/w==", b"\x00\x01\x02\xff"),
        ("payload_base64: >\n      AAEC\n      /w==", b"\x00\x01\x02\xff"),
        ("payload_base64: ''", b""),
    ],
)
def test_a_payload_is_stored_as_compact_json_or_as_its_bytes(
    tmp_path: Path, written: str, payload: bytes | None
) -> None:
    assert load_one(tmp_path, written).payload == payload


def test_a_payload_file_is_stored_byte_for_byte(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/more/p.bin": b"\x00\xff\n"})
    assert load_one(tmp_path, "payload_file: more/p.bin").payload == b"\x00\xff\n"


def test_a_payload_file_may_be_beside_the_schedules_or_be_a_link_within_the_project(tmp_path: Path) -> None:
    write(tmp_path, {"payloads/p": b"content"})
    (tmp_path / "schedules").mkdir()
    (tmp_path / "schedules/link").symlink_to("../payloads/p")
    assert load_one(tmp_path, "payload_file: ../payloads/p").payload == b"content"
    found = load(tmp_path, f"{HEAD}    payload_file: link\n")
    assert found.tasks["A"].payload == b"content"
    assert found.sources == (tmp_path / "ajsync.yaml", tmp_path / "schedules/a.yaml", tmp_path / "schedules/link")


@pytest.mark.parametrize("path", ["../../outside", "/etc/hostname", "link", '"a\\0b"'])
def test_a_payload_file_must_not_lead_out_of_the_project(tmp_path: Path, path: str) -> None:
    project = tmp_path / "project"
    write(tmp_path, {"outside": "secret", "project/schedules/x": ""})
    (project / "schedules/link").symlink_to("../../outside")
    (line,) = problems_of_one(project, f"payload_file: {path}")
    assert line.startswith("5:19: payload_file: ")
    assert line.endswith(" leads out of the project's folder; put the file beside the schedules files")


def test_a_suspended_schedule_is_checked_and_left_out(tmp_path: Path) -> None:
    found = load(tmp_path, f"{HEAD}    suspend: true\n")
    assert found.tasks == {}
    assert found.suspended == {"A"}
    assert str(found.locations["A"]) == "schedules/a.yaml:2:3"
    assert problems_of_one(tmp_path, "suspend: true\n    max_tries: 0") == [
        "6:16: max_tries: 0 is too small; the minimum is 1"
    ]


def test_content_of_ones_own_is_a_home_for_anchors(tmp_path: Path) -> None:
    schedules = """
x-night: &night {schedule: 0 2 * * *, queue: NIGHT, task_type: t}
schedules:
  A: *night
  B: {<<: *night, queue: DAY}
"""
    found = load(tmp_path, schedules)
    assert {name: task.queue for name, task in found.tasks.items()} == {"A": "NIGHT", "B": "DAY"}


ANY = 'write five fields such as "0 6 * * 1-5", a name such as "@daily", or "@every 10m"'
BY_NAME = "by its name and a colon, without a dash, and the members indented below it"
FIVE = "a schedule has five fields (minute, hour, day of month, month, day of week), found"
PAYLOAD_PATH = "name a file of at most 588,000 bytes, by a path relative to the folder of this file"
TOO_SHORT = "must be greater than zero; write a longer duration, or leave it out"
NO_JSON = "infinity and NaN do not exist in JSON; write a string, or leave them out"
BASE64 = "use standard base64, padded with ="
BOTH = "exclude each other; keep one of them"


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ("dedline: 1h", '5:5: unknown member "dedline"; did you mean "deadline"?'),
        ("task_typ: x", '5:5: unknown member "task_typ"; did you mean "task_type"?'),
        (
            "colour: red",
            '5:5: unknown member "colour"; known are catchup, catchup_window, deadline, description, except, for_each, '
            "from, jitter, labels, max_tries, overlap, payload, payload_base64, payload_file, queue, schedule, "
            "suspend, task_type, timezone, until",
        ),
        ("max_tries: x", '5:16: max_tries: "x" is a string, not an integer; write for example 3'),
        ("max_tries: '3'", '5:16: max_tries: "3" is a string, not an integer; write it without quotes: 3'),
        ("max_tries: 1.5", "5:16: max_tries: 1.5 is a number, not an integer; write for example 3"),
        ("max_tries: true", "5:16: max_tries: true is a boolean, not an integer; write for example 3"),
        ("max_tries:", "5:15: max_tries is empty, not an integer; write for example 3"),
        ("max_tries: 0", "5:16: max_tries: 0 is too small; the minimum is 1"),
        ("max_tries: 3000000000", "5:16: max_tries: 3000000000 is too large; the maximum is 2147483647"),
        ("deadline: 29s", '5:15: deadline: "29s" is too short; the minimum is 30s'),
        ("deadline: -1h", '5:15: deadline: "-1h" is too short; the minimum is 30s'),
        ("deadline: 2562047h47m16.6s", '5:15: deadline: "2562047h47m16.6s" is too long; the maximum is 2562047h47m16s'),
        (f"queue: {'Q' * 256}", f'5:12: queue: "{"Q" * 60}..." has 256 characters; the maximum is 255'),
        ("deadline: 60", "5:15: deadline: 60 is a number without a unit; write 60s or 1m if these are seconds"),
        ("deadline: 3600", "5:15: deadline: 3600 is a number without a unit; write 3600s or 1h if these are seconds"),
        (
            "deadline: 5",
            "5:15: deadline: 5 is a number without a unit; write 5m if these are minutes; the minimum is 30s",
        ),
        ("deadline: 0", "5:15: deadline: 0 is not a duration; write a longer duration, such as 1h, or leave it out"),
        ("jitter: 1.5", "5:13: jitter: 1.5 is a number without a unit; write 1.5s if these are seconds"),
        ("jitter: .nan", "5:13: jitter: NaN is not a duration; write a longer duration, such as 1h, or leave it out"),
        ("deadline: 1d", '5:15: deadline: "d" is not a unit such as h, m, s or ms (in "1d"); write 24h'),
        ("deadline: PT1H", '5:15: deadline: a number is missing before "PT" (in "PT1H"); write 1h'),
        ("jitter: 0s", f'5:13: jitter: "0s" {TOO_SHORT}'),
        ("catchup_window: -1h", f'5:21: catchup_window: "-1h" {TOO_SHORT}'),
        ("catchup: never", '5:14: catchup: "never" is not allowed; write none, latest or all'),
        ("overlap: [skip]", "5:14: overlap: a list is not allowed; write allow or skip"),
        ("suspend: yes", '5:14: suspend: "yes" is a string, not true or false; write true or false, without quotes'),
        ("queue: a b", '5:12: queue: "a b" is not a valid name of a queue; use letters, digits, _ and -'),
        ('queue: "A\\n"', '5:12: queue: "A\\n" is not a valid name of a queue; use letters, digits, _ and -'),
        ("queue: 5", '5:12: queue: 5 is an integer, not a string; put it in quotes: "5"'),
        ("queue: {a: b}", '5:12: queue is a mapping, not a string; write for example "EMAIL"'),
        ("queue: ''", '5:12: queue: "" is not a valid name of a queue; use letters, digits, _ and -'),
        ("description: 5", '5:18: description: 5 is an integer, not a string; put it in quotes: "5"'),
        (
            "timezone: Europe/malta",
            '5:15: timezone: "Europe/malta" is not an IANA name such as Europe/Malta; did you mean Europe/Malta?',
        ),
        ("timezone: ''", '5:15: timezone: "" is not a valid time zone; write an IANA name such as Europe/Malta or UTC'),
        ("payload: {a: [1, .nan]}", f"5:14: payload: {NO_JSON}"),
        ("payload: 1e999", f"5:14: payload: {NO_JSON}"),
        ("payload: {1: a}", '5:15: the key 1 is not a string; put it in quotes: "1"'),
        ("payload_base64: AAA", f"5:21: payload_base64: not valid base64: Incorrect padding; {BASE64}"),
        ("payload_base64: A A!=", f"5:21: payload_base64: not valid base64: Only base64 data is allowed; {BASE64}"),
        (
            "payload_file: missing",
            '5:19: payload_file: "missing" cannot be read: schedules/missing: No such file or directory; '
            + PAYLOAD_PATH,
        ),
        ("payload_file: .", f'5:19: payload_file: "." cannot be read: schedules: Is a directory; {PAYLOAD_PATH}'),
        ("payload_file: ''", '5:19: payload_file: "" is empty; write for example "payloads/monthly.json"'),
        ("payload: 1\n    payload_base64: AA==", f"6:5: payload and payload_base64 {BOTH}"),
    ],
)  # fmt: skip
def test_a_member_that_is_wrong_is_told(tmp_path: Path, members: str, problem: str) -> None:
    assert problems_of_one(tmp_path, members) == [problem]


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("5", '3:15: schedule: 5 is an integer, not a string; write for example "0 6 * * mon-fri"'),
        ("0 25 * * *", '3:15: schedule: hour: 25 is above the maximum, 23 (in "0 25 * * *")'),
        (
            "'@every 5'",
            '3:15: schedule: duration: 5 has no unit such as h, m, s or ms (in "5"); '
            'write "@every 5s" if these are seconds',
        ),
        (
            "0 6 * * * Europe/Berlin",
            f'3:15: schedule: {FIVE} 6 (in "0 6 * * * Europe/Berlin"); '
            'the zone comes first, by its IANA name: write "CRON_TZ=Europe/Berlin 0 6 * * *"',
        ),
        ("'{{ cron }}'", f'3:15: schedule: {FIVE} 3 (in "{{{{ cron }}}}"); for a variable write ${{cron}}'),
        ("[0, 5]", '3:15: schedule is a list, not a string; write for example "0 6 * * mon-fri"'),
        ("", '3:14: schedule is empty, not a string; write for example "0 6 * * mon-fri"'),
        ("''", f"3:15: schedule: the schedule is empty; {ANY}"),
        (
            "TZ=Mars/X 0 5 * * *",
            '3:15: schedule: time zone: "Mars/X" is not an IANA name such as Europe/Malta',
        ),
    ],
)
def test_a_schedule_that_is_wrong_is_told(tmp_path: Path, schedule: str, problem: str) -> None:
    text = f"schedules:\n  A:\n    schedule: {schedule}\n    task_type: t\n"
    assert problems(tmp_path, text) == [f"schedules/a.yaml:{problem}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ['1:1: the file is empty, not a mapping; write for example {"schedules": {}}']),
        ("- a", [f"1:1: the file is a list, not a mapping; write schedules: and below it each schedule {BY_NAME}"]),
        ("a", ['1:1: the file is a string, not a mapping; write for example {"schedules": {}}']),
        ("{}", ["1:1: schedules is missing; add schedules: {}"]),
        ("schedules:", ["1:11: schedules is empty, not a mapping; write for example {}"]),
        (
            "schedules: [A]",
            [f"1:12: schedules is a list, not a mapping; write below schedules: each schedule {BY_NAME}"],
        ),
        ("schedules: {}\nschedule: {}", ['2:1: unknown member "schedule"; did you mean "schedules"?']),
        (
            "schedules: {A B: {schedule: daily, task_type: t}}",
            ['1:13: "A B" is not a valid name of a schedule; use letters, digits, _ and -'],
        ),
        (
            "schedules:\n  A:\n",
            [
                "2:5: A is empty, not a mapping; "
                'write for example {"schedule": "0 6 * * mon-fri", "task_type": "report"}'
            ],
        ),
        (
            "schedules: {A: {}}",
            [
                '1:13: schedule is missing; add schedule: "0 6 * * mon-fri"',
                "1:13: task_type is missing; set it here or in defaults",
            ],
        ),
        (
            "defaults: [a]\nschedules: {}",
            [
                "1:11: defaults is a list, not a mapping; "
                'write for example {"queue": "EMAIL", "timezone": "Europe/Malta"}'
            ],
        ),
        (
            "defaults: {payload: 1}\nschedules: {A: {schedule: daily, task_type: t, payload: 1}}",
            [
                '1:12: unknown member "payload"; known are catchup, catchup_window, deadline, except, from, jitter, '
                "labels, max_tries, overlap, queue, task_type, timezone, until"
            ],
        ),
        (
            "schedules: {A: {schedule: TZ=UTC daily, task_type: t, timezone: UTC}}",
            ["1:65: timezone: the schedule has a prefix that sets the zone; keep either the prefix or timezone"],
        ),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_told(tmp_path: Path, text: str, expected: list[str]) -> None:
    assert problems(tmp_path, text) == [f"schedules/a.yaml:{line}" for line in expected]


def test_a_name_has_255_characters_at_the_most(tmp_path: Path) -> None:
    sound, long = "A" * 255, "A" * 256
    (problem,) = problems(
        tmp_path,
        f"schedules: {{{sound}: {{schedule: '@daily', task_type: t}}, {long}: {{schedule: '@daily', task_type: t}}}}",
    )
    assert problem.endswith(" has 256 characters; the maximum is 255")


def test_a_wrong_default_is_told_once_and_nothing_else_for_its_sake(tmp_path: Path) -> None:
    schedules = """
defaults: {task_type: a b, timezone: Nowhere, deadline: 1s}
schedules:
  A: {schedule: '@daily'}
  B: {schedule: '@hourly'}
"""
    assert [line.partition(": ")[0] for line in problems(tmp_path, schedules)] == [
        "schedules/a.yaml:2:23",
        "schedules/a.yaml:2:38",
        "schedules/a.yaml:2:57",
    ]


def test_what_an_alias_repeats_is_told_once(tmp_path: Path) -> None:
    schedules = """
x-all: &all {schedule: '@daily', task_type: t, max_tries: 0}
schedules:
  A: *all
  B: {<<: *all}
"""
    assert problems(tmp_path, schedules) == ["schedules/a.yaml:2:59: max_tries: 0 is too small; the minimum is 1"]


@pytest.mark.parametrize("kind", ["payload", "payload_base64", "payload_file"])
def test_a_payload_that_the_server_would_refuse_is_refused(tmp_path: Path, kind: str) -> None:
    def member(size: int) -> str:
        if kind == "payload":
            return "x" * (size - 2)
        if kind == "payload_base64":
            return base64.b64encode(b"x" * size).decode()
        write(tmp_path, {"schedules/p": "x" * size})
        return "p"

    payload = load_one(tmp_path, f"{kind}: {member(588_000)}").payload
    assert payload is not None
    assert len(payload) == 588_000
    (problem,) = problems_of_one(tmp_path, f"{kind}: {member(588_001)}")
    assert "588,000" in problem


def test_a_payload_is_not_shown_in_messages(tmp_path: Path) -> None:
    for members in ("payload_base64: Secret!", "payload: {a: Secret, b: .inf}", "payload_base64: [Secret]"):
        assert "Secret" not in "".join(problems_of_one(tmp_path, members))


def test_the_order_of_keys_in_a_payload_makes_no_difference(tmp_path: Path) -> None:
    one = load(tmp_path, f"{HEAD}    payload: {{a: 1, b: {{c: 2, d: 3}}}}\n", OWNER)
    other = load(tmp_path, f"{HEAD}    payload: {{b: {{d: 3, c: 2}}, a: 1}}\n", OWNER)
    assert one.tasks == other.tasks
