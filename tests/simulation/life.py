"""A life of one seed: its plan, the days, the calm after them, and what it showed."""

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fellesskap_backend.webhooks.outbox import Letter, Outcome
from fellesskap_backend.webhooks.sender import Ended
from tests.judge import history
from tests.judge.judging import JUDGES, Judge
from tests.judge.rules import Rules
from tests.memory import in_memory
from tests.simulation import attacker, calm, ending, errands, features, minds, standby, weather
from tests.simulation.cabinet import Cabinet
from tests.simulation.carriers import Carrier
from tests.simulation.layout import locker
from tests.simulation.logs import Logs
from tests.simulation.operators import Operator
from tests.simulation.rivals import Business
from tests.simulation.shipments import BOXES, Shipment
from tests.simulation.visitors import Kiosk, resident
from tests.simulation.world import AWAKE_S, DAY_S, Going, World

HOUR_S = 3600.0
CARRIERS = ("Nordpost", "Fjordbud", "Rival")
SINGLES, MANIFESTS, MANIFEST_PARCELS = 6, 3, 12
DROP_OFFS, UNANNOUNCED = 3.0, 1.0
VISITS, ATTACKS, REPLAYS, OPENINGS, CHANGES = 4.0, 2.0, 1.0, 4.0, 4.0
ALLOWED = {"S": 2, "M": 1, "L": 1}
"""What a locker may give away by itself."""
SETS_OUT_S = (0.3 * HOUR_S, 1.5 * HOUR_S)
"""A courier sets out so long after a manifest."""
PASSES_S = 90.0
COMPARES_S = HOUR_S / 2
LETTER_LOST = 0.04
ON_ITS_WAY_S = 30.0
DIES_OBEYING = 0.15
"""How often a daemon dies as it opens a door from afar."""
COLLECTS_S, COLLECTS_S_MAX = (1.5 * HOUR_S, 4 * HOUR_S), 20 * HOUR_S
"""How long residents wait on average, and where it is crowded; and at most."""
REVOKES, SPREES, DIES_IN_IT = 2.0, 1.0, 0.5
TARGETS = 0.5
"""How often a day an operator changes what a locker may give away by itself."""


@dataclass(frozen=True)
class Act:
    """One act of the plan: when, and who begins it."""

    number: int
    at_s: float
    name: str
    begin: Callable[[], Going]


class Life:
    """Everything of one seed."""

    def __init__(
        self,
        seed: int,
        days: float,
        folder: Path,
        *,
        only: frozenset[int] | None = None,
        rival: Business | None = None,
        judges: Mapping[str, Rules] = JUDGES,
    ) -> None:
        self.days = days
        self.shares = features.shares_lines(seed)
        self.world = World(seed, folder, only=only)
        self.judge = Judge(judges)
        for record in self.world.chronicle.records:
            self.judge.take(record)
        self.world.chronicle.watchers.append(self.judge.take)
        self.rng = self.world.chance("plan")
        everyone = [Business(name[0]) for name in CARRIERS]
        everyone[-1] = rival or everyone[-1]
        self.carriers = [Carrier(self.world, *one) for one in zip(CARRIERS, everyone, strict=True)]
        self.operator = Operator(self.world)
        for number in range(self.rng.choice((2, 3, 4))):
            name = f"skap-{number + 1}"
            chance = self.world.chance(f"layout/{name}")
            small = features.is_crowded(seed)
            self.world.add(locker(name, chance, shares=self.shares, is_small=small))
        self.world.installation.letters = self._letters
        self._post = self.world.chance("post")
        for one in self.carriers:
            one.to_recipient = self._send_recipient
            standby.stand_by(self.world, one, self.world.chance(f"standby/{one.name}"))
        self.shipments: list[Shipment] = []
        self.acts: list[Act] = []
        self.seen: list[str] = []
        """What was wrong between lockers and rows, when it was compared."""
        self.compared = 0
        self.logs = Logs()

    # People --------------------------------------------------------------------------------------

    def _send_recipient(self, one: Shipment) -> None:
        number = one.label.removeprefix(one.carrier.own.prefix)
        chance = self.world.chance(f"resident/{number}")
        kiosk = Kiosk(self.world, self.world.cabinets[one.locker_id])
        mean_s = COLLECTS_S[features.is_crowded(self.world.seed)]
        delay_s = min(chance.expovariate(1 / mean_s), COLLECTS_S_MAX)
        if not self.world.faulty:
            delay_s = min(delay_s, HOUR_S)
        self.world.go(resident(kiosk, one, chance), 60 + delay_s)

    def _letters(self, letters: list[Letter], ended: Ended) -> None:
        """Take webhooks to carriers; some get lost, and their answers too."""
        for letter in letters:
            turn = self._post.random() if self.world.faulty else 1.0
            self.world.left.urls.add(letter.url)
            if turn >= LETTER_LOST:
                host = letter.url.split("/")[2].split(".")[0]
                carrier = next(one for one in self.carriers if one.name.lower() == host)
                carrier.hear(str(letter.key.event_id), letter.body)
            if turn < 2 * LETTER_LOST:
                self.world.chronicle.fault("wire", "webhook lost", "backend")
                ended(Outcome(letter.key, None, "timeout"))
            else:
                ended(Outcome(letter.key, 200))

    def shipment(
        self,
        locker_id: str,
        rng: random.Random,
        kind: str = "claim",
        *,
        of: Carrier | None = None,
    ) -> Shipment:
        """Think of a parcel."""
        number = len(self.shipments) + 1
        carrier = of or rng.choice(self.carriers)
        one = Shipment(
            number,
            carrier,
            locker_id,
            f"{carrier.own.prefix}{self.world.seed:06d}-{number:05d}",
            rng.choice(BOXES),
            kind=kind,
            hold="soft" if rng.random() < 0.08 else "hard",
            needs=("low",) if rng.random() < 0.1 else (),
        )
        self.shipments.append(one)
        return one

    # The plan ------------------------------------------------------------------------------------

    def plan(self) -> None:
        """Think of everything that people do and that breaks, and put it on the agenda."""
        for day in range(max(1, round(self.days))):
            end_s = min(self.days, day + 1) * DAY_S
            for cabinet in self.world.cabinets.values():
                self._of_locker(cabinet, day * DAY_S, end_s)
            anyone = next(iter(self.world.cabinets.values()))
            for mean, fault in weather.OF_ALL:
                self._faults(fault, mean, anyone, day * DAY_S, end_s=end_s)
        changes = self.world.chance("targets")
        for name in self.world.cabinets:
            self._some(changes, TARGETS, 0.0, self.days * DAY_S, partial(self._targets, name))
        for act in self.acts:
            if self.world.only is None or act.number in self.world.only:
                self.world.go(act.begin(), act.at_s)
        self.world.after(PASSES_S, self._passer_by)

    def _of_locker(self, cabinet: Cabinet, begin_s: float, end_s: float) -> None:
        rng, length_s = self.rng, end_s - begin_s
        name = cabinet.locker_id
        share = length_s / DAY_S
        for turn in range(round(MANIFESTS * share)):
            carrier = rng.choice(self.carriers)
            those = [self.shipment(name, rng, of=carrier) for _ in range(MANIFEST_PARCELS)]
            at_s = begin_s + (turn + rng.uniform(0, 0.5)) / MANIFESTS * length_s
            self._act(at_s, "manifest", partial(carrier.manifest, those, 0.6))
            leaves_s = at_s + rng.uniform(*SETS_OUT_S)
            self._act(leaves_s, *self._visit(cabinet, carrier, waits_for=those))
        for _ in range(round(SINGLES * share)):
            one = self.shipment(name, rng)
            self._at(rng, begin_s, end_s, "reserve", partial(one.carrier.reserve, one, 0.6))
        self._some(rng, DROP_OFFS, begin_s, end_s, lambda: self._drop_off(name))
        self._some(rng, VISITS, begin_s, end_s, lambda: self._visit(cabinet))
        self._some(rng, ATTACKS, begin_s, end_s, lambda: ("attack", self._attack(cabinet)))
        self._some(rng, REPLAYS, begin_s, end_s, lambda: ("replay", self._replay(cabinet)))
        self._some(rng, OPENINGS, begin_s, end_s, lambda: ("open", self._open(cabinet)))
        self._some(rng, CHANGES, begin_s, end_s, lambda: ("change", self._change(name)))
        self._some(rng, 1.0, begin_s, end_s, lambda: ("round", self._round(cabinet)))
        if features.wants_badges(self.world.seed):
            self._some(rng, REVOKES, begin_s, end_s, self._revoke)
        if features.has_sprees(self.world.seed):
            self._some(rng, SPREES, begin_s, end_s, lambda: self._spree(cabinet))
        for mean, fault in weather.DAILY + (weather.OF_SHARED_LINES if self.shares else ()):
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
            chance = self.world.chance(f"fault/{len(self.acts)}")
            return f"fault {fault.__name__}", lambda: fault(self.world, cabinet, chance)

        self._some(self.rng, mean, begin_s, end_s, think)

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
        one = self.shipment(name, self.rng, "drop_off")
        return "drop off", lambda: one.carrier.drop_off(one)

    def _visit(
        self,
        cabinet: Cabinet,
        carrier: Carrier | None = None,
        *,
        waits_for: Sequence[Shipment] = (),
    ) -> tuple[str, Callable[[], Going]]:
        """A courier comes by: with what is open, and at best with what is waited for."""
        carrier = carrier or self.rng.choice(self.carriers)
        chance = self.world.chance(f"visit/{len(self.acts)}")
        extra = self.shipment(cabinet.locker_id, self.rng, "unannounced", of=carrier)
        brings = self.rng.random() < UNANNOUNCED / VISITS

        mistakes = self.world.chance(f"mistakes/{len(self.acts)}")
        bag = errands.Bag(carrier, waits_for, extra if brings else None, mistakes)
        return "visit", lambda: errands.visit(cabinet, bag, chance)

    def _targets(self, name: str) -> tuple[str, Callable[[], Going]]:
        chance = self.world.chance(f"targets/{len(self.acts)}")
        targets = {size: chance.randrange(4) for size in ALLOWED}

        def going() -> Going:
            self.operator.allow(name, targets)
            yield 0.0

        return "targets", going

    def _attack(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self.world.chance(f"attack/{len(self.acts)}")
        return lambda: attacker.at_the_door(self.world, cabinet, chance)

    def _replay(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self.world.chance(f"replay/{len(self.acts)}")
        return lambda: attacker.on_the_wire(self.world, cabinet, chance)

    def _open(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self.world.chance(f"open/{len(self.acts)}")
        number = chance.choice(cabinet.config.compartments).number
        dies = chance.random() < DIES_OBEYING

        def going() -> Going:
            if dies:
                self.world.go(weather.killed_obeying(self.world, cabinet, chance))
            yield from self.operator.open_door(cabinet, number, chance)

        return going

    def _revoke(self) -> tuple[str, Callable[[], Going]]:
        return "revoke badge", self.rng.choice(self.carriers).revoke_badge

    def _spree(self, cabinet: Cabinet) -> tuple[str, Callable[[], Going]]:
        chance = self.world.chance(f"spree/{len(self.acts)}")

        def going() -> Going:
            if chance.random() < DIES_IN_IT:
                self.world.go(weather.killed(self.world, cabinet, chance), chance.uniform(30, 200))
            yield from self.operator.spree(cabinet, chance)

        return "spree", going

    def _round(self, cabinet: Cabinet) -> Callable[[], Going]:
        chance = self.world.chance(f"round/{len(self.acts)}")
        return lambda: self.operator.rounds(cabinet, chance)

    def _change(self, name: str) -> Callable[[], Going]:
        """A carrier changes its mind about one of its parcels at a locker."""
        chance = self.world.chance(f"change/{len(self.acts)}")
        return lambda: minds.changed(self.world, self.shipments, name, chance)

    def _passer_by(self) -> None:
        """Shut the doors that stand open with nobody there."""
        for cabinet in self.world.cabinets.values():
            for number in cabinet.plant.unattended:
                cabinet.plant.shut(number, self.world.now_s)
        self.world.after(PASSES_S, self._passer_by)

    def _compare(self) -> None:
        """Compare lockers and rows, as no outsider can; the first difference is enough."""
        if not self.seen:
            self.compared += ending.comparable(self)
            self.seen += islice(chain(ending.unheld(self), ending.freed_early(self)), 1)
            self.world.after(COMPARES_S, self._compare)

    # Life ----------------------------------------------------------------------------------------

    def live(self) -> None:
        """Live the days, then let everything settle in peace."""
        world = self.world
        with world.alive():
            for one in world.cabinets.values():
                world.go(world.radio(one), AWAKE_S)
            for carrier in self.carriers:
                world.go(carrier.reads())
                world.go(carrier.pries())
            if features.wants_badges(world.seed):
                world.go(self.carriers[1].want_badges(), HOUR_S)
            for name in world.cabinets if features.gives_away(world.seed) else ():
                world.after(20, partial(self._allow, name))
            self.plan()
            self._compare()
            world.run(self.days * DAY_S)
            calm.begin(self)
            end_s = self.days * DAY_S + calm.SETTLE_S
            world.run(end_s)
            if any(ending.limbo(self)):  # what was wished a moment ago is on its way
                world.run(end_s + ON_ITS_WAY_S)
            world.installation.look()
        for cabinet in world.cabinets.values():
            cabinet.head()
        world.installation.heads()
        calm.look_at_all(self)
        world.chronicle.note(history.End)

    def _allow(self, name: str) -> None:
        if not self.operator.allow(name, ALLOWED).ok:
            self.world.after(60, lambda: self._allow(name))


@contextmanager
def lives(seed: int, days: float, **named: Any) -> Iterator[Life]:
    """Open a life in a folder of its own, in memory if there is room."""
    logs = Logs()
    root = logging.getLogger()
    level = root.level
    root.addHandler(logs)
    root.setLevel(logging.INFO)  # as the product's processes have it
    try:
        with TemporaryDirectory(prefix="fellesskap-world-", dir=in_memory(mib=48)) as name:
            life = Life(seed, days, Path(name), **named)
            life.logs = logs
            try:
                yield life
            finally:
                life.world.chronicle.watchers.clear()  # what ends with a life is judged by nobody
                for cabinet in life.world.cabinets.values():
                    cabinet.kill()
                if life.world.installation.up:
                    life.world.installation.stop()
    finally:
        root.removeHandler(logs)
        root.setLevel(level)
