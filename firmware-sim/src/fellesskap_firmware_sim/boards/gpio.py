"""Relays and door switches on the pins of the computer in the locker: levels to coils and back.

What a board of relays or transistors is, seen from the pins: a lock pin that is driven to its
active level feeds a coil; one that is let go does not (the board has its own pull). A door pin
reads what its contact says, bounces and all.
"""

from fellesskap_edge.config import Bank
from fellesskap_firmware_sim.faults import PinFaults
from fellesskap_firmware_sim.plant import BOUNCE_S, Plant

STEP_S = 0.001
"""How closely a bouncing contact is followed."""


class GpioBank:
    """One bank on pins with its channels wired to compartments of a plant."""

    def __init__(self, plant: Plant, bank: Bank, channels: dict[int, int]) -> None:
        self.plant = plant
        self.faults = PinFaults()
        self.switches: dict[int, bool] = {}
        """Channels where something else is wired than a door: whether its contact is closed."""
        self._lock_pins, self._door_pins = bank.lock_pins, bank.door_pins
        self._active_level = bank.active_high
        self._closed_level = bool(bank.closed_level)
        self._coils = _wired(bank.lock_pins, channels)
        self._contacts = _wired(bank.door_pins, channels)
        self._seen_at = float("-inf")

    @property
    def wake_at(self) -> float:
        """When a contact may read something else."""
        moved = (self.plant.locks[number].moved_at for number in self._contacts.values())
        bounces = any(self._seen_at - at <= BOUNCE_S for at in moved)
        return self._seen_at + STEP_S if bounces else float("inf")

    def advance(self, now: float) -> None:
        """Let time pass."""
        self._seen_at = now
        self.plant.advance(now)

    def drive(self, pin: int, level: bool | None, now: float) -> None:
        """Take in what the computer does with a pin: drives it high or low, or lets it go."""
        self.advance(now)
        number = self._coils.get(pin)
        if number is None:
            return
        if level is self._active_level:
            self.plant.energise(number, now)
        else:
            self.plant.release(number, now)

    def abandoned(self, now: float) -> None:
        """The process that held the pins is dead: the kernel lets them go, or the levels stay."""
        for pin in self._coils:
            if not self.faults.levels_stay_when_killed:
                self.drive(pin, None, now)

    def joined(self, now: float) -> dict[int, bool | None]:
        """Return what joins each pin: an open contact nothing; a lock's, the pull of its relay."""
        shut = self._closed_level
        doors = {pin: shut if level == shut else None for pin, level in self.levels(now).items()}
        return {**dict.fromkeys(self._lock_pins, not self._active_level), **doors}

    def levels(self, now: float) -> dict[int, bool]:
        """Return what every door pin reads, with the pull that is away from the closed level."""
        self.advance(now)
        closed = {pin: self.plant.reads_shut(number, now) for pin, number in self._contacts.items()}
        closed |= {self._door_pins[channel - 1]: one for channel, one in self.switches.items()}
        return {pin: self._closed_level == one for pin, one in closed.items()}


def _wired(pins: tuple[int, ...], channels: dict[int, int]) -> dict[int, int]:
    """Return the compartment behind each pin that has one."""
    wired = enumerate(pins, start=1)
    return {pin: channels[channel] for channel, pin in wired if channel in channels}
