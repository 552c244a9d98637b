"""The electric half of the plant: coils, what feeds them, what heats them.

A coil needs enough volts for long enough. Every coil that is on pulls its supply down; too far
down, the board that hangs on it resets and drops its relays. A coil that is on for too much of the
time burns and is an open circuit from then on. Only `plant` uses this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fellesskap_firmware_sim.faults import LockFaults, SupplyFaults

ONLY = "only"
"""The supply of coils for which none is named."""


@dataclass(frozen=True, slots=True)
class Electrics:
    """What the coils need and stand; none of it seen on hardware, so parameters of the plant."""

    release_s_min: float = 0.120
    """A shorter pulse does not release."""
    release_v_min: float = 9.6
    """Four coils at once (9.6 V) still release, five do not: so one at a time is the rule."""
    reset_v: float = 7.0
    coil_a: float = 2.0
    duty_max: float = 0.10
    burns_s: float = 10.0
    """A cold coil burns when it is on for this long."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One time that a coil was on, in seconds."""

    compartment: int
    started: float
    ended: float


@dataclass
class Supply:
    """One power supply with the relays that it feeds."""

    faults: SupplyFaults = field(default_factory=SupplyFaults)
    powered: bool = True
    resets: list[float] = field(default_factory=list)
    """When it sagged so far that the board lost its relays."""


@dataclass
class Coil:
    """One coil with its relay. `heat_s` is the on-time that has not cooled off yet."""

    faults: LockFaults = field(default_factory=LockFaults)
    supply: str = ONLY
    on_since: float | None = None
    strong_since: float | None = None
    """Since when it has had enough volts."""
    enabled: bool = True
    """Current may flow through its relay: no master enable holds it back."""
    stuck_on: bool = False
    """Its relay was told to open and is welded."""
    heat_s: float = 0.0
    heat_at: float = 0.0


class Coils:
    """All coils of a locker; `pulses` is the record of when each was on."""

    def __init__(
        self, numbers: Iterable[int], supply_of: Mapping[int, str], electrics: Electrics
    ) -> None:
        self.electrics = electrics
        self.coils = {number: Coil(supply=supply_of.get(number, ONLY)) for number in numbers}
        self.supplies = {coil.supply: Supply() for coil in self.coils.values()}
        self.pulses: list[Pulse] = []

    def releases_at(self, number: int) -> float:
        """When the coil, as it is now, has pulled for long enough."""
        coil = self.coils[number]
        if coil.strong_since is None:
            return float("inf")
        needed_s = coil.faults.release_s_min
        return coil.strong_since + (needed_s or self.electrics.release_s_min)

    def burns_at(self, number: int) -> float:
        """When the coil, as it is now, burns."""
        coil = self.coils[number]
        if coil.on_since is None or coil.faults.coil_dead:
            return float("inf")
        return coil.heat_at + self.electrics.burns_s - coil.heat_s

    def burn(self, number: int, at: float) -> None:
        """Let a coil burn: an open circuit that draws nothing and pulls nothing."""
        coil = self.coils[number]
        coil.faults.coil_dead = True
        self._feel(coil.supply, at)

    def volts(self, supply: str) -> float:
        """Return what a supply gives at this moment."""
        feed = self.supplies[supply]
        if not feed.powered:
            return 0.0
        drawing = sum(
            coil.supply == supply and coil.on_since is not None and not coil.faults.coil_dead
            for coil in self.coils.values()
        )
        return feed.faults.volts - feed.faults.ohm * self.electrics.coil_a * drawing

    def switch_on(self, number: int, at: float) -> list[int]:
        """Close a relay; return the coils that went off because their board reset."""
        coil = self.coils[number]
        coil.on_since = at
        self._cool(coil, at)
        return self._feel(coil.supply, at)

    def switch_off(self, number: int, at: float, *, power: bool = False) -> bool:
        """Open a relay, or take the power away; return whether the coil went off."""
        coil = self.coils[number]
        if coil.on_since is None:
            return False
        if coil.faults.welded:
            coil.stuck_on = True
            if not power:
                return False
        else:
            coil.stuck_on = False
        coil.heat_s += at - coil.heat_at
        coil.heat_at = at
        self.pulses.append(Pulse(number, coil.on_since, at))
        coil.on_since = coil.strong_since = None
        self._feel(coil.supply, at)
        return True

    def fed_by(self, supply: str | None) -> list[int]:
        """Return the coils of a supply, or all of them."""
        return [n for n, coil in self.coils.items() if supply in (None, coil.supply)]

    def longest_on_s(self, number: int, now: float) -> float:
        """Return the longest time that a coil was on, the present one counted in."""
        times = [p.ended - p.started for p in self.pulses if p.compartment == number]
        since = self.coils[number].on_since
        return max([*times, now - since if since is not None else 0.0])

    def _cool(self, coil: Coil, at: float) -> None:
        """Let it have cooled since it went off: one second on takes nine off at 10 %."""
        duty = self.electrics.duty_max
        coil.heat_s = max(0.0, coil.heat_s - (at - coil.heat_at) * duty / (1 - duty))
        coil.heat_at = at

    def _feel(self, supply: str, at: float) -> list[int]:
        """Let every coil of a supply feel its volts, which just changed."""
        dropped: list[int] = []
        feed = self.supplies[supply]
        if feed.powered and self.volts(supply) < self.electrics.reset_v:
            feed.resets.append(at)
            # All relays let go at once; then the volts are back.
            dropped = [n for n in self.fed_by(supply) if self.coils[n].on_since is not None]
            dropped = [n for n in dropped if not self.coils[n].faults.welded]
            for number in dropped:
                self.switch_off(number, at)
        strong = self.volts(supply) >= self.electrics.release_v_min
        for number in self.fed_by(supply):
            coil = self.coils[number]
            if coil.on_since is None or coil.faults.coil_dead or not strong:
                coil.strong_since = None
            elif coil.strong_since is None:
                coil.strong_since = at
        return dropped
