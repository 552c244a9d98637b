"""Master enables: a pin of the computer lets current into the coils of one bank, or not.

The board itself keeps its power, answers, and holds its relays as they are. A pin that is let go,
or that nobody has driven yet, is off: it has its own pull.
"""

from fellesskap_edge.config import Bank
from fellesskap_firmware_sim.boards.board import Board
from fellesskap_firmware_sim.plant import Plant


class Enable:
    """What stands between a supply and the coils of one bank."""

    def __init__(self, plant: Plant, bank: Bank, board: Board) -> None:
        self._plant, self._board = plant, board
        self._pin, self._active_level = bank.power_pin, bank.power_active_high
        self.on = False
        for number in board.channels.values():
            plant.enable(number, 0.0, on=False)

    def drive(self, pin: int, level: bool | None, now: float) -> None:
        """Take in what the computer does with a pin: drives it high or low, or lets it go."""
        if pin == self._pin:
            self.switch(now, on=level is self._active_level)

    def switch(self, now: float, *, on: bool) -> None:
        """Let current in, or not; relays that are on have their coils on at once."""
        self.on = on
        self._board.advance(now)
        for channel, number in sorted(self._board.channels.items()):
            self._plant.enable(number, now, on=self.on)
            if self.on and channel in self._board.on:
                self._plant.energise(number, now)

    def abandoned(self, now: float) -> None:
        """The process that held the pin is dead, and the kernel lets it go."""
        if self._pin is not None:
            self.drive(self._pin, None, now)
