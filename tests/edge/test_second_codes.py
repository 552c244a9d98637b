"""Second codes of a parcel: a collect right without compartment, beside the parcel's own."""

import msgspec

from fellesskap_edge.facts import Place
from fellesskap_protocol.events import Collected, Deposited
from fellesskap_protocol.messages import Right
from tests.edge.little_locker import LittleLocker, allowance, badge, right
from tests.edge.test_courier import count, last, told

SECOND = Right(
    id="second",
    kind="collect",
    carrier_id="red",
    parcel_id="parcel-one",
    code_mac="code-second",
    long_code_mac="long-second",
    qr_mac="qr-second",
)


def test_a_second_code_opens_where_the_parcel_lies_and_uses_up_the_first() -> None:
    locker = LittleLocker().ready(right("one"), SECOND)
    assert told(locker.enter("code-second")) == [("refused", None)]
    number = locker.deposit("one")
    assert told(locker.enter("qr-second")) == [("opens", number)]
    locker.open_and_shut(number)
    assert last(Collected, locker) == Collected(
        parcel_id="parcel-one", right_id="second", compartment=number, evidence="door"
    )
    assert told(locker.enter("code-one")) == [("refused", None)]
    assert told(locker.enter("code-second")) == [("opens", number)], "to look again"
    locker.put(right("two"))
    assert locker.deposit("two") == 2
    locker.wait(400.0)
    assert told(locker.enter("code-second")) == [("refused", None)]


def test_the_first_code_uses_up_the_second() -> None:
    locker = LittleLocker().ready(right("one"), SECOND)
    number = locker.deposit("one")
    locker.enter("code-one")
    locker.open_and_shut(number)
    assert told(locker.enter("code-second")) == [("refused", None)]


def test_a_second_code_that_is_taken_away_opens_no_more_and_the_first_does() -> None:
    locker = LittleLocker().ready(right("one"), SECOND)
    number = locker.deposit("one")
    locker.put(remove=["second"])
    assert told(locker.enter("code-second")) == [("refused", None)]
    locker.restart()
    locker.say_shut()
    assert told(locker.enter("code-second")) == [("refused", None)]
    assert told(locker.enter("code-one")) == [("opens", number)]


def test_a_first_code_without_digits_keeps_custody_and_the_second_opens() -> None:
    locker = LittleLocker().ready(right("one"), SECOND)
    number = locker.deposit("one")
    bare = msgspec.structs.replace(
        right("one", "collect"), code_mac=None, long_code_mac=None, qr_mac=None, compartment=number
    )
    locker.put(bare)
    assert told(locker.enter("code-one")) == [("refused", None)]
    assert locker.controller.places[number].right_id == "one"
    assert told(locker.enter("code-second")) == [("opens", number)]


def test_second_codes_survive_a_restart_and_new_rights_from_empty() -> None:
    locker = LittleLocker().ready(right("one"), SECOND)
    number = locker.deposit("one")
    first = msgspec.structs.replace(right("one", "collect"), compartment=number)
    locker.put(SECOND, first, from_empty=True)
    locker.restart()
    locker.say_shut()
    assert locker.controller.places[number].right_id == "one"
    assert told(locker.enter("code-second")) == [("opens", number)]


def test_a_second_code_that_comes_first_leaves_custody_of_an_unannounced_parcel_alone() -> None:
    locker = LittleLocker().ready(allowance("S", 1))
    locker.show_badge(badge())
    locker.scan("label-new")
    locker.press("size", "S")
    locker.open_and_shut(1)
    parcel_id = last(Deposited, locker).parcel_id
    second = msgspec.structs.replace(SECOND, parcel_id=parcel_id)
    own = msgspec.structs.replace(right("new", "collect"), parcel_id=parcel_id, compartment=1)
    locker.put(second, own)
    assert locker.controller.places[1].right_id == "new"
    locker.put(remove=["second"])
    assert told(locker.enter("code-second")) == [("refused", None)]
    assert told(locker.enter("code-new")) == [("opens", 1)]
    locker.open_and_shut(1)
    assert count(Collected, locker) == 1


def test_a_store_that_knows_nothing_believes_the_first_code_and_opens_by_both() -> None:
    locker = LittleLocker()
    locker.facts["place", "2"] = Place("unknown", "in")
    locker.restart()
    first = msgspec.structs.replace(right("one", "collect"), compartment=2)
    locker.ready(SECOND, first)
    assert locker.controller.places[2].right_id == "one"
    assert told(locker.enter("code-second")) == [("opens", 2)]
