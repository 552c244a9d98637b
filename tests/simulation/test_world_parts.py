"""The parts of a world are what they stand for: what a carrier remembers, what a card takes."""

import random
from pathlib import Path

import msgspec

from fellesskap_edge.journal import Stamp
from fellesskap_protocol.events import Booted
from tests.durability.times import NOW
from tests.simulation.carriers import Carrier
from tests.simulation.life import Life, lives
from tests.simulation.medium import CardJournal, Medium
from tests.simulation.shipments import Shipment

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
        carrier.hear("e1", _told("parcel.deposited", parcel_id=AFTER, replaces=BEFORE))
        assert (one.parcel_id, one.former_ids) == (AFTER, [BEFORE])


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
