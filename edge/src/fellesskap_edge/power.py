"""The coils' supply of one bank, where a pin of the computer switches it. Pure.

It is off until the board was read with all relays off. It is cut when a relay stays on though all
were switched off, or when the board falls silent meanwhile; then it stays cut until a technician
turns the service key or the daemon is started anew, and only a read with all relays off gives it
back. Used by `banks`; `pins` does what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Power(StrEnum):
    """How the coils of a bank are fed."""

    ALWAYS = "always"
    """No pin switches it."""
    OFF = "off"
    """Not given yet: first all relays are to be read off."""
    ON = "on"
    CUT = "cut"
    """Taken away; only a person lets it be tried again."""


class Event(StrEnum):
    """What is known of the relays, or done by a person."""

    ALL_OFF = "all_off"
    STUCK = "stuck"
    """One is on though all were switched off, or it is on and the board is silent."""
    ALLOWED = "allowed"
    FAILED = "failed"
    """The pin could not be switched: let go, it is off by its pull."""


TRANSITIONS: Mapping[Power, Mapping[Event, Power]] = {
    Power.ALWAYS: {},
    Power.OFF: {Event.ALL_OFF: Power.ON, Event.STUCK: Power.CUT},
    Power.ON: {Event.STUCK: Power.CUT, Event.FAILED: Power.OFF},
    Power.CUT: {Event.ALLOWED: Power.OFF},
}


@dataclass(frozen=True, slots=True)
class SetPower:
    """Give a bank's coils their supply, or take it away because these relays stay on."""

    bank: str
    on: bool
    stuck: tuple[int, ...] = ()


def step(
    bank: str, power: Power, event: Event, stuck: frozenset[int]
) -> tuple[Power, tuple[SetPower, ...]]:
    """Return how the bank is fed from now on, and what to switch."""
    after = TRANSITIONS[power].get(event, power)
    if after is power or after is Power.OFF:
        return after, ()
    relays = tuple(sorted(stuck)) if after is Power.CUT else ()
    return after, (SetPower(bank, after is Power.ON, relays),)
