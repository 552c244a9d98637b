"""Takes in what lockers said: here, and half of it in another process when much waits.

After an outage hundreds of lockers tell their journals at once. One interpreter would be busy with
that alone for as long as it takes; so a second one takes half of it, and this one keeps time for
who waits at a door (docs/decisions/0063). It is started by the first burst and kept. If it dies,
what it had in hand is taken in here: what it had committed already is known again as repeated.
"""

import logging
import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from fellesskap_backend.bridge import lane
from fellesskap_backend.bridge.intake import Lockers, Said, Take
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.settings import Settings

log = logging.getLogger(__name__)
BURST = 8
"""How many lockers speak at once when another process is worth its messages."""


class Lanes:
    """Two lanes for one bridge; one thread calls."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: ProcessPoolExecutor | None = None
        self._begun: Future[list[Said]] | None = None

    def spread(self, take: Take, lockers: Lockers) -> list[Said]:
        """Take in what each of some lockers said: some here by `take`, some elsewhere."""
        journals = [one for one in lockers if all(_is_journal(came) for came in one)]
        there = journals[::2] if len(journals) >= BURST and self._ready() else []
        if not there or self._pool is None:
            return take(lockers)
        known = {id(one) for one in there}
        here: list[Said] = []
        left = lockers
        try:
            away = self._pool.submit(lane.take, there)
            here, left = take([one for one in lockers if id(one) not in known]), there
            return [*here, *away.result()]
        except BrokenProcessPool:  # just now, or since the last burst
            log.warning("the other lane died; what it had in hand is taken in here")
            self.stop()
            return [*here, *take(left)]

    @property
    def apart(self) -> bool:
        """Whether there is another process, and it has begun."""
        begun = self._begun
        return begun is not None and begun.done() and begun.exception() is None

    def _ready(self) -> bool:
        """Say whether the other process has begun; let it begin if there is none."""
        if self._pool is None:
            apart = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, apart, lane.begin, (self._settings,))
            self._begun = self._pool.submit(lane.take, [])
        return self.apart

    def stop(self) -> None:
        """End the other process when it has done what it has in hand."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = self._begun = None


def _is_journal(came: Came) -> bool:
    return came.topic.endswith("/journal")
