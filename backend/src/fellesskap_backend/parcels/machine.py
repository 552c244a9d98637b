"""PURE: the lives of parcels, drop-offs and reservations: what each act makes of each state.

The wire names of the states are those of the API. Two kinds of acts: what an edge's event says is
the physical truth and always moves on (`EDGE_ACTS`; late, where we had ended it alone); what time
or a person wishes moves on only where a cell says so. What stands in no cell cannot happen: an
event is kept as unapplied, a person is refused. `parcels.moving` performs the effects.
"""

from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["last_mile", "drop_off"]
Effect = Literal[
    "occupy",  # it lies in this compartment; what lay there until now is displaced
    "begin_clock",  # it came in now, and its time begins
    "fulfil",  # its reservation is fulfilled
    "free_claim",  # its claim counts no more: the capacity is taken by the parcel itself
    "take_claim",  # the right goes by revision; the claim counts until that is recorded as applied
    "let_collect",  # the right is one to collect, in force and with its code
    "revoke",  # the right to collect is good for nothing; it stays wished as revoked
    "let_remove",  # couriers with a badge may take it out
    "stop_remove",  # they may no more
    "forget",  # it is gone: every right to it goes, its code rests
    "vacate",  # its compartment is empty
    "doubt",  # nobody saw it go: its compartment is suspect until somebody looks
    "retire_code",  # the eight digits rest
    "end_offer",  # of a drop-off: there is nothing more that time could end
]


@dataclass(frozen=True)
class Step:
    """What an act makes of a state: the next one, a line of history, a notice, effects in order.

    `late`: we had ended it alone, or never heard how it began; the physical truth wins.
    """

    to: str
    entry: str | None = None
    notice: str | None = None
    effects: tuple[Effect, ...] = ()
    late: bool = False


Table = dict[str, dict[str, Step]]

EDGE_ACTS = (
    "deposited",
    "dropped_off",
    "collected",
    "removed",
    "displaced",
    "reported_empty",
    "reported_not_me",
    "reported_broken",
    "reported_occupied",
    "delivery_failed",
    "upsized",
)
"""What a journal says of a parcel. `displaced`: another was put into its compartment."""
OUR_ACTS = (
    "cancel",
    "expire",
    "divert",
    "replace",
    "overdue",
    "extend",
    "recall",
    "dispute",
    "resolve_deposited",
    "resolve_dropped_off",
    "resolve_collected",
    "resolve_removed",
    "resolve_picked_up",
    "resolve_lost",
    "give_up",
)
"""What time, a carrier or an operator says. `replace`: a deposit without a claim came instead.
`give_up`: its locker is written off; the right stays good for whoever stands before the door."""

HELD = ("deposited", "overdue", "recalled", "disputed", "dropped_off")
"""States of a parcel that lies in a compartment, as far as is known."""
CLOCK_RUNS = ("deposited", "dropped_off")
"""States in which the time to take it out runs."""


def step_of(kind: str, state: str, act: str) -> Step | None:
    """Return what an act makes of a parcel or drop-off; None: it cannot happen."""
    return TABLES[kind].get(state, {}).get(act)


def _stays(state: str, *acts: str) -> dict[str, Step]:
    """Write the acts into the history, and move nothing."""
    return {act: Step(state, act) for act in acts}


def _already(state: str, *acts: str) -> dict[str, Step]:
    """What is wished is so: doing it twice is doing it once."""
    return {act: Step(state) for act in acts}


_TOLD = ("reported_empty", "reported_not_me", "reported_broken", "delivery_failed", "upsized")


def _told(state: str) -> dict[str, Step]:
    """Write down what people said of it; that a door was occupied says nothing of a parcel."""
    return _stays(state, *_TOLD) | _already(state, "reported_occupied")


_GONE: tuple[Effect, ...] = ("vacate", "forget", "free_claim")
_UNSEEN: tuple[Effect, ...] = ("doubt", "revoke", "stop_remove", "retire_code")
_GIVEN_UP = Step("lost", "lost", "parcel.lost")

# Last mile ---------------------------------------------------------------------------------------

_DEPOSITED = Step(
    "deposited",
    "deposited",
    "parcel.deposited",
    ("occupy", "begin_clock", "fulfil", "let_collect", "free_claim"),
)
_FOUND = replace(_DEPOSITED, late=True)
_COLLECTED = Step("collected", "collected", "parcel.collected", _GONE)
_REMOVED = Step("removed", "removed", "parcel.removed", _GONE)
_UNHEARD_COLLECTED = replace(_COLLECTED, effects=("fulfil", *_GONE), late=True)
_UNHEARD_REMOVED = replace(_REMOVED, effects=("fulfil", *_GONE), late=True)
_DISPUTED = Step("disputed", "disputed", "parcel.disputed")
# Where another was put in, its right opens nothing any more: it would open on the other's parcel.
_DISPLACED = replace(_DISPUTED, effects=("revoke",))
_DISPUTES = {
    "displaced": _DISPLACED,
    **dict.fromkeys(("reported_empty", "reported_not_me", "dispute"), _DISPUTED),
}
_EXTENDED = Step("deposited", "extended", "parcel.extended", ("stop_remove",))
_RECALLED = Step("recalled", "recalled", "parcel.recalled", ("revoke", "let_remove"))


def _not_there(state: str) -> dict[str, Step]:
    """A parcel that is expected, or was until its time, its carrier or the locker ended that."""
    return {
        "deposited": _FOUND,
        "collected": _UNHEARD_COLLECTED,
        "removed": _UNHEARD_REMOVED,
        "displaced": Step(state),
        **_told(state),
    }


def _lies_there(state: str, *, collectable: bool = False) -> dict[str, Step]:
    """In custody; a second deposit under the right (its claim was not taken away yet) moves it."""
    again: tuple[Effect, ...] = (
        ("occupy", "let_collect", "free_claim") if collectable else ("occupy",)
    )
    return {
        "deposited": Step(state, "deposited", None, again),
        "collected": _COLLECTED,
        "removed": _REMOVED,
        **_told(state),
    }


def _is_gone(state: str) -> dict[str, Step]:
    """Taken out or given up; an operator may have said so who was wrong."""
    return {
        "deposited": _FOUND,
        "collected": replace(_COLLECTED, late=True),
        "removed": replace(_REMOVED, late=True),
        "displaced": Step(state),
        **_told(state),
    }


LAST_MILE: Table = {
    "expected": {
        **_not_there("expected"),
        "deposited": _DEPOSITED,
        "delivery_failed": Step("delivery_failed", "delivery_failed", "parcel.delivery_failed", ()),
        "upsized": Step("expected", "upsized", "parcel.upsized"),
        "cancel": Step("cancelled", "cancelled", "reservation.cancelled", ("take_claim",)),
        "expire": Step("expired", "expired", "reservation.expired", ("take_claim",)),
        "divert": Step("diverted", "diverted", "reservation.diverted", ("take_claim",)),
        "replace": Step("cancelled", "replaced"),
    },
    "delivery_failed": {
        **_not_there("delivery_failed"),
        # The courier may come back: capacity and right stay until the carrier or time ends them.
        "cancel": Step("delivery_failed", "cancelled", "reservation.cancelled", ("take_claim",)),
        "expire": Step("delivery_failed", "expired", "reservation.expired", ("take_claim",)),
        "divert": Step("diverted", "diverted", "reservation.diverted", ("take_claim",)),
        "replace": Step("cancelled", "replaced"),
    },
    "cancelled": _not_there("cancelled") | _already("cancelled", "cancel"),
    "expired": _not_there("expired") | _already("expired", "expire"),
    "diverted": _not_there("diverted") | _already("diverted", "divert"),
    "deposited": {
        **_lies_there("deposited", collectable=True),
        **_DISPUTES,
        **_already("deposited", "resolve_deposited"),
        "overdue": Step("overdue", "overdue", "parcel.overdue", ("let_remove",)),
        "extend": _EXTENDED,
        "recall": _RECALLED,
    },
    "overdue": {
        **_lies_there("overdue", collectable=True),
        **_DISPUTES,
        **_already("overdue", "overdue"),
        "extend": _EXTENDED,
        "recall": _RECALLED,
    },
    "recalled": {
        **_lies_there("recalled"),
        **_DISPUTES,
        **_already("recalled", "recall"),
    },
    "disputed": {
        **_lies_there("disputed"),
        "displaced": Step("disputed", "displaced", None, ("revoke",)),
        **_already("disputed", "dispute"),
        "resolve_deposited": Step(
            "deposited", "resolved", "parcel.resolved", ("let_collect", "stop_remove")
        ),
        "resolve_collected": Step("collected", "resolved", "parcel.resolved", _UNSEEN),
        "resolve_removed": Step("removed", "resolved", "parcel.resolved", _UNSEEN),
        "resolve_lost": Step("lost", "resolved", "parcel.resolved", _UNSEEN),
        "give_up": _GIVEN_UP,
    },
    "collected": {
        **_is_gone("collected"),
        "collected": Step("collected", "collected", None, _GONE),
        **_already("collected", "resolve_collected"),
    },
    "removed": {
        **_is_gone("removed"),
        "removed": Step("removed", "removed", None, _GONE),
        **_already("removed", "resolve_removed"),
    },
    "lost": _is_gone("lost") | _already("lost", "resolve_lost"),
}

# Drop-off ----------------------------------------------------------------------------------------

_DROPPED = Step(
    "dropped_off",
    "dropped_off",
    "parcel.dropped_off",
    ("occupy", "begin_clock", "let_remove", "end_offer"),
)
_DROPPED_LATE = replace(_DROPPED, late=True)
_PICKED_UP = Step("picked_up", "picked_up", "parcel.picked_up", ("vacate", "forget"))
_UNHEARD_PICKED_UP = replace(_PICKED_UP, effects=("vacate", "forget", "end_offer"), late=True)


def _not_dropped(state: str) -> dict[str, Step]:
    return {
        "dropped_off": _DROPPED_LATE,
        "removed": _UNHEARD_PICKED_UP,
        "displaced": Step(state),
        **_told(state),
    }


def _was_dropped(state: str) -> dict[str, Step]:
    return {
        "dropped_off": Step(state, "dropped_off", None, ("occupy",)),
        "removed": _PICKED_UP,
        **_told(state),
    }


DROP_OFF: Table = {
    "authorised": {
        **_not_dropped("authorised"),
        "dropped_off": _DROPPED,
        "cancel": Step("cancelled", "cancelled", "drop_off.cancelled", ("forget", "end_offer")),
        "expire": Step("expired", "expired", "drop_off.expired", ("forget", "end_offer")),
    },
    "cancelled": _not_dropped("cancelled") | _already("cancelled", "cancel"),
    "expired": _not_dropped("expired") | _already("expired", "expire"),
    "dropped_off": {
        **_was_dropped("dropped_off"),
        **_DISPUTES,
        **_already("dropped_off", "resolve_dropped_off"),
        "overdue": Step("overdue", "overdue", "parcel.overdue"),
    },
    "overdue": _was_dropped("overdue") | _DISPUTES | _already("overdue", "overdue"),
    "disputed": {
        **_was_dropped("disputed"),
        "displaced": Step("disputed", "displaced", None, ("revoke",)),
        **_already("disputed", "dispute"),
        "resolve_dropped_off": Step("dropped_off", "resolved", "parcel.resolved", ("let_remove",)),
        "resolve_picked_up": Step("picked_up", "resolved", "parcel.resolved", _UNSEEN),
        "resolve_lost": Step("lost", "resolved", "parcel.resolved", _UNSEEN),
        "give_up": _GIVEN_UP,
    },
    "picked_up": {
        **_not_dropped("picked_up"),
        "removed": Step("picked_up", "picked_up", None, ("vacate", "forget")),
        **_already("picked_up", "resolve_picked_up"),
    },
    "lost": _not_dropped("lost") | _already("lost", "resolve_lost"),
}

TABLES: dict[str, Table] = {"last_mile": LAST_MILE, "drop_off": DROP_OFF}

# Reservation -------------------------------------------------------------------------------------

_FULFILLED_LATE = {"fulfil": Step("fulfilled", late=True)}
RESERVATION: Table = {
    "requested": {
        "confirm": Step("confirmed"),
        "reject": Step("rejected"),
        "cancel": Step("cancelled"),
        "expire": Step("expired"),
        "change": Step("requested"),
    },
    "confirmed": {
        "fulfil": Step("fulfilled"),
        "cancel": Step("cancelled"),
        "expire": Step("expired"),
        "divert": Step("diverted"),
        "soften": Step("confirmed"),
        "change": Step("confirmed"),
    },
    "rejected": {},
    "fulfilled": {"fulfil": Step("fulfilled")},
    "cancelled": {"cancel": Step("cancelled"), **_FULFILLED_LATE},
    "expired": {"expire": Step("expired"), **_FULFILLED_LATE},
    "diverted": {"divert": Step("diverted"), **_FULFILLED_LATE},
}
RESERVATION_ACTS = (
    *("confirm", "reject", "fulfil", "soften", "change"),
    *("cancel", "expire", "divert"),
)
