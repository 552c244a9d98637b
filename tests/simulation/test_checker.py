"""The checker of one locker finds histories with something wrong in them."""

import pytest

from fellesskap_firmware_sim.plant import Plant
from fellesskap_protocol.events import (
    AnyEvent,
    Collected,
    Deposited,
    DoorOpened,
    DroppedOff,
    Presented,
    Pulsed,
    Removed,
    stamped,
)
from tests.simulation.checker import Checker

AUTHORISED = Presented(kind="label", outcome="authorised", authorisation_id="a", compartment=1)
PULSED = Pulsed(authorisation_id="a", compartment=1, attempt=1)
OPENED = DoorOpened(compartment=1, authorisation_id="a")
DEPOSITED = Deposited(parcel_id="p", carrier_id="c", compartment=1, evidence="door")
COLLECTED = Collected(parcel_id="p", right_id="r", compartment=1, evidence="door")
ELSEWHERE = Deposited(parcel_id="p", carrier_id="c", compartment=2, evidence="door")
SENT = DroppedOff(parcel_id="p", right_id="r", allowance_class="S", compartment=1, evidence="door")
REMOVED = Removed(parcel_id="p", right_id="r", compartment=1, evidence="door")


@pytest.mark.parametrize(
    ("history", "invariant"),
    [
        ((PULSED,), "I3"),
        ((AUTHORISED, AUTHORISED), "I4"),
        ((AUTHORISED, *[PULSED] * 4), "I4"),
        ((AUTHORISED, PULSED, OPENED, PULSED), "I4"),
        ((DEPOSITED, DEPOSITED), "I1"),
        ((DEPOSITED, ELSEWHERE), "I1"),
        ((DEPOSITED, SENT), "I1"),
        ((SENT, ELSEWHERE), "I1"),
        ((COLLECTED,), "I5"),
        ((SENT, REMOVED, REMOVED), "I5"),
    ],
)
def test_the_checker_finds_a_wrong_history(history: tuple[AnyEvent, ...], invariant: str) -> None:
    checker = Checker(Plant([1]))
    for event in history:
        checker.judge(event)
    assert [breach[:2] for breach in checker.breaks] == [invariant]


def test_the_checker_accepts_a_right_history() -> None:
    checker = Checker(Plant([1]))
    for event in (AUTHORISED, PULSED, OPENED, DEPOSITED, COLLECTED, SENT, REMOVED, DEPOSITED):
        checker.judge(event)
    assert checker.breaks == []
    assert (checker.deposited, checker.collected, checker.removed) == ({"p"}, {"p"}, {"p"})


def test_the_checker_finds_a_pulse_after_a_restart() -> None:
    checker = Checker(Plant([1]))
    checker.judge(AUTHORISED)
    checker.rebooted()
    checker.judge(stamped(PULSED, boot_id="another"))
    assert checker.breaks == ["I4 a pulse after its door was open, or after a restart a"]


def test_the_checker_finds_a_coil_that_nobody_asked_for_and_one_beside_another() -> None:
    plant = Plant([1, 2, 3], {1: "psu-1", 2: "psu-1", 3: "psu-2"})
    checker = Checker(plant)
    for number in (1, 2, 3):
        plant.energise(number, 0.1 * number)
    for number in (3, 2, 1):
        plant.release(number, 1.2)
    for fact in plant.facts:
        checker._moved(fact)
    assert sorted(breach.split(":")[0] for breach in checker.breaks) == [
        "I14 the coil of 1 was on for 1.100 s",
        *["I3 a coil that nobody asked for"] * 3,
        "two coils at once on psu-1",
    ]
