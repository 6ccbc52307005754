"""All files together become one configuration, the same in whatever order, or one list of all that is wrong."""

from __future__ import annotations

import gc
import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ajsync.asyncjobs.model import ScheduledTask
from ajsync.config import Configuration, load_configuration, load_context, load_owner, load_timezone
from ajsync.errors import ConfigurationError, Location
from tests.config.projects import HEAD, OWNER, load, problems, write


def fails(folder: Path, project: Path | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as error:
        load_configuration(folder, project=project)
    return str(error.value).split("\n")


def test_the_project_is_found_upwards(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": HEAD, "some/deep/folder/x": ""})
    found = load_configuration(tmp_path / "some/deep/folder")
    assert found.project == tmp_path / "ajsync.yaml"
    assert found.locations == {"A": Location(str(tmp_path / "schedules/a.yaml"), 2, 3)}


def test_the_project_may_be_named(tmp_path: Path) -> None:
    write(tmp_path, {"x/other.yaml": OWNER, "x/schedules/a.yaml": HEAD})
    for name in (Path("x/other.yaml"), tmp_path / "x/other.yaml"):
        found = load_configuration(tmp_path, project=name)
        assert found.project == tmp_path / "x/other.yaml"
        assert str(found.locations["A"]) == "x/schedules/a.yaml:2:3"
        managed = found.tasks["A"].managed
        assert managed is not None
        assert managed.source == "schedules/a.yaml"


def test_the_working_directory_may_be_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": HEAD})
    monkeypatch.chdir(tmp_path / "schedules")
    found = load_configuration(Path())
    assert found.project == tmp_path / "ajsync.yaml"
    assert str(found.locations["A"]) == "a.yaml:2:3"


def test_a_project_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert fails(tmp_path) == [
        f"ajsync.yaml: not found in {tmp_path} and the folders above it; "
        "create one with `ajsync init`, or name one with --config"
    ]
    hint = "name a readable YAML file"
    assert fails(tmp_path, Path("x.yaml")) == [f"x.yaml: cannot be read: No such file or directory; {hint}"]
    (tmp_path / "folder/ajsync.yaml").mkdir(parents=True)
    assert fails(tmp_path, Path("folder/ajsync.yaml")) == [
        f"folder/ajsync.yaml: cannot be read: Is a directory; {hint}"
    ]


def test_a_link_to_nowhere_does_not_give_way_to_another_project_above(tmp_path: Path) -> None:
    write(tmp_path, {"ajsync.yaml": OWNER, "schedules/a.yaml": HEAD, "inner/x": ""})
    (tmp_path / "inner/ajsync.yaml").symlink_to("missing")
    assert fails(tmp_path / "inner") == [
        "ajsync.yaml: cannot be read: No such file or directory; name a readable YAML file"
    ]


def test_all_problems_of_all_files_are_told_in_the_order_of_the_files(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "schedules/b.yaml": f"{HEAD}    queue: a b\n    max_tries: 0\n",
            "schedules/c.yaml": "a: @daily",
            "schedules/d.yaml": "schedules: {D: {schedule: x, task_type: t}}",
        },
    )
    lines = problems(tmp_path, "schedules: 1", "owner: a b\ncontext: 5\n")
    assert [line.split(": ")[0] for line in lines] == [
        *("ajsync.yaml:1:8", "ajsync.yaml:2:10", "schedules/a.yaml:1:12", "schedules/b.yaml:5:12"),
        *("schedules/b.yaml:6:16", "schedules/c.yaml:1:4", "schedules/d.yaml:1:27"),
    ]


def test_the_same_name_in_two_files_names_both_places(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/b.yaml": f"# second\n{HEAD}    suspend: true\n"})
    assert problems(tmp_path, HEAD) == [
        'schedules/b.yaml:3:3: the schedule "A" is defined twice; '
        "rename or remove this one or the first, at schedules/a.yaml:2:3"
    ]


def test_the_sources_are_all_files_that_were_read(tmp_path: Path) -> None:
    write(tmp_path, {"schedules/p": "x", "more/b.yaml": "schedules: {}"})
    later = "{match: 'later/**/*.yaml', optional: true}, {match: '*.yml', optional: true}"
    project = f'owner: team\nfiles: ["schedules/*.yaml", "more/b.yaml", {later}]\n'
    found = load(tmp_path, f"{HEAD}    payload_file: p\n", project)
    assert found.sources == tuple(
        tmp_path / name for name in ("ajsync.yaml", "more/b.yaml", "schedules/a.yaml", "schedules/p")
    )


def test_the_context_is_found_without_the_schedules(tmp_path: Path) -> None:
    assert load_context(tmp_path) is None
    write(tmp_path, {"ajsync.yaml": "owner: team\nenvironments: {prod: {context: nats-prod}}", "schedules/a.yaml": "@"})
    assert load_context(tmp_path) is None
    assert load_context(tmp_path, environment="prod") == "nats-prod"
    with pytest.raises(ConfigurationError, match="there is no environment"):
        load_context(tmp_path, environment="x")


def test_a_configuration_may_be_empty(tmp_path: Path) -> None:
    found = load(tmp_path, "schedules: {}")
    assert (found.tasks, found.suspended, found.locations) == ({}, frozenset(), {})


@pytest.mark.parametrize(
    "members",
    [
        *("queue: Q", "deadline: 1h", "max_tries: 3", "payload: 1", "payload_base64: ''", "timezone: UTC"),
        *("description: x", "catchup: none", "catchup_window: 1h", "overlap: skip", "jitter: 1s", "suspend: true"),
        "labels: {team: payments}",
        *("from: 2026-12-01", "until: 2026-12-01", "except: [2026-12-01]"),
    ],
)
def test_every_difference_between_tasks_changes_the_digest(tmp_path: Path, members: str) -> None:
    assert load(tmp_path, HEAD).digest != load(tmp_path, f"{HEAD}    {members}\n").digest


def test_another_owner_changes_the_digest_and_other_names_of_files_do_not(tmp_path: Path) -> None:
    found = load(tmp_path / "one", HEAD)
    assert found.digest != load(tmp_path / "two", HEAD, "owner: other").digest
    write(tmp_path / "three", {"my.yaml": "owner: team\nfiles: [b.yaml]", "b.yaml": f"\n\n{HEAD}"})
    assert found.digest == load_configuration(tmp_path / "three", project=Path("my.yaml")).digest


def test_the_digest_stays_what_saved_plans_were_made_with(tmp_path: Path) -> None:
    assert load(tmp_path, HEAD).digest == "7c43c31a1014b91b86de4053471c2fafc2edd2b61967eb4877b8df78fc46a3e4"


def without_sources(configuration: Configuration) -> dict[str, ScheduledTask]:
    return {
        name: replace(task, managed=replace(task.managed, source=""))
        for name, task in configuration.tasks.items()
        if task.managed is not None
    }


names = st.text("ABCxyz019_-", min_size=1, max_size=8)
texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="$\x85\u2028\u2029\ufffe\uffff"))
payloads = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
schedules = st.fixed_dictionaries(
    {"schedule": st.sampled_from(["@daily", "0 5 * * *", "every 10m", "TZ=UTC 1 2 3 * *"]), "task_type": names},
    optional={
        "queue": names,
        "deadline": st.sampled_from(["30s", "1h", "1h30m"]),
        "max_tries": st.integers(1, 100),
        "payload": payloads,
        "description": texts,
        "catchup": st.sampled_from(["none", "latest", "all"]),
        "catchup_window": st.sampled_from(["1h", "60m"]),
        "overlap": st.sampled_from(["allow", "skip"]),
        "jitter": st.sampled_from(["1s", "5m"]),
        "labels": st.dictionaries(names, st.none() | names, max_size=3),
        "from": st.sampled_from(["2026-12-01", "2026-12-01T08:00:00Z"]),
        "until": st.sampled_from(["2027-12-31", "2027-12-31T08:00:00Z"]),
        "except": st.lists(st.sampled_from(["2026-12-25", "2026-12-20..2027-01-02"])),
        "suspend": st.booleans(),
    },
)


def shuffled(value: object, order: random.Random) -> object:
    """The same value with the keys of all its mappings in another order."""
    if isinstance(value, dict):
        keys = order.sample(sorted(value), len(value))
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(item, order) for item in value] if isinstance(value, list) else value


def load_in_files(files: list[dict[str, object]]) -> Configuration:
    with tempfile.TemporaryDirectory() as folder:
        texts = [json.dumps({"schedules": file}, ensure_ascii=False) for file in files]
        write(Path(folder), {"ajsync.yaml": OWNER, **{f"schedules/{n}.yaml": text for n, text in enumerate(texts)}})
        return load_configuration(Path(folder))


@settings(deadline=None)
@given(st.dictionaries(names, schedules, max_size=6), st.randoms(use_true_random=False), st.integers(1, 3))
def test_neither_the_order_of_files_nor_of_keys_matters(
    desired: dict[str, object], order: random.Random, number: int
) -> None:
    one = load_in_files([desired])
    files: list[dict[str, object]] = [{} for _ in range(number)]
    for name in order.sample(sorted(desired), len(desired)):
        order.choice(files)[name] = shuffled(desired[name], order)
    other = load_in_files(files)
    assert other.digest == one.digest
    assert other.suspended == one.suspended
    assert without_sources(other) == without_sources(one)


@settings(deadline=None)
@given(payloads)
def test_a_payload_comes_back_as_it_was_written(payload: object) -> None:
    found = load_in_files([{"A": {"schedule": "@daily", "task_type": "t", "payload": payload}}])
    stored = found.tasks["A"].payload
    assert (None if stored is None else json.loads(stored)) == payload


@pytest.mark.parametrize(
    ("files", "unmatched"),
    [
        ("", ("schedules/b.yml", "schedules/deep/c.yml", "top.yml")),
        ("files: [schedules/*.yaml]", ("schedules/b.yml", "schedules/deep/c.yml", "schedules/deep/d.yaml", "top.yml")),
        ("files: ['*/a.yaml', {match: '*.yaml', optional: true}]", ("top.yml",)),
        ("files: [schedules/**/*.yaml, schedules/deep/*.yml]", ("top.yml",)),
        ("files: [schedules/**/*.yaml, schedules/deep/*.yml, top.yml]", ()),
    ],
)
def test_what_looks_like_a_schedules_file_and_no_pattern_matches_is_unmatched(
    tmp_path: Path, files: str, unmatched: tuple[str, ...]
) -> None:
    (tmp_path / "ajsync.yaml").write_text(f"owner: team\n{files}\n")
    for name in ("schedules/a.yaml", "schedules/b.yml", "schedules/deep/c.yml", "schedules/deep/d.yaml", "top.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("schedules: {}\n")
    (tmp_path / "schedules" / "compose.yml").write_text("services: {schedules: {}}\n")
    (tmp_path / "schedules" / ".hidden.yml").write_text("schedules: {}\n")
    (tmp_path / "schedules" / "link.yml").symlink_to("a.yaml")
    (tmp_path / "schedules" / "nowhere.yml").symlink_to("nowhere")
    assert load_configuration(tmp_path).unmatched == unmatched


def test_what_a_load_leaves_to_the_garbage_collector_does_not_grow_with_the_files(tmp_path: Path) -> None:
    """A command runs without one: a cycle through the nodes of a file would keep them all."""

    def left(schedules: int) -> int:
        entries = "".join(f"  S{number}: {{schedule: '@daily', task_type: '${{t}}'}}\n" for number in range(schedules))
        variables = f"{OWNER}environments: {{e: {{variables: {{t: x}}}}}}\n"
        write(tmp_path, {"ajsync.yaml": variables, "schedules/a.yaml": f"schedules:\n{entries}"})
        gc.collect()
        gc.disable()
        try:
            load_configuration(tmp_path, environment="e")
            return gc.collect()
        finally:
            gc.enable()

    left(1)  # what is made only once
    assert left(1) == left(200)


def test_what_schedules_get_is_not_looked_at_where_only_context_and_owner_are_wanted(tmp_path: Path) -> None:
    """A command that looks at the bucket needs no environment, though the defaults have its variables."""
    write(
        tmp_path,
        {
            "ajsync.yaml": "owner: us\ncontext: ours\ndefaults: {queue: 'Q_${stage}'}\nqueues: {'Q_${stage}': {}}\n"
            "environments: {prod: {context: theirs, owner: them, variables: {stage: PROD}}}\n"
        },
    )
    assert (load_context(tmp_path), load_owner(tmp_path)) == ("ours", "us")
    assert (load_context(tmp_path, environment="prod"), load_owner(tmp_path, environment="prod")) == ("theirs", "them")
    with pytest.raises(ConfigurationError, match="there is no environment"):
        load_context(tmp_path, environment="test")
    with pytest.raises(ConfigurationError, match='"stage" is not defined'):
        load_configuration(tmp_path, empty=True)


def test_the_zone_of_a_project_is_that_of_its_defaults_and_an_environment_has_its_own(tmp_path: Path) -> None:
    environments = "{us: {defaults: {timezone: America/New_York}}, plain: {}}"
    text = f"owner: us\ndefaults: {{timezone: Europe/Malta}}\nenvironments: {environments}\n"
    write(tmp_path, {"ajsync.yaml": text})
    assert load_timezone(tmp_path) == "Europe/Malta"
    assert load_timezone(tmp_path, environment="us") == "America/New_York"
    assert load_timezone(tmp_path, environment="plain") == "Europe/Malta"


@pytest.mark.parametrize("timezone", ["'${zone}'", "Mars/Olympus", "[]", "3", "''"])
def test_a_zone_that_is_not_known_is_none_for_commands_that_only_show(tmp_path: Path, timezone: str) -> None:
    write(tmp_path, {"ajsync.yaml": f"owner: us\ndefaults: {{timezone: {timezone}}}\n"})
    assert load_timezone(tmp_path) == ""


def test_a_variable_of_the_chosen_environment_may_name_the_zone(tmp_path: Path) -> None:
    text = "owner: us\ndefaults: {timezone: '${zone}'}\nenvironments: {eu: {variables: {zone: Europe/Malta}}}\n"
    write(tmp_path, {"ajsync.yaml": text})
    assert load_timezone(tmp_path, environment="eu") == "Europe/Malta"
    assert load_timezone(tmp_path, environment="eu", variables={"zone": "Asia/Kolkata"}) == "Asia/Kolkata"
    assert load_timezone(tmp_path) == ""


def test_without_a_project_there_is_no_zone(tmp_path: Path) -> None:
    assert load_timezone(tmp_path) == ""
