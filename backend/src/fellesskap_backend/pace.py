"""How often a round is made that others ask for: at once after quiet, and seldom under load."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REST_S_MAX = 0.1
"""Somebody may wait at a door for what a round sends."""


class Pace:
    """Measures rounds by `clock`, in seconds; one thread asks.

    After a round none begins for `rests` times as long as it took. With 4 of them rounds take a
    fifth of one core at most, however often they are asked for, and what waits meanwhile is done by
    the next all at once.
    """

    def __init__(self, rests: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rests = rests
        self._clock = clock
        self._ready_at = clock()

    @property
    def wait_s(self) -> float:
        """How long the next round must still rest; 0: it may begin."""
        return max(0.0, self._ready_at - self._clock())

    @contextmanager
    def round(self) -> Iterator[None]:
        """Make a round; whatever becomes of it, the next rests."""
        begun = self._clock()
        try:
            yield
        finally:
            ended = self._clock()
            self._ready_at = ended + min(REST_S_MAX, self._rests * (ended - begun))
