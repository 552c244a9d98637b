"""A carrier lets a person put something in; a courier takes it out by badge."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from fellesskap_backend.carriers.service import credentials_of
from fellesskap_backend.drop_offs import service as drop_offs
from fellesskap_backend.drop_offs.service import DropOffAsked
from fellesskap_backend.drop_offs.tables import DropOff
from fellesskap_backend.errors import InvalidRequest, NoFittingCompartment, NotFound, WrongState
from fellesskap_backend.idempotency import attempt
from fellesskap_backend.parcels import acts
from fellesskap_backend.rights.tables import RightCode
from fellesskap_backend.webhooks import rendering
from fellesskap_protocol import events
from fellesskap_protocol.capacity import Demand
from fellesskap_protocol.codes import mac
from tests.backend.lives import Lives, soon

BOX = Demand(300, 100, 200, 900)


def _asked(locker_id: str = "oslo-1", box: Demand = BOX, days: int = 5) -> DropOffAsked:
    by = datetime.now(UTC) + timedelta(days=days)
    return DropOffAsked(attempt("", "", ""), locker_id, "RETURN-1", box, by, 2 * 86_400)


def _authorise(house: Lives, asked: DropOffAsked | None = None) -> DropOff:
    found: DropOff = house.do(
        drop_offs.authorise, house.carrier, asked or _asked(), secrets=house.api.secrets
    )
    return found


def _put_in(drop_off: DropOff, compartment: int = 1) -> events.DroppedOff:
    return events.DroppedOff(
        parcel_id=str(drop_off.parcel_id),
        right_id=str(drop_off.right_id),
        allowance_class="S",
        compartment=compartment,
        evidence="door",
    )


def _state(house: Lives, drop_off: DropOff) -> str:
    return house.parcel(str(drop_off.parcel_id)).state


def test_from_authorisation_to_pick_up(house: Lives) -> None:
    drop_off = _authorise(house)
    (right,) = house.rights()
    assert (right.kind, right.id) == ("drop_off", str(drop_off.right_id))
    codes = house.api.change(
        lambda session: drop_offs.codes_of(session, drop_off, house.api.secrets)
    )
    assert codes is not None
    assert right.code_mac == mac(house.api.secrets.k_locker("oslo-1", 1), "code", codes.code)
    (notice,) = house.notices("drop_off.authorised")
    body = house.api.change(
        lambda session: rendering.body_of(session, notice, house.api.secrets.k_codes)
    )
    assert codes.code.encode() in body
    named = {"drop_off_id": str(drop_off.id), "reference": "RETURN-1"}
    assert named.items() <= json.loads(body)["data"].items()
    assert house.client.get("/v1/lockers/oslo-1/availability").json()["size_classes"]["S"] == "many"

    house.tell(_put_in(drop_off, 2))
    parcel = house.parcel(str(drop_off.parcel_id))
    assert (parcel.state, parcel.compartment) == ("dropped_off", 2)
    assert house.compartment(2).parcel_id == parcel.id
    (removing,) = house.rights("remove")
    assert (removing.parcel_id, removing.compartment) == (str(parcel.id), 2)
    assert house.api.rows(DropOff)[0].ended

    house.tell(
        events.Presented(
            kind="badge",
            outcome="authorised",
            right_id=removing.id,
            authorisation_id="a",
            compartment=2,
        ),
        events.Removed(
            parcel_id=str(parcel.id), right_id=removing.id, compartment=2, evidence="door"
        ),
    )
    assert _state(house, drop_off) == "picked_up"
    assert house.rights() == []
    assert house.compartment(2).content == "empty"
    assert house.api.rows(RightCode)[0].removed_at is not None
    told = house.history(str(parcel.id))
    assert told == ["authorised", "dropped_off", "presented", "picked_up"]
    assert house.notices("parcel.picked_up")[0].data["compartment"] == 2
    assert house.unapplied() == {}


def test_one_that_is_not_picked_up_is_overdue_and_still_picked_up(house: Lives) -> None:
    drop_off = _authorise(house)
    now = datetime.now(UTC)
    house.tell_at(now - timedelta(days=3), _put_in(drop_off))
    house.serve(now - timedelta(days=3), now)
    house.pass_time(now)
    assert _state(house, drop_off) == "overdue"
    (removing,) = house.rights("remove")
    house.tell(
        events.Removed(
            parcel_id=str(drop_off.parcel_id), right_id=removing.id, compartment=1, evidence="door"
        )
    )
    assert _state(house, drop_off) == "picked_up"


def test_cancelled_its_code_is_good_for_nothing_and_late_truth_wins(house: Lives) -> None:
    drop_off = _authorise(house)
    for _ in range(2):
        house.do(drop_offs.cancel, house.carrier, drop_off.id)
    assert _state(house, drop_off) == "cancelled"
    assert house.rights() == []
    assert len(house.notices("drop_off.cancelled")) == 1
    house.pass_time(soon())
    assert _state(house, drop_off) == "cancelled"
    house.tell(_put_in(drop_off))
    assert _state(house, drop_off) == "dropped_off"
    assert house.notices("parcel.dropped_off")[0].data["late"] is True
    with pytest.raises(WrongState):
        house.do(drop_offs.cancel, house.carrier, drop_off.id)


def test_what_nobody_put_in_expires(house: Lives) -> None:
    drop_off = _authorise(house)
    house.pass_time()
    assert _state(house, drop_off) == "authorised"
    house.pass_time(soon())
    assert _state(house, drop_off) == "expired"
    assert house.rights() == []
    assert len(house.notices("drop_off.expired")) == 1
    house.pass_time(soon())
    assert len(house.notices("drop_off.expired")) == 1


@pytest.mark.parametrize("outcome", ["dropped_off", "picked_up", "lost"])
def test_a_drop_off_in_dispute_is_resolved(house: Lives, outcome: acts.Outcome) -> None:
    drop_off = _authorise(house)
    house.tell(_put_in(drop_off))
    house.do(acts.dispute, house.carrier, drop_off.parcel_id, reason="the courier found nothing")
    with pytest.raises(WrongState):
        house.do(acts.resolve, house.operator, drop_off.parcel_id, "collected")
    house.do(acts.resolve, house.operator, drop_off.parcel_id, outcome)
    assert _state(house, drop_off) == outcome
    assert bool(house.rights("remove")) == (outcome == "dropped_off")


def test_what_cannot_be_is_refused(house: Lives) -> None:
    for asked in (_asked(days=31), _asked(days=-1)):
        with pytest.raises(InvalidRequest):
            _authorise(house, asked)
    with pytest.raises(NotFound):
        _authorise(house, _asked("nowhere"))
    with pytest.raises(NoFittingCompartment) as refused:
        _authorise(house, _asked(box=Demand(2_000, 2_000, 2_000, 1)))
    assert refused.value.fields == {"reason": "no_fitting_compartment", "alternatives": []}
    assert house.api.rows(DropOff) == []


def test_a_foreign_drop_off_is_unknown(house: Lives) -> None:
    drop_off = _authorise(house)
    other = credentials_of(house.api.key("Sydpost"))
    said = []
    for asked in (drop_off.id, UUID(int=7)):
        with pytest.raises(NotFound) as refused:
            house.do(drop_offs.cancel, other, asked)
        said.append(refused.value.problem())
    assert said[0] == said[1]
