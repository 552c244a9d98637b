"""The parts of a world are what they stand for: what a carrier remembers, what a card takes."""

import random
from pathlib import Path

import msgspec

from fellesskap_edge.journal import Stamp
from fellesskap_protocol.events import Booted
from tests.durability.times import NOW
from tests.simulation import errands
from tests.simulation.carriers import Carrier
from tests.simulation.life import Life, lives
from tests.simulation.medium import CardJournal, Medium
from tests.simulation.shipments import Shipment
from tests.simulation.world import Going

BEFORE, AFTER = "01930000-0000-7000-9000-000000000001", "01930000-0000-7000-9000-000000000002"


def _reserved(life: Life) -> tuple[Carrier, Shipment]:
    carrier = life.carriers[0]
    one = life.shipment("skap-1", life.rng, of=carrier)
    one.parcel_id, one.reservation_id, one.state = BEFORE, AFTER, "reserved"
    carrier.shipments[BEFORE] = carrier.by_label[one.label] = one
    return carrier, one


def _told(what: str, **data: str) -> bytes:
    return msgspec.json.encode({"position": 1, "type": what, "data": data})


def test_a_carrier_knows_that_a_restored_database_forgot_the_reservation_of_what_it_adopted() -> (
    None
):
    with lives(21, 0.0) as life:
        carrier, one = _reserved(life)
        carrier.hear("e1", _told("parcel.adopted", parcel_id=BEFORE))
        assert (one.state, one.reservation_id) == ("lies", "")


def test_a_carrier_still_knows_what_a_parcel_was_called_before_another_took_its_place() -> None:
    with lives(21, 0.0) as life:
        carrier, one = _reserved(life)
        came = _told("parcel.deposited", parcel_id=AFTER, replaces=BEFORE, locker_id="skap-1")
        carrier.hear("e1", came)
        assert (one.parcel_id, one.former_ids) == (AFTER, [BEFORE])


def test_a_carrier_knows_where_a_parcel_lies_that_was_brought_to_another_locker() -> None:
    with lives(21, 0.0) as life:
        carrier, one = _reserved(life)
        carrier.open["skap-1"] = [one]
        came = _told("parcel.deposited", parcel_id=AFTER, replaces=BEFORE, locker_id="skap-2")
        carrier.hear("e1", came)
        assert (one.locker_id, one.state, carrier.open["skap-1"]) == ("skap-2", "lies", [])


def test_couriers_come_with_every_badge_and_with_what_another_locker_expects() -> None:
    with lives(21, 0.0) as life:
        carrier, one = _reserved(life)
        here, elsewhere = life.world.cabinets["skap-2"], life.world.cabinets["skap-1"]
        carrier.open["skap-1"] = [one]
        assert {len(errands.mislaid(here, carrier, random.Random(n))) for n in range(40)} == {0, 1}
        assert errands.mislaid(elsewhere, carrier, Sure()) == []
        asked: list[tuple[tuple[str, ...], tuple[str, ...]]] = []

        def issue(lockers: tuple[str, ...], may: tuple[str, ...]) -> Going:
            asked.append((lockers, may))
            yield from ()
            return f"token {len(asked)}"

        carrier.badge = issue  # type: ignore[method-assign]
        carrier.tokens = ["one of before"]
        tokens = {_last(errands.badge(here, carrier, random.Random(n))) for n in range(200)}
        assert "one of before" in tokens
        both = ("deposit", "remove")
        others = tuple(name for name in life.world.cabinets if name != "skap-2")
        assert set(asked) == {
            (("skap-2",), both),
            (("skap-2",), ("deposit",)),
            (("skap-2",), ("remove",)),
            (others, both),
        }


class Sure(random.Random):
    """Whatever may happen happens."""

    def random(self) -> float:
        return 0.0


def _last(going: Going) -> object:
    try:
        while True:
            next(going)
    except StopIteration as end:
        return end.value


def test_who_has_not_heard_of_a_new_code_knows_the_one_before() -> None:
    with lives(21, 0.0) as life:
        _, one = _reserved(life)
        one.told("12345678", "0000", "FSK1:a")
        assert one.old_code == ""
        one.told("12345678", "0000")
        assert one.old_code == "", "told once more"
        one.told("87654321", "1111", "FSK1:b")
        before = one.with_old_code()
        assert (before.code, before.qr, before.parcel_id) == ("123456780000", "FSK1:a", "")
        assert (one.code, one.qr) == ("876543211111", "FSK1:b")


def test_a_daemon_can_be_killed_while_its_disk_is_full_and_refuses(tmp_path: Path) -> None:
    medium = Medium(random.Random(1))
    journal = CardJournal(tmp_path / "one.sqlite", medium)
    stamp = Stamp(NOW, "trusted", "boot", 1000)
    journal.commit([Booted(software="1")], [], stamp, new_epoch="1")
    medium.fill()
    medium.refuses = medium.dead = True
    journal.close()
    medium.heal()
    medium.revive()
    assert CardJournal(tmp_path / "one.sqlite", medium).head_seq == 1
