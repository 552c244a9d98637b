"""The people of a campaign, each in a thread: two carriers, an operator, a queue at each locker.

They go on while the nemesis works. When it is calm no new parcel comes, and everybody ends what
they began: nothing may be left lying, waiting or unknown.
"""

import random
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from fellesskap_backend import db
from fellesskap_backend.carriers import service
from fellesskap_backend.db import Moment
from tests.nemesis.building import LOCKERS, Building
from tests.nemesis.office import Caller, Parcel
from tests.nemesis.visitors import OPEN_S, UNDER_WAY, Visitors
from tests.system.house import NeverHappened, wait_for
from tests.system.receiver import Receiver

CARRIERS = ("Nordpost", "Sydpost")
LIVE_MAX = 5
"""Parcels of one carrier at one locker at a time: two carriers never fill it."""
CANCELLED = 0.08
TRIES_MAX = 4
"""Foreign labels or wrong codes at one locker: one less than the throttle takes notice of."""
OPENING = frozenset({*UNDER_WAY, "opened"})
SETTLE_S = 300.0
"""How long everything may take to settle once it is calm: five of the longest timers, because the
machine may have other things to do."""


class Town:
    """Everybody."""

    def __init__(self, building: Building, seed: int) -> None:
        self.building = building
        self.calm = threading.Event()
        self.parcels: list[Parcel] = []
        self.collected: list[Parcel] = []
        self.failures: list[str] = []
        self.carriers = [self._caller(name) for name in CARRIERS]
        self.receivers = [Receiver() for _ in self.carriers]
        self.operator = self._caller("Drift", operator=True)
        self.clerk = self._caller("Vakt", operator=True)
        """Another operator's desk: who lost a parcel behind a door rings here."""
        self._lock = threading.Lock()
        self._numbers = iter(range(1, 100_000))
        self._to_deposit: dict[str, list[Parcel]] = {name: [] for name in LOCKERS}
        self._to_collect: dict[str, list[Parcel]] = {name: [] for name in LOCKERS}
        self._seed = seed
        self._threads: list[threading.Thread] = []
        self._visitors: list[Visitors] = []

    def _caller(self, name: str, *, operator: bool = False) -> Caller:
        """Take a carrier in, or let an operator in, as the backend's commands do."""
        moment, built = Moment(datetime.now(UTC)), self.building
        engine = built.engine
        if operator:
            key = db.run(engine, lambda session: service.add_operator(session, name, moment))
            who = "operator"
        else:
            carrier, key = db.run(
                engine, lambda session: service.add_carrier(session, name, moment)
            )
            who = f"carrier:{carrier}"
        engine.dispose()
        return Caller(who, name, built.house.client(key), built.chronicle, built.over)

    def begin(self) -> None:
        """Let everybody come."""
        self._wait_for_doors()
        for carrier, receiver in zip(self.carriers, self.receivers, strict=True):
            receiver.secret = carrier.subscribe(receiver.url)
        for turn, carrier in enumerate(self.carriers):
            self._come(f"carrier {turn}", lambda c=carrier, t=turn: self._carrier(c, t))  # type: ignore[misc]
        for turn, locker in enumerate(LOCKERS):
            visitors = Visitors(self.building, locker, self.clerk, self._seed + 10 + turn)
            self._visitors.append(visitors)
            self._come(f"at {locker}", lambda v=visitors: self._queue(v))  # type: ignore[misc]
        self._come("operator", self._operate)

    def _wait_for_doors(self) -> None:
        for locker in LOCKERS:
            while True:
                _, body = self.carriers[0].ask("other", "GET", f"/v1/lockers/{locker}/availability")
                if any(found != "none" for found in body["size_classes"].values()):
                    break
                self.building.pause(0.05)

    def _come(self, name: str, work: Callable[[], None]) -> None:
        def whole() -> None:
            try:
                work()
            except Exception:  # noqa: BLE001 (the top of a thread: told to the campaign)
                self.failures.append(f"{name}: {traceback.format_exc()}")
                self.building.over.set()

        thread = threading.Thread(target=whole, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def settle(self) -> None:
        """Say that it is calm and wait until everybody has gone home."""
        self.calm.set()
        for thread in self._threads:
            thread.join(SETTLE_S)
            if thread.is_alive():
                raise NeverHappened(f"{thread.name} does not come to an end")
        if self.failures:
            raise AssertionError("\n".join(self.failures))
        # What the operator opened may have been fetched before it opened, so that nobody shut it.
        for eyes in self.building.eyes.values():
            for number in eyes.standing_open():
                eyes.act("nothing", number, "", "operator", open_s=OPEN_S)

    def look_at_all(self) -> None:
        """Let everybody look what became of all that they asked for."""
        for parcel in self.parcels:
            parcel.carrier.look(parcel)
        for carrier in self.carriers:
            carrier.read_feed()
        for carrier, receiver in zip(self.carriers, self.receivers, strict=True):
            wait_for("every webhook", partial(_all_told, carrier, receiver), SETTLE_S)
            carrier.was_told(receiver.deliveries)
            receiver.close()
        for operator in (self.operator, self.clerk):
            for locker, operation in operator.operations:
                wait_for("its end", partial(_is_over, operator, locker, operation))

    @property
    def rescues(self) -> int:
        """How many parcels had to be fetched back."""
        return sum(one.rescues for one in self._visitors)

    @property
    def _over(self) -> bool:
        return self.building.over.is_set()

    # Carriers ------------------------------------------------------------------------------------

    def _carrier(self, carrier: Caller, turn: int) -> None:
        chance = random.Random(f"{self._seed}-{turn}")
        announced: list[Parcel] = []
        while not self._over and (announced or not self.calm.is_set()):
            locker = chance.choice(LOCKERS)
            if not self.calm.is_set() and self._live(carrier, locker) < LIVE_MAX:
                parcel = carrier.reserve(locker, next(self._numbers), chance)
                if parcel is not None:
                    with self._lock:
                        self.parcels.append(parcel)
                    announced.append(parcel)
            for parcel in list(announced):
                if chance.random() < CANCELLED / 10:
                    carrier.cancel(parcel)
                    announced.remove(parcel)
                elif carrier.delivered(parcel):
                    announced.remove(parcel)
                    with self._lock:
                        self._to_deposit[parcel.locker].append(parcel)
            carrier.read_feed()
            self.building.pause(chance.uniform(0.02, 0.2))

    def _live(self, carrier: Caller, locker: str) -> int:
        with self._lock:
            return sum(
                one.carrier is carrier and one.locker == locker and not one.cancelled
                for one in self.parcels
            ) - sum(one.carrier is carrier and one.locker == locker for one in self.collected)

    # The queue at a locker -----------------------------------------------------------------------

    def _queue(self, visitors: Visitors) -> None:
        chance = random.Random(f"{self._seed}-{visitors.locker}")
        tries = 0
        while not self._over and not (self.calm.is_set() and self._all_done(visitors.locker)):
            with self._lock:
                coming = self._to_deposit[visitors.locker]
                leaving = self._to_collect[visitors.locker]
                in_turn = [one for one in (coming, leaving) if one]
                whose = chance.choice(in_turn) if in_turn else None
                parcel = whose.pop(chance.randrange(len(whose))) if whose else None
            if parcel is None:
                self.building.pause(0.05)
            elif whose is coming:
                visitors.deposit(parcel)
                with self._lock:
                    leaving.append(parcel)
            else:
                visitors.collect(parcel)
                with self._lock:
                    self.collected.append(parcel)
            if tries < TRIES_MAX and not self.calm.is_set() and chance.random() < 0.05:
                tries += 1
                visitors.try_door()
        visitors.close()

    def _all_done(self, locker: str) -> bool:
        with self._lock:
            here = [one for one in self.parcels if one.locker == locker and not one.cancelled]
            return len(here) == sum(one.locker == locker for one in self.collected)

    # Operators -----------------------------------------------------------------------------------

    def _operate(self) -> None:
        """Open a door behind which a parcel lies, as for somebody who complains; look, shut it.

        The locker gives such a door to nobody else, so it is known whose it is that stands open.
        """
        chance = random.Random(f"{self._seed}-operator")
        while not self._over and not self.calm.is_set():
            self.building.pause(chance.uniform(1.0, 3.0))
            locker = chance.choice(LOCKERS)
            eyes = self.building.eyes[locker]
            full = sorted(eyes.lies)
            if not full:
                continue
            number, state = chance.choice(full), "issued"
            eyes.of_operator.add(number)
            operation = self.operator.open_door(locker, number)
            while state in UNDER_WAY and not self._over:
                state = self.operator.outcome(locker, operation)
                self.building.pause(0.1)
            if state == "opened" and number in eyes.lies:
                eyes.act("nothing", number, "", "operator", open_s=OPEN_S)
            eyes.of_operator.discard(number)


def _all_told(carrier: Caller, receiver: Receiver) -> bool:
    told = {one["position"] for one in list(receiver.deliveries)}
    return told == set(range(1, carrier.position + 1))


def _is_over(operator: Caller, locker: str, operation: str) -> bool:
    return operator.outcome(locker, operation) not in OPENING
