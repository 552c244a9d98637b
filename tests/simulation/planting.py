"""Looks for a planted bug in worlds of one seed after the other, in a process of its own.

`python -m tests.simulation.planting NAME --first-seed N --days D --locker-days MAX`: the last line
says what broke first. The bug is planted before anything is imported that it is in.
"""

import argparse
import gc
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.planted import PLANTED, plant

if TYPE_CHECKING:
    from tests.simulation.life import Life


@dataclass(frozen=True)
class Found:
    """What a planted bug broke first, in which seed, and after how many locker-days."""

    seed: int
    words: str
    locker_days: float


class Broken(BaseException):
    """An invariant broke: nothing that goes on matters; not an Exception, so nothing catches it."""


def first_break(life: "Life") -> str | None:
    """Live until the first invariant breaks; return it in words, or None."""
    from tests.simulation import ending  # noqa: PLC0415 (what it imports may be planted)

    def look(_record: Any) -> None:
        if life.judge.breaches or life.seen:
            raise Broken

    life.world.chronicle.watchers.append(look)
    try:
        life.live()
    except Broken:
        breach = next((f"{one.invariant} {one.words}" for one in life.judge.breaches), None)
        return breach or life.seen[0]
    except Exception as error:  # noqa: BLE001 - whatever a bug leads to
        return f"bug {type(error).__name__}: {error}"
    return next(iter(ending.breaks(life)), None)


def search(first_seed: int, days: float, locker_days_max: float) -> Iterator[str | Found]:
    """Yield what is under way, and last what was found, if anything was."""
    from tests.simulation.life import lives  # noqa: PLC0415 (the same)

    gc.set_threshold(50_000, 20, 20)  # what a life leaves goes with it
    seed, lived = first_seed, 0.0
    while lived < locker_days_max:
        with lives(seed, days) as life:
            words = first_break(life)
            lived += len(life.world.cabinets) * min(days, life.world.now_s / 86_400)
        if words is not None:
            yield Found(seed, words, lived)
            return
        yield f"seed {seed}: nothing, {lived:.1f} locker-days"
        seed += 1


def main() -> int:
    """Plant a bug and look for it; 0 if it was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=PLANTED)
    parser.add_argument("--first-seed", type=int)
    parser.add_argument("--days", type=float)
    parser.add_argument("--locker-days", type=float, default=2000.0)
    asked = parser.parse_args()
    bug = PLANTED[asked.name]
    plant(bug)
    first_seed = bug.seed if asked.first_seed is None else asked.first_seed
    for said in search(first_seed, asked.days or bug.days, asked.locker_days):
        if isinstance(said, Found):
            print(json.dumps(vars(said)))
            return 0
        print(said, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
