"""gpiozero's mock pins with wires on them: the real daemon, and hardware that is not there.

`WiredFactory` tells `told` what the program does with its output pins and takes what the outside
says to its input pins. `joined` is one whose outside is the running simulated locker of `live`.
"""

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpiozero.pins.mock import MockFactory, MockPin

Told = Callable[[int, bool | None], None]


class WiredPin(MockPin):  # type: ignore[misc]  # gpiozero has no types
    """A mock pin that becomes an output at its level in one step, as the kernel does it."""

    outside: bool | None = None

    def output_with_state(self, state: float) -> None:
        """Become an output at this level; `states` begins anew with it."""
        self._state = bool(state)
        self._function = "output"
        self.clear_states()
        self.factory.told(self._number, self._state)

    def drive(self, level: bool | None) -> None:
        """Let the outside set the level of an input; None: nothing but its own pull does."""
        self.outside = level
        if self._function != "input":
            return
        if level is None:
            self._set_pull(self._pull)
        else:
            (self.drive_high if level else self.drive_low)()

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.outside is not None:
            self.drive(self.outside)  # a wire is stronger than a pull

    def _set_function(self, value: str) -> None:
        was = self._function
        super()._set_function(value)
        if value != was:
            self.factory.told(self._number, self._state if value == "output" else None)

    def _set_state(self, value: float) -> None:
        super()._set_state(value)
        self.factory.told(self._number, self._state)


class WiredFactory(MockFactory):  # type: ignore[misc]  # gpiozero has no types
    """Mock pins whose doings are told: `told(pin, level)`, None for a pin that is let go."""

    def __init__(self, told: Told) -> None:
        super().__init__(pin_class=WiredPin)
        self.told = told


def joined(folder: Path) -> WiredFactory:
    """Return pins that are wired to the simulated locker running in `folder`; raise `OSError`."""
    line = socket.socket(socket.AF_UNIX)
    line.connect(str(folder / "control.sock"))

    def told(pin: int, level: bool | None) -> None:
        line.sendall(json.dumps({"do": "pin", "pin": pin, "level": level}).encode() + b"\n")

    factory = WiredFactory(told)
    stream = line.makefile("rb")
    line.sendall(b'{"do": "pins"}\n')
    for number, level in json.loads(stream.readline())["levels"].items():
        factory.pin(int(number)).drive(level)

    def listen() -> None:
        for row in stream:
            heard: dict[str, Any] = json.loads(row)
            if "pin" in heard:
                factory.pin(heard["pin"]).drive(heard["level"])

    threading.Thread(target=listen, name="wires", daemon=True).start()
    return factory
