"""One door and its operation: from an authorisation to the door shut again. Pure.

The table is the truth: what is not in TRANSITIONS cannot happen and changes nothing. An
authorisation covers at most 3 pulses within 30 s, none after the door was seen open, none after a
restart. A sensor that reads open (or nothing) before the pulse counts as no sensor for that
operation. `controller` asks for pulses here and reports what comes of them.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

PULSES_MAX = 3
AUTHORISATION_S = 30.0
OPEN_WAIT_S = 8.0
"""How long a pulse may take to show an open door; three of them fit an authorisation."""
LEFT_OPEN_S = 120.0
REMIND_S = 120.0
"""From "left open" to the first reminder; the next ones come when it stood open twice as long."""
LONGER_S = 600.0
"""What somebody may ask for who needs more time."""
BLIND_S = 20.0
"""Without a sensor an operation ends after this, or at the next act of the session; one that a
restart cut off, after the board has answered for so long and told nothing of its door."""


class State(StrEnum):
    """Where the door and its operation are."""

    UNKNOWN = "unknown"
    SHUT = "shut"
    STRAY = "stray"
    """Open without an operation."""
    QUEUED = "queued"
    PULSED = "pulsed"
    UNHEARD = "unheard"
    """Pulsed, and the board did not answer: only the sensor knows whether anything moved."""
    BLIND = "blind"
    """Pulsed, and nothing to see it by."""
    OPEN = "open"
    LEFT_OPEN = "left_open"
    RESUMED = "resumed"
    """An operation from before a restart, its door not read yet."""


class Event(StrEnum):
    """What can happen to a door. `input_of` makes them of readings, pulses and time."""

    AUTHORISED = "authorised"
    SEEN_OPEN = "seen_open"
    SEEN_SHUT = "seen_shut"
    SIGHT_LOST = "sight_lost"
    PULSE_FIRED = "pulse_fired"
    BLIND_PULSE_FIRED = "blind_pulse_fired"
    PULSE_LOST = "pulse_lost"
    """The board did not answer to the unlock."""
    NEXT_ACT = "next_act"
    WAITED = "waited"
    WAITED_LAST = "waited_last"


Report = Literal[
    "ask_pulse",
    "opened",
    "closed",
    "opened_unasked",
    "closed_unasked",
    "not_opened",
    "jammed",
    "left_open",
    "still_open",
    "forced",
    "unverified",
    "interrupted",
    "refused",
]
"""What the controller must do or write down; `ask_pulse` is the only one that moves anything."""

S, E = State, Event
TRANSITIONS: dict[State, dict[Event, tuple[State, tuple[Report, ...]]]] = {
    S.UNKNOWN: {
        E.AUTHORISED: (S.QUEUED, ("ask_pulse",)),
        E.SEEN_OPEN: (S.STRAY, ("opened_unasked",)),
        E.SEEN_SHUT: (S.SHUT, ()),
    },
    S.SHUT: {
        E.AUTHORISED: (S.QUEUED, ("ask_pulse",)),
        E.SEEN_OPEN: (S.STRAY, ("forced",)),
        E.SIGHT_LOST: (S.UNKNOWN, ()),
    },
    S.STRAY: {
        E.AUTHORISED: (S.QUEUED, ("ask_pulse",)),
        E.SEEN_SHUT: (S.SHUT, ("closed_unasked",)),
        E.SIGHT_LOST: (S.UNKNOWN, ()),
    },
    S.QUEUED: {
        E.AUTHORISED: (S.QUEUED, ("refused",)),
        E.SEEN_OPEN: (S.OPEN, ("opened",)),
        E.PULSE_FIRED: (S.PULSED, ()),
        E.BLIND_PULSE_FIRED: (S.BLIND, ()),
        E.WAITED: (S.UNKNOWN, ("not_opened",)),
        E.WAITED_LAST: (S.UNKNOWN, ("not_opened",)),
    },
    S.PULSED: {
        E.AUTHORISED: (S.PULSED, ("refused",)),
        E.SEEN_OPEN: (S.OPEN, ("opened",)),
        E.SIGHT_LOST: (S.BLIND, ()),
        E.PULSE_LOST: (S.UNHEARD, ()),
        E.WAITED: (S.QUEUED, ("not_opened", "ask_pulse")),
        E.WAITED_LAST: (S.UNKNOWN, ("jammed",)),
    },
    S.UNHEARD: {
        E.AUTHORISED: (S.UNHEARD, ("refused",)),
        E.SEEN_OPEN: (S.OPEN, ("opened",)),
        # The board is gone: nothing says that the act was done, so the right stays good.
        E.SIGHT_LOST: (S.UNKNOWN, ("not_opened",)),
        E.WAITED: (S.QUEUED, ("not_opened", "ask_pulse")),
        E.WAITED_LAST: (S.UNKNOWN, ("jammed",)),
    },
    S.BLIND: {
        E.AUTHORISED: (S.BLIND, ("refused",)),
        E.PULSE_LOST: (S.UNKNOWN, ("not_opened",)),
        E.NEXT_ACT: (S.UNKNOWN, ("unverified",)),
        E.WAITED: (S.UNKNOWN, ("unverified",)),
        E.WAITED_LAST: (S.UNKNOWN, ("unverified",)),
    },
    S.OPEN: {
        E.AUTHORISED: (S.OPEN, ("refused",)),
        E.SEEN_SHUT: (S.SHUT, ("closed",)),
        E.SIGHT_LOST: (S.BLIND, ()),
        E.WAITED: (S.LEFT_OPEN, ("left_open",)),
        E.WAITED_LAST: (S.LEFT_OPEN, ("left_open",)),
    },
    S.LEFT_OPEN: {
        E.AUTHORISED: (S.LEFT_OPEN, ("refused",)),
        E.SEEN_SHUT: (S.SHUT, ("closed",)),
        E.SIGHT_LOST: (S.BLIND, ()),
        E.WAITED: (S.LEFT_OPEN, ("still_open",)),
        E.WAITED_LAST: (S.LEFT_OPEN, ("still_open",)),
    },
    S.RESUMED: {
        E.AUTHORISED: (S.RESUMED, ("refused",)),
        E.SEEN_OPEN: (S.OPEN, ("opened",)),
        E.SEEN_SHUT: (S.SHUT, ("interrupted",)),
        E.WAITED: (S.UNKNOWN, ("interrupted",)),
        E.WAITED_LAST: (S.UNKNOWN, ("interrupted",)),
    },
}
DWELL_S: dict[State, float] = {
    S.QUEUED: AUTHORISATION_S,
    S.PULSED: OPEN_WAIT_S,
    S.UNHEARD: OPEN_WAIT_S,
    S.BLIND: BLIND_S,
    S.OPEN: LEFT_OPEN_S,
    S.LEFT_OPEN: REMIND_S,
}
IN_OPERATION = frozenset({S.QUEUED, S.PULSED, S.UNHEARD, S.BLIND, S.OPEN, S.LEFT_OPEN, S.RESUMED})
STANDS_OPEN = frozenset({S.STRAY, S.OPEN, S.LEFT_OPEN})

Reading = Literal["shut", "open", "unknown"]


@dataclass(frozen=True, slots=True)
class Door:
    """One door: state, last reading, and of the operation in hand its authorisation and pulses."""

    state: State = State.UNKNOWN
    reading: Reading = "unknown"
    authorisation_id: str | None = None
    authorised_at: float = 0.0
    pulses: int = 0
    last_pulse_at: float = float("-inf")
    opened_at: float | None = None
    wake_at: float = float("inf")
    unmoved: int = 0
    """Uses in a row through which the sensor read open and nothing else."""


def resumed(authorisation_id: str, now: float) -> Door:
    """Return the door of an operation that a restart cut off: it will not be pulsed again."""
    return Door(State.RESUMED, authorisation_id=authorisation_id, authorised_at=now)


def answered(door: Door, now: float) -> Door:
    """Let its board answer: a door that it does not tell of soon has no contact to wait for."""
    if door.state is not S.RESUMED or door.wake_at <= now + BLIND_S:
        return door
    return replace(door, wake_at=now + BLIND_S)


def read(door: Door, reading: Reading, now: float) -> tuple[Door, tuple[Report, ...]]:
    """Take a sensor reading in; an opening before the first pulse is not by this operation."""
    if reading == "shut":
        door = replace(door, unmoved=0)
    if door.state is S.QUEUED and door.pulses == 0:
        return replace(door, reading=reading), ()
    seen = {"open": E.SEEN_OPEN, "shut": E.SEEN_SHUT, "unknown": E.SIGHT_LOST}[reading]
    return step(replace(door, reading=reading), seen, now)


def authorise(door: Door, authorisation_id: str, now: float) -> tuple[Door, tuple[Report, ...]]:
    """Begin an operation, unless one is in hand (`refused`)."""
    if door.state not in IN_OPERATION:
        door = replace(
            door,
            authorisation_id=authorisation_id,
            authorised_at=now,
            pulses=0,
            opened_at=None,
        )
    return step(door, E.AUTHORISED, now)


def longer(door: Door) -> Door:
    """Give somebody more time before the door counts as left open."""
    if door.state is not S.OPEN or door.opened_at is None:
        return door
    return replace(door, wake_at=door.opened_at + LONGER_S)


def fire(door: Door, now: float) -> tuple[Door, tuple[Report, ...]]:
    """Note that the pulse which was asked for is about to fire."""
    sighted = door.reading == "shut"
    door = replace(door, pulses=door.pulses + 1, last_pulse_at=now)
    return step(door, E.PULSE_FIRED if sighted else E.BLIND_PULSE_FIRED, now)


def tick(door: Door, now: float) -> tuple[Door, tuple[Report, ...]]:
    """Let time pass; before `wake_at` nothing happens."""
    if now < door.wake_at:
        return door, ()
    late = now + OPEN_WAIT_S > door.authorised_at + AUTHORISATION_S
    last = door.pulses >= PULSES_MAX or late
    return step(door, E.WAITED_LAST if last else E.WAITED, now)


def step(door: Door, event: Event, now: float) -> tuple[Door, tuple[Report, ...]]:
    """Return the next door and what to report, in order; `now` in monotonic seconds."""
    state, reports = TRANSITIONS[door.state].get(event, (door.state, ()))
    if "opened" in reports:
        door = replace(door, opened_at=now)
    if state is not door.state or "ask_pulse" in reports:
        if state is State.UNKNOWN and door.reading != "unknown":
            # An operation ended without the sensor's help; what it reads now still counts.
            state = State.SHUT if door.reading == "shut" else State.STRAY
        # A door that waits for a pulse again waits no longer than its authorisation lasts.
        begins = door.authorised_at if state is State.QUEUED else now
        door = replace(door, state=state, wake_at=begins + DWELL_S.get(state, float("inf")))
    elif "still_open" in reports:
        door = replace(door, wake_at=now + max(REMIND_S, now - (door.opened_at or now)))
    return door, reports
