"""Doors obey physics: time and volts release a latch, a spring opens, people do the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_firmware_sim.coils import Electrics, Pulse
from fellesskap_firmware_sim.plant import (
    BOUNCE_S,
    POP_S,
    RELEASE_S_MIN,
    Fact,
    Person,
    Plant,
)


def pulse(plant: Plant, number: int, at: float, on_s: float = 0.3) -> None:
    plant.energise(number, at)
    plant.release(number, at + on_s)


def names(plant: Plant) -> list[str]:
    return [fact.name for fact in plant.facts]


def test_pulse_releases_the_latch_and_the_spring_pops_the_door() -> None:
    plant = Plant([1, 2])
    pulse(plant, 1, 1.0)
    assert [(fact.name, fact.at) for fact in plant.facts] == [
        ("pulse_started", 1.0),
        ("released", pytest.approx(1.0 + RELEASE_S_MIN)),
        ("door_opened", pytest.approx(1.0 + RELEASE_S_MIN + POP_S)),
        ("pulse_ended", 1.3),
    ]
    assert plant.locks[1].is_open
    assert not plant.locks[2].is_open


@given(st.floats(0.0, 1.0))
def test_pulse_that_is_too_short_opens_nothing(on_s: float) -> None:
    plant = Plant([1])
    pulse(plant, 1, 0.0, on_s)
    plant.advance(10.0)
    assert plant.locks[1].is_open == (on_s >= RELEASE_S_MIN)


@pytest.mark.parametrize(("together", "opens"), [(4, True), (5, False)])
def test_too_many_coils_at_once_are_too_weak(together: int, opens: bool) -> None:
    plant = Plant(range(1, 6))
    for number in range(1, together + 1):
        plant.energise(number, 0.0)
    plant.advance(0.3)
    for number in range(1, together + 1):
        plant.release(number, 0.3)
    plant.advance(1.0)
    assert [lock.is_open for lock in plant.locks.values()][:together] == [opens] * together
    assert [(one.started, one.ended) for one in plant.pulses] == [(0.0, 0.3)] * together


def test_coils_of_another_supply_take_no_volts() -> None:
    plant = Plant(range(1, 9), {number: f"psu-{number % 2}" for number in range(1, 9)})
    for number in range(1, 9):
        plant.energise(number, 0.0)
    plant.advance(0.3)
    assert all(lock.is_open for lock in plant.locks.values())


def test_jammed_door_stays_shut_and_opens_when_the_load_is_gone() -> None:
    plant = Plant([1])
    plant.locks[1].faults.jammed = True
    pulse(plant, 1, 0.0)
    plant.advance(5.0)
    assert not plant.locks[1].is_open
    assert plant.reads_shut(1, 5.0)
    plant.locks[1].faults.jammed = False
    pulse(plant, 1, 6.0)
    assert plant.locks[1].is_open


@given(st.floats(0.0, 1.0))
def test_contact_bounces_only_for_a_moment_after_a_movement(later: float) -> None:
    plant = Plant([1])
    assert plant.reads_shut(1, 0.0)
    plant.force(1, 1.0)
    if later >= BOUNCE_S + 1e-6:
        assert not plant.reads_shut(1, 1.0 + later)
    readings = {plant.reads_shut(1, 1.0 + ms / 1000) for ms in range(12)}
    assert readings == {True, False}


def test_stuck_contact_says_the_same_whatever_the_door_does() -> None:
    plant = Plant([1])
    plant.locks[1].faults.sensor_stuck = "shut"
    plant.force(1, 0.0)
    assert plant.reads_shut(1, 1.0)
    plant.locks[1].faults.sensor_stuck = "open"
    plant.shut(1, 2.0)
    assert not plant.reads_shut(1, 3.0)


def test_person_waits_fills_and_shuts() -> None:
    plant = Plant([1, 2])
    plant.person(Person("put_in", compartment=2, open_s=2.0), 0.0)
    pulse(plant, 1, 0.0)
    plant.advance(10.0)
    assert plant.locks[1].is_open  # nobody waited for it
    pulse(plant, 2, 10.0)
    plant.advance(10.0 + 5.0)
    assert not plant.locks[2].is_open
    assert plant.locks[2].latched
    assert plant.locks[2].full
    assert names(plant)[-3:] == ["pulse_ended", "put_in", "door_shut"]
    plant.person(Person("take_out", open_s=1.0), 20.0)  # the door that stands open is 1
    plant.advance(30.0)
    assert not plant.locks[1].is_open


def test_person_who_does_not_shut_leaves_the_door_open() -> None:
    plant = Plant([1])
    plant.locks[1].full = True
    plant.person(Person("take_out", shuts=False), 0.0)
    pulse(plant, 1, 1.0)
    plant.advance(100.0)
    assert plant.locks[1].is_open
    assert not plant.locks[1].full
    assert plant.wake_at == float("inf")


def test_shut_door_shuts_once_and_a_forced_one_opens_once() -> None:
    plant = Plant([1])
    plant.shut(1, 0.0)
    plant.force(1, 1.0)
    plant.force(1, 2.0)
    plant.shut(1, 3.0)
    plant.shut(1, 4.0)
    assert names(plant) == ["door_opened", "door_shut"]


# What goes wrong, row by row of the failure table ------------------------------------------------


def test_jam_gives_way_after_some_pulses() -> None:
    plant = Plant([1])
    plant.locks[1].faults.jammed, plant.locks[1].faults.jam_frees_after = True, 2
    for turn in range(3):
        assert not plant.locks[1].is_open
        pulse(plant, 1, float(turn))
    assert plant.locks[1].is_open


@pytest.mark.parametrize("frees", [False, True])
def test_jam_that_a_push_frees_opens_at_the_next_pulse(frees: bool) -> None:
    plant = Plant([1])
    plant.locks[1].faults.jammed, plant.locks[1].faults.jam_frees_on_push = True, frees
    pulse(plant, 1, 0.0)
    plant.push(1, 1.0)
    assert not plant.locks[1].is_open
    pulse(plant, 1, 2.0)
    assert plant.locks[1].is_open == frees


def test_push_while_the_coil_pulls_opens_at_once() -> None:
    plant = Plant([1])
    plant.locks[1].faults.jammed, plant.locks[1].faults.jam_frees_on_push = True, True
    plant.energise(1, 0.0)
    plant.push(1, 0.2)
    plant.advance(0.3)
    assert plant.locks[1].is_open


def test_stiff_latch_needs_a_longer_pulse() -> None:
    plant = Plant([1])
    plant.locks[1].faults.release_s_min = 0.6
    pulse(plant, 1, 0.0, 0.3)
    assert not plant.locks[1].is_open
    pulse(plant, 1, 1.0, 1.0)
    assert plant.locks[1].is_open


@pytest.mark.parametrize(
    ("volts", "ohm", "opens"), [(10.2, 0.3, True), (10.1, 0.3, False), (12, 1.3, False)]
)
def test_weak_supply_releases_nothing(volts: float, ohm: float, opens: bool) -> None:
    plant = Plant([1], {1: "psu"})
    plant.supplies["psu"].faults.volts, plant.supplies["psu"].faults.ohm = volts, ohm
    pulse(plant, 1, 0.0)
    assert plant.locks[1].is_open == opens
    assert not plant.supplies["psu"].resets


def test_parameters_of_a_plant_are_its_own() -> None:
    plant = Plant([1], electrics=Electrics(release_s_min=0.5, release_v_min=11.9))
    pulse(plant, 1, 0.0, 1.0)
    assert not plant.locks[1].is_open


def test_time_at_enough_volts_begins_when_the_others_let_go() -> None:
    plant = Plant(range(1, 6))
    for number in range(1, 6):
        plant.energise(number, 0.0)
    plant.release(5, 1.0)
    plant.advance(2.0)
    released = [fact.at for fact in plant.facts if fact.name == "released"]
    assert released == [pytest.approx(1.0 + RELEASE_S_MIN)] * 4


def test_so_many_coils_that_the_board_resets_drop_together_and_open_nothing() -> None:
    plant = Plant(range(1, 13), dict.fromkeys(range(1, 13), "psu"))
    for number in range(1, 13):
        plant.energise(number, number / 100)
    plant.advance(0.5)
    # 9 coils leave 6.6 V: these dropped; the last three came after it.
    assert plant.supplies["psu"].resets == [0.09]
    assert [one.compartment for one in plant.pulses] == list(range(1, 10))
    assert {one.ended for one in plant.pulses} == {0.09}
    assert [lock.is_open for lock in plant.locks.values()] == [False] * 9 + [True] * 3


def test_welded_relay_holds_its_coil_until_the_power_is_cut() -> None:
    plant = Plant([1, 2], {1: "a", 2: "b"})
    plant.locks[1].faults.welded = True
    plant.energise(1, 0.0)
    plant.release(1, 0.3)
    assert not plant.pulses
    assert plant.longest_on_s(1, 5.0) == 5.0
    plant.power_lost(6.0, "a")
    assert plant.pulses == [Pulse(1, 0.0, 6.0)]
    plant.power_back(7.0, "a")
    plant.power_lost(9.0, "a")
    assert plant.pulses[1:] == [Pulse(1, 7.0, 9.0)]
    plant.locks[1].faults.welded = False
    plant.power_back(10.0, "a")
    assert plant.longest_on_s(1, 99.0) == 6.0
    assert plant.longest_on_s(2, 99.0) == 0.0


def test_door_cannot_be_shut_while_its_coil_pulls() -> None:
    plant = Plant([1])
    plant.energise(1, 0.0)
    plant.advance(1.0)
    plant.shut(1, 1.0)
    plant.advance(2.0)
    assert plant.locks[1].is_open
    assert [fact.name for fact in plant.facts][-3:] == ["door_shut", "released", "door_opened"]


def test_coil_that_is_held_burns_and_opens_nothing_from_then_on() -> None:
    plant = Plant([1])
    plant.energise(1, 0.0)
    plant.advance(60.0)
    assert plant.facts[-1] == Fact("coil_burnt", 1, 10.0)
    plant.release(1, 60.0)
    plant.shut(1, 61.0)
    pulse(plant, 1, 3600.0, 1.0)
    assert not plant.locks[1].is_open
    assert plant.longest_on_s(1, 3601.0) == 60.0


@given(st.floats(0.05, 3.0), st.floats(0.02, 0.5))
def test_coil_burns_only_above_its_share_of_the_time(on_s: float, share: float) -> None:
    plant = Plant([1])
    for turn in range(400):
        pulse(plant, 1, turn * on_s / share, on_s)
    if share <= 0.1:
        assert not plant.locks[1].faults.coil_dead
    elif share >= 0.15 and on_s >= 0.2:
        assert plant.locks[1].faults.coil_dead


def test_dead_coil_draws_nothing() -> None:
    plant = Plant(range(1, 6))
    plant.locks[1].faults.coil_dead = True
    for number in range(1, 6):
        plant.energise(number, 0.0)
    plant.advance(0.3)
    assert [lock.is_open for lock in plant.locks.values()] == [False, True, True, True, True]


def test_power_cut_in_a_pulse_drops_the_coil_and_leaves_the_doors_as_they_are() -> None:
    plant = Plant([1, 2])
    plant.force(2, 0.0)
    plant.energise(1, 1.0)
    plant.power_lost(1.0 + RELEASE_S_MIN / 2)
    assert plant.pulses == [Pulse(1, 1.0, 1.0 + RELEASE_S_MIN / 2)]
    plant.energise(1, 2.0)
    plant.release(1, 2.3)
    plant.power_back(3.0)
    plant.advance(9.0)
    assert [plant.reads_shut(number, 9.0) for number in (1, 2)] == [True, False]
    assert len(plant.pulses) == 1
    assert plant.powered(1)
    pulse(plant, 1, 10.0)
    assert plant.locks[1].is_open


def test_power_cut_after_the_latch_let_go_leaves_the_door_opening() -> None:
    plant = Plant([1])
    plant.energise(1, 0.0)
    plant.power_lost(RELEASE_S_MIN + POP_S / 2)
    plant.advance(1.0)
    assert plant.locks[1].is_open
    assert not plant.powered(1)


def test_door_ajar_reads_shut_and_is_not() -> None:
    plant = Plant([1])
    plant.locks[1].full, plant.locks[1].faults.ajar = True, True
    plant.force(1, 0.0)
    plant.shut(1, 1.0)
    plant.shut(1, 2.0)
    assert plant.reads_shut(1, 3.0)
    assert plant.unattended == [1]
    plant.person(Person("take_out"), 3.0)  # no key needed
    plant.advance(9.0)
    assert not plant.locks[1].full
    plant.locks[1].faults.ajar = False
    pulse(plant, 1, 10.0)
    assert not plant.reads_shut(1, 11.0)
    plant.shut(1, 12.0)
    assert plant.unattended == []
    assert names(plant)[-1] == "door_shut"


def test_occupancy_sensor_says_what_lies_there_or_is_stuck() -> None:
    plant = Plant([1])
    assert not plant.occupied(1, 0.0)
    plant.person(Person("put_in"), 0.0)
    pulse(plant, 1, 0.0)
    assert plant.occupied(1, 5.0)
    plant.locks[1].faults.occupancy_stuck = "empty"
    assert not plant.occupied(1, 6.0)


def test_worn_contact_bounces_for_longer() -> None:
    plant = Plant([1])
    plant.locks[1].faults.bounce_s = 0.2
    plant.force(1, 0.0)
    assert {plant.reads_shut(1, 0.1 + ms / 1000) for ms in range(12)} == {True, False}
    assert not plant.reads_shut(1, 0.2)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.floats(0.01, 3.0), st.booleans()), max_size=12),
    st.floats(0.001, 0.5),
)
def test_what_happens_does_not_depend_on_how_often_one_looks(
    acts: list[tuple[int, float, bool]], look_s: float
) -> None:
    rarely, often = Plant([1, 2, 3]), Plant([1, 2, 3])
    now = 0.0
    for number, wait_s, person in acts:
        for plant in (rarely, often):
            if person:
                plant.person(Person("put_in", number), now)
            pulse(plant, number, now)
        looked = now + 0.3
        now += 0.3 + wait_s
        while looked < now:
            often.advance(looked)
            looked += look_s
    rarely.advance(now)
    often.advance(now)
    assert rarely.facts == often.facts
    assert rarely.locks == often.locks
