"""PURE: how many deliveries may be under way, so that no endpoint slows another.

An endpoint that has just taken a delivery may have several under way. One that failed last has
one, in a lane of its own whose places the others never need; whoever hangs hangs there. A new
one has one place until it has taken something.
"""

from collections import Counter
from uuid import UUID

PROVEN_MAX = 64
"""Under way at once to an endpoint that takes them: at 100 ms each 640 a second."""
PLACES = 256
"""For endpoints that do not fail: more are work for this process than it can do anyway."""
FAILING_PLACES = 128
"""For those that do: each is held until the time-out at most."""


class Lanes:
    """Who has how many under way."""

    def __init__(self, places: int = PLACES, failing_places: int = FAILING_PLACES) -> None:
        self._limits = {False: places, True: failing_places}
        self._held: Counter[bool] = Counter()
        self._flying: dict[UUID, list[bool]] = {}
        self._failing: set[UUID] = set()
        self._proven: set[UUID] = set()

    def room(self, endpoint: UUID) -> int:
        """Return how many more may be sent to an endpoint now."""
        lane = endpoint in self._failing
        most = PROVEN_MAX if endpoint in self._proven else 1
        free = min(most - self.under_way(endpoint), self._limits[lane] - self._held[lane])
        return max(0, free)

    def under_way(self, endpoint: UUID) -> int:
        """Return how many are under way to an endpoint."""
        return len(self._flying.get(endpoint, ()))

    def begin(self, endpoint: UUID) -> None:
        """Take a place in the lane where the endpoint is now."""
        lane = endpoint in self._failing
        self._held[lane] += 1
        self._flying.setdefault(endpoint, []).append(lane)

    def end(self, endpoint: UUID, *, taken: bool) -> None:
        """Give a place back; `taken`: the endpoint said that it has it."""
        places = self._flying[endpoint]
        self._held[places.pop(0)] -= 1
        if not places:
            del self._flying[endpoint]
        (self._proven.add if taken else self._proven.discard)(endpoint)
        (self._failing.discard if taken else self._failing.add)(endpoint)
