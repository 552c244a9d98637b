"""A parcel in dispute, and how an operator resolves it; late truth still wins."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from fellesskap_backend.carriers.service import credentials_of
from fellesskap_backend.errors import Forbidden, NotFound, WrongState
from fellesskap_backend.parcels import acts
from fellesskap_backend.parcels.acts import Outcome
from fellesskap_backend.rights.tables import RightCode
from fellesskap_protocol import events
from tests.backend.api import request, reserve
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit


def _disputed(house: Lives) -> dict[str, Any]:
    answer = house.room()
    house.tell(*deposit(answer))
    for _ in range(2):
        house.do(acts.dispute, house.carrier, UUID(answer["parcel_id"]), reason="not found")
    return answer


def test_a_carrier_doubts_and_the_right_stays_good(house: Lives) -> None:
    answer = _disputed(house)
    assert house.parcel(answer["parcel_id"]).state == "disputed"
    (notice,) = house.notices("parcel.disputed")
    assert notice.data["reason"] == "not found"
    assert [right.revoked for right in house.rights("collect")] == [False]
    assert [row.id for row in house.api.change(acts.disputed)] == [UUID(answer["parcel_id"])]
    house.tell(*collect(answer))
    assert house.parcel(answer["parcel_id"]).state == "collected"


@pytest.mark.parametrize("outcome", ["collected", "removed", "lost"])
def test_what_is_gone_has_its_right_revoked_and_its_door_stays_suspect(
    house: Lives, outcome: Outcome
) -> None:
    answer = _disputed(house)
    parcel_id = UUID(answer["parcel_id"])
    for _ in range(2):
        house.do(acts.resolve, house.operator, parcel_id, outcome)
    assert house.parcel(answer["parcel_id"]).state == outcome
    assert [right.revoked for right in house.rights("collect")] == [True]
    place = house.compartment(1)
    assert (place.parcel_id, place.service) == (None, "suspect")
    assert house.api.rows(RightCode)[0].removed_at is not None
    assert len(house.notices("parcel.resolved")) == 1
    # Late truth: it was there all the time.
    house.tell(*collect(answer))
    assert house.parcel(answer["parcel_id"]).state == "collected"
    assert house.rights() == []


def test_what_lies_there_after_all_is_deposited_and_its_clock_has_gone_on(house: Lives) -> None:
    answer = house.room()
    now = datetime.now(UTC)
    begin = now - timedelta(hours=9)
    house.tell_at(begin, deposit(answer)[-1])
    house.do(acts.dispute, house.carrier, UUID(answer["parcel_id"]), reason="not found")
    house.serve(begin, begin + timedelta(hours=1))
    house.serve(now - timedelta(hours=1), now)
    house.do(acts.resolve, house.operator, UUID(answer["parcel_id"]), "deposited")
    parcel = house.parcel(answer["parcel_id"])
    assert (parcel.state, parcel.deposited_at) == ("deposited", begin)
    assert [right.revoked for right in house.rights("collect")] == [False]
    assert parcel.collect_by == begin + timedelta(days=3, hours=7), "seven hours were not served"


def test_a_parcel_cannot_be_where_another_was_put_since(house: Lives) -> None:
    first, second = house.room(1), house.room(2)
    house.tell(*deposit(first, 1))
    house.tell(*deposit(second, 1))
    assert house.parcel(first["parcel_id"]).state == "disputed"
    rights = {right.id: right.revoked for right in house.rights("collect")}
    assert rights == {first["right_id"]: True, second["right_id"]: False}
    with pytest.raises(WrongState):
        house.do(acts.resolve, house.operator, UUID(first["parcel_id"]), "deposited")


def test_only_what_is_in_dispute_is_resolved_and_only_by_an_operator(house: Lives) -> None:
    answer = house.room()
    house.tell(*deposit(answer))
    parcel_id = UUID(answer["parcel_id"])
    with pytest.raises(WrongState):
        house.do(acts.resolve, house.operator, parcel_id, "lost")
    with pytest.raises(Forbidden):
        house.do(acts.resolve, house.carrier, parcel_id, "lost")
    with pytest.raises(NotFound):
        house.do(acts.resolve, house.operator, UUID(int=7), "lost")
    other = credentials_of(house.api.key("Sydpost"))
    with pytest.raises(NotFound):
        house.do(acts.dispute, other, parcel_id, reason="x")


def test_a_place_in_dispute_is_given_to_nobody_until_it_is_resolved(house: Lives) -> None:
    for number in (1, 2, 3):
        answer = house.room(number)
        house.tell(*deposit(answer, number))
    house.tell(
        events.Reported(what="empty", compartment=3, parcel_id=answer["parcel_id"]),
        events.ServiceChanged(compartment=3, from_="suspect", to="in", cause="looked"),
    )
    assert (house.compartment(3).content, house.compartment(3).service) == ("unknown", "in")
    assert reserve(house.client, request(4), "k4").json()["code"] == "locker_full"
    house.do(acts.resolve, house.operator, UUID(answer["parcel_id"]), "lost")
    house.tell(events.ServiceChanged(compartment=3, from_="suspect", to="in", cause="looked"))
    assert reserve(house.client, request(5), "k5").status_code == 201
