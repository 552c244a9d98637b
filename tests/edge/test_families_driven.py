"""Banks of several families under the real drive: what an operator is told of them."""

import logging
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge.config import Bank, LockerConfig
from fellesskap_edge.start import lines
from fellesskap_protocol.events import Fault
from tests.edge.little_locker import CONFIG
from tests.simulation.one_locker import World


def locker(*banks: Bank) -> LockerConfig:
    """The little locker on other boards."""
    return msgspec.structs.replace(CONFIG, banks=banks)


RELAYS = Bank(name="a", family="waveshare", port="relays", address=1, supply="psu-a")
KERONG = Bank(name="b", family="kerong", port="bus", address=0, supply="psu-b")


def faults(world: World) -> list[tuple[str, str]]:
    """The faults in the journal, in order."""
    return [(one.part, one.what) for one in world.checker.events if isinstance(one, Fault)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A locker of two families on two lines, that has run for a moment."""
    world = World(1, locker(RELAYS, KERONG), tmp_path)
    world.faulty = False
    world.run(2.0)
    return world


def test_two_families_on_two_lines_answer_and_nothing_is_wrong(world: World) -> None:
    assert all(world.drive.lines.has(port) for port in ("relays", "bus"))
    assert lines(world.config)["bus"].baud == 19200
    assert world.drive.controller.answering == {"a", "b"}
    assert {part for part, what in faults(world) if what != "ok"} == set()


def test_a_relay_that_is_on_is_a_fault_in_the_journal_until_it_falls(world: World) -> None:
    board = world.hardware.boards["a"]
    board.faults.welded = 1
    board.switch(1, on=True, at=world.now_s)
    world.run(20.0)
    assert faults(world)[-1] == ("relay 1 of bank a", "stays on")
    board.faults.welded = 0
    world.run(40.0)
    assert faults(world)[-1] == ("relay 1 of bank a", "ok")
    assert faults(world).count(("relay 1 of bank a", "stays on")) == 1


def test_a_board_that_does_not_do_its_start_is_a_fault_in_the_journal(tmp_path: Path) -> None:
    world = World(1, locker(RELAYS, KERONG), tmp_path)
    world.faulty = False
    world.hardware.boards["b"].answers_time = False  # type: ignore[attr-defined]
    world.run(10.0)
    told = ("start of bank b", "the board did not confirm its unlock time")
    assert faults(world).count(told) == 1
    assert world.drive.controller.answering == {"a", "b"}


def test_the_quality_of_each_driver_is_logged_at_the_start(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        lines(locker(RELAYS, KERONG))
    assert caplog.messages == [
        "bank a: family waveshare, from documents",
        "bank b: family kerong, from documents",
    ]
