"""One campaign from its seed to its history: build, let people come, torment, calm, settle."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.judge import history
from tests.judge.judging import Breach, Judge
from tests.nemesis.building import LOCKERS, building
from tests.nemesis.chronicle import BRIDGE
from tests.nemesis.ending import afterwards
from tests.nemesis.gathering import gather, settled
from tests.nemesis.nemesis import Nemesis
from tests.nemesis.plan import plan
from tests.nemesis.town import Town
from tests.system.brokers import Name

UNFINISHED = "history.jsonl"


@dataclass
class Result:
    """What a campaign showed."""

    seed: int
    history: list[history.AnyRecord]
    breaches: list[Breach]
    kills: Counter[str]
    hit: Counter[tuple[str, str]]
    """Kills by part and step; one kill finds as many steps as transactions and questions go on."""
    faults: Counter[str]
    packets: Counter[str]
    """What was done to packets on all lines."""
    outcomes: Counter[str]
    parcels: int
    collected: int
    cancelled: int
    rescues: int
    """Parcels that a courier had to fetch back because a kill fell between act and note."""
    took_s: dict[str, float] = field(default_factory=dict)


def campaign(
    root: Path,
    *,
    seed: int,
    kills: int,
    broker: Name,
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """Run one in an empty folder; if anything does not settle, raise and leave `UNFINISHED`."""
    begun = time.monotonic()
    with building(root, broker, seed) as built:
        town = Town(built, seed)
        town.begin()
        took = {"built": time.monotonic() - begun}
        nemesis = Nemesis(built, seed, tell)
        try:
            nemesis.work(plan(seed, kills, LOCKERS, BRIDGE))
            # It is waited for here that all settles; so the judge need not wait.
            built.chronicle.add(history.Calm(at=built.chronicle.now, settle_s=0.0))
            took["tormented"] = time.monotonic() - begun
            town.settle()
            settled(built)
            town.look_at_all()
        except BaseException:
            built.over.set()
            gather(built)
            built.chronicle.write(root / UNFINISHED)
            raise
        finally:
            built.over.set()
        took["settled"] = time.monotonic() - begun
        gather(built)
        built.chronicle.add(history.End(at=built.chronicle.now))
        packets: Counter[str] = Counter()
        for line in built.proxy.lines.values():
            packets += line.done
        told = built.chronicle.ordered()
        judge = Judge()
        for record in told:
            judge.take(record)
        return Result(
            seed=seed,
            history=told,
            breaches=[*judge.breaches, *afterwards(built, town)],
            kills=nemesis.kills,
            hit=nemesis.hit,
            faults=nemesis.faults,
            packets=packets,
            outcomes=built.chronicle.outcomes,
            parcels=len(town.parcels),
            collected=len(town.collected),
            cancelled=sum(one.cancelled for one in town.parcels),
            rescues=town.rescues,
            took_s=took,
        )
