"""A bank on pins from end to end: the daemon's drive and journal, gpiozero's mock pins, the plant.

First in virtual time; last with the real daemon, its pins wired to the running simulator.
"""

import json
import subprocess
from collections import deque
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
import pytest

from fellesskap_edge.config import (
    Bank,
    CompartmentTable,
    LockerConfig,
    LockerTable,
    ScannerTable,
)
from fellesskap_edge.inbox import Inward, Outward
from fellesskap_edge.locks.gpio import ReadPins, SetPin
from fellesskap_edge.pins import Pins
from fellesskap_firmware_sim.mock_pins import WiredFactory
from fellesskap_firmware_sim.plant import BOUNCE_S
from fellesskap_firmware_sim.world import SimulatedLocker
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DoorClosed,
    DoorOpened,
    Fault,
    NotOpened,
    Presented,
    Pulsed,
)
from tests.simulation.one_locker import PowerCut, World
from tests.system.brokers import Broker
from tests.system.house import BIN, Locker, Program, wait_for
from tests.system.thin_backend import ThinBackend

E = TypeVar("E", bound=AnyEvent)
PULSE_S = 0.25
OFF_LATE_S_MAX = 0.25
"""How late a busy machine of two cores may be with an off, in real time."""
LOCK_PINS, DOOR_PINS = (17, 27, 22), (5, 6, 13)
LABEL, CODE = "PARCEL-1", "123456789012"


def config(
    *, active_high: bool = True, closed_level: Literal[0, 1] = 0, door_pins: tuple[int, ...]
) -> LockerConfig:
    bank = Bank(
        name="p",
        family="gpio",
        supply="psu",
        lock_pins=LOCK_PINS,
        door_pins=door_pins,
        active_high=active_high,
        closed_level=closed_level,
        pulse_ms=int(PULSE_S * 1000),
    )
    doors = [
        CompartmentTable(
            number=10 + channel,
            bank="p",
            channel=channel,
            width_mm=350,
            height_mm=110,
            depth_mm=300,
            floor_mm=300 * channel,
            top_mm=300 * channel + 110,
            max_g=25_000,
        )
        for channel in (1, 2, 3)
    ]
    return LockerConfig(
        locker=LockerTable(id="pins-1"),
        banks=(bank,),
        compartments=tuple(doors),
        scanner=ScannerTable(family="grow", port="scanner"),
    )


class PinWorld(World):
    """A locker on pins in virtual time: each daemon has devices of its own, as processes do."""

    def __init__(self, folder: Path, wiring: LockerConfig) -> None:
        self.crashes_at: set[str] = set()
        self.driven: list[tuple[float, int, bool | None]] = []
        self._posted: deque[Inward] = deque()
        super().__init__(1, wiring, folder)
        self.faulty = False

    def _boot(self) -> None:
        self._posted.clear()
        self.factory = WiredFactory(self._told)
        self.pins = Pins(self.config.banks, self._posted.append, lambda: self.factory)
        super()._boot()

    def _told(self, pin: int, level: bool | None) -> None:
        self.driven.append((self.now_s, pin, level))
        self.hardware.drive_pin(pin, level, self.now_s)

    def _crash_at(self, point: str) -> None:
        if point in self.crashes_at:
            self.crashes_at.discard(point)
            raise PowerCut

    def _perform(self, effect: Outward) -> None:
        match effect:
            case SetPin(bank, channel, on):
                self._coil_asked(self._number_at[bank, channel] if on else None)
                self.pins.set(bank, channel, on=on)
            case ReadPins(bank):
                self.pins.read(bank)
            case _:
                super()._perform(effect)

    def _hardware(self) -> None:
        super()._hardware()
        for pin, level in self.hardware.pin_levels(self.now_s).items():
            self.factory.pin(pin).drive(level)

    def give(self, event: Inward) -> None:
        super().give(event)
        while self._posted:
            super().give(self._posted.popleft())

    @property
    def bank(self) -> Bank:
        return self.config.banks[0]

    def recorded(self, kind: type[E]) -> list[E]:
        return [event for event in self.checker.events if isinstance(event, kind)]

    def story(self, *kinds: type[AnyEvent]) -> list[str]:
        """The names of what was recorded of these kinds, in order."""
        return [type(event).__name__ for event in self.checker.events if isinstance(event, kinds)]

    def levels_of(self, pin: int) -> list[bool | None]:
        return [level for _, driven, level in self.driven if driven == pin]


def begun(folder: Path, wiring: LockerConfig) -> PinWorld:
    """A locker in service that expects three parcels."""
    world = PinWorld(folder, wiring)
    for number in (1, 2, 3):
        world.backend.claim(number, f"PARCEL-{number}", f"{number}23456789012")
    world.run(20)
    assert [fault.what for fault in world.recorded(Fault) if fault.part == "bank p"] == ["ok"]
    return world


@pytest.mark.parametrize("active_high", [True, False])
@pytest.mark.parametrize("closed_level", [0, 1])
def test_a_parcel_goes_in_and_out_by_pins(
    tmp_path: Path, active_high: bool, closed_level: Literal[0, 1]
) -> None:
    wiring = config(active_high=active_high, closed_level=closed_level, door_pins=DOOR_PINS)
    world = begun(tmp_path, wiring)
    on, off = active_high, not active_high
    assert [world.levels_of(pin) for pin in LOCK_PINS] == [[off]] * 3
    world.wait_by("put_in", 11)
    world.scan("]C0" + LABEL)
    world.run(60)
    assert world.levels_of(17) == [off, on, off]
    (switched_on, switched_off) = [at for at, pin, _ in world.driven if pin == 17][1:]
    assert switched_off - switched_on == pytest.approx(PULSE_S, abs=1e-9)
    world.wait_by("take_out", 11)
    answer = world.type_code(CODE[:8])
    assert answer is not None
    assert answer.outcome == "opens"
    world.run(120)
    told = world.story(Presented, Pulsed, DoorOpened, DoorClosed, Deposited, Collected)
    cycle = ["Presented", "Pulsed", "DoorOpened", "DoorClosed"]
    assert told == [*cycle, "Deposited", *cycle, "Collected"]
    assert [pulse.compartment for pulse in world.hardware.plant.pulses] == [11, 11]
    assert world.checker.breaks == []


def test_a_bouncing_contact_is_one_opening_and_one_shutting(tmp_path: Path) -> None:
    world = begun(tmp_path, config(door_pins=DOOR_PINS))
    contact = world.factory.pin(5)
    contact.clear_states()
    world.wait_by("put_in", 11)
    world.scan("]C0" + LABEL)
    world.run(60)
    changes = len(contact.states) - 1
    assert changes >= 6, "the contact did bounce"
    assert len(world.recorded(DoorOpened)) == len(world.recorded(DoorClosed)) == 1
    opened, shut = (
        next(fact.at for fact in world.hardware.plant.facts if fact.name == name)
        for name in ("door_opened", "door_shut")
    )
    (seen_open,), (seen_shut,) = world.recorded(DoorOpened), world.recorded(DoorClosed)
    assert 0 < seen_open.mono_ms / 1000 - opened < BOUNCE_S + 0.040
    assert 0.299 <= seen_shut.mono_ms / 1000 - shut < 0.3 + BOUNCE_S + 0.020


def test_without_door_pins_nothing_is_seen_and_nothing_is_claimed(tmp_path: Path) -> None:
    world = begun(tmp_path, config(door_pins=()))
    world.wait_by("put_in", 11)
    world.scan("]C0" + LABEL)
    world.run(60)
    (deposited,) = world.recorded(Deposited)
    assert deposited.evidence == "none"
    assert world.story(DoorOpened, DoorClosed) == []


def test_scans_in_a_row_are_pulses_with_a_rest_between(tmp_path: Path) -> None:
    """One hand shuts each door before the next opens; a remote opening waits for the rest."""
    wiring = config(door_pins=DOOR_PINS)
    long_pulse = msgspec.structs.replace(wiring.banks[0], pulse_ms=700)
    world = begun(tmp_path, msgspec.structs.replace(wiring, banks=(long_pulse,)))
    for number in (1, 2, 3):
        world.hardware.person("put_in", world.now_s, open_s=0.05)
        world.scan(f"]C0PARCEL-{number}")
        world.run(world.now_s + 1.0)
    world.run(70)
    spans = [(pulse.started, pulse.ended) for pulse in world.hardware.plant.pulses]
    assert [ended - started for started, ended in spans] == pytest.approx([0.7] * 3)
    assert all(later[0] - earlier[1] >= 0.4999 for earlier, later in pairwise(spans))


def test_a_jammed_door_is_pulsed_three_times_and_no_more(tmp_path: Path) -> None:
    world = begun(tmp_path, config(door_pins=DOOR_PINS))
    world.hardware.plant.locks[11].faults.jammed = True
    world.scan("]C0" + LABEL)
    world.run(60)
    assert world.levels_of(17) == [False, True, False, True, False, True, False]


def test_killed_before_the_pulse_nothing_moves_after_either(tmp_path: Path) -> None:
    world = begun(tmp_path, config(door_pins=DOOR_PINS))
    world.crashes_at = {"after_commit_before_pulse"}
    world.scan("]C0" + LABEL)
    world.run(120)
    assert world.tally.faults == {"process": 1}
    assert True not in world.levels_of(17)
    told = world.story(Presented, Pulsed, NotOpened, DoorOpened)
    assert told == ["Presented", "Pulsed", "NotOpened"]


@pytest.mark.parametrize("active_high", [True, False])
def test_killed_with_a_coil_on_the_next_start_switches_it_off_first(
    tmp_path: Path, active_high: bool
) -> None:
    """The mock process's levels stay when it dies: nobody calls the old devices any more."""
    world = begun(tmp_path, config(active_high=active_high, door_pins=DOOR_PINS))
    world.crashes_at = {"after_pulse_before_record"}
    world.scan("]C0" + LABEL)
    dead = world.factory
    world.run(120)
    assert world.tally.faults == {"process": 1}
    assert world.factory is not dead
    assert dead.pin(17).state == active_high, "the dead one never switched it off"
    on_at = [at for at, pin, level in world.driven if (pin, level) == (17, active_high)]
    assert len(on_at) == 1, "nothing is pulsed again"
    after = world.driven[[at for at, _, _ in world.driven].index(on_at[0]) + 1 :]
    assert after[0][1:] == (17, not active_high)
    told = world.story(Presented, Pulsed, NotOpened, DoorOpened)
    assert told == ["Presented", "Pulsed", "NotOpened"]


@pytest.mark.parametrize("stay", [True, False])
def test_a_process_that_dies_lets_its_coils_go_or_leaves_them_on(
    tmp_path: Path, stay: bool
) -> None:
    wiring = config(active_high=False, door_pins=DOOR_PINS)
    hardware = SimulatedLocker(wiring)
    hardware.drive_pin(17, False, 1.0)
    hardware.pins["p"].faults.levels_stay_when_killed = stay
    hardware.pins["p"].abandoned(1.1)
    assert [pulse.ended for pulse in hardware.plant.pulses] == ([] if stay else [1.1])


# In real time ------------------------------------------------------------------------------------

SCAN = "]C100370712345678901238"
USED = (
    *("name", "family", "supply", "pulse_ms"),
    *("lock_pins", "door_pins", "active_high", "closed_level"),
)


def toml(wiring: LockerConfig) -> str:
    """Write the wiring as its file."""

    def table(head: str, values: Mapping[str, object]) -> str:
        lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        return "\n".join((head, *lines, ""))

    banks = [
        table("[[bank]]", {k: v for k, v in msgspec.structs.asdict(bank).items() if k in USED})
        for bank in wiring.banks
    ]
    doors = [table("[[compartment]]", msgspec.structs.asdict(one)) for one in wiring.compartments]
    head = f'[locker]\nid = "{wiring.locker.id}"\n[kiosk]\nport = 0\n'
    return head + '[scanner]\nfamily = "grow"\nport = "scanner"\n' + "\n".join(banks + doors)


class PinLocker(Locker):
    """A locker whose daemon is the real one with its pins wired to the simulator."""

    def start(self, env: Mapping[str, str] | None = None) -> Program:
        command = [str(BIN / "fellesskap-firmware-sim"), "edge"]
        command += ["--config", str(self.config), "--dir", str(self.folder)]
        self.edge = Program("edge daemon", command, self.folder / "edge.log", env or {})
        return self.edge


@pytest.mark.slow
@pytest.mark.parametrize("active_high", [True, False])
def test_the_real_daemon_on_wired_pins_is_killed_in_mid_pulse(
    tmp_path: Path, active_high: bool
) -> None:
    wiring = config(active_high=active_high, door_pins=DOOR_PINS)
    long_pulse = msgspec.structs.replace(wiring.banks[0], pulse_ms=1000)
    wiring = msgspec.structs.replace(wiring, banks=(long_pulse,))
    broker = Broker("nats", tmp_path / "broker").start()
    locker = PinLocker(tmp_path / "pins-1", toml(wiring))
    backend = ThinBackend(broker.login("backend"), "pins-1")
    try:
        locker.provision(backend.provision(locker.identity(), broker.login("locker")))
        locker.start()
        for number, label in enumerate(("sscc:370712345678901238", "opaque:A1", "opaque:B1"), 1):
            backend.grant(backend.claim(number, label, CODE))
        locker.hardware.person("put_in", open_s=2.1)
        locker.hardware.scan(SCAN)
        wait_for("deposited", lambda: backend.recorded(Deposited))
        (pulse,) = locker.hardware.pulses()
        # The adapter cuts at 1000 ms, whoever is late with the off.
        assert 900 < pulse["on_ms"] < 1000 + 1000 * OFF_LATE_S_MAX

        # SIGTERM: all off on the way down.
        facts = locker.hardware.watch()
        next(facts)
        locker.hardware.scan("]C0A1")
        next(fact for fact in facts if fact["fact"] == "pulse_started")
        assert locker.edge is not None
        assert locker.edge.stop() == 0
        assert locker.hardware.pulses()[1]["on_ms"] < 950

        # SIGKILL, and pins that stay as they were: the next start switches them off.
        locker.hardware.ask("fault", part="p", name="levels_stay_when_killed", value=True)
        locker.start()
        locker.hardware.scan("]C0B1")
        next(fact for fact in facts if fact["fact"] == "pulse_started")
        locker.edge.kill()
        assert len(locker.hardware.pulses()) == 2, "the coil is still on"
        locker.start()
        assert len(locker.hardware.pulses()) == 3
        wait_for("all pulses", lambda: len(backend.recorded(Pulsed)) == 3)
    finally:
        locker.stop()
        backend.close()
        broker.stop()


def test_the_daemon_needs_a_running_simulator(tmp_path: Path) -> None:

    command = [str(BIN / "fellesskap-firmware-sim"), "edge", "--config", "x"]
    command += ["--dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no simulated locker runs in" in done.stderr
