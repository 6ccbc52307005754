"""What is wrong in a file is answered with what to write, and what is written so is accepted."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.config import load_configuration
from ajsync.errors import ConfigurationError
from tests.config.projects import HEAD, load, problems, problems_of_one, write

PROJECT = """
owner: team
environments: {prod: {variables: {stage: PROD, tries: 3, paused: false, zone: UTC, hours: 2, cron: daily, hour: 6}}}
"""

PLACEHOLDERS = {
    "queue: Q_$stage": "Q_${stage}",
    "queue: Q_{{ stage }}": "Q_${stage}",
    "queue: {{ stage }}": "${stage}",
    "queue: '{{stage}}'": "${stage}",
    "queue: {{ .Values.stage }}": "${stage}",
    "queue: '{{ stage | upper }}'": "${stage}",
    "queue: '{{ stage }}_Q'": "${stage}_Q",
    "queue: ${{ stage }}": "${stage}",
    "queue: ${{ vars.stage }}": "${stage}",
    "queue: Q_${ stage }": "Q_${stage}",
    "queue: Q_${stage:-DEV}": "Q_${stage}",
    "queue: ${env.stage}": "${stage}",
    "queue: $(stage)": "${stage}",
    "queue: %{stage}": "${stage}",
    "queue: '#{stage}'": "${stage}",
    "queue: '%stage%'": "${stage}",
    "queue: <stage>": "${stage}",
    "queue: '@@stage@@'": "${stage}",
    "task_type: t:$stage": "t:${stage}",
    "max_tries: $tries": "${tries}",
    "suspend: '{{ paused }}'": "${paused}",
    "timezone: '{{ zone }}'": "${zone}",
    "deadline: '{{ hours }}h'": "${hours}h",
    "jitter: $(hours)m": "${hours}m",
}


@pytest.mark.parametrize("members", PLACEHOLDERS)
def test_the_placeholder_of_another_tool_is_answered_with_ours(tmp_path: Path, members: str) -> None:
    head = HEAD.replace("    task_type: t\n", "") if members.startswith("task_type") else HEAD
    (line,) = problems(tmp_path, f"{head}    {members}\n", PROJECT, "prod")
    ours = PLACEHOLDERS[members]
    assert f"for a variable write {ours}" in line.replace('"', "")
    member = members.partition(":")[0]
    load(tmp_path, f"{head}    {member}: {ours}\n", PROJECT, "prod")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("password: {{ user }}:hunter2", "${user}"),
        ("password: @hunter2 {{ x }}", "${x}"),
        ("password: *{{ user }}hunter2", "${user}"),
        ("password: @hunter2 ${x:-hunter2}{{ y }}", "${x} and ${y}"),
        ("pw: [hunter2 {{ x }}", "${x}"),
        ("pw: {a: hunter2, b: {{ x }}", ""),
        ("pw: @%hunter2%", "${name}"),
        ("pw: @a$hunter2", "${name}"),
        ("  A: {schedule: '@daily', task_type: x, payload: @hunter2 {{ x }}}", "${x}"),
        ("  - {schedule: @daily {{ x }}, payload: hunter2}", "${x}"),
        ("  - {schedule: @daily, payload: @hunter2}", '"@daily"'),
        ("schedule: */5, 10 * * * *", '"*/5, 10 * * * *"'),
        ("schedule: [@hunter2", ""),
        ("schedule: @daily: hunter2", ""),
    ],
)
@pytest.mark.parametrize("project", [False, True])
def test_of_a_line_that_is_not_yaml_nothing_but_its_variables_is_shown(
    tmp_path: Path, line: str, shown: str, project: bool
) -> None:
    files = {"ajsync.yaml": "owner: a\n", "schedules/a.yaml": "schedules: {}\n"}
    write(tmp_path, files | {"ajsync.yaml" if project else "schedules/a.yaml": f"{line}\n"})
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path)
    message = str(error.value)
    assert "hunter2" not in message
    assert not shown or message.endswith(f" {shown}"), message


@pytest.mark.parametrize(
    ("schedule", "ours"), [("{{ cron }}", "${cron}"), ("$cron", "${cron}"), ("0 {{ hour }} * * *", "0 ${hour} * * *")]
)
def test_in_a_schedule_too(tmp_path: Path, schedule: str, ours: str) -> None:
    text = "schedules: {{A: {{schedule: '{}', task_type: t}}}}"
    (line,) = problems(tmp_path, text.format(schedule), PROJECT, "prod")
    assert line.endswith(f"; for a variable write {ours}")
    load(tmp_path, text.format(ours), PROJECT, "prod")


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("A_$stage", "for a variable write A_${stage}"),
        ("'A_{{ stage }}'", "for a variable write A_${stage}"),
        ("{{ stage }}", 'the name of a schedule may contain "${stage}"; write other keys out'),
        ("'A $stage'", "use letters, digits, _ and -"),
    ],
)
def test_in_the_name_of_a_schedule_too(tmp_path: Path, key: str, hint: str) -> None:
    (line,) = problems(tmp_path, f"schedules:\n  {key}: {{schedule: daily, task_type: t}}\n", PROJECT, "prod")
    assert line.endswith(f"; {hint}")


@pytest.mark.parametrize("name", ["${stage}", "$stage", "'{{ stage }}'"])
def test_other_names_cannot_hold_a_variable(tmp_path: Path, name: str) -> None:
    (line,) = problems(tmp_path, HEAD, f"owner: x\nenvironments:\n  {name}: {{}}\n")
    assert line.endswith("; a name cannot contain a variable, so use letters, digits, _ and -")


@pytest.mark.parametrize("payload", ["'{{ stage }}'", "$stage", "<stage>", "'%{x}'"])
def test_free_text_may_hold_whatever_it_likes(tmp_path: Path, payload: str) -> None:
    assert load(tmp_path, f"{HEAD}    payload: {payload}\n    description: {payload}\n").tasks


@pytest.mark.parametrize(
    ("project", "environment"), [("owner: x\n", "prod"), ("owner: x\nenvironments: {a: {}, b: {}}\n", "c")]
)
def test_a_variable_of_an_environment_that_there_is_not_is_told_in_a_whole_sentence(
    tmp_path: Path, project: str, environment: str
) -> None:
    lines = problems(tmp_path, f"{HEAD}    queue: ${{stage}}\n", project, environment)
    assert lines[-1].endswith(
        "; define it in the variables of an environment in ajsync.yaml, or write $${ for a literal ${"
    )


INDENT = "indent the whole block by two spaces below"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (
            "schedules:\n  - name: A\n    schedule: daily\n",
            [
                '2:3: schedules is a list, not a mapping; write below schedules: the name and a colon, "A:", '
                "without a dash, and the members indented below it"
            ],
        ),
        (
            "schedules:\n  - A: {schedule: daily}\n",
            [
                '2:3: schedules is a list, not a mapping; write below schedules: "A:" without a dash, '
                "and the members indented below it"
            ],
        ),
        (
            "schedules:\nA:\n  schedule: daily\n  task_type: t\nB:\n  schedule: daily\n",
            [f'{place}: "{name}" is beside schedules, not below it; {INDENT} schedules'
             for place, name in (("2:1", "A"), ("5:1", "B"))],
        ),
        (
            f"{HEAD}B:\n  schedule: daily\n  task_type: t\n",
            [f'5:1: "B" is beside schedules, not below it; {INDENT} schedules'],
        ),
        (
            "schedules:\n  A:\n  schedule: daily\n  task_type: t\n",
            [f'3:3: "schedule" is where the name of a schedule should be; {INDENT} "A"'],
        ),
        (
            "schedules:\n  schedule: daily\n  task_type: t\n",
            [
                '2:3: "schedule" is where the name of a schedule should be; '
                "write the name of the schedule above it, and indent it below that"
            ],
        ),
        (
            "A:\n  schedule: daily\n  task_type: t\n",
            ['1:1: schedules is missing; write schedules: above "A", and indent everything below it by two spaces'],
        ),
        (
            "schedules:\nschedule: daily\ntask_type: t\n",
            [
                '2:1: "schedule" is beside schedules, not below it; '
                "write the name of the schedule below schedules, and indent its members below that"
            ],
        ),
        *(
            (
                f"{key}:\n  A: {{schedule: daily, task_type: t}}\n",
                [f'1:1: schedules is missing; write schedules instead of "{key}"'],
            )
            for key in ("Schedules", "schedule", "jobs")
        ),
        (
            "name: x\non:\n  schedule:\n    - cron: daily\njobs: {}\n",
            [
                "1:1: this is not a schedules file: schedules is missing; write schedules: and below it each schedule "
                "by its name, or let `files` match only schedules files"
            ],
        ),
        (
            "schedules:\n\u00a0\u00a0A:\n",
            [
                "1:11: schedules is empty, not a mapping; write for example {}",
                '2:1: unknown member "\\xa0\\xa0A"; '
                "indent with plain spaces: the line begins with another character that looks like one",
            ],
        ),
        (
            HEAD.replace("    task", "\u00a0\u00a0\u00a0\u00a0task") + "    queue: Q\n",
            [
                "4:1: this line is indented by a character that is not a space for YAML; "
                "indent with plain spaces: the line begins with another character that looks like one"
            ],
        ),
        *(
            (
                f"{HEAD}    {member}\n    max_tries: 3\n",
                [
                    "5:1: there is no space after the colon; "
                    "write the name of the member, a colon, a space and the value"
                ],
            )
            for member in ("queue:Q", "deadline:'1h'", "timezone:UTC")
        ),
        *(
            (
                f"{statement}\n{HEAD}",
                ["1:1: this is a statement of a template; let ajsync read the output of the template tool"],
            )
            for statement in ("{{- if .Values.on }}", "{% if on %}", "{{ range .Values.all }}")
        ),
        (
            "schedule: daily\ntask_type: t\n",
            [
                "1:1: schedules is missing; "
                "write schedules: and below it the name of the schedule, and indent its members below that"
            ],
        ),
        (
            "owner: x\n",
            [
                '1:1: this is not a schedules file: schedules is missing; "owner" belongs in ajsync.yaml; '
                "let `files` match only schedules files"
            ],
        ),
        (
            "apiVersion: v1\nkind: CronJob\nspec: {schedule: daily}\n",
            [
                "1:1: this is not a schedules file: schedules is missing; write schedules: and below it each schedule "
                "by its name, or let `files` match only schedules files"
            ],
        ),
        (
            "schedules: {A: {cron: daily, task_type: t}}",
            [
                '1:13: schedule is missing; add schedule: "0 6 * * mon-fri"',
                '1:17: unknown member "cron"; did you mean "schedule"?',
            ],
        ),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_is_told_as_one_mistake(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert problems(tmp_path, text) == [f"schedules/a.yaml:{line}" for line in lines]


@pytest.mark.parametrize(
    ("member", "meant"),
    [
        *(
            ("timeZone: UTC", "timezone"),
            ("tz: UTC", "timezone"),
            ("retries: 3", "max_tries"),
            ("timeout: 1h", "deadline"),
        ),
        *(("args: [1]", "payload"), ("concurrencyPolicy: Forbid", "overlap"), ("disabled: true", "suspend")),
    ],
)
def test_the_name_that_other_systems_have_for_a_member_is_known(tmp_path: Path, member: str, meant: str) -> None:
    assert problems_of_one(tmp_path, member)[0].endswith(f'; did you mean "{meant}"?')


def test_enabled_is_the_opposite_of_suspend(tmp_path: Path) -> None:
    (line,) = problems_of_one(tmp_path, "enabled: false")
    assert line.endswith('; write "suspend", which means the opposite')


def test_schedules_in_the_project_file_are_told_where_they_belong(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, HEAD, "owner: x\nschedules: {A: {schedule: daily}}\n")
    assert line == (
        'ajsync.yaml:2:1: unknown member "schedules"; '
        "write schedules into separate files, such as schedules/example.yaml, which `files` matches"
    )


CONFLICT = "this is an unresolved merge conflict; keep one side"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("schedules:\n<<<<<<< HEAD\n  A: {schedule: daily}\n=======\n  A: {schedule: hourly}\n>>>>>>> branch\n", 2),
        ("schedules:\r\n<<<<<<< HEAD\r\n  A: 1\r\n=======\r\n  A: 2\r\n>>>>>>> branch\r\n", 2),
        (f"{HEAD}    payload: {{a: 1,\n<<<<<<< HEAD\n b: 2,\n=======\n b: 3,\n>>>>>>> x\n}}\n", 6),
        (f"{HEAD}=======\n", 5),
        (f"{HEAD}>>>>>>> branch\n", 5),
    ],
)
def test_a_conflict_of_a_merge_is_told_at_its_line(tmp_path: Path, text: str, line: int) -> None:
    (told,) = problems(tmp_path, text)
    assert told.startswith(f"schedules/a.yaml:{line}:1: {CONFLICT}")


def test_what_looks_like_a_marker_within_a_text_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, f"{HEAD}    payload: |\n      <<<<<<< HEAD\n      =======\n      >>>>>>> x\n").tasks


def test_a_payload_that_is_named_from_the_projects_folder_is_found_there(tmp_path: Path) -> None:
    write(tmp_path, {"payloads/x.json": "{}"})
    (line,) = problems_of_one(tmp_path, "payload_file: payloads/x.json")
    assert line == (
        '5:19: payload_file: "payloads/x.json" cannot be read: schedules/payloads/x.json: No such file or directory; '
        'the path is relative to the folder of this file: write "../payloads/x.json"'
    )
    load(tmp_path, f"{HEAD}    payload_file: ../payloads/x.json\n")


NUMBERS = [
    f"{member}: {value}" for member in ("deadline", "jitter", "catchup_window") for value in (1, 5, 60, 90.5, 3600)
]
DURATIONS = [
    f"deadline: {text}" for text in ("'5'", "'3600'", "1d", "90 minutes", "PT1H", "1h 30m", "1h30", "2 weeks", "5M")
]


@pytest.mark.parametrize("members", NUMBERS + DURATIONS)
def test_a_duration_that_is_suggested_is_accepted(tmp_path: Path, members: str) -> None:
    (line,) = problems_of_one(tmp_path, members)
    suggested = re.findall(r"(?:write|or) ([0-9][0-9a-z.]*)", line)
    assert suggested, line
    for duration in suggested:
        load(tmp_path, f"{HEAD}    {members.partition(':')[0]}: {duration}\n")


@pytest.mark.parametrize("name", ["new.yaml", "new.yml"])
def test_a_schedules_file_beside_the_project_file_that_no_pattern_matches_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: HEAD, "compose.yaml": "services: {}\n"})
    assert load(tmp_path, HEAD.replace("A:", "B:")).unmatched == (name,)


TEXTS = st.text("abA_-: \n{}[]'\"&*<>|%@`$#!?,.0123456789\t=", max_size=60)
SPELLED = (
    "schedules:~~A:~schedule:~ daily~task_type: t~- ~{{ x }}~${x}~${{ x }}~<<:~<<<<<<< HEAD~=======~>>>>>>> x~&a~*a~"
    "!!int~null~1e999~.nan~[~]~{~}~\"~deadline:~ 5~ 0x10~payload:~ |~timezone:~ GMT+3~? ~---~'~defaults:~x-a:~,~\n~  "
)
PIECES = st.lists(st.sampled_from(SPELLED.split("~")), max_size=20).map("".join)


@settings(deadline=None, max_examples=100)
@given(
    TEXTS | PIECES | TEXTS.map(lambda text: HEAD + "    payload: " + text) | PIECES.map(lambda text: HEAD + text),
    st.booleans(),
)
def test_no_text_ends_in_anything_but_problems_with_a_place(text: str, as_project: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        project = f"{PROJECT}{text}" if as_project else PROJECT
        write(folder, {"ajsync.yaml": project, "schedules/a.yaml": HEAD if as_project else text})
        try:
            load_configuration(folder, environment="prod")
        except ConfigurationError as error:
            for problem in error.problems:
                assert str(problem).isprintable()
                assert problem.message
                assert problem.hint or "is not an IANA name" in problem.message or "(in " in problem.message
                assert "; ," not in str(problem)


@pytest.mark.parametrize("zone", ["2", "+2"])
def test_an_offset_that_yaml_reads_as_a_number_is_answered_as_one(tmp_path: Path, zone: str) -> None:
    (line,) = problems_of_one(tmp_path, f"timezone: {zone}")
    assert "is an integer, not a string; for UTC+2 all year write Africa/Johannesburg" in line
