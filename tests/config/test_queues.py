"""`queues` of ajsync.yaml: which queues there are, and that no schedule names another."""

from __future__ import annotations

from pathlib import Path

import pytest

from ajsync.asyncjobs.queues import QueueSettings
from ajsync.config import Configuration, load_configuration
from ajsync.errors import ConfigurationError
from ajsync.timestamp import NANOSECONDS

ENVIRONMENTS = "environments: {prod: {variables: {stage: PROD, tries: 5, none: false}}}\n"


def load(folder: Path, queues: str, schedules: str = "{}", environment: str | None = None) -> Configuration:
    (folder / "schedules").mkdir(exist_ok=True)
    (folder / "ajsync.yaml").write_text(f"owner: team\n{ENVIRONMENTS}queues: {queues}\n")
    (folder / "schedules" / "a.yaml").write_text(f"schedules: {schedules}\n")
    return load_configuration(folder, environment=environment)


def problems(folder: Path, queues: str, schedules: str = "{}", environment: str | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(folder, queues, schedules, environment)
    return [str(each).removeprefix(f"{folder}/") for each in raised.value.problems]


def test_settings_are_read_and_the_rest_is_as_the_go_tool_has_it(tmp_path: Path) -> None:
    members = "max_tries: 10, max_runtime: 90s, max_concurrent: 5, max_age: 24h, max_entries: 9, discard_old: true"
    assert load(tmp_path, f"{{B: {{{members}}}, A: {{}}, C: }}").queues == (
        QueueSettings("A"),
        QueueSettings("B", 10, 90 * NANOSECONDS, 5, 86400 * NANOSECONDS, 9, discard_old=True),
        QueueSettings("C"),
    )
    assert load(tmp_path, "{}").queues == ()


def test_names_and_settings_hold_variables(tmp_path: Path) -> None:
    text = '{"Q_${stage}": {max_tries: "${tries}", discard_old: "${none}", max_age: "${tries}h"}}'
    (queue,) = load(tmp_path, text, "{A: {schedule: '@daily', task_type: t, queue: 'Q_${stage}'}}", "prod").queues
    assert queue == QueueSettings("Q_PROD", 5, max_age=5 * 3600 * NANOSECONDS)
    assert [each.split(": ", 1)[1] for each in problems(tmp_path, text)] == [
        f'the variable "{name}" is not defined; choose prod with --environment, or write $${{ for a literal ${{'
        for name in ("stage", "tries", "none", "tries")
    ]


@pytest.mark.parametrize(
    ("queues", "problem"),
    [
        ("[EMAIL]", "ajsync.yaml:3:9: queues is a list, not a mapping"),
        ("null", "ajsync.yaml:3:9: queues is empty, not a mapping"),
        ("{EMAIL: [1]}", "ajsync.yaml:3:17: EMAIL is a list, not a mapping or null"),
        ("{a.b: {}}", 'ajsync.yaml:3:10: the name: "a.b" is not a valid name of a queue; use letters, digits, _ and -'),
        ("{A: {tries: 1}}", 'ajsync.yaml:3:14: unknown member "tries"; did you mean "max_tries"?'),
        (
            "{A: {max_tries: 0}}",
            "ajsync.yaml:3:25: max_tries: 0 is not a number of tries; write -1 for unlimited tries",
        ),
        ("{A: {max_tries: -2}}", "ajsync.yaml:3:25: max_tries: -2 is too small; the minimum is -1"),
        ("{A: {max_runtime: 10ms}}", 'ajsync.yaml:3:27: max_runtime: "10ms" is too short; the minimum is 1s'),
        ("{A: {max_age: 1m}}", 'ajsync.yaml:3:23: max_age: "1m" is too short; the minimum is 2m'),
        ("{A: {max_age: a day}}", 'ajsync.yaml:3:23: max_age: "a day" is not a valid Go duration'),
        ("{A: {max_concurrent: 0}}", "ajsync.yaml:3:30: max_concurrent: 0 is too small; the minimum is 1"),
        ("{A: {discard_old: maybe}}", "ajsync.yaml:3:27: discard_old: "),
        ("{A: {}, A: {}}", 'ajsync.yaml:3:17: the key "A" is defined twice'),
    ],
)
def test_what_is_wrong_is_said_where_it_is(tmp_path: Path, queues: str, problem: str) -> None:
    (found,) = problems(tmp_path, queues)
    assert found.startswith(problem)


def test_two_names_that_come_out_the_same_are_an_error(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, '{Q_PROD: {}, "Q_${stage}": {}}', environment="prod")
    assert found == 'ajsync.yaml:3:22: the queue "Q_PROD" is declared twice; remove one of the two'


def test_a_schedule_cannot_name_another_queue(tmp_path: Path) -> None:
    schedules = "{A: {schedule: '@daily', task_type: t, queue: EMIAL}, B: {schedule: '@daily', task_type: t}}"
    assert problems(tmp_path, "{EMAIL: {}}", schedules) == [
        'schedules/a.yaml:1:58: the queue "EMIAL" is not declared in `queues` of ajsync.yaml; did you mean "EMAIL"?',
        'schedules/a.yaml:1:66: the queue "DEFAULT" is not declared in `queues` of ajsync.yaml; declare it there, or '
        "name one that is declared",
    ]
    assert len(load(tmp_path, "{EMIAL: {}, DEFAULT: {}}", schedules).tasks) == 2


def test_queues_are_part_of_the_digest_once_there_are_some(tmp_path: Path) -> None:
    digests = [load(tmp_path, text).digest for text in ("{}", "{A: {}}", "{A: {max_tries: 3}}", "{A: {}, B: {}}")]
    assert len({*digests}) == 4
    assert load(tmp_path, "{B: {}, A: {}}").digest == digests[3]
    (tmp_path / "ajsync.yaml").write_text("owner: team\n")
    assert load_configuration(tmp_path).digest == digests[0]
