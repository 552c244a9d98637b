"""The other end of the wires of banks on pins: the daemon's process, over the control socket.

`live` hands it the connection that asked for `pins` (see `mock_pins.joined`), and the time.
"""

import contextlib
import json
import socket

from fellesskap_firmware_sim.world import SimulatedLocker


class Computer:
    """Whose pins the banks on pins hang on; nobody's, until a daemon has joined."""

    def __init__(self, world: SimulatedLocker) -> None:
        self._world = world
        self._line: socket.socket | None = None
        self._told: dict[int, bool | None] = {}

    def join(self, line: socket.socket, now: float) -> dict[int, bool | None]:
        """Take a daemon in; return what its pins are joined to."""
        self._line = line
        self._told = self._world.pin_levels(now)
        return self._told

    def tell(self, now: float) -> None:
        """Let its pins read what the contacts say."""
        if self._line is None:
            return
        for pin, level in self._world.pin_levels(now).items():
            if self._told[pin] is not level:
                self._told[pin] = level
                row = json.dumps({"pin": pin, "level": level}).encode() + b"\n"
                with contextlib.suppress(OSError):  # gone: whoever listens to it will find out
                    self._line.sendall(row)

    def gone(self, line: socket.socket, now: float) -> None:
        """A connection closed: if it was the daemon's, its process is dead."""
        if line is self._line:
            self._line = None
            for bank in self._world.pins.values():
                bank.abandoned(now)
            for enable in self._world.enables.values():
                enable.abandoned(now)
