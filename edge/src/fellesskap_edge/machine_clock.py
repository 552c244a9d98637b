"""The machine's clocks: monotonic, wall, and whether the kernel says the wall is synchronised.

Source: adjtimex(2), STA_UNSYNC. The only place of the daemon that asks what time it is.
"""

import ctypes
import time
from datetime import UTC, datetime

from fellesskap_edge.clock import Instant

STA_UNSYNC = 0x0040
TIME_ERROR = 5
STEP_S_MAX = 60.0
ASK_S = 10.0
"""How often the kernel is asked whether it is synchronised."""


class _Timex(ctypes.Structure):
    """The head of `struct timex` (linux/timex.h); the rest is room."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


def synchronised() -> bool:
    """Say whether the kernel's clock is disciplined."""
    libc = ctypes.CDLL(None, use_errno=True)
    timex = _Timex()
    state = libc.adjtimex(ctypes.byref(timex))
    return state not in (-1, TIME_ERROR) and not timex.status & STA_UNSYNC


class MachineClock:
    """Tells instants; a step of more than a minute makes the wall clock untrusted for good."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()
        self._stepped = False
        self._asked_at = float("-inf")
        self._synchronised = False

    def now(self) -> Instant:
        """Return this moment."""
        mono_s, wall_s = time.monotonic(), time.time()
        if abs(wall_s - mono_s - self._offset_s) > STEP_S_MAX:
            self._stepped = True
        if mono_s - self._asked_at > ASK_S:
            self._asked_at, self._synchronised = mono_s, synchronised()
        trusted = self._synchronised and not self._stepped
        return Instant(mono_s, datetime.fromtimestamp(wall_s, UTC), trusted)
