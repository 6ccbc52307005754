"""Past tasks: what the stream of tasks says of the last minutes, and since when it says everything. Pure.

The stream keeps one message for each task. Each write of a worker replaces the message before it, and a task that is
deleted leaves nothing, so the numbers that the stream gives to its messages have holes. As long as the tasks that are
stored explain all holes, none of them was deleted.
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
    """Of its last message."""
    stored_at: int
    """When that was stored, by the server's clock."""
    id: str
    kind: TaskKind
    created: int
    """By the clock of the scheduler that made it; a fire of ajsync has its due instant there."""
    replaced: int = 0
    """How many messages of this task were surely stored before and replaced since."""
    waits: bool = False
    """No worker has tried it, so it may be without a work item."""


@dataclass(frozen=True, slots=True)
class PastTasks:
    """The tasks that were stored or changed since an instant."""

    tasks: tuple[PastTask, ...]
    """One for each id."""
    intact_since: int
    """Of what was stored since then, by the server's clock, nothing was deleted."""


def task_kind(queue: str, task_type: str, payload: bytes | None) -> TaskKind:
    """The kind of a task; no payload is the same as JSON null, which is not the empty payload."""
    return queue, task_type, b"" if payload is None else sha256(payload).digest()


def replaced_messages(state: str, tries: int) -> int:
    """How many messages of a task at least were replaced, as the workers of asyncjobs write them.

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
    """What a walk through the stream, in the order of sequences, says.

    It found `stored` after the sequence `begin`, whose message was stored at `begin_at`, and up to `last`, which the
    stream gave to a message at `last_at` (None if that is not known). `begin` may be 0, at the creation of the stream.
    A task that a worker has changed during the walk was found more than once.
    """
    tasks = {each.id: each for each in stored}
    kept = sorted(tasks.values(), key=lambda each: each.sequence)
    intact = NEVER if last_at is None else last_at  # behind the last message there is no hole
    return PastTasks(tuple(kept), min(intact, _intact_since(kept, begin, begin_at, last)))


def _intact_since(kept: Sequence[PastTask], begin: int, begin_at: int, last: int) -> int:
    """The first instant, of those of the messages, after which the tasks explain each hole; NEVER if there is none.

    A hole behind a message was stored after that message. Those that a task has left lie behind its creation, and
    before its last message.
    """
    by_creation = sorted((min(each.created, each.stored_at), each.replaced) for each in kept)
    created = [at for at, _ in by_creation]
    # How many holes the tasks from each of `by_creation` on have left.
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
