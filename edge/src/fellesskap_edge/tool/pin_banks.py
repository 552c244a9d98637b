"""The banks on pins that are commissioned: `trying` for each, on `bare_pins`. Used by `commission`.

gpiozero is imported only if there are any. Pins that cannot be had, or fail, are said once.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from fellesskap_edge.tool import trying, words
from fellesskap_edge.tool.draft import LEARNT_OF_PINS, BankOnPins

if TYPE_CHECKING:
    from gpiozero.pins import Factory

    from fellesskap_edge.tool.bare_pins import BarePins


class PinBanks:
    """All of them; `give` is told what their contacts do, `say` what a technician should know."""

    def __init__(
        self,
        banks: Sequence[BankOnPins],
        give: Callable[[words.Event], None],
        say: Callable[[str], None],
    ) -> None:
        self._banks = {one.bank.name: one for one in banks}
        self._give, self._say = give, say
        self._factory: Factory | None = None
        self._held: dict[str, BarePins] = {}
        self._trying: dict[str, trying.Trying] = {}

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        return min((one.wake_at for one in self._trying.values()), default=float("inf"))

    def raw(self) -> dict[str, dict[str, object]]:
        """Return what the draft says of each bank beside what is learnt."""
        return {
            name: {"name": name}
            | {key: value for key, value in one.raw.items() if key not in LEARNT_OF_PINS}
            for name, one in self._banks.items()
        }

    def claim(self) -> Iterator[words.Board]:
        """Yield the banks whose pins can be had; no pin is driven."""
        if not self._banks:
            return
        from fellesskap_edge.pins import pin_factory, trouble  # noqa: PLC0415 (see above)
        from fellesskap_edge.tool.bare_pins import BarePins  # noqa: PLC0415 (the same)

        self.stop()
        for name, one in self._banks.items():
            locks, doors = one.bank.lock_pins, one.bank.door_pins
            try:
                self._factory = self._factory or pin_factory()
                held = BarePins(locks, doors, self._factory)
                rests = held.rests()
            except trouble() as error:
                self._say(f"NOT FOUND: the pins of bank {name}: {error}. Does the daemon run?")
                continue
            self._held[name] = held
            self._trying[name] = trying.Trying(name, one.bank.pulse_ms / 1000)
            where = f"GPIO {' '.join(map(str, locks))}"
            pins = words.Pins(locks, doors, rests, one.level)
            yield words.Board(name, "gpio", where, len(locks), bool(doors), pins)

    def open(self, effect: words.Open, now: float) -> bool:
        """Pulse a lock, if it is one of these."""
        if effect.board not in self._trying:
            return False
        assert effect.level is not None, "a lock on a pin is opened by a level"
        self._step(effect.board, trying.Try(effect.channel, effect.level), now)
        return True

    def tick(self, now: float) -> None:
        """Let pulses end, and contacts be looked at, that are due."""
        for name, one in list(self._trying.items()):
            if one.wake_at <= now:
                self._step(name, trying.Tick(), now)

    def stop(self) -> None:
        """Let all pins go. The factory is not closed: gpiozero would take their pulls away."""
        for held in self._held.values():
            held.stop()
        self._held, self._trying = {}, {}

    def _step(self, name: str, event: trying.Event, now: float) -> None:
        from fellesskap_edge.pins import trouble  # noqa: PLC0415 (as in `claim`)

        self._trying[name], effects = trying.step(self._trying[name], event, now)
        held = self._held[name]
        for effect in effects:
            try:
                match effect:
                    case trying.Drive(channel, level):
                        held.drive(channel, level)
                    case trying.LetGo(channel):
                        held.let_go(channel)
                    case trying.Look():
                        self._step(name, trying.Looked(held.look()), now)
                    case words.Moved():
                        self._give(effect)
            except trouble() as error:
                self._say(f"The pins of bank {name} fail: {error}")
                self._give(words.Unanswered())
