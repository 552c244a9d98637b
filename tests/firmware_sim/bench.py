"""A simulated locker that runs in real time, for tests at its ports and at its control socket."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import serial

Json = dict[str, Any]
BIN = Path(sys.executable).parent
LOCKER = """
[locker]
id = "bench-1"
[[bank]]
name = "a"
family = "8a"
port = "lock-bus"
address = 1
supply = "psu-1"
[[bank]]
name = "b"
family = "8a"
port = "lock-bus"
address = 2
supply = "psu-2"
closed_bit = 0
[scanner]
family = "grow"
port = "scanner"
""" + "".join(
    f"""
[[compartment]]
number = {number}
bank = "{bank}"
channel = {channel}
width_mm = 450
height_mm = 110
depth_mm = 580
floor_mm = {200 + 120 * number}
top_mm = {310 + 120 * number}
max_g = 25000
"""
    for number, bank, channel in ((1, "a", 1), (2, "a", 2), (3, "b", 1))
)


class Bench:
    """A simulated locker that runs, its ports and its control socket."""

    def __init__(self, folder: Path, locker: str = LOCKER) -> None:
        self.folder = folder
        config = folder / "locker.toml"
        config.write_text(locker)
        self.process = subprocess.Popen(
            [BIN / "fellesskap-firmware-sim", "live", "--dir", folder, "--config", config],
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.ready = json.loads(self.process.stdout.readline())
        self._control = socket.socket(socket.AF_UNIX)
        self._control.settimeout(10)
        self._control.connect(str(folder / "control.sock"))
        self._stream = self._control.makefile("rwb")

    def ask(self, do: str, **more: Any) -> Json:
        """Send one request and return its answer, a refusal too."""
        self._stream.write(json.dumps({"do": do, **more}).encode() + b"\n")
        self._stream.flush()
        answer: Json = json.loads(self._stream.readline())
        return answer

    def watch(self) -> Iterator[Json]:
        """Yield the facts from now on, as they happen."""
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(10)
        line.connect(str(self.folder / "control.sock"))
        stream = line.makefile("rwb")
        stream.write(b'{"do":"watch"}\n')
        stream.flush()
        assert json.loads(stream.readline())["fact"] == "watching"

        def facts() -> Iterator[Json]:
            with line, stream:
                while text := stream.readline():
                    yield json.loads(text)

        return facts()

    def port(self, name: str) -> serial.Serial:
        """Open a port as the edge does."""
        return serial.Serial(str(self.folder / name), 9600, timeout=5, exclusive=True)

    def close(self) -> int:
        """Stop it and return its exit status."""
        self._stream.close()
        self._control.close()
        self.process.terminate()
        status = self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def until(facts: Iterator[Json], name: str) -> Json:
    """Return the next fact of this name."""
    return next(fact for fact in facts if fact["fact"] == name)
