"""Doors obey physics: time and volts release a latch, a spring opens, people do the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fellesskap_firmware_sim.plant import BOUNCE_S, POP_S, RELEASE_S_MIN, Person, Plant


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
