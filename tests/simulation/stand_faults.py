"""What somebody or something breaks at the test stand: banks, plugs, the store on its card."""

from fellesskap_edge import inbox as rim
from tests.simulation.stand_parts import Bench


class BreakableBench(Bench):
    """A stand whose parts fail when the test says so."""

    # Banks and plugs -----------------------------------------------------------------------------

    def silence(self, bank: str, *, silent: bool) -> None:
        """Let a bank fall silent, or answer again: its board, or the pins."""
        if bank in self._pins:
            self.pins_fail = silent
            if silent:
                self.hardware.pins[bank].abandoned(self.now_s)
        else:
            self.hardware.boards[bank].faults.silent = silent
        self._note_reach(bank)

    def unplug(self, port: str) -> None:
        """Pull a serial plug."""
        if port not in self.unplugged:
            self.unplugged.add(port)
            self._note_reach(*self._banks_on(port))
            self.give(rim.PortDown(port))

    def plug(self, port: str) -> None:
        """Put it in again."""
        if port in self.unplugged:
            self.unplugged.discard(port)
            self._note_reach(*self._banks_on(port))
            self.give(rim.PortUp(port))

    def _banks_on(self, port: str) -> list[str]:
        return [bank.name for bank in self.config.banks if bank.port and bank.port == port]

    def doubt(self, bank: str) -> None:
        """A fault that may or may not make a bank fall silent begins."""
        self.reached.append((self.now_s, bank, None))

    def trust(self, bank: str) -> None:
        """It is over."""
        self._note_reach(bank)

    # The card ------------------------------------------------------------------------------------

    def copy_store(self) -> None:
        """Copy the card of a computer that is off."""
        assert self.drive is None
        self.copy = self._path.read_bytes()

    def restore_store(self) -> None:
        """Put the copy in the place of the card."""
        assert self.drive is None
        self._path.write_bytes(self.copy)

    def lose_store(self) -> None:
        """Put an empty card in its place; that the locker was commissioned, the computer knows."""
        assert self.drive is None
        self._path.unlink()

    # The key -------------------------------------------------------------------------------------

    def turn_key(self, *, on: bool) -> None:
        """Turn the technician's key inside the cabinet."""
        if on is not self.key_on:
            self.key_turns.append((self.now_s, on))
            self.hardware.turn_key(on=on)

    @property
    def key_on(self) -> bool:
        """Whether it is turned now."""
        return bool(self.key_turns) and self.key_turns[-1][1]
