"""One bank on pins while nobody knows which level switches its locks on. Pure.

No level is ever held: a pin is driven for the length of one pulse and then let go, to be what it is
at power-on. So whichever level is wrong, no coil is on for longer than a pulse, and never two.
Contacts are not looked at meanwhile, since that takes time and the end of a pulse does not wait.
`commission` gives it time and does what it says on `bare_pins`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fellesskap_edge.locks.gpio import PULSE_S_MAX, REST_S
from fellesskap_edge.tool.words import Moved

LOOK_S = 0.150


@dataclass(frozen=True, slots=True)
class Try:
    """Drive a lock pin to a level for one pulse."""

    channel: int
    level: int


@dataclass(frozen=True, slots=True)
class Looked:
    """What joins each contact's pin: 0 ground, 1 3.3 V, 2 nothing."""

    reads: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Drive:
    """Make a lock pin an output at a level, in one step."""

    channel: int
    level: int


@dataclass(frozen=True, slots=True)
class LetGo:
    """Make a lock pin what it is at power-on: an input with its pull."""

    channel: int


@dataclass(frozen=True, slots=True)
class Look:
    """Look at every contact; `Looked` answers."""


Event = Try | Looked | Tick
Effect = Drive | LetGo | Look | Moved
Step = tuple["Trying", tuple[Effect, ...]]


@dataclass(frozen=True, slots=True)
class Trying:
    """One bank; `asked` is the pulse that waits for the rest of the last one."""

    bank: str
    pulse_s: float
    driven: int | None = None
    """The channel whose pin is driven, until `until`."""
    until: float = float("-inf")
    asked: Try | None = None
    look_at: float = float("-inf")
    reads: Mapping[int, int] = field(default_factory=dict)

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        if self.driven is not None:
            return self.until
        return min(self.look_at, self.until if self.asked else float("inf"))


def step(trying: Trying, event: Event, now: float) -> Step:
    """Return the next state and what to do, in order; `now` in monotonic seconds."""
    effects: tuple[Effect, ...] = ()
    if trying.driven is not None and now >= trying.until:
        effects = (LetGo(trying.driven),)
        trying = replace(trying, driven=None, until=now + REST_S, look_at=now)
    match event:
        case Try():
            trying = replace(trying, asked=event)
        case Looked(reads):
            changed = {n: bit for n, bit in reads.items() if trying.reads.get(n) != bit}
            effects += (Moved(trying.bank, changed),) if changed else ()
            trying = replace(trying, reads={**trying.reads, **reads})
        case Tick():
            pass
    if trying.driven is None and trying.asked and now >= trying.until:
        one, until = trying.asked, now + min(trying.pulse_s, PULSE_S_MAX)
        trying = replace(trying, asked=None, driven=one.channel, until=until)
        return trying, (*effects, Drive(one.channel, one.level))
    if trying.driven is None and now >= trying.look_at:
        return replace(trying, look_at=now + LOOK_S), (*effects, Look())
    return trying, effects
