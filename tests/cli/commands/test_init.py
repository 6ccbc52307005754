"""`ajsync init`: a first configuration that is valid, editors that find its schemas, and a bucket if one is wanted."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from ajsync.config import load_configuration, schema_file
from ajsync.version import __version__
from tests.cli.processes import ajsync
from tests.nats_server import NatsServer

SCHEMAS = ["ajsync.schema.json", "schedules.schema.json"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "My Team (billing)"
    folder.mkdir()
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_what_it_writes_is_valid(project: Path) -> None:
    result = ajsync(project, "init")
    assert result.returncode == 0, result.stderr
    configuration = load_configuration(project)
    assert configuration.owner == "My-Team-billing"
    assert configuration.context is None
    assert configuration.tasks.keys() == {"EXAMPLE_REPORT"}
    assert configuration.suspended == {"EXAMPLE_CLEANUP"}
    assert ajsync(project, "validate").returncode == 0


def test_it_says_what_it_wrote_and_what_to_do_next(project: Path) -> None:
    output = ajsync(project, "init").stdout
    assert "Wrote ajsync.yaml and schedules/example.yaml" in output
    for command in ("ajsync validate", "ajsync dev", "ajsync plan --context ajsync-dev"):
        assert command in output


def test_editors_find_the_schemas_of_both_files_in_the_project(project: Path) -> None:
    ajsync(project, "init")
    for file, name in zip(["ajsync.yaml", "schedules/example.yaml"], SCHEMAS, strict=True):
        line = (project / file).read_text().splitlines()[0]
        reference = line.removeprefix("# yaml-language-server: $schema=")
        schema = (project / file).parent / reference
        assert schema.read_bytes() == schema_file(name).read_bytes()


def test_owner_and_context_can_be_given(project: Path) -> None:
    assert ajsync(project, "init", "--owner", "123", "--context", "no").returncode == 0
    configuration = load_configuration(project)
    assert (configuration.owner, configuration.context) == ("123", "no")


@pytest.mark.parametrize("owner", ["", "a b", "a:b", "ä"])
def test_an_owner_that_is_not_valid_is_refused(project: Path, owner: str) -> None:
    result = ajsync(project, "init", "--owner", owner)
    assert result.returncode == 64
    assert "use letters, digits, _ and -" in result.stderr
    assert files_in(project) == []


def test_a_folder_whose_name_gives_no_owner_asks_for_one(tmp_path: Path) -> None:
    folder = tmp_path / "日本"
    folder.mkdir()
    result = ajsync(folder, "init")
    assert result.returncode == 64
    assert "--owner" in result.stderr
    assert ajsync(folder, "init", "--owner", "japan").returncode == 0


@pytest.mark.parametrize("existing", ["ajsync.yaml", "schedules/example.yaml"])
def test_no_file_that_exists_is_overwritten_and_then_nothing_is_written(project: Path, existing: str) -> None:
    (project / existing).parent.mkdir(exist_ok=True)
    (project / existing).write_text("mine")
    result = ajsync(project, "init")
    assert result.returncode == 64
    assert f"{existing} exists already" in result.stderr
    assert files_in(project) == [existing]
    assert (project / existing).read_text() == "mine"


def test_a_file_that_cannot_be_written_is_no_wrong_usage_and_leaves_none(project: Path) -> None:
    (project / "schedules").write_text("a file")
    result = ajsync(project, "init")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: schedules/example.yaml cannot be written: ")
    assert "ajsync.yaml" not in files_in(project)


def test_a_second_init_names_every_file_in_its_way(project: Path) -> None:
    ajsync(project, "init")
    assert "ajsync.yaml and schedules/example.yaml exist already" in ajsync(project, "init").stderr


def test_a_dev_server_may_have_run_before(project: Path) -> None:
    (project / ".ajsync").mkdir()
    (project / ".ajsync" / ".gitignore").write_text("mine\n")
    assert ajsync(project, "init").returncode == 0
    assert (project / ".ajsync" / ".gitignore").read_text() == "mine\n"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_sees_the_schemas_and_no_data_of_the_dev_server(project: Path) -> None:
    ajsync(project, "init")
    data = project / ".ajsync" / "dev" / "jetstream"
    data.mkdir(parents=True)
    (data / "1.blk").touch()
    subprocess.run(["git", "init", "--quiet", project], check=True)
    seen = subprocess.run(
        ["git", "-C", project, "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    )
    assert seen.stdout.splitlines() == [
        ".ajsync/.gitignore",
        *(f".ajsync/schemas/{name}" for name in SCHEMAS),
        "ajsync.yaml",
        "schedules/example.yaml",
    ]


@pytest.mark.parametrize("options", [["--replicas", "3"], ["--memory"], ["--server", "nats://127.0.0.1:4222"]])
def test_options_of_the_bucket_alone_are_refused(project: Path, options: list[str]) -> None:
    result = ajsync(project, "init", *options)
    assert result.returncode == 64
    assert "need --bucket" in result.stderr
    assert files_in(project) == []


def test_bucket_makes_it_and_the_files_and_the_second_time_neither(project: Path, server: NatsServer) -> None:
    first = ajsync(project, "init", "--bucket", "--server", server.url)
    assert first.returncode == 0, first.stderr
    assert f"Made the bucket CHORIA_AJ_CONFIGURATION at {server.url}." in first.stdout
    before = (project / "ajsync.yaml").read_text()
    second = ajsync(project, "init", "--bucket", "--server", server.url)
    assert second.returncode == 0, second.stderr
    assert second.stdout == f"The bucket CHORIA_AJ_CONFIGURATION exists already at {server.url}.\n"
    assert (project / "ajsync.yaml").read_text() == before


def test_bucket_uses_the_context_of_the_project_it_is_in(project: Path, home: Path, server: NatsServer) -> None:
    context = home / ".config" / "nats" / "context" / "mine.json"
    context.parent.mkdir(parents=True)
    context.write_text(json.dumps({"url": server.url}))
    (project / "ajsync.yaml").write_text("owner: me\ncontext: mine\n")
    below = project / "below"
    below.mkdir()
    result = ajsync(below, "init", "--bucket")
    assert result.returncode == 0, result.stderr
    assert server.url in result.stdout
    assert files_in(project) == ["ajsync.yaml"]


def test_the_bucket_of_an_environment_is_made_at_its_context(project: Path, home: Path, server: NatsServer) -> None:
    contexts = home / ".config" / "nats" / "context"
    contexts.mkdir(parents=True)
    (contexts / "nats-prod.json").write_text(json.dumps({"url": server.url}))
    (project / "ajsync.yaml").write_text(
        "owner: x\ndefaults: {queue: 'Q_${stage}_${more}'}\n"
        "environments: {prod: {context: nats-prod, variables: {stage: PROD}}}\n"
    )
    assert ajsync(project, "init", "--bucket").returncode == 3  # whose queue is that?
    done = ajsync(project, "init", "--bucket", "-e", "prod", "--var", "more=1")
    assert (done.returncode, done.stdout) == (0, f"Made the bucket CHORIA_AJ_CONFIGURATION at {server.url}.\n")
    elsewhere = ajsync(project, "init", "--bucket", "-e", "prod", "--var", "more=1", "--server", "nats://127.0.0.1:1")
    assert "The environment prod names the context nats-prod, but --server uses another one." in elsewhere.stderr


@pytest.mark.parametrize("options", [["-e", "prod"], ["--var", "a=1"], ["--bucket", "-e", "prod"]], ids=" ".join)
def test_an_environment_without_a_project_is_refused(project: Path, options: list[str]) -> None:
    done = ajsync(project, "init", "--owner", "x", *options)
    assert (done.returncode, [*project.iterdir()]) == (64, [])
    assert "--environment and --var need --bucket and an ajsync.yaml that exists." in done.stderr


def test_a_bucket_on_no_server_is_an_error_and_no_file_is_written(project: Path) -> None:
    result = ajsync(project, "init", "--bucket", "--server", "nats://127.0.0.1:1")
    assert result.returncode == 7
    assert files_in(project) == []


def test_a_file_in_the_way_is_found_before_a_bucket_is_made(project: Path, server: NatsServer) -> None:
    (project / "schedules").mkdir()
    (project / "schedules" / "example.yaml").touch()
    result = ajsync(project, "init", "--bucket", "--server", server.url)
    assert result.returncode == 64
    assert "Made" not in result.stdout


def test_replicas_that_one_server_cannot_keep_say_what_to_do(project: Path, server: NatsServer) -> None:
    for command in (("init", "--bucket"), ("apply", "--yes", "--create-bucket")):
        if command[0] == "apply":
            assert ajsync(project, "init").returncode == 0
        result = ajsync(project, *command, "--replicas", "3", "--server", server.url)
        assert result.returncode == 7
        assert "replicas > 1 not supported in non-clustered mode" in result.stderr
        assert "Leave out --replicas, or name a server of a cluster" in result.stderr


def test_owner_is_refused_where_bucket_would_ignore_it(project: Path) -> None:
    (project / "ajsync.yaml").write_text("owner: me\n")
    result = ajsync(project, "init", "--bucket", "--owner", "you")
    assert result.returncode == 64
    assert "--owner has no effect" in result.stderr


def test_nothing_is_written_through_links_of_a_checkout(project: Path) -> None:
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "profile").write_text("mine")

    def untouched() -> bool:
        return files_in(elsewhere) == ["profile"] and (elsewhere / "profile").read_text() == "mine"

    for link in (".ajsync", ".ajsync/schemas", "schedules"):
        (project / link).parent.mkdir(exist_ok=True)
        (project / link).symlink_to(elsewhere)
        for command in ("init", "dev") if link == ".ajsync" else ("init",):
            refused = ajsync(project, command)
            assert refused.returncode == 1, refused.stderr
            assert "is a symbolic link" in refused.stderr
        (project / link).unlink()
        shutil.rmtree(project / ".ajsync", ignore_errors=True)
    (project / ".ajsync" / "schemas").mkdir(parents=True)
    (project / ".ajsync" / ".gitignore").symlink_to("../../elsewhere/ignore")
    (project / ".ajsync" / "schemas" / SCHEMAS[0]).symlink_to(elsewhere / "profile")
    assert ajsync(project, "init").returncode == 0
    assert untouched()


def test_schemas_are_written_anew_in_a_project_that_exists_and_nothing_else_is(project: Path) -> None:
    (project / "ajsync.yaml").write_text("owner: me\n")
    below = project / "below"
    below.mkdir()
    schemas = project / ".ajsync" / "schemas"
    schemas.mkdir(parents=True)
    (schemas / SCHEMAS[0]).write_text("{}")
    done = ajsync(below, "init", "--schemas")
    assert (done.returncode, done.stdout) == (0, f"Wrote the schemas of ajsync {__version__} into {schemas}.\n")
    assert files_in(project) == [".ajsync/.gitignore", *(f".ajsync/schemas/{name}" for name in SCHEMAS), "ajsync.yaml"]
    for name in SCHEMAS:
        assert (schemas / name).read_bytes() == schema_file(name).read_bytes()
    assert (project / "ajsync.yaml").read_text() == "owner: me\n"


def test_schemas_need_a_project(project: Path) -> None:
    done = ajsync(project, "init", "--schemas")
    assert done.returncode == 64
    assert "There is no ajsync.yaml here or in a folder above" in done.stderr
    assert files_in(project) == []


@pytest.mark.parametrize(
    "options", [["--bucket"], ["--owner", "x"], ["--context", "x"], ["--var", "a=1"], ["-e", "x"]], ids=" ".join
)
def test_schemas_go_with_no_other_option(project: Path, options: list[str]) -> None:
    (project / "ajsync.yaml").write_text("owner: me\n")
    done = ajsync(project, "init", "--schemas", *options)
    assert (done.returncode, files_in(project)) == (64, ["ajsync.yaml"])
    assert "--schemas cannot be combined with other options." in done.stderr


def test_schemas_are_not_written_through_links(project: Path) -> None:
    (project / "ajsync.yaml").write_text("owner: me\n")
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (project / ".ajsync").symlink_to(elsewhere)
    done = ajsync(project, "init", "--schemas")
    assert (done.returncode, files_in(elsewhere)) == (1, [])
    assert "is a symbolic link" in done.stderr
