"""A locker in virtual time for tests of what goes wrong, and the questions that they ask."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from fellesskap_edge.clock import Instant
from fellesskap_edge.config import Bank, LockerConfig
from fellesskap_edge.inbox import Outward, Publish
from fellesskap_edge.state import TellAtDoor
from fellesskap_protocol.events import (
    AnyEvent,
    Fault,
)
from fellesskap_protocol.messages import CompartmentState, Result
from fellesskap_protocol.signing import unseal
from tests.durability.visits import Visits, code
from tests.edge.little_locker import CONFIG
from tests.simulation.backend import INSTALLATION

E = TypeVar("E", bound=AnyEvent)


class Failing(Visits):
    """A locker in which parcel 1 lies, behind door 1; parcel 2 is expected."""

    def __init__(self, folder: Path, config: LockerConfig | None = None) -> None:
        self.results: list[Result] = []
        self.at_doors: list[TellAtDoor] = []
        self.no_clock = False
        self.offline = False
        super().__init__(1, folder, config=config)
        self.wait(8)
        self.announce(1)
        self.deposit(1)
        self.announce(2)
        self.checker.events.clear()

    @property
    def instant(self) -> Instant:
        if not self.no_clock:
            return super().instant
        return Instant(self.now_s, datetime.fromtimestamp(0, UTC), trusted=False)

    def _connect(self) -> None:
        if not self.offline:
            super()._connect()

    def _perform(self, effect: Outward) -> None:
        if isinstance(effect, Publish) and effect.kind == "results":
            devices = {self._identity.key.public.kid: self._identity.key.public}
            self.results.append(unseal(Result, effect.payload, devices, aud=INSTALLATION))
        if isinstance(effect, TellAtDoor):
            self.at_doors.append(effect)
        super()._perform(effect)

    def told_at_doors(self) -> list[tuple[str, int]]:
        """What people were told of doors that did not open or were not shut."""
        return [(one.outcome, one.compartment) for one in self.at_doors]

    def journalled(self, kind: type[E]) -> list[E]:
        """What the journal says of one kind since the parcel was put in."""
        return [event for event in self.checker.events if isinstance(event, kind)]

    def faults(self) -> list[tuple[str, str]]:
        """The faults in the journal, in order."""
        return [(one.part, one.what) for one in self.journalled(Fault)]

    def told(self, answer: object = None) -> tuple[str, int | None]:
        """What a person is told: by the kiosk, or else what a courier is shown."""
        said = answer or self.shown()
        assert said is not None
        return said.outcome, said.compartment  # type: ignore[attr-defined]

    def types(self, number: int = 1) -> tuple[str, int | None]:
        """Type the code of a parcel, with nobody to act at the door."""
        return self.told(self.type_code(code(number)[:8]))

    def collects(self) -> tuple[str, int | None]:
        """Type the code of parcel 1 and take it out."""
        return self.told(self.collect_once(1))

    def scans(self, text: str) -> tuple[str, int | None]:
        """Hold a label before the scanner."""
        self.scan(text)
        self.wait(2)
        return self.told()

    def seen(self, number: int = 1) -> CompartmentState:
        """How operators see a compartment."""
        self.wait(2)
        return self.states[-1].compartments[number - 1]

    def standing_faults(self) -> tuple[str, ...]:
        """The faults that operators see standing."""
        self.wait(2)
        return self.states[-1].faults

    def power_fails(self) -> None:
        """Cut the power of all for a second: boards forget, the daemon dies, doors stay."""
        self.hardware.plant.power_lost(self.now_s)
        for board in self.hardware.boards.values():
            board.faults.reset_s = 1.0
        self.down_s = 1.0
        self.power_up = lambda: self.hardware.plant.power_back(self.now_s)
        self._died(self.drive.parts.journal)
        self.power_up = lambda: None
        self._boot()


def sighted(folder: Path) -> Failing:
    """A locker whose KERONG bank has occupancy sensors; parcel 1 lies behind door 1."""
    banks = (
        Bank(name="a", family="kerong", port="bus-a", address=0, supply="psu-a"),
        Bank(name="b", family="8a", port="bus-b", address=1, supply="psu-b"),
    )
    replace = msgspec.structs.replace
    doors = tuple(replace(one, occupancy_sensor=one.bank == "a") for one in CONFIG.compartments)
    return Failing(folder, replace(CONFIG, banks=banks, compartments=doors))
