"""A locker of five doors for tests of its judgement: config, rights, and what was committed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from fellesskap_edge.clock import Instant
from fellesskap_edge.config import (
    Bank,
    CompartmentTable,
    LockerConfig,
    LockerTable,
    ScannerTable,
)
from fellesskap_edge.controller import Facts, restore, step, wake_at
from fellesskap_edge.door import Reading
from fellesskap_edge.facts import Fact, FactKind
from fellesskap_edge.spoken import Key
from fellesskap_edge.state import (
    BadgeShown,
    BankContact,
    CodeEntered,
    CommandArrived,
    Controller,
    DoorSensed,
    Effect,
    Event,
    Forget,
    GoOn,
    Keep,
    KeyPressed,
    LabelScanned,
    Proceed,
    Pulse,
    Record,
    RightsArrived,
    Tick,
)
from fellesskap_protocol.events import AnyEvent
from fellesskap_protocol.messages import Badge, Command, CommandKind, Right, RightKind

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
MONO_S = 1000.0
SMALL, LARGE = (350, 110, 300), (600, 400, 440)
DOORS = {
    1: ("a", 1, SMALL),
    2: ("a", 2, SMALL),
    3: ("a", 3, LARGE),
    4: ("b", 1, SMALL),
    5: ("b", 2, LARGE),
}
SUPPLY_OF = {number: f"psu-{bank}" for number, (bank, _, _) in DOORS.items()}
CONFIG = LockerConfig(
    locker=LockerTable(id="little-1", site="fornebu"),
    banks=(
        Bank(name="a", family="8a", port="bus", address=1, supply="psu-a"),
        Bank(name="b", family="8a", port="bus", address=2, supply="psu-b"),
    ),
    compartments=tuple(
        CompartmentTable(
            number=number,
            bank=bank,
            channel=channel,
            width_mm=size[0],
            height_mm=size[1],
            depth_mm=size[2],
            floor_mm=300 * number,
            top_mm=300 * number + size[1],
            max_g=25_000,
        )
        for number, (bank, channel, size) in DOORS.items()
    ),
    scanner=ScannerTable(family="grow", port="scanner"),
)


def right(
    name: str, kind: RightKind = "claim", *, carrier: str = "red", large: bool = False
) -> Right:
    """A right whose label, codes and parcel bear its name."""
    w_mm, h_mm, d_mm = LARGE if large else SMALL
    return Right(
        id=name,
        kind=kind,
        carrier_id=carrier,
        parcel_id=f"parcel-{name}",
        label_macs=(f"label-{name}",),
        w_mm=w_mm,
        h_mm=h_mm,
        d_mm=d_mm,
        g=1000,
        code_mac=f"code-{name}",
        long_code_mac=f"long-{name}",
        qr_mac=f"qr-{name}",
    )


def allowance(size_class: Literal["S", "L"], granted: int) -> Right:
    """What the locker may give away by itself, in boxes of the size of its doors."""
    w_mm, h_mm, d_mm = SMALL if size_class == "S" else LARGE
    return Right(
        id=f"allowance-{size_class}",
        kind="allowance",
        size_class=size_class,
        granted=granted,
        w_mm=w_mm,
        h_mm=h_mm,
        d_mm=d_mm,
    )


def removal(name: str, carrier: str = "red", compartment: int | None = None) -> Right:
    """The right to take out the parcel of a right."""
    return Right(
        id=f"remove-{name}",
        kind="remove",
        carrier_id=carrier,
        parcel_id=f"parcel-{name}",
        compartment=compartment,
    )


def badge(
    *carriers: str,
    jti: str = "badge-1",
    may: tuple[Literal["deposit", "remove"], ...] = ("deposit", "remove"),
    for_s: int = 3600,
    lockers: tuple[str, ...] = ("little-1",),
    site: str | None = None,
) -> Badge:
    """A courier's badge, as it comes out of the wire."""
    iat = int(START.timestamp())
    return Badge(
        iat=iat,
        iss="viv",
        aud="viv",
        jti=jti,
        carriers=carriers or ("red",),
        lockers=lockers,
        site=site,
        may=may,
        exp=iat + for_s,
    )


class LittleLocker:
    """A controller that is stepped, on a clock of its own, with the store that its effects make."""

    def __init__(self, config: LockerConfig = CONFIG) -> None:
        self.config = config
        self.mono_s, self.clock_off_s = MONO_S, 0.0
        self.facts: dict[tuple[FactKind, str], Fact] = {}
        self.records: list[AnyEvent] = []
        self.pulses: list[Pulse] = []
        self._ids = 0
        self.controller: Controller = restore(config, {}, self.now)

    @property
    def now(self) -> Instant:
        """One clock, monotonic and wall."""
        wall = START + timedelta(seconds=self.mono_s - MONO_S + self.clock_off_s)
        return Instant(self.mono_s, wall, trusted=True)

    @property
    def wake_at(self) -> float:
        """When a tick would do something."""
        return wake_at(self.controller)

    def new_id(self) -> str:
        """The next id of an authorisation."""
        self._ids += 1
        return f"auth-{self._ids}"

    def give(self, event: Event) -> tuple[Effect, ...]:
        """Step once and commit what it says."""
        self.controller, effects = step(self.controller, event, self.now)
        for effect in effects:
            match effect:
                case Keep(kind, key, fact):
                    self.facts[kind, key] = fact
                case Forget(kind, key):
                    self.facts.pop((kind, key), None)
                case Record(record):
                    self.records.append(record)
                case Pulse():
                    self.pulses.append(effect)
        if any(isinstance(effect, GoOn) for effect in effects):
            effects += self.give(Proceed(self.new_id()))
        return effects

    def restart(self) -> None:
        """Lose everything but the store."""
        self.controller = restore(self.config, self.stored, self.now)

    @property
    def stored(self) -> Facts:
        """What a restart finds."""
        return dict(self.facts)

    def wait(self, seconds: float) -> list[Effect]:
        """Let time pass, ticking at every deadline."""
        said: list[Effect] = []
        until = self.mono_s + seconds
        while self.wake_at <= until:
            self.mono_s = max(self.mono_s, self.wake_at)
            said += self.give(Tick())
        self.mono_s = until
        return said

    def ready(self, *rights: Right) -> "LittleLocker":
        """Both boards answer, all doors are shut, these rights are in force, the start is over."""
        self.say_shut()
        self.put(*rights)
        self.wait(1.0)
        return self

    def say_shut(self) -> None:
        """Both boards answer and read every door shut."""
        for bank in ("a", "b"):
            self.give(BankContact(bank, answering=True))
        for number in sorted(self.controller.wiring):
            self.give(DoorSensed(number, "shut"))

    def put(
        self, *rights: Right, remove: Iterable[str] = (), from_empty: bool = False
    ) -> tuple[Effect, ...]:
        """Let the next revision of the rights come."""
        position = self.controller.position
        arrived = RightsArrived(
            generation=position.generation or 1,
            revision=position.revision + 1,
            from_empty=from_empty,
            put=rights,
            remove=tuple(remove),
        )
        return self.give(arrived)

    def scan(self, *macs: str, repeated: bool = False) -> tuple[Effect, ...]:
        """Hold a label before the scanner."""
        keys = tuple(mac.replace("label-", "opaque:") for mac in macs)
        return self.give(LabelScanned(macs, self.new_id(), repeated, keys))

    def enter(self, mac: str) -> tuple[Effect, ...]:
        """Type a code, or show a QR code, by its MAC."""
        return self.give(code(mac, self.new_id()))

    def show_badge(self, shown: Badge, *, timely: bool = True) -> tuple[Effect, ...]:
        """Hold a courier's badge before the scanner."""
        return self.give(BadgeShown(shown, self.new_id(), timely))

    def press(self, key: Key, value: str = "") -> tuple[Effect, ...]:
        """Press a key of the kiosk."""
        return self.give(KeyPressed(key, value, self.new_id(), "ticket"))

    def open_and_shut(self, number: int) -> list[Effect]:
        """Let a door be opened, used and shut."""
        said = self.wait(1.0)
        return said + self.door(number, "open") + self.wait(3.0) + self.door(number, "shut")

    def command(self, kind: CommandKind, jti: str, number: int | None = None) -> tuple[Effect, ...]:
        """Let a fresh command come."""
        return self.give(command(kind, jti, number, self))

    def door(self, number: int, *readings: Reading) -> list[Effect]:
        """Let a door move, one reading a second."""
        said: list[Effect] = []
        for reading in readings:
            said += self.wait(1.0)
            said += self.give(DoorSensed(number, reading))
        return said

    def deposit(self, name: str) -> int:
        """Put the parcel of a right in; return where."""
        self.scan(f"label-{name}")
        self.wait(1.0)
        number = self.pulses[-1].compartment
        self.open_and_shut(number)
        return number


KINDS: dict[str, Literal["code", "long_code", "qr"]] = {
    "code": "code",
    "long": "long_code",
    "qr": "qr",
}


def code(mac: str, authorisation_id: str) -> CodeEntered:
    """A code by its MAC, whose beginning says what it is."""
    return CodeEntered(KINDS[mac.split("-", maxsplit=1)[0]], mac, authorisation_id, "ticket")


def command(
    kind: CommandKind,
    jti: str,
    number: int | None,
    locker: LittleLocker,
    *,
    fresh: bool = True,
    for_s: int = 30,
) -> CommandArrived:
    """A command as it comes out of the uplink."""
    wall = int(locker.now.wall.timestamp())
    body = Command(
        iat=wall,
        iss="viv",
        aud="little-1",
        jti=jti,
        kind=kind,
        compartment=number,
        actor_class="operator",
        reason_code="help",
        exp=wall + for_s,
        challenge="c1",
        service="out" if kind == "set_service" else None,
    )
    return CommandArrived(body, fresh, "c2", locker.new_id())


def fresh_copy(locker: LittleLocker) -> LittleLocker:
    """A locker in the same state that goes its own way."""
    twin = LittleLocker(locker.config)
    twin.mono_s, twin.controller = locker.mono_s, replace(locker.controller)
    twin.facts, twin.records = dict(locker.facts), list(locker.records)
    twin.pulses, twin._ids = list(locker.pulses), locker._ids
    return twin
