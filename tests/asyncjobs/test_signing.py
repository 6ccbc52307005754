"""Signatures are those of `ajc`, and no message tells a seed."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ajsync.asyncjobs.signing import Signer, load_signer
from ajsync.asyncjobs.tasks import StoredTask, decode_task
from ajsync.errors import InvalidError
from tests.recorded import recorded
from tests.tasks import INT64, TEXTS, is_signed

GOLDEN: dict[str, Any] = recorded("signed.json")
SEED: str = GOLDEN["seed_hex"]
PUBLIC: str = GOLDEN["public_hex"]
TASKS = [decode_task(json.dumps(each).encode()) for each in GOLDEN["tasks"]]
TASK = TASKS[1]
SIGNER = Signer(bytes.fromhex(SEED))


def test_there_is_a_golden_task_with_a_deadline_and_one_without() -> None:
    assert [bool(each.deadline) for each in TASKS] == [False, True]


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_ajcs_signature(task: StoredTask) -> None:
    assert SIGNER.sign(replace(task, signature="")) == task.signature


@pytest.mark.parametrize(
    "changed",
    [
        replace(TASK, id="3MVlg5Up32Gk6EbGnAyc4GIwHZ2"),
        replace(TASK, queue="OTHER"),
        replace(TASK, type="email:old"),
        replace(TASK, max_tries=4),
        replace(TASK, created=TASK.created + 1),
        replace(TASK, deadline=0),
        replace(TASK, deadline=TASK.deadline + 1),
        replace(TASK, payload=b'"x"'),
    ],
)
def test_each_property_that_a_worker_acts_on_is_signed(changed: StoredTask) -> None:
    assert SIGNER.sign(changed) != TASK.signature


def test_what_a_worker_changes_is_not_signed() -> None:
    assert SIGNER.sign(replace(TASK, state="active", tries=2, last_err="failed")) == TASK.signature


@given(st.binary(max_size=40), st.integers(0, INT64), TEXTS)
def test_what_is_signed_is_the_text_that_workers_verify(payload: bytes, created: int, queue: str) -> None:
    task = replace(TASK, payload=payload, created=created, queue=queue)
    assert is_signed(replace(task, signature=SIGNER.sign(task)), PUBLIC)


def test_no_payload_and_an_empty_one_are_signed_alike_as_go_does() -> None:
    assert SIGNER.sign(replace(TASK, payload=None)) == SIGNER.sign(replace(TASK, payload=b""))


@pytest.mark.parametrize("content", [SEED, SEED + "\n", f" {SEED}\r\n", SEED.upper()])
def test_a_seed_file_is_read_with_or_without_a_newline(tmp_path: Path, content: str) -> None:
    file = tmp_path / "seed"
    file.write_bytes(content.encode())
    assert load_signer(file).sign(replace(TASK, signature="")) == TASK.signature


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it holds nothing."),
        ("\n", "it holds nothing."),
        (SEED[:-2], "it holds 31 bytes in hex."),
        (SEED + "00", "it holds 33 bytes in hex."),
        (SEED[:-1], "it holds something that is not hex."),
        (f"seed: {SEED}", "it holds something that is not hex."),
        (SEED[:32] + "\n" + SEED[32:], "it holds something that is not hex."),
        ("\N{ARABIC-INDIC DIGIT THREE}" * 32, "it holds something that is not hex."),
    ],
)
def test_a_seed_file_that_is_not_one_is_refused_without_showing_it(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(InvalidError) as caught:
        load_signer(file)
    assert str(caught.value) == f"The signing seed {file} must hold 32 bytes in hex; {reason}"
    assert caught.value.__cause__ is None


def test_a_seed_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match=r"absent cannot be read: No such file or directory\.$"):
        load_signer(tmp_path / "absent")
    with pytest.raises(InvalidError, match=r"cannot be read: Is a directory\.$"):
        load_signer(tmp_path)
    (tmp_path / "large").write_text("0" * (2**20 + 1))
    with pytest.raises(InvalidError, match=r"cannot be read: it is larger than 1,048,576 bytes\.$"):
        load_signer(tmp_path / "large")


def test_a_seed_is_not_read_from_a_device() -> None:
    with pytest.raises(InvalidError, match=r"^The signing seed /dev/zero cannot be read: it is not a regular file\.$"):
        load_signer(Path("/dev/zero"))


def test_a_seed_may_come_through_a_pipe_as_shells_make_them(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(bytes(32).hex(),))
    writer.start()
    assert isinstance(load_signer(pipe), Signer)
    writer.join()


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(InvalidError, match=r"A seed for signing must have 32 bytes; this one has 31\."):
        Signer(bytes(31))


def test_a_signer_does_not_show_its_seed() -> None:
    signer = Signer(b"seed of thirty-two plain letters")
    assert "plain" not in f"{signer!r} {signer}"
    assert b"seed of thirty-two plain letters".hex() not in f"{signer!r} {vars(signer)}"
