"""A parcel may lie longer: the time in all is said, counted from its deposit."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from fellesskap_backend.carriers.service import credentials_of
from fellesskap_backend.errors import Forbidden, InvalidRequest, NotFound, WrongState
from fellesskap_backend.parcels import acts
from tests.backend.lives import Lives
from tests.backend.lockers import collect, deposit

DAY_S = 86_400


def _lying(house: Lives, days_ago: float) -> dict[str, Any]:
    """Deposit a parcel so long ago, at a locker that served ever since."""
    answer = house.room()
    now = datetime.now(UTC)
    begin = now - timedelta(days=days_ago)
    house.tell_at(begin, deposit(answer)[-1])
    house.serve(begin, now)
    return answer


def test_a_parcel_is_given_more_time_once(house: Lives) -> None:
    answer = _lying(house, 1)
    parcel_id = UUID(answer["parcel_id"])
    before = house.parcel(answer["parcel_id"]).collect_by
    for _ in range(2):
        house.do(acts.extend, house.carrier, parcel_id, collect_within_s=5 * DAY_S)
    parcel = house.parcel(answer["parcel_id"])
    assert before is not None
    assert (parcel.state, parcel.collect_by) == ("deposited", before + timedelta(days=2))
    assert house.history(answer["parcel_id"]).count("extended") == 1
    (notice,) = house.notices("parcel.extended")
    assert notice.data["collect_by"].startswith(f"{parcel.collect_by:%Y-%m-%dT%H:%M}")


def test_an_overdue_parcel_is_deposited_again_and_couriers_may_not_take_it(house: Lives) -> None:
    answer = _lying(house, 4)
    house.pass_time()
    assert house.parcel(answer["parcel_id"]).state == "overdue"
    assert [right.parcel_id for right in house.rights("remove")] == [answer["parcel_id"]]
    house.do(acts.extend, house.carrier, UUID(answer["parcel_id"]), collect_within_s=5 * DAY_S)
    assert house.parcel(answer["parcel_id"]).state == "deposited"
    assert house.rights("remove") == []
    house.pass_time()
    assert house.parcel(answer["parcel_id"]).state == "deposited"


@pytest.mark.parametrize("collect_within_s", [2 * DAY_S, 61 * DAY_S, int(3.5 * DAY_S)])
def test_less_than_it_has_or_used_and_too_much_is_refused(
    house: Lives, collect_within_s: int
) -> None:
    answer = _lying(house, 4)
    house.pass_time()
    parcel_id = UUID(answer["parcel_id"])
    with pytest.raises(InvalidRequest):
        house.do(acts.extend, house.carrier, parcel_id, collect_within_s=collect_within_s)
    parcel = house.parcel(answer["parcel_id"])
    assert (parcel.state, parcel.collect_within_s) == ("overdue", 3 * DAY_S)


def test_what_does_not_lie_there_cannot_be_extended(house: Lives) -> None:
    answer = house.room()
    parcel_id = UUID(answer["parcel_id"])
    with pytest.raises(WrongState):
        house.do(acts.extend, house.carrier, parcel_id, collect_within_s=5 * DAY_S)
    house.tell(*deposit(answer), *collect(answer))
    with pytest.raises(WrongState) as refused:
        house.do(acts.extend, house.carrier, parcel_id, collect_within_s=5 * DAY_S)
    assert refused.value.problem()["state"] == "collected"


def test_a_foreign_parcel_is_unknown_and_an_operator_is_no_carrier(house: Lives) -> None:
    answer = _lying(house, 1)
    parcel_id = UUID(answer["parcel_id"])
    other = credentials_of(house.api.key("Sydpost"))
    said = []
    for asked in (parcel_id, UUID(int=7)):
        with pytest.raises(NotFound) as refused:
            house.do(acts.extend, other, asked, collect_within_s=5 * DAY_S)
        said.append(refused.value.problem())
    assert said[0] == said[1]
    with pytest.raises(Forbidden):
        house.do(acts.extend, house.operator, parcel_id, collect_within_s=5 * DAY_S)
