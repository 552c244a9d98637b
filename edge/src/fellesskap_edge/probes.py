"""Temperature probes: a thread that reads the kernel's files and posts what they say.

A thin adapter over sysfs (Documentation/w1/slaves/w1_therm.rst): a read makes the probe measure
and takes up to a second, sometimes more, so no other thread may wait for it. What a text means is
the affair of `climate`. The folder is configuration; a simulation writes one of its own.
"""

import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from fellesskap_edge.climate import Read
from fellesskap_edge.inbox import Inward
from fellesskap_edge.watchdog import Beat

READ_S = 30.0
"""From start to start of a round over all probes."""
FILES = ("w1_slave", "temperature")
"""The first tells its checksum and its bytes; where it is missing, the second has to do."""
TEXT_BYTES_MAX = 256
STOP_S = 2.0


class Probes:
    """All probes under one folder."""

    def __init__(
        self, folder: Path, devices: Iterable[str], post: Callable[[Inward], None]
    ) -> None:
        self._folder = folder
        self._devices = tuple(devices)
        self._post = post
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    @property
    def beats(self) -> list[Beat]:
        """Whether the thread runs, if there is a probe; a read may take the kernel long."""
        return [Beat("probes", self._thread.is_alive())] if self._devices else []

    def start(self) -> None:
        """Read from now on, if there is a probe."""
        if self._devices:
            self._thread.start()

    def stop(self) -> None:
        """End the thread; one that waits for the kernel dies with the process."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(STOP_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            begun = time.monotonic()
            for device in self._devices:
                self._post(Read(device, read(self._folder / device)))
            self._ending.wait(max(0.0, begun + READ_S - time.monotonic()))


def read(probe: Path) -> str | None:
    """Return what a probe's file says now, None if it cannot be read."""
    for name in FILES:
        try:
            with (probe / name).open("rb") as file:
                return file.read(TEXT_BYTES_MAX).decode("ascii", errors="replace")
        except FileNotFoundError:
            continue
        except OSError:
            return None
    return None
