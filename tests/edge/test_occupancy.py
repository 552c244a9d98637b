"""Sensors that see what lies behind a door: a board's inputs, the bus, and what an act is worth."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge import bus as b
from fellesskap_edge.bus import Phase
from fellesskap_edge.config import Bank
from fellesskap_edge.locks.kerong import Kerong
from fellesskap_firmware_sim.plant import Person
from fellesskap_protocol.events import Collected, Deposited, DoorClosed
from tests.durability.visits import label
from tests.edge.failing_locker import Failing
from tests.edge.line_frames import FRAMES
from tests.edge.little_locker import CONFIG
from tests.edge.test_bus import NOW, Line, known
from tests.edge.test_bus_families import hear

BANKS = (
    Bank(name="a", family="kerong", port="bus-a", address=0, supply="psu-a", item_bit=0),
    Bank(name="b", family="8a", port="bus-b", address=1, supply="psu-b"),
)
HASTY_S = 1.0


@pytest.fixture
def locker(tmp_path: Path) -> Iterator[Failing]:
    """A locker whose KERONG bank has sensors in its compartments; parcel 1 lies behind door 1."""
    seen = tuple(
        msgspec.structs.replace(one, occupancy_sensor=one.bank == "a")
        for one in CONFIG.compartments
    )
    locker = Failing(tmp_path, msgspec.structs.replace(CONFIG, banks=BANKS, compartments=seen))
    yield locker
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def act(locker: Failing, what: str, number: int, open_s: float) -> None:
    """Let somebody who stands at a door act when it opens."""
    locker.hardware.plant.person(Person(what, number, open_s), locker.now_s)  # type: ignore[arg-type]
    locker.wait(15)


@pytest.mark.parametrize(("item_bit", "first", "last"), [(1, True, False), (0, False, True)])
def test_a_status_reply_tells_of_items_in_either_polarity(
    item_bit: int, first: bool, last: bool
) -> None:
    reply = bytes.fromhex(FRAMES["kerong"].item_1)
    board = Kerong(1, item_bit=1 if item_bit else 0)
    items = board.items(b"\x00" + reply)
    assert (len(items), items[1], items[2], items[16]) == (16, first, last, last)
    assert board.items(reply[:-1]) == {}
    assert board.doors(reply) == dict.fromkeys(range(1, 17), "shut")


def test_what_lies_there_is_said_before_the_doors_and_again_after_a_silence() -> None:
    bus = known("kerong")
    line = Line(replace(bus, banks={"a": bus.banks["a"]}, phase=Phase.IDLE), NOW)
    line.wait_until(NOW + 3)
    opened = bytes.fromhex("02 10 35 FE FF 01 00 03 48")
    items = dict.fromkeys(range(2, 17), False)
    assert line.give(b.Received(opened), 0.02) == (
        b.Occupied("a", {1: True, **items}),
        b.Sensed("a", {1: "open"}),
    )
    line.wait_until(line.bus.banks["a"].poll_at)
    assert line.give(b.Received(opened), 0.02) == (), "nothing has changed"
    assert b.Contact("a", answering=False) in line.give(b.PortDown())
    line.give(b.PortUp())
    hear(line, FRAMES["kerong"].shut)
    hear(line, FRAMES["kerong"].start[0][1])
    said = line.give(b.Received(opened), 0.02)
    assert [type(one) for one in said] == [b.Contact, b.Occupied, b.Sensed]


def test_a_deposit_in_a_hurry_is_proven_by_the_sensor(locker: Failing) -> None:
    locker.scan(label(2))
    act(locker, "put_in", 2, HASTY_S)
    (deposited,) = locker.journalled(Deposited)
    assert (deposited.compartment, deposited.evidence) == (2, "sensor")
    assert locker.told_at_doors() == []


def test_a_door_shut_on_nothing_is_no_deposit_and_the_courier_is_told(locker: Failing) -> None:
    locker.scan(label(2))
    act(locker, "nothing", 2, 5.0)
    assert [one.compartment for one in locker.journalled(DoorClosed)] == [2]
    assert locker.journalled(Deposited) == []
    assert locker.told_at_doors() == [("seen_empty", 2)]
    locker.deposit(2)
    assert [one.evidence for one in locker.journalled(Deposited)] == ["sensor"]


def test_a_parcel_that_was_left_in_is_not_collected_and_its_code_still_opens(
    locker: Failing,
) -> None:
    assert locker.types() == ("opens", 1)
    act(locker, "nothing", 1, 5.0)
    assert locker.journalled(Collected) == []
    assert locker.told_at_doors() == [("seen_full", 1)]
    assert locker.collects() == ("opens", 1)
    assert [one.evidence for one in locker.journalled(Collected)] == ["sensor"]


def test_what_a_sensor_sees_is_known_again_after_a_restart_in_mid_act(locker: Failing) -> None:
    locker.scan(label(2))
    locker.wait(1)
    locker.restart()
    act(locker, "put_in", 2, 5.0)
    (deposited,) = locker.journalled(Deposited)
    assert (deposited.compartment, deposited.evidence) == (2, "sensor")


def test_a_compartment_without_a_sensor_is_judged_by_its_door(tmp_path: Path) -> None:
    locker = Failing(tmp_path, msgspec.structs.replace(CONFIG, banks=BANKS))
    locker.scan(label(2))
    act(locker, "put_in", 2, HASTY_S)
    assert [one.evidence for one in locker.journalled(Deposited)] == ["weak"]
    locker.drive.parts.journal.close()
