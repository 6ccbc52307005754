"""Lifecycle: the states of a fire, and one table of what each event makes of it. Pure.

docs/architecture.md draws the table, and a test compares the picture with it.
"""

from __future__ import annotations

from enum import IntEnum, auto
from itertools import product
from typing import NamedTuple


class State(IntEnum):
    """How far a fire has come. The states from CREATED on are final."""

    TAKEN = auto()
    """It was taken off the agenda, or is made good, and has to be encoded."""
    SOUGHT = auto()
    """Its policy lets it go unless the previous leader began it, which is being looked up."""
    PREPARED = auto()
    """It is encoded and waits for its instant."""
    CHECKED = auto()
    """It is due, and waits for the answer whether the previous task of its schedule is finished."""
    QUEUED = auto()
    """It is due, and is written as soon as there is room."""
    STORING = auto()
    """Its task is written."""
    LOOKING = auto()
    """Its task existed before: whether a worker has handled it is being looked up."""
    ENQUEUING = auto()
    """Its task is stored and its work item is written."""
    LOOKING_AGAIN = auto()
    """Before its work item is written again, whether a worker has handled the task is being looked up."""
    FINDING_QUEUE = auto()
    """No stream took its work item: whether its queue exists is being looked up."""
    FLAGGING = auto()
    """There is no queue, and its task is written again with the state `queue_error`."""
    TASK_DEFERRED = auto()
    """Its task is written again later."""
    ITEM_DEFERRED = auto()
    """Its work item is written again later."""
    FLAG_DEFERRED = auto()
    """Its task is flagged later."""
    CREATED = auto()
    """We stored the task and its work item."""
    REPAIRED = auto()
    """The task existed, and we stored its work item."""
    EXISTS = auto()
    """Both existed, or the task was handled."""
    QUEUE_ERROR = auto()
    """The task is stored, and there is no queue for its work item."""
    MISSED = auto()
    """It could not be stored, or checked, in time."""
    EXPIRED = auto()
    """Its deadline passed before it could be written."""
    SKIPPED = auto()
    """The previous task of its schedule was not finished."""
    UNFIT = auto()
    """It makes no task that workers could handle."""
    WITHDRAWN = auto()
    """A change to its schedule, made before it was due, has withdrawn it."""
    LET_GO = auto()
    """The previous leader did not begin it, and its policy lets it go."""
    HANDED_BACK = auto()
    """The term ended, and it is on the agenda again."""
    LEFT = auto()
    """The term ended while it was sought: the watermark names it for the next leader."""


class Event(IntEnum):
    """What can happen to a fire."""

    ENCODED = auto()
    NO_TASK = auto()
    """No task can be made for it."""
    TOO_OLD = auto()
    """Its deadline passed before it was written."""
    CHANGED = auto()
    """Its schedule was changed before it was due."""
    DUE = auto()
    DUE_IN_TURN = auto()
    """It is due, and depends on the previous task."""
    CLEAR = auto()
    """The previous task is finished."""
    OVERLAPS = auto()
    """The previous task is not finished."""
    UNSEEN = auto()
    """It could not be seen in time whether the previous task is finished."""
    BEGUN = auto()
    """The previous leader began it."""
    NOT_BEGUN = auto()
    ROOM = auto()
    """There is room to write it."""
    TASK_STORED = auto()
    """The task is stored, by us or earlier."""
    TASK_FOUND_LATE = auto()
    """The task existed, and the fire is so old that its work item may have been handled and forgotten."""
    TASK_NEW = auto()
    """The look shows that no worker has handled the task."""
    TASK_HANDLED = auto()
    """The look shows that a worker has handled the task."""
    ITEM_STORED = auto()
    ITEM_FOUND = auto()
    """The queue had the work item already."""
    NO_QUEUE_ANSWERS = auto()
    """No stream takes the work item."""
    NO_QUEUE = auto()
    """There is no queue, and we know the sequence at which we stored the task."""
    NO_QUEUE_FOR_OTHERS = auto()
    """There is no queue, and the task existed before: a worker may have handled it."""
    FLAGGED = auto()
    """The task is flagged, or another client has written it."""
    REFUSED = auto()
    """The server refused what was written, or a look failed. Earlier attempts may have been stored."""
    SILENT = auto()
    """What was written is not acknowledged, and may be stored."""
    RECONNECTED = auto()
    """What was written may be lost with its connection."""
    RETRY = auto()
    """It is time to try a deferred fire again."""
    RECONNECTED_LATE = auto()
    RETRY_LATE = auto()
    """These two are RECONNECTED and RETRY if the queue may have forgotten the work item."""
    GIVEN_UP = auto()
    """It is too late to try again."""
    TERM_ENDED = auto()


class Effect(IntEnum):
    """What the dispatcher has to do for a transition."""

    SEND_TASK = auto()
    TELL = auto()
    """Publish the event that the task is new, if we made it."""
    SEND_ITEM = auto()
    LOOK_AT_TASK = auto()
    LOOK_FOR_QUEUE = auto()
    SEND_FLAG = auto()
    FLAG_UNHEARD = auto()
    """Flag the task if we stored it, without waiting for an answer."""
    DEFER = auto()
    REPORT = auto()
    """Report the outcome."""


class Transition(NamedTuple):
    """A row of the table."""

    to: State
    effects: tuple[Effect, ...] = ()
    if_made: State | None = None
    """The state instead of `to` if this fire has stored its task itself."""


UNSETTLED = tuple(state for state in State if state < State.CREATED)
WAITING = (State.TAKEN, State.PREPARED)
"""The states before a fire is handed over; in all other unsettled states it is under way."""
IN_WINDOW = (State.STORING, State.LOOKING, State.ENQUEUING, State.LOOKING_AGAIN, State.FINDING_QUEUE, State.FLAGGING)
"""The states in which a fire is written, or something is being looked up for it."""
DEFERRED = (State.TASK_DEFERRED, State.ITEM_DEFERRED, State.FLAG_DEFERRED)
MADE = (State.CREATED, State.REPAIRED, State.EXISTS, State.QUEUE_ERROR)
"""The final states of a fire whose task is stored, by us or earlier."""
_REPORT = (Effect.REPORT,)
_DEFER = (Effect.DEFER,)

TABLE: dict[tuple[State, Event], Transition] = {
    (State.TAKEN, Event.ENCODED): Transition(State.PREPARED),
    (State.TAKEN, Event.NO_TASK): Transition(State.UNFIT),
    (State.TAKEN, Event.TOO_OLD): Transition(State.EXPIRED),
    (State.SOUGHT, Event.BEGUN): Transition(State.TAKEN),
    (State.SOUGHT, Event.NOT_BEGUN): Transition(State.LET_GO),
    (State.PREPARED, Event.TOO_OLD): Transition(State.EXPIRED),
    (State.PREPARED, Event.DUE): Transition(State.QUEUED),
    (State.PREPARED, Event.DUE_IN_TURN): Transition(State.CHECKED),
    (State.CHECKED, Event.CLEAR): Transition(State.QUEUED),
    (State.CHECKED, Event.OVERLAPS): Transition(State.SKIPPED),
    (State.CHECKED, Event.UNSEEN): Transition(State.MISSED),
    (State.QUEUED, Event.ROOM): Transition(State.STORING, (Effect.SEND_TASK,)),
    (State.STORING, Event.TASK_STORED): Transition(State.ENQUEUING, (Effect.TELL, Effect.SEND_ITEM)),
    (State.STORING, Event.TASK_FOUND_LATE): Transition(State.LOOKING, (Effect.LOOK_AT_TASK,)),
    (State.STORING, Event.RECONNECTED): Transition(State.STORING, (Effect.SEND_TASK,)),
    (State.LOOKING, Event.TASK_NEW): Transition(State.ENQUEUING, (Effect.TELL, Effect.SEND_ITEM)),
    (State.LOOKING, Event.TASK_HANDLED): Transition(State.EXISTS, _REPORT, if_made=State.CREATED),
    (State.LOOKING, Event.REFUSED): Transition(State.TASK_DEFERRED, _DEFER),
    (State.ENQUEUING, Event.ITEM_STORED): Transition(State.REPAIRED, _REPORT, if_made=State.CREATED),
    (State.ENQUEUING, Event.ITEM_FOUND): Transition(State.EXISTS, _REPORT, if_made=State.CREATED),
    (State.ENQUEUING, Event.NO_QUEUE_ANSWERS): Transition(State.FINDING_QUEUE, (Effect.LOOK_FOR_QUEUE,)),
    (State.ENQUEUING, Event.RECONNECTED): Transition(State.ENQUEUING, (Effect.SEND_ITEM,)),
    (State.ENQUEUING, Event.RECONNECTED_LATE): Transition(State.LOOKING_AGAIN, (Effect.LOOK_AT_TASK,)),
    (State.LOOKING_AGAIN, Event.TASK_NEW): Transition(State.ENQUEUING, (Effect.SEND_ITEM,)),
    (State.LOOKING_AGAIN, Event.TASK_HANDLED): Transition(State.EXISTS, _REPORT, if_made=State.CREATED),
    (State.LOOKING_AGAIN, Event.REFUSED): Transition(State.ITEM_DEFERRED, _DEFER),
    (State.FINDING_QUEUE, Event.REFUSED): Transition(State.ITEM_DEFERRED, _DEFER),
    (State.FINDING_QUEUE, Event.NO_QUEUE): Transition(State.FLAGGING, (Effect.SEND_FLAG,)),
    (State.FINDING_QUEUE, Event.NO_QUEUE_FOR_OTHERS): Transition(State.QUEUE_ERROR, _REPORT),
    (State.FLAGGING, Event.FLAGGED): Transition(State.QUEUE_ERROR, _REPORT),
    (State.FLAGGING, Event.RECONNECTED): Transition(State.FLAGGING, (Effect.SEND_FLAG,)),
    (State.TASK_DEFERRED, Event.RETRY): Transition(State.STORING, (Effect.SEND_TASK,)),
    (State.ITEM_DEFERRED, Event.RETRY): Transition(State.ENQUEUING, (Effect.SEND_ITEM,)),
    (State.ITEM_DEFERRED, Event.RETRY_LATE): Transition(State.LOOKING_AGAIN, (Effect.LOOK_AT_TASK,)),
    (State.FLAG_DEFERRED, Event.RETRY): Transition(State.FLAGGING, (Effect.SEND_FLAG,)),
}
"""State and event → transition. Any other event changes nothing, because an answer may come late, or twice."""
TABLE |= {(state, Event.CHANGED): Transition(State.WITHDRAWN) for state in (State.TAKEN, State.PREPARED)}
TABLE |= {
    (state, event): Transition(deferred, _DEFER)
    for (state, deferred), event in product(
        (
            (State.STORING, State.TASK_DEFERRED),
            (State.ENQUEUING, State.ITEM_DEFERRED),
            (State.FLAGGING, State.FLAG_DEFERRED),
        ),
        (Event.REFUSED, Event.SILENT),
    )
}
TABLE |= {
    (state, Event.GIVEN_UP): Transition(State.MISSED, (Effect.FLAG_UNHEARD, *_REPORT))
    for state in (State.QUEUED, *IN_WINDOW, *DEFERRED)
}
TABLE |= {(state, Event.GIVEN_UP): Transition(State.MISSED, _REPORT) for state in (State.FLAGGING, State.FLAG_DEFERRED)}
TABLE |= {
    (state, Event.TERM_ENDED): Transition(State.LEFT if state is State.SOUGHT else State.HANDED_BACK)
    for state in UNSETTLED
}
