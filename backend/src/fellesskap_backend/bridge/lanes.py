"""Takes in what lockers said: here, and in another process too when much waits.

After an outage hundreds of lockers tell their journals at once. One interpreter would be busy with
that alone for as long as it takes; so a second one takes most of it, and this one keeps time for
its answers and for who waits at a door (docs/decisions/0063). It is started by the first burst and
kept, and given more whenever it has done what it had. If it dies, what it had in hand is taken in
here: what it had committed already is known again as repeated.
"""

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from fellesskap_backend.bridge import lane
from fellesskap_backend.bridge.intake import Lockers, Said, Take
from fellesskap_backend.bridge.link import Came
from fellesskap_backend.settings import Settings

log = logging.getLogger(__name__)
BURST = 8
"""How many lockers speak at once when another process is worth its messages."""
HERE_OF = 8
"""One of so many is taken in here, beside answers and wishes; the others there."""
HERE_AT_ONCE = 16
"""After so many of what is left here it is looked whether the other one may be given more."""


@dataclass(frozen=True)
class _Away:
    """What the other process has in hand."""

    lockers: Lockers
    said: Future[list[Said]]

    def has(self, lockers: Lockers) -> bool:
        """Say whether it has something of one of these: what each says is taken in in order."""
        there = {one[0].topic.rpartition("/")[0] for one in self.lockers}
        return any(one[0].topic.rpartition("/")[0] in there for one in lockers)


class Lanes:
    """Two lanes for one bridge; one thread calls. `back` is called when there is more to return."""

    def __init__(self, settings: Settings, back: Callable[[], None] = lambda: None) -> None:
        self._settings, self._back = settings, back
        self._pool: ProcessPoolExecutor | None = None
        self._begun: Future[list[Said]] | None = None
        self._away: _Away | None = None

    def spread(self, take: Take, lockers: Lockers) -> list[Said]:
        """Take in what each of some lockers said: some here by `take`, some elsewhere.

        Returns what is done; what was given away is returned by a later call.
        """
        said: list[Said] = []
        left = sorted(lockers, key=_are_journals)  # for a result somebody may wait at a door
        while True:
            if self._away is not None and (self._away.said.done() or self._away.has(left)):
                said += self._returned(take)
            if not self.busy:
                left = self._give(left)
            if not left:
                return said
            here = HERE_AT_ONCE if self.apart else len(left)
            said += take(left[:here])
            left = left[here:]

    @property
    def busy(self) -> bool:
        """Whether the other process has something in hand."""
        return self._away is not None

    def _give(self, lockers: list[Sequence[Came]]) -> list[Sequence[Came]]:
        """Give most of some journals away, if they are many; return what is left for here."""
        journals = [one for one in lockers if _are_journals(one)]
        if len(journals) < BURST or not self._ready() or self._pool is None:
            return lockers
        there = [one for turn, one in enumerate(journals) if turn % HERE_OF]
        try:
            said = self._pool.submit(lane.take, there)
        except BrokenProcessPool:  # since the last burst
            self._died()
            return lockers
        self._away = _Away(there, said)
        said.add_done_callback(lambda _: self._back())
        known = {id(one) for one in there}
        return [one for one in lockers if id(one) not in known]

    def _returned(self, take: Take) -> list[Said]:
        """Return what the other process has done, when it has."""
        assert self._away is not None
        away, self._away = self._away, None
        try:
            return away.said.result()
        except BrokenProcessPool:
            self._died()
            return take(away.lockers)

    def _died(self) -> None:
        log.warning("the other lane died; what it had in hand is taken in here")
        self.stop()

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
            self._pool = self._begun = self._away = None


def _are_journals(said: Sequence[Came]) -> bool:
    return all(came.topic.endswith("/journal") for came in said)
