"""The daemon's inbox: all threads and signals post into it, the one thread of the drive reads."""

import queue

from fellesskap_edge.inbox import Inward

EVENTS_MAX = 10_000


class Letterbox:
    """Events in the order of their coming; a full one loses the newest, and counts them.

    A signal's handler runs in the middle of whatever the reading thread does, a look into the box
    too: it holds no lock that posting needs, as a `queue.Queue` would.
    """

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Inward] = queue.SimpleQueue()
        self._lost = 0

    def post(self, event: Inward) -> None:
        """Put an event in, from any thread or signal."""
        if self._events.qsize() >= EVENTS_MAX:
            self._lost += 1
        else:
            self._events.put(event)

    def get(self, pause_s: float) -> Inward | None:
        """Take the oldest event, or wait so long for one; None if none came."""
        try:
            return self._events.get(timeout=pause_s) if pause_s else self._events.get_nowait()
        except queue.Empty:
            return None

    def lost(self) -> int:
        """Take how many found no room since this was asked last."""
        lost, self._lost = self._lost, 0
        return lost
