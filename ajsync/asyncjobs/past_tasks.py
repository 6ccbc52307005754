"""Past tasks: what the tasks stream tells about the last minutes, and since when that is complete. Pure.

The stream keeps one message for each task. Each write of a worker replaces the previous message, and a deleted task
leaves nothing, so the sequences of the messages have holes. As long as the stored tasks explain all holes, no task was
deleted.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate

NEVER = 2**63 - 1
"""Later than any instant."""
TaskKind = tuple[str, str, bytes]
"""What makes tasks equal for their workers: queue, type, and the SHA-256 of the payload."""


@dataclass(frozen=True, slots=True)
class PastTask:
    """A task as it is stored now. Instants are nanoseconds since 1970."""

    sequence: int
    """The sequence of its last message."""
    stored_at: int
    """When that message was stored, by the server's clock."""
    id: str
    kind: TaskKind
    created: int
    """When it was created, by the clock of the scheduler that made it; for a fire of ajsync, the due instant."""
    replaced: int = 0
    """How many messages of this task were certainly stored before and replaced since."""
    waits: bool = False
    """Whether no worker has tried it, so that it may be without a work item."""


@dataclass(frozen=True, slots=True)
class PastTasks:
    """The tasks that were stored or changed since an instant."""

    tasks: tuple[PastTask, ...]
    """One task for each id."""
    intact_since: int
    """The instant since which no stored task was deleted, by the server's clock."""


def task_kind(queue: str, task_type: str, payload: bytes | None) -> TaskKind:
    """The kind of a task. No payload is the same as JSON null, but not the same as an empty payload."""
    return queue, task_type, b"" if payload is None else sha256(payload).digest()


def replaced_messages(state: str, tries: int) -> int:
    """The least number of replaced messages of a task, from how the workers of asyncjobs write.

    They store a task as `active` before each try, and its outcome after that.
    """
    tries = max(tries, 0)
    match state:
        case "active":
            return 2 * tries + 1
        case "retry" | "complete" | "terminated":
            return 2 * tries
        case "expired":
            return max(2 * tries, 1)
        case "queue_error":
            return 1
    return 0


def past_tasks(stored: Iterable[PastTask], *, begin: int, begin_at: int, last: int, last_at: int | None) -> PastTasks:
    """The result of a walk through the stream, in the order of sequences.

    It found `stored` after the sequence `begin`, whose message was stored at `begin_at`, and up to `last`, which the
    stream gave to a message at `last_at` (None if that is not known). `begin` may be 0, at the creation of the stream.
    A task that a worker has changed during the walk was found more than once.
    """
    tasks = {each.id: each for each in stored}
    kept = sorted(tasks.values(), key=lambda each: each.sequence)
    intact = NEVER if last_at is None else last_at  # there is no hole after the last message
    return PastTasks(tuple(kept), min(intact, _intact_since(kept, begin, begin_at, last)))


def _intact_since(kept: Sequence[PastTask], begin: int, begin_at: int, last: int) -> int:
    """The first instant of a message after which the tasks explain each hole; NEVER if there is none.

    A hole was stored after the message in front of it. The holes that a task has left lie between its creation and its
    last message.
    """
    by_creation = sorted((min(each.created, each.stored_at), each.replaced) for each in kept)
    created = [at for at, _ in by_creation]
    # How many holes were left by each task of `by_creation` and all later ones.
    left_since = [*accumulate((replaced for _, replaced in reversed(by_creation)), initial=0)][::-1]
    found, most = NEVER, 0
    cuts = [(begin, begin_at), *((each.sequence, each.stored_at) for each in kept)]
    for behind, (sequence, at) in enumerate(reversed(cuts)):
        most += kept[-behind].replaced if behind else 0
        holes = last - sequence - behind
        if holes > most:
            break
        if holes == left_since[bisect_right(created, at)]:
            found = at
    return found
