"""What the simulated hardware of a locker does, as it does it, by the machine's monotonic clock.

The clock is one and the same for all processes, so a row's `mono_s` compares with
`time.monotonic()` here. `scanned`: the last byte of a scan is readable at the scanner's port.
`pulse_started`: the last byte of an unlock frame is on the line at the board, each byte taking its
time; the board of the simulation adds no delay of its own.
"""

import contextlib
import threading
import time
from collections import deque
from itertools import pairwise

from tests.system.house import Hardware, Json, NeverHappened

WAIT_S_MAX = 30.0
ROWS_KEPT = 1000
SILENCE_S = 0.170
"""A line without a reply for so long is not polled every 150 ms any more, but every 5 s."""
BUSY_S = 1.0


class Watch:
    """The newest rows of one locker's hardware; waits without polling."""

    def __init__(self, hardware: Hardware) -> None:
        self._rows: deque[Json] = deque(maxlen=ROWS_KEPT)
        self._came = threading.Condition()
        self._source = hardware.watch()
        self._rows.append(next(self._source))
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            for row in self._source:
                with self._came:
                    self._rows.append(row)
                    self._came.notify_all()

    def after(self, fact: str, since: float) -> float:
        """Return when a fact came first after a time."""
        at: float = self.row(fact, since)["mono_s"]
        return at

    def row(self, fact: str, since: float) -> Json:
        """Return the row of a fact that came first after a time."""
        deadline = time.monotonic() + WAIT_S_MAX
        with self._came:
            while True:
                for row in self._rows:
                    if row["fact"] == fact and row["mono_s"] > since:
                        return row
                if not self._came.wait(max(0.0, deadline - time.monotonic())):
                    raise NeverHappened(f"{fact}: not within {WAIT_S_MAX:.0f} s")

    def quiet(self, since: float) -> None:
        """Wait until the lock bus is silent after a time; then it is for almost 5 s."""
        with self._came:
            while True:
                said = [row["mono_s"] for row in self._rows if row["fact"] == "reply"]
                left = max(since, *said[-1:], 0.0) + SILENCE_S - time.monotonic()
                if left <= 0:
                    return
                self._came.wait(left)

    def busy(self, silence_s: float) -> None:
        """Wait until the lock bus was for a second never silent for longer than that."""
        with self._came:
            while True:
                self._came.wait(WAIT_S_MAX)
                said = [0.0, *(row["mono_s"] for row in self._rows if row["fact"] == "reply")]
                last = [at for at in said if at > said[-1] - BUSY_S]
                longest = max((after - before for before, after in pairwise(last)), default=BUSY_S)
                if longest <= silence_s and last[-1] - last[0] > BUSY_S - silence_s:
                    return


def pause_until(at: float) -> None:
    """Wait for a moment of the monotonic clock."""
    pause = threading.Event()
    while (left := at - time.monotonic()) > 0:
        pause.wait(left)
