"""What is thought of before a world lives: what people do, and what breaks, and when."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation import attacker, errands, features, minds, old_keys, weather
from tests.simulation.cabinet import Cabinet
from tests.simulation.carriers import Carrier
from tests.simulation.shipments import Shipment
from tests.simulation.world import DAY_S, Going

if TYPE_CHECKING:
    from tests.simulation.life import Life

HOUR_S = 3600.0
SINGLES, MANIFESTS, MANIFEST_PARCELS = 6, 3, 12
DROP_OFFS, UNANNOUNCED = 3.0, 1.0
VISITS, ATTACKS, REPLAYS, OPENINGS, CHANGES = 4.0, 2.0, 1.0, 4.0, 4.0
ALLOWED = {"S": 2, "M": 1, "L": 1}
"""What a locker may give away by itself."""
SETS_OUT_S = (0.3 * HOUR_S, 1.5 * HOUR_S)
"""A courier sets out so long after a manifest."""
DIES_OBEYING = 0.15
"""How often a daemon dies as it opens a door from afar."""
REVOKES, SPREES, DIES_IN_IT = 2.0, 1.0, 0.5
TARGETS = 0.5
"""How often a day an operator changes what a locker may give away by itself."""
OLD_KEYS = 6.0
"""How often a day, at each locker, a carrier asks under a key of before."""


@dataclass(frozen=True)
class Act:
    """One act of the plan: when, and who begins it."""

    number: int
    at_s: float
    name: str
    begin: Callable[[], Going]


class Agenda:
    """The acts of a life."""

    def __init__(self, life: "Life") -> None:
        self._life, self._world, self._rng = life, life.world, life.rng
        self.acts: list[Act] = []

    def plan(self) -> None:
        """Think of everything that people do and that breaks, and put it on the agenda."""
        for day in range(max(1, round(self._life.days))):
            end_s = min(self._life.days, day + 1) * DAY_S
            for cabinet in self._world.cabinets.values():
                self._of_locker(cabinet, day * DAY_S, end_s)
            anyone = next(iter(self._world.cabinets.values()))
            twice = features.restores_twice(self._world.seed)
            for mean, fault in weather.OF_ALL + (weather.OF_BACKUPS if twice else ()):
                self._faults(fault, mean, anyone, day * DAY_S, end_s=end_s)
        changes = self._world.chance("targets")
        for name in self._world.cabinets:
            self._some(changes, TARGETS, 0.0, self._life.days * DAY_S, partial(self._targets, name))
            if features.mixes_up_keys(self._world.seed):
                again = partial(self._again, name, changes)
                self._some(changes, OLD_KEYS, 0.0, self._life.days * DAY_S, again)
        for act in self.acts:
            if self._world.only is None or act.number in self._world.only:
                self._world.go(act.begin(), act.at_s)

    def _of_locker(self, cabinet: Cabinet, begin_s: float, end_s: float) -> None:
        rng, length_s = self._rng, end_s - begin_s
        name = cabinet.locker_id
        share = length_s / DAY_S
        for turn in range(round(MANIFESTS * share)):
            carrier = rng.choice(self._life.carriers)
            those = [self._life.shipment(name, rng, of=carrier) for _ in range(MANIFEST_PARCELS)]
            at_s = begin_s + (turn + rng.uniform(0, 0.5)) / MANIFESTS * length_s
            self._act(at_s, "manifest", partial(carrier.manifest, those, 0.6))
            leaves_s = at_s + rng.uniform(*SETS_OUT_S)
            self._act(leaves_s, *self._visit(cabinet, carrier, waits_for=those))
        for _ in range(round(SINGLES * share)):
            one = self._life.shipment(name, rng)
            self._at(rng, begin_s, end_s, "reserve", partial(one.carrier.reserve, one, 0.6))
        self._some(rng, DROP_OFFS, begin_s, end_s, lambda: self._drop_off(name))
        self._some(rng, VISITS, begin_s, end_s, lambda: self._visit(cabinet))
        self._some(rng, ATTACKS, begin_s, end_s, lambda: ("attack", self._attack(cabinet)))
        self._some(rng, REPLAYS, begin_s, end_s, lambda: ("replay", self._replay(cabinet)))
        self._some(rng, OPENINGS, begin_s, end_s, lambda: ("open", self._open(cabinet)))
        self._some(rng, CHANGES, begin_s, end_s, lambda: ("change", self._change(name)))
        self._some(rng, 1.0, begin_s, end_s, lambda: ("round", self._round(cabinet)))
        if features.wants_badges(self._world.seed):
            self._some(rng, REVOKES, begin_s, end_s, self._revoke)
        if features.has_sprees(self._world.seed):
            self._some(rng, SPREES, begin_s, end_s, lambda: self._spree(cabinet))
        special = (weather.OF_SHARED_LINES if self._life.shares else ()) + (
            weather.OF_SWITCHED_POWER if features.switches_power(self._world.seed) else ()
        )
        for mean, fault in weather.DAILY + special:
            self._faults(fault, mean, cabinet, begin_s, end_s=end_s)

    def _faults(
        self,
        fault: weather.Fault,
        mean: float,
        cabinet: Cabinet,
        begin_s: float,
        *,
        end_s: float,
    ) -> None:
        def think() -> tuple[str, Callable[[], Going]]:
            chance = self._world.chance(f"fault/{len(self.acts)}")
            return f"fault {fault.__name__}", lambda: fault(self._world, cabinet, chance)

        self._some(self._rng, mean, begin_s, end_s, think)

    def _some(
        self,
        rng: random.Random,
        mean: float,
        begin_s: float,
        end_s: float,
        think: Callable[[], tuple[str, Callable[[], Going]]],
    ) -> None:
        """Put an act on the agenda as often as comes to its mean."""
        often = mean * (end_s - begin_s) / DAY_S
        times = int(often) + (rng.random() < often % 1)
        for _ in range(times):
            name, begin = think()
            self._at(rng, begin_s, end_s, name, begin)

    def _at(
        self,
        rng: random.Random,
        begin_s: float,
        end_s: float,
        name: str,
        begin: Callable[[], Going],
    ) -> None:
        self._act(rng.uniform(begin_s, end_s), name, begin)

    def _act(self, at_s: float, name: str, begin: Callable[[], Going]) -> None:
        self.acts.append(Act(len(self.acts), 60.0 + at_s, name, begin))

    # Acts ----------------------------------------------------------------------------------------

    def _drop_off(self, name: str) -> tuple[str, Callable[[], Going]]:
        one = self._life.shipment(name, self._rng, "drop_off")
        return "drop off", lambda: one.carrier.drop_off(one)

    def _visit(
        self,
        cabinet: Cabinet,
        carrier: Carrier | None = None,
        *,
        waits_for: Sequence[Shipment] = (),
    ) -> tuple[str, Callable[[], Going]]:
        """A courier comes by: with what is open, and at best with what is waited for."""
        carrier = carrier or self._rng.choice(self._life.carriers)
        chance = self._world.chance(f"visit/{len(self.acts)}")
        extra = self._life.shipment(cabinet.locker_id, self._rng, "unannounced", of=carrier)
        brings = self._rng.random() < UNANNOUNCED / VISITS

        mistakes = self._world.chance(f"mistakes/{len(self.acts)}")
        bag = errands.Bag(carrier, waits_for, extra if brings else None, mistakes)
        return "visit", lambda: errands.visit(cabinet, bag, chance)

    def _targets(self, name: str) -> tuple[str, Callable[[], Going]]:
        chance = self._world.chance(f"targets/{len(self.acts)}")
        targets = {size: chance.randrange(4) for size in ALLOWED}

        def going() -> Going:
            self._life.operator.allow(name, targets)
            yield 0.0

        return "targets", going

    def _again(self, name: str, rng: random.Random) -> tuple[str, Callable[[], Going]]:
        other = self._life.shipment(name, rng)
        chance = self._world.chance(f"old keys/{len(self.acts)}")
        return "old key", lambda: old_keys.again(other.carrier, other, chance)

    def _attack(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self._world.chance(f"attack/{len(self.acts)}")
        return lambda: attacker.at_the_door(self._world, cabinet, chance)

    def _replay(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self._world.chance(f"replay/{len(self.acts)}")
        return lambda: attacker.on_the_wire(self._world, cabinet, chance)

    def _open(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self._world.chance(f"open/{len(self.acts)}")
        number = chance.choice(cabinet.config.compartments).number
        dies = chance.random() < DIES_OBEYING

        def going() -> Going:
            if dies:
                self._world.go(weather.killed_obeying(self._world, cabinet, chance))
            yield from self._life.operator.open_door(cabinet, number, chance)

        return going

    def _revoke(self) -> tuple[str, Callable[[], Going]]:
        return "revoke badge", self._rng.choice(self._life.carriers).revoke_badge

    def _spree(self, cabinet: Cabinet) -> tuple[str, Callable[[], Going]]:
        chance = self._world.chance(f"spree/{len(self.acts)}")

        def going() -> Going:
            if chance.random() < DIES_IN_IT:
                self._world.go(
                    weather.killed(self._world, cabinet, chance), chance.uniform(30, 200)
                )
            yield from self._life.operator.spree(cabinet, chance)

        return "spree", going

    def _round(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self._world.chance(f"round/{len(self.acts)}")
        return lambda: self._life.operator.rounds(cabinet, chance)

    def _change(self, name: str) -> Callable[[], Going]:
        """A carrier changes its mind about one of its parcels at a locker."""
        chance = self._world.chance(f"change/{len(self.acts)}")
        return lambda: minds.changed(self._world, self._life.shipments, name, chance)
