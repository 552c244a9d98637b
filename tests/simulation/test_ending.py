"""What is judged when a life is over finds what is wrong then, and names it.

One life is lived, and what it left is damaged in one place; without that, nothing is found. Secrets
that left it: `test_secrecy`.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import msgspec
import pytest

from fellesskap_protocol.messages import encode
from tests.judge import history
from tests.simulation import ending, rivals, secrecy
from tests.simulation.cabinet import Cabinet
from tests.simulation.carriers import Carrier
from tests.simulation.conftest import ENDED
from tests.simulation.damage import changes
from tests.simulation.life import Life
from tests.simulation.shipments import Shipment

pytestmark = ENDED


def test_a_life_in_which_nothing_is_wrong_ends_well(life: Life) -> None:
    assert list(ending.breaks(life)) == []
    assert len(secrecy.secrets(life)) > 90
    records = life.world.chronicle.records
    assert sum(isinstance(one, history.Answered) and one.outcome == "ok" for one in records) > 100


def test_a_life_under_way_lacks_nothing(midway: Life) -> None:
    assert [*ending.unheld(midway), *ending.freed_early(midway)] == []


# I15 ---------------------------------------------------------------------------------------------

DECIDED = "WHERE locker_id = 'skap-1' AND number = 2"
DECISIONS: dict[str, tuple[str, str]] = {
    "what was decided is altered": (
        f"UPDATE decisions SET body = replace(body, 'confirmed', 'locker_full') {DECIDED}",
        "I15 skap-1: decision 2: altered",
    ),
    "another carrier is said to have asked": (
        "UPDATE decisions SET carrier_id = (SELECT carrier_id FROM decisions AS other WHERE "
        f"other.carrier_id != decisions.carrier_id) {DECIDED}",
        "I15 skap-1: decision 2: altered",
    ),
    "a decision is gone": (f"DELETE FROM decisions {DECIDED}", "I15 skap-1: decision 2: gone"),
    "the time of a decision is another": (
        f"UPDATE decisions SET decided_at = datetime(decided_at, '+1 day') {DECIDED}",
        "I15 skap-1: decision 2: altered",
    ),
    "a receipt says something else": (
        "UPDATE receipts SET told = replace(told, '1', '2') WHERE decision_id = "
        f"(SELECT id FROM decisions {DECIDED})",
        "I15 skap-1: decision 2: ",
    ),
    "an hour's root is another": (
        "UPDATE audit_roots SET size = size + 1 WHERE hour = (SELECT min(hour) FROM audit_roots)",
        "I15 2026-11-23T",
    ),
}


@pytest.mark.parametrize("wrong", DECISIONS)
def test_a_decision_that_does_not_stand_is_found(life: Life, wrong: str) -> None:
    sql, words = DECISIONS[wrong]
    assert changes(life, sql) == 1
    told = list(ending.breaks(life))
    assert any(one.startswith(words) for one in told)
    assert all(one.startswith("I15 ") for one in told)


# Liveness ----------------------------------------------------------------------------------------

LIMBO: dict[str, tuple[str, str]] = {
    "a revision was never applied": (
        "UPDATE lockers SET applied_revision = applied_revision - 1 WHERE id = 'skap-1'",
        "liveness skap-1: rights ",
    ),
    "a parcel lies there for ever": (
        "UPDATE parcels SET state = 'deposited' WHERE id = (SELECT min(id) FROM parcels)",
        "liveness parcel ",
    ),
    "a parcel is expected for ever": (
        "UPDATE parcels SET state = 'expected' WHERE id = (SELECT max(id) FROM parcels)",
        "liveness parcel ",
    ),
    "a generation was never applied": (
        "UPDATE lockers SET generation = generation + 1 WHERE id = 'skap-2'",
        "liveness skap-2: rights ",
    ),
}


@pytest.mark.parametrize("wrong", LIMBO)
def test_what_waits_for_ever_is_found(life: Life, wrong: str) -> None:
    sql, words = LIMBO[wrong]
    assert changes(life, sql) == 1
    [told] = ending.limbo(life)
    assert told.startswith(words)


def test_a_daemon_that_is_down_and_a_journal_that_is_not_recorded_are_found(life: Life) -> None:
    cabinet = life.world.cabinets["skap-1"]
    assert cabinet.drive is not None
    drive, uplink = cabinet.drive, cabinet.drive.uplink
    drive.uplink = replace(uplink, acked_seq=uplink.acked_seq - 2)
    told = list(ending.limbo(life))
    drive.uplink, cabinet.drive = uplink, None
    assert told == ["liveness skap-1: its journal is not recorded"]
    told = list(ending.limbo(life))
    cabinet.drive = drive
    assert told == ["liveness skap-1: its daemon does not run"]


# Lockers and rows, as they are compared on the way ------------------------------------------------


def _held(life: Life) -> tuple[Cabinet, str]:
    """Return a locker that holds a claim, and which."""
    for cabinet in life.world.cabinets.values():
        assert cabinet.drive is not None
        for name, right in cabinet.drive.controller.rights.items():
            if right.kind == "claim" and not right.revoked:
                return cabinet, name
    raise AssertionError("no claim is in force")


def _drops(life: Life, cabinet: Cabinet, name: str) -> None:
    del life
    assert cabinet.drive is not None
    del cabinet.drive.controller.rights[name]


def _knows_another_code(life: Life, cabinet: Cabinet, name: str) -> None:
    del life
    assert cabinet.drive is not None
    rights = cabinet.drive.controller.rights
    rights[name] = msgspec.structs.replace(rights[name], code_mac="other")


def _was_told_that_it_is_revoked(life: Life, cabinet: Cabinet, name: str) -> None:
    assert cabinet.drive is not None
    wish = msgspec.structs.replace(cabinet.drive.controller.rights[name], revoked=True)
    sql = "UPDATE rights SET body = ? WHERE id = ?"
    assert changes(life, sql, encode(wish), UUID(name).hex) == 1


UNHELD = {
    "it does not hold it": (_drops, "it does not hold claim "),
    "it knows another code": (_knows_another_code, "claim "),
    "it takes it to be good": (_was_told_that_it_is_revoked, "claim "),
}


@pytest.mark.parametrize("wrong", UNHELD)
def test_a_right_that_a_locker_has_otherwise_than_wished_is_found(midway: Life, wrong: str) -> None:
    damage, words = UNHELD[wrong]
    cabinet, name = _held(midway)
    assert cabinet.drive is not None
    rights = cabinet.drive.controller.rights
    kept = dict(rights)
    damage(midway, cabinet, name)
    told = list(ending.unheld(midway))
    rights.clear()
    rights.update(kept)
    assert len(told) == 1
    assert told[0].startswith(f"liveness {cabinet.locker_id}: {words}")
    assert name in told[0]


@pytest.mark.parametrize("state", ["cancelled", "expired", "diverted"])
def test_room_that_is_free_before_its_locker_said_so_is_found(midway: Life, state: str) -> None:
    sql = "UPDATE parcels SET state = ? WHERE right_id = (SELECT min(right_id) FROM claims)"
    assert changes(midway, sql, state) == 1
    assert list(ending.freed_early(midway)) == []
    sql = (
        "UPDATE claims SET released = 1, released_at_revision = 99999 "
        "WHERE right_id = (SELECT min(right_id) FROM claims)"
    )
    assert changes(midway, sql) == 1
    [told] = ending.freed_early(midway)
    assert told.startswith("I2 skap-")
    assert told.endswith("is free before 99999 is applied")


# I10 ---------------------------------------------------------------------------------------------


def _rival(life: Life) -> Carrier:
    return life.carriers[-1]


def _first(life: Life) -> Shipment:
    return next(one for one in life.shipments if one.carrier is _rival(life) and one.parcel_id)


TOLD: dict[str, Callable[[Life], object]] = {
    "a label in a refusal": lambda life: {"code": "locker_full", "taken_by": _first(life).label},
    "a parcel's row": lambda life: {"parcels": [{"id": _first(life).parcel_id}]},
    "an event of its": lambda life: {"type": "parcel.collected", "right": _first(life).right_id},
    "who it is": lambda life: {"detail": f"Carrier {_rival(life).id} has more."},
    "where it hears": lambda _life: {"url": "https://rival.example/hook"},
}


@pytest.mark.parametrize("what", TOLD)
def test_what_names_something_of_a_rival_and_is_told_to_another_is_found(
    life: Life, what: str
) -> None:
    life.world.left.tell(life.carriers[0].who, {"it": TOLD[what](life)})
    [told] = ending.breaks(life)
    assert told.startswith("I10 Nordpost's was told of ")
    assert told.endswith("which is Rival's")


def test_what_an_operator_and_the_owner_see_of_it_is_no_leak(life: Life) -> None:
    for who in ("operator", _rival(life).who):
        for what in TOLD.values():
            life.world.left.tell(who, {"it": what(life)})
    assert list(ending.breaks(life)) == []


def _one_more(texts: list[str]) -> list[str]:
    return [*texts, "{'title': 'The locker is full'}"]


def _one_less(texts: list[str]) -> list[str]:
    return texts[:-1]


def _another_number(texts: list[str]) -> list[str]:
    at = next(at for at, text in enumerate(texts) if "'compartment': " in text)
    return [*texts[:at], texts[at].replace("': ", "': 1", 1), *texts[at + 1 :]]


def _another_order(texts: list[str]) -> list[str]:
    return [*texts[:4], texts[5], texts[4], *texts[6:]]


@pytest.mark.parametrize("wrong", [_one_more, _one_less, _another_number, _another_order])
def test_whatever_others_are_told_in_one_of_two_worlds_is_found(
    life: Life, wrong: Callable[[list[str]], list[str]]
) -> None:
    other = copy.copy(life)
    other.world = copy.copy(life.world)
    other.world.left = copy.deepcopy(life.world.left)
    assert list(rivals.differences(life, other)) == []
    who = life.carriers[1].who
    mine = wrong([text for reader, text in life.world.left.told if reader == who])
    rest = [one for one in life.world.left.told if one[0] != who]
    other.world.left.told = rest + [(who, text) for text in mine]
    [told] = rivals.differences(life, other)
    assert told.startswith("I10 Fjordbud was told ")


def test_what_a_rival_itself_is_told_may_differ(life: Life) -> None:
    other = copy.copy(life)
    other.world = copy.copy(life.world)
    other.world.left = copy.deepcopy(life.world.left)
    other.world.left.tell(_rival(life).who, {"more": "of its own"})
    assert list(rivals.differences(life, other)) == []
