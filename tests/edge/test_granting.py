"""What the backend says of a parcel that this locker knows under another right, or not at all."""

import msgspec
import pytest

from fellesskap_edge.facts import Place
from fellesskap_protocol.events import Deposited
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import LittleLocker, allowance, badge, removal, right

HERE, ELSEWHERE = 2, 4


def with_an_unannounced_parcel() -> tuple[LittleLocker, str]:
    """A locker where one lies in door 2, behind an empty door; return it and the parcel's id."""
    locker = LittleLocker().ready(allowance("S", 1))
    locker.controller.places[1] = Place("empty", "out")
    locker.show_badge(badge())
    locker.scan("label-new")
    locker.press("size", "S")
    locker.open_and_shut(HERE)
    (deposited,) = [one for one in locker.records if isinstance(one, Deposited)]
    return locker, deposited.parcel_id


@pytest.mark.parametrize("compartment", [HERE, ELSEWHERE])
def test_the_backends_right_takes_the_place_of_the_edges_own_where_the_parcel_lies(
    compartment: int,
) -> None:
    locker, parcel_id = with_an_unannounced_parcel()
    own = locker.controller.places[HERE].right_id
    assert own is not None
    named = right("new", "collect")
    locker.put(msgspec.structs.replace(named, parcel_id=parcel_id, compartment=compartment))
    assert ("right", own) not in locker.facts
    assert own not in locker.controller.rights
    locker.restart()
    locker.say_shut()
    assert locker.controller.places[HERE] == Place("parcel", "in", "new")
    assert locker.controller.places[ELSEWHERE].right_id is None
    assert locker.controller.rights["new"].compartment == HERE
    locker.enter("code-new")
    locker.wait(1.0)
    assert locker.pulses[-1].compartment == HERE


def test_a_right_to_another_parcel_leaves_the_edges_own_alone() -> None:
    locker, _ = with_an_unannounced_parcel()
    own = locker.controller.places[HERE].right_id
    other = right("other", "collect")
    locker.put(msgspec.structs.replace(other, compartment=ELSEWHERE))
    assert locker.controller.places[HERE].right_id == own
    assert own in locker.controller.rights


LIES = msgspec.structs.replace(right("one", "collect"), compartment=1)


@pytest.mark.parametrize(
    ("wished", "believed"),
    [
        (LIES, True),
        (msgspec.structs.replace(LIES, revoked=True), False),
        (msgspec.structs.replace(LIES, parcel_id=None), False),
        (msgspec.structs.replace(LIES, compartment=None), False),
        (removal("one", compartment=1), False),
    ],
)
def test_a_store_that_knows_nothing_believes_only_a_good_right_to_a_parcel_there(
    wished: Right, believed: bool
) -> None:
    locker = LittleLocker()
    locker.facts["place", "1"] = Place("unknown", "in")
    locker.restart()
    locker.ready(wished)
    expected = Place("parcel", "in", "one") if believed else Place("unknown", "in")
    assert locker.controller.places[1] == expected


def test_no_right_opens_where_anothers_parcel_lies() -> None:
    locker = LittleLocker().ready(right("one"))
    number = locker.deposit("one")
    stranger = msgspec.structs.replace(right("other", "collect"), compartment=number)
    locker.put(stranger)
    assert locker.controller.rights["other"] == msgspec.structs.replace(stranger, compartment=None)
    assert locker.facts["right", "other"] == locker.controller.rights["other"]
    before = len(locker.pulses)
    locker.enter("code-other")
    locker.wait(1.0)
    assert len(locker.pulses) == before
    assert locker.controller.places[number].right_id == "one"
    locker.enter("code-one")
    locker.wait(1.0)
    assert len(locker.pulses) == before + 1
