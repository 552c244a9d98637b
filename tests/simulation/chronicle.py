"""The history of one world as the judge reads it, and the counts of what it was made of."""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.judge import history
from tests.judge.history import AnyRecord, Layer, Record

Watcher = Callable[[AnyRecord], None]


class Chronicle:
    """Takes records in the order of `at`; `now_s` is the world's true time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._last_s = 0.0
        self.records: list[AnyRecord] = []
        self.watchers: list[Watcher] = []
        """Who judges as it happens."""
        self.faults: Counter[tuple[str, str]] = Counter()
        """Injected faults by layer and kind."""
        self.counts: Counter[str] = Counter()
        """Content: parcels, door operations, wrong presentations."""
        self.pairs: set[tuple[str, str]] = set()
        """(state, event) of parcels and doors that were passed."""
        self.passed: set[str] = set()
        """Crash points at which something died."""
        self.points: set[str] = set()
        """Buggify points that were taken."""

    def note(self, what: type[Record], at_s: float | None = None, /, **fields: Any) -> None:
        """Write a record; never before the one before."""
        self._last_s = max(self._last_s, self._now_s() if at_s is None else at_s)
        record: Any = what(at=self._last_s, **fields)
        self.records.append(record)
        for watch in self.watchers:
            watch(record)

    def fault(self, layer: Layer, kind: str, where: str, **fields: Any) -> None:
        """Write a fault that happened, began or is over; count it once."""
        if fields.get("state") != "over":
            self.faults[layer, kind] += 1
        self.note(history.Fault, layer=layer, kind=kind, where=where, **fields)

    def lasting(self, layer: Layer, kind: str, where: str) -> Callable[[], None]:
        """Tell that a fault begins; return what tells that it is over."""
        self.fault(layer, kind, where, state="begun")
        return lambda: self.fault(layer, kind, where, state="over")

    def digest(self) -> str:
        """Return SHA-256 over every line."""
        digest = sha256()
        for record in self.records:
            digest.update(history.line(record))
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Write all of it into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            history.write(self.records, file)
