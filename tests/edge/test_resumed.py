"""An operation that a restart cut off, at a door of which nothing tells whether it is open."""

from pathlib import Path

import msgspec

from fellesskap_edge.config import Bank
from fellesskap_edge.door import BLIND_S
from fellesskap_protocol.events import DoorClosed, NotOpened
from tests.edge.failing_locker import Failing
from tests.edge.little_locker import CONFIG


def blind(folder: Path) -> Failing:
    """A locker whose first bank is a relay board without inputs; parcel 1 lies there."""
    banks = (
        Bank(name="a", family="waveshare", port="bus-a", address=1, supply="psu-a"),
        Bank(name="b", family="8a", port="bus-b", address=1, supply="psu-b"),
    )
    return Failing(folder, msgspec.structs.replace(CONFIG, banks=banks))


def test_a_door_without_a_contact_serves_again_after_a_restart_in_mid_operation(
    tmp_path: Path,
) -> None:
    locker = blind(tmp_path)
    assert locker.types() == ("opens", 1)
    locker.power_fails()
    locker.wait(10)
    assert locker.types() == ("busy", 1)
    locker.wait(BLIND_S)
    (ended,) = locker.journalled(NotOpened)
    assert ended.compartment == 1
    assert not locker.journalled(DoorClosed)
    assert locker.types() == ("opens", 1)
