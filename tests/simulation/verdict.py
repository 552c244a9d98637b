"""What lives of many seeds showed together, and whether that is enough to believe them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fellesskap_edge.parts import CRASH_AT
from fellesskap_protocol.buggify import POINTS
from tests.simulation import ending, weather
from tests.simulation.installation import BACKEND_CRASHES
from tests.simulation.life import Life

STANDARD_DAYS, MANY_DAYS = 30, 600
"""From so many locker-days on, whatever is not rare must have happened; and whatever can happen."""
GOLDEN = Path(__file__).parent / "golden"
PAIRS = (GOLDEN / "pairs.txt").read_text().splitlines()
"""The pairs of state and event that a run of the standard size passes."""
RARE = {
    "crash points": {"after_commit", "before_new_epoch", "after_new_epoch", "backend_after_commit"},
    "faults": {
        *("disk card lost", "disk backup put back", "disk old copy put back"),
        *("board pins gone", "board late", "board relay_welded", "clock no ntp"),
    },
    "pairs": set((GOLDEN / "rare_pairs.txt").read_text().splitlines()),
}
"""What some ten locker-days may lack: it comes in one of many, or to lockers of a kind."""
PARCELS_MIN, OPERATIONS_MIN, WRONG_MIN = 20.0, 60.0, 10.0
"""On average in a locker-day; and a fault of each layer."""
LAYERS = ("wire", "disk", "board", "plant", "clock", "process")
CRASHES = (*CRASH_AT, *BACKEND_CRASHES)
INVARIANTS = (*(f"I{number}" for number in range(1, 17)), "liveness")


@dataclass
class Verdict:
    """What one life showed, or many."""

    seed: int = -1
    locker_days: float = 0.0
    seeds: int = 0
    digest: str = ""
    breaks: list[tuple[int, str]] = field(default_factory=list)
    """Broken invariants, each with its seed."""
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    judged: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each rule looked and had no excuse, by invariant."""
    points: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    cpu_s: float = 0.0

    def add(self, other: "Verdict") -> None:
        """Take what another life showed in."""
        self.locker_days += other.locker_days
        self.seeds += other.seeds
        self.breaks += other.breaks
        self.faults += other.faults
        self.counts += other.counts
        self.judged += other.judged
        self.pairs |= other.pairs
        self.points |= other.points
        self.passed |= other.passed
        self.cpu_s += other.cpu_s

    @property
    def averages(self) -> dict[str, float]:
        """What a locker-day has, by name."""
        days = self.locker_days or 1.0
        by_layer: Counter[str] = Counter()
        for (layer, _), times in self.faults.items():
            by_layer[layer] += times
        content = {name: self.counts[name] / days for name in ("parcels", "operations", "wrong")}
        return content | {layer: by_layer[layer] / days for layer in LAYERS}

    @property
    def looks(self) -> dict[str, int]:
        """How often each invariant was judged."""
        times = dict.fromkeys(INVARIANTS, 0)
        for (invariant, _), count in self.judged.items():
            times[invariant] += count
        return times

    @property
    def thin(self) -> list[str]:
        """Name what a locker-day has too little of."""
        least = {"parcels": PARCELS_MIN, "operations": OPERATIONS_MIN, "wrong": WRONG_MIN}
        return [
            f"{name}: {value:.1f}, at least {least.get(name, 1.0):g}"
            for name, value in self.averages.items()
            if value < least.get(name, 1.0)
        ]

    def never(self) -> dict[str, list[str]]:
        """Name, by kind, what was never exercised."""
        passed = {" | ".join(one) for one in self.pairs}
        missed = {
            "buggify points": [one for one in POINTS if one not in self.points],
            "crash points": [one for one in CRASHES if one not in self.passed],
            "faults": [
                f"{layer} {kind}" for layer, kind in weather.KINDS if not self.faults[layer, kind]
            ],
            "pairs": sorted({*PAIRS, *RARE["pairs"]} - passed),
            "invariants": [name for name, times in self.looks.items() if not times],
        }
        return {kind: those for kind, those in missed.items() if those}

    def not_even(self) -> dict[str, list[str]]:
        """Name what was never exercised though it is not rare."""
        common = {
            kind: [one for one in those if one not in RARE.get(kind, ())]
            for kind, those in self.never().items()
        }
        return {kind: those for kind, those in common.items() if those}

    def complaints(self) -> Iterator[str]:
        """Yield why this verdict is not enough, broken invariants aside."""
        yield from (f"too little in a locker-day: {one}" for one in self.thin)
        if self.locker_days >= STANDARD_DAYS:
            lacking = self.never() if self.locker_days >= MANY_DAYS else self.not_even()
            for kind, those in lacking.items():
                yield f"{kind} never exercised: {', '.join(those)}"


def of(life: Life) -> Verdict:
    """Return what a life showed that is over."""
    chronicle, seed = life.world.chronicle, life.world.seed
    return Verdict(
        seed,
        len(life.world.cabinets) * life.days,
        1,
        digest=chronicle.digest(),
        breaks=[(seed, one) for one in ending.breaks(life)],
        faults=chronicle.faults,
        counts=chronicle.counts + Counter(ending.content(life)),
        judged=ending.judged(life),
        pairs=ending.pairs(life),
        points=chronicle.points,
        passed=chronicle.passed,
    )
