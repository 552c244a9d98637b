"""Serial ports: a thread each that reads and posts, and `write` for the one that drives.

A thin adapter over pyserial: it knows bytes, baud rates and that plugs are pulled; no frames. A
port that goes away is opened again by its name, so a re-plugged adapter comes back by itself. One
that may not be opened does not: that is told, and tried again seldom, until somebody has mended it.
"""

import errno
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

import serial

from fellesskap_edge.inbox import Inward, PortBarred, PortBytes, PortDown, PortUp
from fellesskap_edge.watchdog import Beat

log = logging.getLogger(__name__)
REOPEN_S = 0.5
BARRED_S = 30.0
"""How often a port is tried that may not be opened."""
BARS = (errno.EACCES, errno.EPERM)
READ_BYTES_MAX = 4096
WRITE_S_MAX = 0.5
WAIT_S = 1.0
"""How long one read waits; also how soon a thread notices that it should end."""


class Ports:
    """All serial lines of the locker: `bauds` by port."""

    def __init__(self, bauds: Mapping[str, int], post: Callable[[Inward], None]) -> None:
        self._post = post
        self._open: dict[str, serial.Serial] = {}
        self._opening = threading.Lock()
        self._ending = threading.Event()
        self._round_at = dict.fromkeys(bauds, time.monotonic())
        self._threads = [
            threading.Thread(target=self._run, args=(port, baud), name=f"port {port}", daemon=True)
            for port, baud in bauds.items()
        ]

    @property
    def beats(self) -> list[Beat]:
        """Whether each thread runs, and when it last went round."""
        ports = zip(self._threads, self._round_at.items(), strict=True)
        return [Beat(thread.name, thread.is_alive(), at) for thread, (_, at) in ports]

    def start(self) -> None:
        """Open the ports, now and whenever they come back."""
        for thread in self._threads:
            thread.start()

    def write(self, port: str, data: bytes) -> None:
        """Send bytes; on a port that is not there they are lost, as on the line itself."""
        line = self._open.get(port)
        if line is None:
            return
        try:
            line.write(data)
        except (serial.SerialException, OSError, TypeError) as error:
            # pyserial raises TypeError when a port is closed meanwhile, here and under a read.
            log.warning("port %s: %s", port, error)

    def stop(self) -> None:
        """Close the ports and end the threads."""
        self._ending.set()
        with self._opening:  # so that no line is closed meanwhile by its thread
            for line in self._open.values():
                line.cancel_read()
        for thread in self._threads:
            thread.join(WAIT_S * 2)

    def _run(self, port: str, baud: int) -> None:
        said = ""
        while not self._ending.is_set():
            self._round_at[port] = time.monotonic()
            barred = ""
            try:
                with serial.Serial(
                    port, baud, timeout=WAIT_S, write_timeout=WRITE_S_MAX, exclusive=True
                ) as line:
                    said = ""
                    self._serve(port, line)
            except (serial.SerialException, OSError, TypeError, ValueError) as error:
                barred = _barred(error, baud)
                if str(error) != said:
                    said = str(error)
                    log.warning("port %s: %s", port, error)
                    if barred:
                        self._post(PortBarred(port, barred))
            self._pause(port, BARRED_S if barred else REOPEN_S)

    def _serve(self, port: str, line: serial.Serial) -> None:
        """Read from a port until the end, its own or that of the daemon."""
        with self._opening:
            self._open[port] = line
        self._post(PortUp(port))
        try:
            self._read(port, line)
        finally:
            with self._opening:
                del self._open[port]
            self._post(PortDown(port))

    def _pause(self, port: str, length_s: float) -> None:
        """Leave a port alone for a while."""
        until = time.monotonic() + length_s
        while (left_s := until - time.monotonic()) > 0:
            if self._ending.wait(min(left_s, WAIT_S)):
                return
            self._round_at[port] = time.monotonic()

    def _read(self, port: str, line: serial.Serial) -> None:
        while not self._ending.is_set():
            self._round_at[port] = time.monotonic()
            data = line.read(1)
            if data:
                waiting = min(line.in_waiting, READ_BYTES_MAX)
                self._post(PortBytes(port, data + line.read(waiting) if waiting else data))


def _barred(error: Exception, baud: int) -> str:
    """Return why a port will not open until somebody mends it; nothing if it may come back."""
    number = getattr(error, "errno", None) or 0
    if number in BARS:
        return f"may not be opened: {os.strerror(number)}"
    return f"takes no {baud} baud" if isinstance(error, ValueError) else ""
