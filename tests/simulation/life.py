"""A life of one seed: its plan, the days, the calm after them, and what it showed."""

import logging
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
from tests.simulation import calm, ending, features, standby
from tests.simulation.agenda import ALLOWED, Agenda
from tests.simulation.carriers import Carrier
from tests.simulation.layout import locker
from tests.simulation.logs import Logs
from tests.simulation.operators import Operator
from tests.simulation.rivals import Business
from tests.simulation.shipments import BOXES, Shipment
from tests.simulation.visitors import Kiosk, resident
from tests.simulation.world import AWAKE_S, DAY_S, World

HOUR_S = 3600.0
CARRIERS = ("Nordpost", "Fjordbud", "Rival")
PASSES_S = 90.0
COMPARES_S = HOUR_S / 2
LETTER_LOST = 0.04
ON_ITS_WAY_S = 30.0
COLLECTS_S, COLLECTS_S_MAX = (1.5 * HOUR_S, 4 * HOUR_S), 20 * HOUR_S
"""How long residents wait on average, and where it is crowded; and at most."""


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
            switched = features.switches_power(seed)
            self.world.add(
                locker(name, chance, shares=self.shares, is_small=small, is_switched=switched)
            )
        self.world.installation.letters = self._letters
        self._post = self.world.chance("post")
        for one in self.carriers:
            one.to_recipient = self._send_recipient
            standby.stand_by(self.world, one, self.world.chance(f"standby/{one.name}"))
        self.shipments: list[Shipment] = []
        self.agenda = Agenda(self)
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

    # What goes on beside --------------------------------------------------------------------------

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
            self.agenda.plan()
            world.after(PASSES_S, self._passer_by)
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
