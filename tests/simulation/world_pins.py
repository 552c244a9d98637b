"""The banks on pins of a locker in virtual time: what `pins` is on a Pi, without its devices."""

from collections.abc import Iterator

from fellesskap_edge.config import LockerConfig
from fellesskap_edge.locks.gpio import PinEdge, PinLevels, PinsFailed, SetPin
from fellesskap_firmware_sim.world import SimulatedLocker


class WorldPins:
    """All of them; a bank that is `broken` cannot be had."""

    def __init__(self, config: LockerConfig, hardware: SimulatedLocker) -> None:
        self._banks = {bank.name: bank for bank in config.banks if bank.family == "gpio"}
        self._hardware = hardware
        self._levels: dict[int, bool] = {}
        self.broken: set[str] = set()

    def edges(self, now_s: float) -> Iterator[PinEdge]:
        """Yield the banks of which a contact changed."""
        for name in self._banks:
            levels = self._hardware.pins[name].levels(now_s)
            changed = any(self._levels.get(pin) != level for pin, level in levels.items())
            self._levels |= levels
            if changed and name not in self.broken:
                yield PinEdge(name)

    def read(self, name: str, now_s: float) -> PinLevels | PinsFailed:
        """Read the contacts of a bank."""
        if name in self.broken:
            return PinsFailed(name)
        levels = self._hardware.pins[name].levels(now_s)
        doors = enumerate(self._banks[name].door_pins, start=1)
        return PinLevels(name, {channel: levels[pin] for channel, pin in doors})

    def set(self, effect: SetPin, now_s: float) -> PinsFailed | None:
        """Switch a coil; one that is to go off goes off though its bank is broken."""
        if effect.on and effect.bank in self.broken:
            return PinsFailed(effect.bank)
        bank = self._banks[effect.bank]
        level = bank.active_high is effect.on
        self._hardware.drive_pin(bank.lock_pins[effect.channel - 1], level, now_s)
        return None

    def let_go(self, now_s: float) -> None:
        """Whoever held them is dead."""
        for bank in self._hardware.pins.values():
            bank.abandoned(now_s)
