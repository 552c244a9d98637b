"""The bus and the simulated boards together: what a fault of the hardware comes to."""

import pytest

from fellesskap_edge import bus as b
from fellesskap_edge.locks import FAMILIES
from tests.edge.wired_line import WiredLine

EACH = pytest.mark.parametrize("family", FAMILIES)
RELAYS = pytest.mark.parametrize("family", ["waveshare", "waveshare_d"])


def line(*families: str) -> WiredLine:
    """A line that has been up for a while."""
    one = WiredLine(*families)
    one.plug_in()
    one.run(1.0)
    return one


@EACH
def test_a_lock_is_pulsed_for_its_time_and_its_door_is_seen(family: str) -> None:
    one = line(family, family)
    one.give(b.Watch("a", fast=True))
    one.give(b.Unlock("a", 2, "t"))
    one.run(2.0)
    (pulse,) = one.world.plant.pulses
    assert pulse.compartment == 2
    told_ms = 500 if family == "wkly" else 300  # a WKLY board cannot be told
    assert pulse.ended - pulse.started == pytest.approx(told_ms / 1000, abs=0.002)
    opened = {n: "open" if n == 2 else "shut" for n in range(1, 6)}
    assert one.heard == ({} if family == "waveshare" else opened)
    assert one.told(b.Unready) == one.told(b.Stuck) == one.told(b.Unacknowledged) == []


@EACH
def test_two_boards_at_one_address_are_a_silent_bank_and_no_door_is_believed(family: str) -> None:
    one = line(family, family)
    one.world.boards["b"].faults.address = 1
    one.run(25.0)
    answers = {
        effect.bank: effect.answering for effect in one.said if isinstance(effect, b.Contact)
    }
    assert answers == {"a": False, "b": False}
    assert set(one.heard.values()) <= {"unknown"}


@EACH
def test_a_board_at_another_speed_is_a_silent_bank(family: str) -> None:
    one = WiredLine(family, family)
    one.world.boards["a"].faults.baud = 57600
    one.plug_in()
    one.run(20.0)
    assert b.Contact("a", answering=False) in one.said
    assert b.Contact("b", answering=True) in one.said


@EACH
@pytest.mark.parametrize("echo", [False, True])
def test_everything_works_through_an_adapter_that_echoes(family: str, echo: bool) -> None:
    one = WiredLine(family, family)
    one.world.boards["a"].faults.echo = echo
    one.plug_in()
    one.run(1.0)
    one.give(b.Unlock("b", 1, "t"))
    one.run(1.0)
    assert [pulse.compartment for pulse in one.world.plant.pulses] == [4]
    assert one.bus.echo == echo
    assert bool(one.told(b.Acknowledged)) == one.drivers["b"].acknowledged


@EACH
def test_an_echo_of_the_unlock_is_no_answer_of_a_board_that_is_gone(family: str) -> None:
    one = WiredLine(family, family)
    one.world.boards["a"].faults.echo = True
    one.plug_in()
    one.run(1.0)
    one.world.boards["a"].faults.silent = True
    one.give(b.Unlock("a", 1, "t"))
    one.run(3.0)
    assert one.world.plant.pulses == []
    assert one.told(b.Acknowledged) == []


def test_the_factorys_linkage_fires_a_lock_until_the_start_has_written_it_off() -> None:
    one = WiredLine("waveshare_d", "waveshare_d")
    one.world.plant.force(1, 0.0)
    one.run(0.1)
    one.world.plant.shut(1, 0.2)
    one.run(0.5)
    assert one.world.boards["a"].on == {1}  # nobody asked for it, and nothing will end it
    one.plug_in()
    one.run(1.0)
    assert one.world.boards["a"].on == set()
    pulses = len(one.world.plant.pulses)
    for _ in range(3):
        one.world.plant.force(2, one.now)
        one.run(0.2)
        one.world.plant.shut(2, one.now)
        one.run(0.2)
    assert len(one.world.plant.pulses) == pulses


@RELAYS
def test_a_relay_left_on_by_whoever_was_before_is_off_when_the_bus_begins(family: str) -> None:
    one = WiredLine(family, family)
    one.world.boards["a"].switch(1, on=True, at=0.0)
    one.plug_in()
    one.run(0.5)
    assert one.world.boards["a"].on == set()


@RELAYS
def test_a_welded_relay_is_told_once_and_the_other_bank_serves_on(family: str) -> None:
    one = line(family, family)
    one.world.boards["a"].faults.welded = 1
    one.give(b.Unlock("a", 1, "t1"))
    one.run(6.0)
    assert one.told(b.Stuck) == [b.Stuck("a", 1)]
    one.give(b.Unlock("b", 1, "t2"))
    one.run(1.0)
    assert [pulse.compartment for pulse in one.world.plant.pulses] == [4]
    one.world.boards["a"].faults.welded = 0
    one.run(6.0)
    assert one.told(b.Stuck) == [b.Stuck("a", 1), b.Stuck("a", 1, over=True)]
    assert one.world.boards["a"].on == set()


@RELAYS
def test_after_a_reset_a_board_is_started_again(family: str) -> None:
    one = line(family, family)
    one.give(b.Watch("a", fast=True))
    one.world.boards["a"].faults.reset_s = 1.0
    one.world.advance(one.now)
    one.run(1.01)
    one.world.boards["a"].switch(1, on=True, at=one.now)  # as a board may come up
    one.run(2.0)
    assert one.world.boards["a"].on == set()


def test_a_kerong_that_was_reset_unnoticed_pulses_for_its_told_time_all_the_same() -> None:
    one = line("kerong", "kerong")
    one.world.boards["a"].faults.reset_s = 0.3
    one.world.advance(one.now)
    one.run(0.5)
    assert one.told(b.Contact)[-1] != b.Contact("a", answering=False)
    one.give(b.Unlock("a", 1, "t"))
    one.run(1.0)
    (pulse,) = one.world.plant.pulses
    assert pulse.ended - pulse.started == pytest.approx(0.3)


def test_a_wkly_door_that_is_forced_is_seen_long_before_its_next_poll() -> None:
    one = line("wkly", "wkly")
    one.world.plant.force(3, one.now)
    one.world.advance(one.now)
    one.run(0.2)
    assert one.heard[3] == "open"
