"""The twenty failures of `docs/failures.md` under the real drive, one test each, in virtual time.

Each turns the simulator's own knob, then asks three things: what the journal says, what the person
is told, and what the operator sees (the retained state, or a fault in the journal). Here locks,
doors and coils (rows 1 to 8) and the page itself; the others are in `test_failure_table_beyond.py`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from fellesskap_edge.config import Bank
from fellesskap_edge.door import LEFT_OPEN_S
from fellesskap_edge.operating import UNMOVED_MAX
from fellesskap_edge.state import UNSEEN_MAX
from fellesskap_protocol.events import (
    Collected,
    Deposited,
    DoorClosed,
    DoorOpened,
    Forced,
    Jammed,
    LeftOpen,
    NotOpened,
    Pulsed,
    ServiceChanged,
)
from tests.durability.visits import label
from tests.edge import test_failure_table_beyond as beyond
from tests.edge.failing_locker import Failing, sighted
from tests.edge.little_locker import CONFIG

PAGE = Path(__file__).parents[2] / "docs/failures.md"
ROWS = 20


@pytest.fixture
def locker(tmp_path: Path) -> Iterator[Failing]:
    locker = Failing(tmp_path)
    yield locker
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def test_a_load_that_leans_on_a_door_is_three_pulses_and_a_door_out_of_service(
    locker: Failing,
) -> None:
    """Row 1: a lock jams, or a load leans on its door."""
    faults = locker.hardware.plant.locks[1].faults
    faults.jammed = faults.jam_frees_on_push = True
    assert locker.types() == ("opens", 1)
    locker.wait(9)
    assert locker.journalled(NotOpened)
    assert locker.told_at_doors() == [("push_door", 1)]
    locker.wait(30)
    assert locker.told_at_doors() == [("push_door", 1)] * 2 + [("jammed", 1)]
    starts = [pulse.started for pulse in locker.hardware.plant.pulses if pulse.compartment == 1]
    assert len(locker.journalled(Pulsed)) == 3
    assert min(b - a for a, b in zip(starts[-3:], starts[-2:], strict=False)) >= 5
    assert [one.compartment for one in locker.journalled(Jammed)] == [1]
    assert locker.seen().service == "out"
    locker.hardware.plant.push(1, locker.now_s)
    assert locker.collects() == ("opens", 1), "the right stays good, and the push has freed it"
    assert len(locker.journalled(Collected)) == 1


def test_a_push_between_two_pulses_opens_and_a_deposit_finds_another_door(
    locker: Failing,
) -> None:
    """Row 1, too: who does as the page says; and what couriers are told."""
    faults = locker.hardware.plant.locks[1].faults
    faults.jammed = faults.jam_frees_on_push = True
    assert locker.types() == ("opens", 1)
    locker.wait(11)
    assert locker.told_at_doors() == [("push_door", 1)]
    locker.hardware.plant.push(1, locker.now_s)
    locker.wait(8)
    assert [one.compartment for one in locker.journalled(DoorOpened)] == [1]
    assert locker.journalled(Jammed) == []
    locker.shut_what_stands_open()
    locker.wait(20)
    del locker.at_doors[:]
    locker.hardware.plant.locks[2].faults.jammed = True
    assert locker.scans(label(2)) == ("opens", 2)
    locker.wait(30)
    assert locker.told_at_doors() == [("push_door", 2), ("push_door", 2), ("jammed_out", 2)]
    assert all(one.courier for one in locker.at_doors)
    outcome, other = locker.scans(label(2))
    assert outcome == "opens"
    assert other != 2


def test_a_latch_too_stiff_for_the_pulse_is_a_jam_and_never_a_longer_pulse(
    locker: Failing,
) -> None:
    """Row 2: the pulse is too short or too weak."""
    locker.hardware.plant.locks[1].faults.release_s_min = 0.5
    assert locker.types() == ("opens", 1)
    locker.wait(40)
    assert len(locker.journalled(NotOpened)) == 2
    assert len(locker.journalled(Jammed)) == 1
    assert locker.seen().service == "out"
    lengths = [one.ended - one.started for one in locker.hardware.plant.pulses]
    assert max(lengths) == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("family", ["kerong", "waveshare_d"])
def test_a_stiff_latch_gets_a_longer_pulse_at_the_second_try_and_the_next_door_does_not(
    tmp_path: Path, family: str
) -> None:
    """Row 2, too: boards that can be told how long."""
    banks = (
        Bank(name="a", family=family, port="bus-a", address=1, supply="psu-a"),  # type: ignore[arg-type]
        Bank(name="b", family="8a", port="bus-b", address=1, supply="psu-b"),
    )
    locker = Failing(tmp_path, msgspec.structs.replace(CONFIG, banks=banks))
    locker.hardware.plant.locks[1].faults.release_s_min = 0.45
    del locker.hardware.plant.pulses[:]
    assert locker.collects() == ("opens", 1)
    assert len(locker.journalled(Collected)) == 1
    assert locker.journalled(Jammed) == []
    locker.deposit(2)
    lengths = [one.ended - one.started for one in locker.hardware.plant.pulses]
    assert lengths == pytest.approx([0.3, 0.5, 0.3], abs=0.02)
    locker.drive.parts.journal.close()


def test_a_supply_that_sags_is_a_jam_and_its_doors_work_again_when_it_does(
    locker: Failing,
) -> None:
    """Row 2, too: 9.4 V at the coil do not release."""
    supply = locker.hardware.plant.supplies["psu-1"].faults
    supply.volts = 10.0
    assert locker.types() == ("opens", 1)
    locker.wait(40)
    assert locker.seen().service == "out"
    supply.volts = 12.0
    assert locker.collects() == ("opens", 1)
    assert len(locker.journalled(Collected)) == 1


@pytest.mark.slow
def test_a_door_left_open_is_told_and_given_to_nobody(locker: Failing) -> None:
    """Row 3: a door is left open."""
    locker.collects()
    locker.types()
    locker.wait(LEFT_OPEN_S + 10)
    assert [one.compartment for one in locker.journalled(LeftOpen)] == [1]
    assert locker.told_at_doors() == [("left_open", 1)]
    assert locker.seen().door == "open"
    assert locker.types() == ("busy", 1)
    locker.wait(1000)
    assert locker.told_at_doors() == [("left_open", 1)] * 4, "after 2, 4, 8 and 16 minutes"
    assert len(locker.journalled(LeftOpen)) == 1
    outcome, number = locker.scans(label(2))
    assert outcome == "opens"
    assert number != 1
    del locker.at_doors[:]
    locker.wait(1200)
    assert ("left_open", 1) not in locker.told_at_doors(), "the kiosk is busy with the other door"


def test_a_door_that_opens_without_a_pulse_is_forced_and_given_to_nobody(
    locker: Failing,
) -> None:
    """Row 4: a door is forced, or opens uncommanded."""
    locker.hardware.plant.force(2, locker.now_s)
    locker.wait(8)
    locker.hardware.plant.force(1, locker.now_s)
    locker.wait(8)
    by_door = {one.compartment: one for one in locker.journalled(Forced)}
    assert by_door[2].since_last_pulse_ms is None
    assert (by_door[1].since_last_pulse_ms or 0) > 30_000, "it was pulsed for the deposit"
    assert locker.seen().door == "open"
    outcome, number = locker.scans(label(2))
    assert outcome == "opens"
    assert number not in (1, 2)


def test_a_contact_that_reads_open_through_three_uses_is_suspect_and_nobody_is_stopped(
    locker: Failing,
) -> None:
    """Row 5: a sensor sticks, open."""
    locker.hardware.plant.locks[1].faults.sensor_stuck = "open"
    locker.wait(8)
    for use in range(UNMOVED_MAX):
        assert locker.journalled(ServiceChanged) == [], f"after {use} uses"
        assert locker.collects() == ("opens", 1)
    assert [one.evidence for one in locker.journalled(Collected)] == ["none"]
    assert [(one.to, one.cause) for one in locker.journalled(ServiceChanged)] == [
        ("suspect", "sensor")
    ]
    assert (locker.seen().door, locker.seen().service) == ("open", "suspect")
    assert locker.journalled(Jammed) == []
    assert locker.journalled(DoorClosed) == [], "no shut door is made up"


def test_a_contact_that_moved_between_its_uses_is_not_doubted(locker: Failing) -> None:
    """Row 5, too: a sensor that read shut once since was not stuck."""
    faults = locker.hardware.plant.locks[1].faults
    for use in range(UNMOVED_MAX):
        if use == UNMOVED_MAX - 1:
            faults.sensor_stuck = None
            locker.wait(8)
        faults.sensor_stuck = "open"
        locker.wait(8)
        assert locker.collects() == ("opens", 1)
    assert locker.journalled(ServiceChanged) == []
    assert locker.seen().service == "in"


def test_the_uses_of_a_stuck_contact_are_counted_over_a_restart(locker: Failing) -> None:
    """Row 5, too: what was seen before the power failed still counts."""
    locker.hardware.plant.locks[1].faults.sensor_stuck = "open"
    locker.wait(8)
    assert locker.collects() == ("opens", 1)
    for use in range(1, UNMOVED_MAX):
        assert locker.journalled(ServiceChanged) == []
        locker.restart()
        locker.wait(8)
        locker.command("open_door", f"use-{use}", 1)
        locker.wait(30)
    assert [(one.to, one.cause) for one in locker.journalled(ServiceChanged)] == [
        ("suspect", "sensor")
    ]


def test_a_contact_that_reads_shut_through_three_pulses_is_a_jam_and_no_parcel_is_gone(
    locker: Failing,
) -> None:
    """Row 5, too: a sensor sticks, shut. Nothing tells it from a jam."""
    locker.hardware.plant.locks[1].faults.sensor_stuck = "shut"
    assert locker.collects() == ("opens", 1)
    assert len(locker.journalled(Jammed)) == 1
    assert (locker.seen().door, locker.seen().service) == ("shut", "out")
    assert locker.journalled(Collected) == []
    assert locker.journalled(DoorOpened) == [], "no open door is made up"


def test_an_occupancy_sensor_that_reads_full_through_three_uses_is_doubted_and_told(
    tmp_path: Path,
) -> None:
    """Row 5, too: it says that something lies there, whatever was taken out."""
    locker = sighted(tmp_path)
    faults = locker.hardware.plant.locks[1].faults
    faults.occupancy_stuck = "full"
    part, what = "occupancy sensor 1", "reads full whatever is put in or taken out"
    for use in range(UNSEEN_MAX):
        assert part not in dict(locker.faults()), f"after {use}"
        assert locker.journalled(ServiceChanged) == []
        assert locker.collects() == ("opens", 1)
        locker.restart()
        locker.wait(8)
    assert locker.journalled(Collected) == [], "none of them is made up"
    told = [one for one in locker.faults() if one[0] == part]
    assert told == [(part, what)]
    assert locker.standing_faults() == (f"{part}: {what}",), "over a restart, too"
    assert [(one.to, one.cause) for one in locker.journalled(ServiceChanged)] == [
        ("suspect", "occupancy sensor")
    ]
    assert (locker.seen().content, locker.seen().service) == ("parcel", "suspect")
    assert locker.collects() == ("opens", 1), "nobody is stopped"
    assert [one.evidence for one in locker.journalled(Collected)] == ["door"]
    faults.occupancy_stuck = None
    locker.wait(12)
    assert [one for one in locker.faults() if one[0] == part] == [(part, what), (part, "ok")]
    assert locker.standing_faults() == ()
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def test_an_occupancy_sensor_that_reads_empty_through_three_uses_is_doubted_and_told(
    tmp_path: Path,
) -> None:
    """Row 5, too: it says that nothing lies there, whatever was put in."""
    locker = sighted(tmp_path)
    locker.hardware.plant.locks[2].faults.occupancy_stuck = "empty"
    part, what = "occupancy sensor 2", "reads empty whatever is put in or taken out"
    for use in range(UNSEEN_MAX):
        assert (locker.faults(), locker.journalled(ServiceChanged)) == ([], []), f"after {use}"
        assert locker.scans(label(2)) == ("opens", 2)
        locker.wait_by("put_in", 2)
        locker.wait(60)
        assert locker.told_at_doors()[-1] == ("seen_empty", 2)
    assert locker.faults() == [(part, what)]
    assert locker.standing_faults() == (f"{part}: {what}",)
    assert (locker.seen(2).content, locker.seen(2).service) == ("unknown", "suspect")
    assert locker.journalled(Deposited) == []
    outcome, number = locker.scans(label(2))
    assert (outcome, number != 2) == ("opens", True)
    assert locker.checker.breaks == []
    locker.drive.parts.journal.close()


def test_an_occupancy_sensor_that_moved_between_its_uses_is_not_doubted(tmp_path: Path) -> None:
    """Row 5, too: who only looks at the parcel contradicts nothing once it was seen to go."""
    locker = sighted(tmp_path)
    lock = locker.hardware.plant.locks[1]
    for use in range(UNSEEN_MAX + 1):
        if use == UNSEEN_MAX - 1:
            lock.full = False
            locker.wait(8)
            lock.full = True
            locker.wait(8)
        assert locker.types() == ("opens", 1)
        locker.wait_by("nothing", 1)
        locker.wait(60)
    assert (locker.faults(), locker.journalled(ServiceChanged)) == ([], [])
    locker.drive.parts.journal.close()


def test_a_welded_relay_is_told_switched_off_and_the_other_bank_serves_on(
    tmp_path: Path,
) -> None:
    """Row 6: a relay is welded, a channel held."""
    banks = (
        Bank(name="a", family="waveshare_d", port="bus-a", address=1, supply="psu-a"),
        Bank(name="b", family="kerong", port="bus-b", address=0, supply="psu-b"),
    )
    locker = Failing(tmp_path, msgspec.structs.replace(CONFIG, banks=banks))
    board = locker.hardware.boards["a"]
    board.faults.welded = 1
    assert locker.types() == ("opens", 1)
    locker.wait(3)
    assert locker.faults() == [("relay 1 of bank a", "stays on")]
    assert locker.standing_faults() == ("relay 1 of bank a: stays on",)
    locker.restart()
    locker.wait(10)
    assert locker.standing_faults() == ("relay 1 of bank a: stays on",), "found at the start, too"
    del locker.checker.events[:-1]
    board.faults.welded = 0
    locker.wait(15)
    assert ("relay 1 of bank a", "ok") in locker.faults()
    assert locker.standing_faults() == ()
    assert board.on == set(), "all off was said again and again"
    locker.drive.parts.journal.close()


def test_a_daemon_killed_in_mid_pulse_does_not_fire_again(locker: Failing) -> None:
    """Row 7: the host is killed in mid-pulse."""
    faults = locker.hardware.plant.locks[1].faults
    faults.jammed = True
    locker.doom = ("after_pulse_before_record", 0)
    assert locker.types() == ("opens", 1)
    locker.wait(60)
    assert locker.deaths == 1
    assert len(locker.journalled(Pulsed)) == 1
    assert len(locker.journalled(NotOpened)) == 1
    lengths = [one.ended - one.started for one in locker.hardware.plant.pulses]
    assert max(lengths) == pytest.approx(0.3, abs=0.01), "the board times it"
    assert locker.seen().content == "parcel"
    faults.jammed = False
    assert locker.collects() == ("opens", 1)


@pytest.mark.parametrize(("after_s", "opened"), [(0.05, False), (0.25, True)])
def test_power_lost_in_mid_pulse_leaves_doors_as_they_stood_and_nothing_fires(
    locker: Failing, after_s: float, *, opened: bool
) -> None:
    """Row 8: power is lost in mid-pulse."""
    locker.types()
    locker.wait(after_s)
    locker.power_fails()
    before = len(locker.hardware.plant.pulses)
    locker.wait(40)
    assert len(locker.hardware.plant.pulses) == before
    assert len(locker.journalled(Pulsed)) == 1
    seen = {one.authorisation_id for one in locker.journalled(DoorOpened)}
    assert seen == ({locker.journalled(Pulsed)[0].authorisation_id} if opened else set())
    assert locker.journalled(Forced) == []
    assert len(locker.journalled(NotOpened)) == int(not opened)
    assert locker.seen().door == ("open" if opened else "shut")
    assert locker.types() == (("busy" if opened else "opens"), 1)


# The page ----------------------------------------------------------------------------------------


def documented() -> dict[str, str]:
    """Every test of a row with its docstring."""
    everything = {**globals(), **vars(beyond)}
    return {name: one.__doc__ or "" for name, one in everything.items() if name.startswith("test_")}


def test_every_row_of_the_page_names_its_tests_and_every_test_its_row() -> None:
    """Each row has a number, and the tests that stand in its last column are those of its row."""
    rows = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", PAGE.read_text(), re.MULTILINE)
    named = {int(number): set(re.findall(r"`(test_\w+)`", last)) for number, last in rows}
    assert sorted(named) == list(range(1, ROWS + 1))
    for number, names in named.items():
        mine = {name for name, doc in documented().items() if re.match(rf"Row {number}\b", doc)}
        assert names == mine != set(), f"row {number}"
